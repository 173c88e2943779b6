// Do two nodes that send no faster than a rate send twice as fast together? Against one of them alone.

import { join } from 'node:path'
import { type Bench, median, seconds } from './figures.ts'
import { makeFile } from './files.ts'
import { allConnected, type BenchNode, makePlace } from './nodes.ts'

const MiB = 2 ** 20
const BYTES = 96 * MiB
const RATE = 16

export const providers: Bench = async ({ runs, talk }) => {
  const place = await makePlace()
  try {
    const capped = { env: { PATHMESH_UPLOAD_LIMIT: `${RATE}MiB/s` } }
    const a = await place.start('a', capped)
    const { invite } = await a.mesh.invite()
    const [b, c] = [await place.start('b', { ...capped, invite }), await place.start('c', { invite })]
    await allConnected([a, b, c])
    const [one, two]: [number[], number[]] = [[], []]
    for (let i = 0; i < runs; i++) {
      const name = `bench/${i}`
      const path = join(place.folder, `${i}.bin`)
      await makeFile(path, BYTES)
      await a.mesh.share(path, { as: name })
      one.push(await fetched(c, name))
      await c.mesh.drop(name)
      await fetched(b, name)
      two.push(await fetched(c, name))
      await Promise.all([b, c].map(({ mesh }) => mesh.drop(name)))
      talk(`providers ${i + 1}/${runs}`)
    }
    return {
      bench: 'providers',
      ratios: { one: median(one) / median(two) },
      bars: { one: { atLeast: 1.7 } },
      figures: {
        oneMiBPerSecond: BYTES / MiB / median(one),
        twoMiBPerSecond: BYTES / MiB / median(two),
        capMiBPerSecond: RATE
      },
      notes: [`a file of ${BYTES / MiB} MiB; each provider sends ${RATE} MiB/s by its own limit`]
    }
  } finally {
    await place.dispose()
  }
}

async function fetched({ mesh }: BenchNode, name: string): Promise<number> {
  return await seconds(async () => {
    const got = await mesh.path(name).get()
    await got.release()
  })
}
