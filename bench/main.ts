// `npm run bench -- NAME… [--json] [--runs N] [--mib N] [--names N] [--netns]`: one or several benches; without a name, all of them.

import { parseArgs } from 'node:util'
import { announce } from './announce.ts'
import { broadcast } from './broadcast.ts'
import { calls } from './calls.ts'
import { fetch } from './fetch.ts'
import { type Bench, print, round, type Report } from './figures.ts'
import { latency } from './latency.ts'
import { memory } from './memory.ts'
import { names } from './names.ts'
import { payload } from './payload.ts'
import { providers } from './providers.ts'
import { publish } from './publish.ts'
import { resume } from './resume.ts'
import { stream } from './stream.ts'
import { tree } from './tree.ts'
import { runAndUndo } from './undo.ts'
import { up } from './up.ts'

const BENCHES: Readonly<Record<string, Bench>> = {
  publish,
  fetch,
  stream,
  providers,
  broadcast,
  resume,
  tree,
  memory,
  latency,
  up,
  announce,
  names,
  payload,
  calls
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    runs: { type: 'string', default: '3' },
    mib: { type: 'string', default: '1024' },
    names: { type: 'string', default: '10000' },
    netns: { type: 'boolean', default: false }
  }
})
const unknown = positionals.filter(name => !Object.hasOwn(BENCHES, name))
if (unknown.length > 0) {
  console.error(`there is no bench ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}`)
  process.exit(2)
}
await runAndUndo(async () => {
  for (const [name, bench] of Object.entries(BENCHES)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue
    const report = await bench({
      runs: Number(values.runs),
      bytes: Number(values.mib) * 2 ** 20,
      names: Number(values.names),
      netns: values.netns,
      talk: line => values.json || console.error(line)
    })
    console.log(values.json ? JSON.stringify(rounded(report)) : print(report))
  }
})

function rounded(report: Report): Report {
  const all = (numbers: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, round(value)]))
  return { ...report, ratios: all(report.ratios), figures: all(report.figures) }
}
