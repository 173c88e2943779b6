// How fast do 10,000 small files come from one node to another, published and fetched? Against rsync from its daemon, and a
// sync of the file system, since ours are on the disk as well.

import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { endChild, watched } from './children.ts'
import { settled } from './fetch-runs.ts'
import { makeTree } from './files.ts'
import { type Bench, median, seconds } from './figures.ts'
import { makePair, makePlace, type Place } from './nodes.ts'
import { answers, freePort } from './ports.ts'
import { isInstalled, run } from './run.ts'

const FILES = 10_000
const FILE_BYTES = 4096

export const tree: Bench = async ({ runs, talk }) => {
  const place = await makePlace()
  const rsync = (await isInstalled('rsync')) ? await startRsync(place) : undefined
  try {
    const [a, b] = await makePair(place)
    const [published, fetched, theirs]: [number[], number[], number[]] = [[], [], []]
    for (let i = 0; i < runs; i++) {
      const source = join(place.folder, 'source', String(i))
      await makeTree(source, FILES, FILE_BYTES)
      await settled(place, FILES * FILE_BYTES)
      published.push(await seconds(() => a.mesh.share(source, { as: `bench/tree-${i}` })))
      fetched.push(await seconds(() => b.mesh.path(`bench/tree-${i}`).get()))
      if (rsync !== undefined) {
        const target = join(place.folder, `rsync-${i}`)
        await settled(place, FILES * FILE_BYTES)
        theirs.push(
          await seconds(async () => {
            await run('rsync', ['-a', `rsync://127.0.0.1:${rsync}/source/${i}/`, target])
            await run('sync', ['-f', target])
          })
        )
        // It stays until the end: making files where many were just removed is slow, for everybody.
      }
      talk(`tree ${i + 1}/${runs}`)
    }
    const both = median(published.map((value, i) => value + (fetched[i] ?? 0)))
    return {
      bench: 'tree',
      ratios: rsync === undefined ? {} : { rsync: both / median(theirs) },
      bars: { rsync: { atMost: 3 } },
      figures: {
        publishSeconds: median(published),
        fetchSeconds: median(fetched),
        ...(rsync === undefined ? {} : { rsyncSeconds: median(theirs) })
      },
      notes: rsync === undefined ? ['rsync is not installed, and was left out'] : []
    }
  } finally {
    await place.dispose()
  }
}

/** Its port. */
async function startRsync(place: Place): Promise<number> {
  const port = await freePort()
  const config = join(place.folder, 'rsyncd.conf')
  const source = join(place.folder, 'source')
  await writeFile(config, `use chroot = no\nlog file = /dev/null\n[source]\npath = ${source}\nread only = yes\n`)
  const address = ['--address=127.0.0.1', `--port=${port}`]
  const child = watched(
    spawn('rsync', ['--daemon', '--no-detach', ...address, `--config=${config}`], { stdio: 'ignore', detached: true })
  )
  place.own(() => endChild(child))
  await answers(port)
  return port
}
