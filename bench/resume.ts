// A receiver is killed when half of a file is there, and starts again: how much is sent then? Against the half that was missing.

import { join } from 'node:path'
import { type Bench, median } from './figures.ts'
import { makeFile } from './files.ts'
import { type BenchNode, makePair, makePlace } from './nodes.ts'

const MiB = 2 ** 20
/** Slow enough that what is reported, ten times a second, is near to what is there when the receiver dies. */
const RATE = 100

export const resume: Bench = async ({ runs, bytes, talk }) => {
  const place = await makePlace()
  try {
    const size = Math.min(bytes, 512 * MiB)
    const path = join(place.folder, 'file.bin')
    await makeFile(path, size)
    const [a, first] = await makePair(place, { env: { PATHMESH_UPLOAD_LIMIT: `${RATE}MiB/s` } })
    await a.mesh.share(path, { as: 'bench/file' })
    let b = first
    const [ratios, missing, said]: [number[], number[], number[]] = [[], [], []]
    for (let i = 0; i < runs; i++) {
      const had = await killAt(b, size / 2)
      b = await place.start('b')
      const before = await a.bytesWritten()
      const got = await b.mesh.path('bench/file').get()
      await got.release()
      const sent = (await a.bytesWritten()) - before
      ratios.push(sent / (size - had))
      missing.push((size - had) / MiB)
      said.push(got.bytesFetched / MiB)
      await b.mesh.drop('bench/file')
      talk(`resume ${i + 1}/${runs}`)
    }
    return {
      bench: 'resume',
      ratios: { half: median(ratios) },
      bars: { half: { atMost: 1.1 } },
      figures: { missingMiB: median(missing), fetchedMiB: median(said) },
      notes: [
        `a file of ${size / MiB} MiB at ${RATE} MiB/s; the ratio is of all bytes that the sender wrote, to what the receiver last said to miss`
      ]
    }
  } finally {
    await place.dispose()
  }
}

/** Kills the receiver once it says to have so many bytes; resolves to what it said last. */
async function killAt(node: BenchNode, bytes: number): Promise<number> {
  let had = 0
  let killed: Promise<void> | undefined
  const onProgress = (progress: { readonly bytes: number }): void => {
    if (killed !== undefined) return
    had = progress.bytes
    if (had >= bytes) killed = node.kill()
  }
  const ended = await node.mesh
    .path('bench/file')
    .get({ onProgress })
    .then(
      () => true,
      () => false
    )
  if (ended || killed === undefined) throw new Error('the transfer ended before the receiver was killed')
  await killed
  return had
}
