// How long from `up` to ready? Beyond what Node itself takes to start and end.

import { type Bench, median, seconds } from './figures.ts'
import { makePlace } from './nodes.ts'
import { run } from './run.ts'

export const up: Bench = async ({ runs, talk }) => {
  const [ready, node]: [number[], number[]] = [[], []]
  for (let i = 0; i < 2 * runs; i++) {
    const place = await makePlace()
    try {
      node.push(1000 * (await seconds(() => run(process.execPath, ['-e', '0']))))
      ready.push((await place.start('a')).readyMs)
      talk(`up ${i + 1}/${2 * runs}`)
    } finally {
      await place.dispose()
    }
  }
  const beyondMs = median(ready) - median(node)
  return {
    bench: 'up',
    ratios: { second: 1000 / beyondMs },
    figures: { readyMs: median(ready), nodeMs: median(node), beyondMs },
    notes: []
  }
}
