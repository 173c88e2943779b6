// How soon is a version that is published on one node seen by whoever watches on another, and readable there? Against a
// synced write of the same bytes: publishing ends in one on each side.

import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Bench, quantile, seconds } from './figures.ts'
import { makePair, makePlace } from './nodes.ts'

const VERSIONS = 200

export const announce: Bench = async ({ talk }) => {
  const place = await makePlace()
  try {
    const [a, b] = await makePair(place)
    const [published, seen, readable, synced]: [number[], number[], number[], number[]] = [[], [], [], []]
    const events = b.mesh.watch()[Symbol.asyncIterator]()
    await events.next()
    const folder = join(place.folder, 'files')
    await mkdir(folder)
    for (let i = 0; i < VERSIONS; i++) {
      const path = join(folder, `${i}.bin`)
      const bytes = Buffer.alloc(1024, i)
      synced.push(await seconds(() => writeSynced(join(folder, 'floor'), bytes)))
      await writeFile(path, bytes)
      const name = `bench/${i}`
      const started = performance.now()
      const ended = a.mesh.share(path, { as: name }).then(() => published.push(since(started)))
      await events.next()
      seen.push(since(started))
      const got = await b.mesh.path(name).readFile()
      if (!got.equals(bytes)) throw new Error(`${name} was read as something else`)
      readable.push(since(started))
      await ended
    }
    await events.return?.()
    talk(`${VERSIONS} versions`)
    const ms = (all: number[], q: number) => 1000 * quantile(all, q)
    return {
      bench: 'announce',
      ratios: { sync: quantile(synced, 0.5) / quantile(seen, 0.5) },
      figures: {
        watchP50Ms: ms(seen, 0.5),
        watchP99Ms: ms(seen, 0.99),
        readableP50Ms: ms(readable, 0.5),
        readableP99Ms: ms(readable, 0.99),
        publishedP50Ms: ms(published, 0.5),
        publishedP99Ms: ms(published, 0.99),
        syncedWriteP50Ms: ms(synced, 0.5)
      },
      notes: [`${VERSIONS} files of 1 KiB, one after the other; the clock starts before the call that publishes`]
    }
  } finally {
    await place.dispose()
  }
}

const since = (started: number): number => (performance.now() - started) / 1000

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'w')
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
