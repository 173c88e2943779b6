// `pathmesh works`: the works of the mesh, and what those that are hosted do.

import type { Command } from 'commander'
import type { WorkLine } from '../../proto/works-api.ts'
import { addCommand, type Enter } from './context.ts'
import { table } from './table.ts'
import { formatTime } from './units.ts'
import { addWorksCancel } from './works-cancel.ts'
import { addWorksHost } from './works-host.ts'

const HEAD = ['WORK', 'HOME', 'NODE', 'STATE', 'HOSTED', 'SINCE', 'NAMES', 'PEER']

export function addWorks(program: Command, enter: Enter): void {
  const works = addCommand(
    program,
    'works',
    'Lists the works of the mesh, one line for each node that publishes under one, claimed it or hosts it. A bare name means the node where HOME says yes; write WORK@NODE/PATH for another. HOSTED says what a Work does that can be called (pathmesh run), and how many calls wait; SINCE when its call began, UTC.',
    [
      'pathmesh works',
      "pathmesh works --json | jq -r 'select(.home).work'",
      'pathmesh works host ./train.js --as train      # see pathmesh works host --help',
      'pathmesh works cancel ID'
    ]
  ).action(async (_options: unknown, command: Command) => {
    const context = enter(command)
    const { output } = context
    await context.withMesh(async (mesh, signal) => {
      const rows: string[][] = []
      for await (const line of mesh.works({ signal })) {
        if (output.json) await output.value(line)
        else rows.push(rowOf(line))
      }
      if (output.json) return
      if (rows.length === 0) output.talk('no works yet: pathmesh share FILE --as WORK/PATH')
      else await output.data(table(HEAD, rows, ['NAMES']))
    })
  })
  addWorksHost(works, enter)
  addWorksCancel(works, enter)
}

function rowOf({ work, origin, node, connected, home, names, hosting }: WorkLine): string[] {
  return [
    work,
    home ? 'yes' : 'no',
    node ?? '-',
    connected ? 'connected' : 'away',
    hostedText(hosting),
    hosting?.since === undefined || hosting.since === null ? '-' : formatTime(hosting.since),
    String(names),
    origin
  ]
}

/** `running +2`: what it does, and how many calls wait. */
function hostedText(hosting: WorkLine['hosting']): string {
  if (hosting === null) return '-'
  const { phase, queued, hosted } = hosting
  return [phase, ...(queued > 0 ? [`+${queued}`] : []), ...(hosted ? [] : ['(here only)'])].join(' ')
}
