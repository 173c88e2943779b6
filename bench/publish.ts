// How fast is a file published in place? Against `openssl dgst -sha256` of the same file, which only reads and hashes.

import { stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFile } from './files.ts'
import { type Bench, median, seconds } from './figures.ts'
import { makePlace } from './nodes.ts'
import { isInstalled, run } from './run.ts'

export const publish: Bench = async ({ runs, bytes, talk }) => {
  const place = await makePlace()
  try {
    const node = await place.start('a')
    const path = join(place.folder, 'file.bin')
    await makeFile(path, bytes)
    const hasOpenssl = await isInstalled('openssl')
    const [ours, theirs, again, stats]: [number[], number[], number[], number[]] = [[], [], [], []]
    for (let i = 0; i < runs; i++) {
      // Another time of writing makes it another file, which must be read again.
      await utimes(path, new Date(), new Date(Date.now() - 1000 * (i + 1)))
      if (hasOpenssl) theirs.push(await seconds(() => run('openssl', ['dgst', '-sha256', path])))
      ours.push(await seconds(() => node.mesh.share(path, { as: 'bench/file' })))
      again.push(await seconds(() => node.mesh.share(path, { as: 'bench/file' })))
      stats.push(await seconds(() => stat(path)))
      talk(`publish ${i + 1}/${runs}`)
    }
    return {
      bench: 'publish',
      ratios: hasOpenssl ? { openssl: median(theirs) / median(ours) } : {},
      figures: {
        publishMiBPerSecond: bytes / 2 ** 20 / median(ours),
        unchangedMs: 1000 * median(again),
        statMs: 1000 * median(stats)
      },
      notes: hasOpenssl ? [] : ['openssl is not installed, and was left out']
    }
  } finally {
    await place.dispose()
  }
}
