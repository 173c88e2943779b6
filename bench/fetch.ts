// How fast does a file come from one node to another, verified and on the disk? Against TLS without hash and disk, and
// against writing the same bytes to the same disk.

import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFile } from './files.ts'
import { type Bench, median, seconds } from './figures.ts'
import { makePair, makePlace } from './nodes.ts'
import { tlsFloor } from './tls-floor.ts'

export const fetch: Bench = async ({ runs, bytes, talk }) => {
  const place = await makePlace()
  try {
    const [a, b] = await makePair(place)
    const path = join(place.folder, 'file.bin')
    await makeFile(path, bytes)
    await a.mesh.share(path, { as: 'bench/file' })
    const [ours, floor, disk]: [number[], number[], number[]] = [[], [], []]
    for (let i = 0; i < runs; i++) {
      floor.push(await tlsFloor(bytes))
      disk.push(bytes / (await seconds(() => writeSynced(join(place.folder, 'disk.bin'), bytes))))
      ours.push(
        bytes /
          (await seconds(async () => {
            const got = await b.mesh.path('bench/file').get()
            await got.release()
          }))
      )
      await b.mesh.drop('bench/file')
      talk(`fetch ${i + 1}/${runs}`)
    }
    const MiB = 2 ** 20
    return {
      bench: 'fetch',
      ratios: { floor: median(ours) / median(floor), disk: median(ours) / median(disk) },
      figures: {
        fetchMiBPerSecond: median(ours) / MiB,
        floorMiBPerSecond: median(floor) / MiB,
        diskMiBPerSecond: median(disk) / MiB
      },
      notes: ['bulk travels over the libp2p stream: the baseline for faster ways']
    }
  } finally {
    await place.dispose()
  }
}

async function writeSynced(path: string, bytes: number): Promise<void> {
  const piece = Buffer.alloc(1024 * 1024, 7)
  const handle = await open(path, 'w')
  try {
    for (let at = 0; at < bytes; at += piece.length)
      await handle.write(piece, 0, Math.min(piece.length, bytes - at), at)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
