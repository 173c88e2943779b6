// While a large file moves, how long does a small request to the daemons of both sides take? Against the same when they are idle.

import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type Bench, quantile } from './figures.ts'
import { makeFile } from './files.ts'
import { type BenchNode, makePair, makePlace } from './nodes.ts'

/** Between two requests: so few that they are no load of their own. */
const PAUSE_MS = 3
const IDLE_MS = 3_000
const NAME = 'bench/file'

export const latency: Bench = async ({ runs, bytes, talk }) => {
  const place = await makePlace()
  try {
    const [a, b] = await makePair(place)
    const path = join(place.folder, 'file.bin')
    await makeFile(path, bytes)
    await a.mesh.share(path, { as: NAME })
    // The first requests of a connection, and of cold code, are not what is asked for.
    await asked([a, b], wait(1_000))
    const idle = await asked([a, b], wait(IDLE_MS))
    talk('idle')
    const busy: number[][] = [[], []]
    for (let i = 0; i < runs; i++) {
      const times = await asked(
        [a, b],
        b.mesh
          .path(NAME)
          .get()
          .then(got => got.release())
      )
      for (const [side, all] of times.entries()) busy[side]?.push(...all)
      await b.mesh.drop(NAME)
      talk(`latency ${i + 1}/${runs}`)
    }
    const ms = (all: readonly number[] | undefined, q: number): number => 1000 * quantile(all ?? [], q)
    const ratio = (side: number, q: number): number => ms(busy[side], q) / ms(idle[side], q)
    return {
      bench: 'latency',
      ratios: {
        senderP50: ratio(0, 0.5),
        senderP99: ratio(0, 0.99),
        receiverP50: ratio(1, 0.5),
        receiverP99: ratio(1, 0.99)
      },
      figures: {
        senderIdleP50Ms: ms(idle[0], 0.5),
        senderIdleP99Ms: ms(idle[0], 0.99),
        senderP50Ms: ms(busy[0], 0.5),
        senderP99Ms: ms(busy[0], 0.99),
        receiverIdleP50Ms: ms(idle[1], 0.5),
        receiverIdleP99Ms: ms(idle[1], 0.99),
        receiverP50Ms: ms(busy[1], 0.5),
        receiverP99Ms: ms(busy[1], 0.99),
        requests: busy.reduce((sum, { length }) => sum + length, 0)
      },
      notes: ['`status` of each daemon in turn, over the socket; less is better']
    }
  } finally {
    await place.dispose()
  }
}

/** Seconds of each request to each node, one after the other until `end`. */
async function asked(nodes: readonly BenchNode[], end: Promise<unknown>): Promise<number[][]> {
  let ended = false
  const over = end.finally(() => (ended = true))
  const all = nodes.map(async ({ mesh }) => {
    const times: number[] = []
    while (!ended) {
      const started = performance.now()
      await mesh.status()
      times.push((performance.now() - started) / 1000)
      await wait(PAUSE_MS)
    }
    return times
  })
  await over
  return await Promise.all(all)
}
