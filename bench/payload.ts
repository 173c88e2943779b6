// How long until a small object that is put on one node is read on another, and how many a second? Against an echo of as many
// bytes on an open libp2p stream: putting ends in a synced write, and both go through the API of a daemon. The reader gets nothing
// but the reference, and reads each value once, right after it was put: so content comes to it with its record.

import type { Mesh } from '../client/index.ts'
import { echoFloor } from './echo-floor.ts'
import { type Bench, quantile, seconds } from './figures.ts'
import { makePair, makePlace } from './nodes.ts'

const BYTES = 1024
/** Programs that put, or get, at the same time. */
const AT_ONCE = 32

export const payload: Bench = async ({ names: count, talk }) => {
  const place = await makePlace()
  try {
    const [a, b] = await makePair(place)
    const alone = Math.min(count, 1_000)
    const echoes = (await echoFloor(2 * alone, BYTES)).slice(alone)
    talk(`${alone} echoes`)
    const [puts, gets, both]: [number[], number[], number[]] = [[], [], []]
    // As many before them as before the echoes: both sides have compiled what they run.
    for (let i = -alone; i < alone; i++) {
      const value = valueOf(alone + i)
      const started = performance.now()
      const reference = JSON.stringify(await a.mesh.put(`one/${alone + i}`, value))
      const put = performance.now()
      await readBack(b.mesh, reference, value)
      const end = performance.now()
      if (i < 0) continue
      puts.push((put - started) / 1000)
      gets.push((end - put) / 1000)
      both.push((end - started) / 1000)
    }
    talk(`${alone} one after the other`)
    const references: string[] = []
    const putSeconds = await seconds(() =>
      inTurns(count, async i => {
        references[i] = JSON.stringify(await a.mesh.put(`many/${i}`, valueOf(2 * alone + i)))
      })
    )
    const getSeconds = await seconds(() =>
      inTurns(count, i => readBack(b.mesh, references[i] ?? '', valueOf(2 * alone + i)))
    )
    const ms = (all: readonly number[], q: number) => 1000 * quantile(all, q)
    const half = (all: readonly number[]) => quantile(all, 0.5)
    return {
      bench: 'payload',
      ratios: { echo: half(echoes) / half(both), echoP99: quantile(echoes, 0.99) / quantile(both, 0.99) },
      figures: {
        putAndReadP50Ms: ms(both, 0.5),
        putAndReadP99Ms: ms(both, 0.99),
        putP50Ms: ms(puts, 0.5),
        readP50Ms: ms(gets, 0.5),
        echoP50Ms: ms(echoes, 0.5),
        echoP99Ms: ms(echoes, 0.99),
        timesTheEcho: half(both) / half(echoes),
        putsPerSecond: count / putSeconds,
        getsPerSecond: count / getSeconds,
        publisherMiB: (await a.memory()) / 2 ** 20,
        readerMiB: (await b.memory()) / 2 ** 20
      },
      notes: [`Payloads of ${BYTES} bytes: ${alone} one after the other, then ${count}, ${AT_ONCE} at a time`]
    }
  } finally {
    await place.dispose()
  }
}

/** No two are the same, or they would be one content. */
function valueOf(index: number): Uint8Array {
  const bytes = Buffer.alloc(BYTES, index)
  bytes.writeUInt32LE(index)
  return bytes
}

async function readBack(mesh: Mesh, reference: string, wanted: Uint8Array): Promise<void> {
  const read: unknown = await mesh.payload(JSON.parse(reference)).get()
  if (!(read instanceof Uint8Array) || Buffer.compare(read, wanted) !== 0)
    throw new Error('a Payload was read as something else')
}

async function inTurns(count: number, run: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < count) await run(next++)
    })
  )
}
