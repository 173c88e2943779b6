// How long a call of a Work takes that does nothing: one that is hosted on another node, and one of this. Against an echo on an open
// libp2p stream: a call is on the disk before it begins, and its outcome before anybody is told.

import { fileURLToPath } from 'node:url'
import type { Mesh } from '../client/index.ts'
import { echoFloor } from './echo-floor.ts'
import { type Bench, quantile } from './figures.ts'
import { makePair, makePlace } from './nodes.ts'

const BYTES = 1024
const CALLS_MAX = 500
const AT_ONCE = 8

export const calls: Bench = async ({ names, talk }) => {
  const place = await makePlace()
  const module = fileURLToPath(new URL('idle-work.js', import.meta.url))
  try {
    const [a, b] = await makePair(place)
    const count = Math.min(names, CALLS_MAX)
    const echoes = (await echoFloor(2 * count, BYTES)).slice(count)
    talk(`${count} echoes`)
    const hosted = [await b.mesh.host({ module, as: 'there' }), await a.mesh.host({ module, as: 'here' })]
    for (let at = 1; at < AT_ONCE; at++) hosted.push(await b.mesh.host({ module, as: `there-${at}` }))
    try {
      const there = await times(count, i => called(a.mesh, 'there', i))
      talk(`${count} calls of a Work there`)
      const here = await times(count, i => called(a.mesh, 'here', i))
      talk(`${count} calls of a Work here`)
      const begun = performance.now()
      const works = ['there', ...Array.from({ length: AT_ONCE - 1 }, (_, at) => `there-${at + 1}`)]
      await Promise.all(works.map(async work => await times(count / AT_ONCE, i => called(a.mesh, work, i))))
      const seconds = (performance.now() - begun) / 1000
      const ms = (all: readonly number[], q: number) => 1000 * quantile(all, q)
      const half = (all: readonly number[]) => quantile(all, 0.5)
      return {
        bench: 'calls',
        ratios: { echo: half(echoes) / half(there), echoHere: half(echoes) / half(here) },
        figures: {
          thereP50Ms: ms(there, 0.5),
          thereP99Ms: ms(there, 0.99),
          hereP50Ms: ms(here, 0.5),
          hereP99Ms: ms(here, 0.99),
          echoP50Ms: ms(echoes, 0.5),
          timesTheEcho: half(there) / half(echoes),
          callsPerSecond: count / seconds,
          callerMiB: (await a.memory()) / 2 ** 20,
          hostMiB: (await b.memory()) / 2 ** 20
        },
        notes: [`${count} calls one after the other; then as many of ${AT_ONCE} Works at a time`]
      }
    } finally {
      await Promise.all(hosted.map(one => one.stop()))
    }
  } finally {
    await place.dispose()
  }
}

async function times(count: number, run: (index: number) => Promise<void>): Promise<number[]> {
  const all: number[] = []
  for (let i = 0; i < count; i++) {
    const begun = performance.now()
    await run(i)
    all.push((performance.now() - begun) / 1000)
  }
  return all
}

async function called(mesh: Mesh, work: string, value: number): Promise<void> {
  const result: unknown = await mesh.call(work, [value])
  if (result !== value) throw new Error('a call gave another result')
}
