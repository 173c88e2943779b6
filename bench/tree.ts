// How fast do 10,000 small files come from one node to another, published and fetched? Against rsync from its daemon, and a
// sync of the file system, since ours are on the disk as well.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { connect as connectTcp, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { makeTree } from './files.ts'
import { type Bench, median, seconds } from './figures.ts'
import { makePair, makePlace } from './nodes.ts'
import { isInstalled, run } from './run.ts'

const FILES = 10_000
const FILE_BYTES = 4096

export const tree: Bench = async ({ runs, talk }) => {
  const place = await makePlace()
  const rsync = (await isInstalled('rsync')) ? await startRsync(place.folder) : undefined
  try {
    const [a, b] = await makePair(place)
    const [published, fetched, theirs]: [number[], number[], number[]] = [[], [], []]
    for (let i = 0; i < runs; i++) {
      const source = join(place.folder, 'source', String(i))
      await makeTree(source, FILES, FILE_BYTES)
      await run('sync', ['-f', source])
      published.push(await seconds(() => a.mesh.share(source, { as: `bench/tree-${i}` })))
      fetched.push(await seconds(() => b.mesh.path(`bench/tree-${i}`).get()))
      if (rsync !== undefined) {
        const target = join(place.folder, `rsync-${i}`)
        theirs.push(
          await seconds(async () => {
            await run('rsync', ['-a', `rsync://127.0.0.1:${rsync.port}/source/${i}/`, target])
            await run('sync', ['-f', target])
          })
        )
        await rm(target, { recursive: true })
      }
      talk(`tree ${i + 1}/${runs}`)
    }
    const both = median(published.map((value, i) => value + (fetched[i] ?? 0)))
    return {
      bench: 'tree',
      ratios: rsync === undefined ? {} : { rsync: median(theirs) / both },
      figures: {
        publishSeconds: median(published),
        fetchSeconds: median(fetched),
        ...(rsync === undefined ? {} : { rsyncSeconds: median(theirs), timesRsync: both / median(theirs) })
      },
      notes: rsync === undefined ? ['rsync is not installed, and was left out'] : []
    }
  } finally {
    rsync?.stop()
    await place.dispose()
  }
}

async function startRsync(folder: string): Promise<{ port: number; stop: () => void }> {
  const port = await freePort()
  const config = join(folder, 'rsyncd.conf')
  await writeFile(
    config,
    `use chroot = no\nlog file = /dev/null\n[source]\npath = ${join(folder, 'source')}\nread only = yes\n`
  )
  const child = spawn(
    'rsync',
    ['--daemon', '--no-detach', '--address=127.0.0.1', `--port=${port}`, `--config=${config}`],
    { stdio: 'ignore' }
  )
  for (let attempt = 0; attempt < 100 && !(await answers(port)); attempt++) await wait(50)
  return { port, stop: () => void child.kill() }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connectTcp(port, '127.0.0.1')
    socket.once('connect', () => (socket.destroy(), resolve(true)))
    socket.once('error', () => resolve(false))
  })
}
