// Folders that are watched while tools write there that know nothing of it: what settles is published, what is deleted retired.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { after, afterEach, before, describe, it } from 'mocha'
import { z } from 'zod'
import type { Mesh } from '../../client/index.ts'
import type { Started } from '../helpers/commands.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { collect, failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

const run = promisify(execFile)
const FILES = 500
/** Long enough for a tool that has to wait for a processor. */
const SETTLE = '500ms'

const Line = z.object({
  event: z.string(),
  url: z.string().optional(),
  seq: z.number().optional(),
  size: z.number().optional(),
  error: z.object({ code: z.string() }).optional()
})

describe('a watched folder', function () {
  this.timeout(60_000)
  let scene: Scene
  let daemon: Daemon
  let mesh: Mesh
  let watches: Started[] = []

  before(async () => {
    scene = await Scene.open()
    daemon = await scene.up('a')
    mesh = await scene.connect(daemon)
  })
  afterEach(async () => {
    for (const watch of watches) watch.child.kill('SIGKILL')
    await Promise.all(watches.map(({ ended }) => ended))
    watches = []
  })
  after(() => scene.close())

  const watching = async (
    path: string,
    name: string,
    flags = ['--settle', SETTLE]
  ): Promise<{ watch: Started; events: () => Event[] }> => {
    const watch = daemon.begin(['share', path, '--watch', '--as', name, ...flags])
    watches.push(watch)
    const events = (): Event[] =>
      watch.stdout
        .split('\n')
        .slice(0, -1)
        .map(line => Line.parse(JSON.parse(line)))
        .filter(({ event }) => event !== 'progress')
    await until('it watches', () => {
      assert.ok(!watch.hasEnded, watch.stderr)
      return events()[0]?.event === 'watching'
    })
    return { watch, events }
  }

  it('gets one version of what tar and cp write into it, once they are done', async () => {
    const [source, folder] = [await scene.directory('source'), await scene.directory('into')]
    for (let i = 0; i < FILES; i++) {
      if (i % 100 === 0) await mkdir(join(source, `d${i / 100}`))
      await writeFile(join(source, `d${Math.floor(i / 100)}`, `f${i}`), `file ${i}`.repeat(50))
    }
    const empty = await mesh.share(folder, { as: 'trees/empty' })
    const { watch, events } = await watching(folder, 'datasets/x')
    await run('tar', ['cf', scene.at('x.tar'), '-C', source, '.'])
    await run('tar', ['xf', scene.at('x.tar'), '-C', folder])
    const one = await mesh.share(source, { as: 'trees/one' })
    await mesh.path('datasets/x').waitFor({ timeoutMs: 20_000 })
    const isNewest = async (cid: string) => (await mesh.stat('datasets/x')).cid === cid
    await until('what tar wrote is published', () => isNewest(one.cid), 30_000)

    await run('cp', ['-r', source, join(folder, 'copy')])
    await run('cp', ['-r', source, scene.at('both')])
    await run('cp', ['-r', source, scene.at('both', 'copy')])
    const both = await mesh.share(scene.at('both'), { as: 'trees/both' })
    await until('what cp wrote is published', () => isNewest(both.cid), 30_000)
    const versions = (await collect(mesh.path('datasets/x').history())).map(({ cid }) => cid).toReversed()
    assert.deepEqual(
      versions.filter(cid => cid !== empty.cid),
      [one.cid, both.cid]
    )
    assert.ok(
      events().every(({ event }) => event === 'watching' || event === 'published'),
      watch.stdout
    )

    watch.child.kill('SIGINT')
    const ended = await watch.ended
    assert.deepEqual([ended.status, ended.error.code], [130, 'ABORTED'])
    assert.deepEqual((await readdir(folder)).toSorted(), ['copy', 'd0', 'd1', 'd2', 'd3', 'd4'])
    assert.equal((await mesh.path('datasets/x').latest()).cid, both.cid)
  })

  it('is not retired by an editor that moves the old file aside and writes the new one', async () => {
    const file = await scene.file('edited/notes.txt', '')
    const { events } = await watching(file, 'notes/x')
    const published = async (bytes: number) =>
      await until(`${bytes} bytes are published`, () =>
        events().some(({ event, size }) => event === 'published' && size === bytes)
      )
    await published(0)
    for (const save of [1, 2, 3]) {
      await rename(file, `${file}~`)
      await writeFile(file, 'x'.repeat(save))
      await rm(`${file}~`)
    }
    await published(3)
    await writeFile(`${file}.new`, 'renamed into place')
    await rename(`${file}.new`, file)
    await published(18)
    assert.equal(await mesh.path('notes/x').readFile('utf8'), 'renamed into place')
    const what = await collect(mesh.history('notes/x'))
    assert.ok(what.every(({ event }) => event === 'version'))
    assert.ok(events().every(({ event }) => event === 'watching' || event === 'published'))
  })

  it('gets one version of a file that grows with pauses shorter than it takes to settle', async () => {
    const folder = await scene.directory('growing')
    const { events } = await watching(folder, 'growing/x', ['--settle', '1s'])
    await run('sh', ['-c', 'for i in 1 2 3 4 5 6; do echo "$i" >> "$0/log"; sleep 0.2; done', folder])
    await until('it is published', () => events().some(({ event, size }) => event === 'published' && size === 12))
    const sizes = (await collect(mesh.path('growing/x').history())).map(({ size }) => size)
    assert.deepEqual(
      sizes.filter(size => size > 0),
      [12]
    )
  })

  it('is published at once when something is renamed into place, or when a marker appears', async () => {
    const file = await scene.file('renamed/latest', 'old')
    const directory = await scene.directory('marked')
    const [{ events: ofFile }, { events: ofDirectory }] = await Promise.all([
      watching(file, 'at-once/file', ['--settle', '1h']),
      watching(directory, 'at-once/directory', ['--settle', '1h', '--marker', '_SUCCESS'])
    ])
    // It says that it watches a moment before it does: what is renamed in between settles like anything that is found at the start.
    await pause(500)
    await writeFile(`${file}.new`, 'renamed')
    await rename(`${file}.new`, file)
    await until('the new file is published', () =>
      ofFile().some(({ event, size }) => event === 'published' && size === 7)
    )
    for (const part of ['1', '2', '3']) await writeFile(join(directory, part), part)
    await writeFile(join(directory, '_SUCCESS'), '')
    await until('what is marked is published', () => ofDirectory().some(({ event }) => event === 'published'))
    const entries = await collect(mesh.path('at-once/directory').list())
    assert.deepEqual(
      entries.map(({ basename }) => basename),
      ['1', '2', '3', '_SUCCESS']
    )
    assert.equal(ofDirectory().length, 2)
  })

  it('of a work has a name for each entry, which goes when the entry is deleted', async () => {
    const work = mesh.work('watched')
    const folder = await work.folder()
    await writeFile(join(folder, 'stays'), 'stays')
    const seen: string[] = []
    const end = new AbortController()
    const watch = (async () => {
      for await (const event of work.watch({ settleMs: 300, signal: end.signal }))
        if (event.event !== 'progress') seen.push(`${event.event} ${'url' in event ? event.url : ''}`)
    })()
    try {
      await until('what was there is published', () => seen.includes('published pathmesh://watched/stays'))
      await run('sh', ['-c', 'mkdir "$0/tree" && echo 1 > "$0/tree/1" && echo x > "$0/goes"', folder])
      await until('entries are published', () =>
        ['goes', 'tree'].every(name => seen.includes(`published pathmesh://watched/${name}`))
      )
      await rm(join(folder, 'goes'))
      await until('the deleted one is retired', () => seen.includes('retired pathmesh://watched/goes'))
      const names = await collect(mesh.names({ prefix: 'watched/' }))
      assert.deepEqual(
        names.map(({ path, kind }) => [path, kind]),
        [
          ['stays', 'file'],
          ['tree', 'directory']
        ]
      )
      await assert.rejects(mesh.path('watched/goes').get(), failsWith('NOT_FOUND'))
    } finally {
      end.abort()
      await assert.rejects(watch, { name: 'AbortError' })
    }
  })

  it('that is moved away retires nothing, and goes on when it is back', async () => {
    const folder = await scene.directory('root')
    await writeFile(join(folder, 'x'), '1')
    const { events } = await watching(folder, 'root/x')
    const last = () => events().at(-1)
    await until('it is published', () => last()?.event === 'published')
    await rename(folder, `${folder}-away`)
    const paused = await until('it pauses', () => last()?.event === 'paused' && last())
    assert.ok(must(paused.error).code.length > 0)
    assert.equal((await mesh.stat('root/x')).seq, 1)
    await writeFile(join(`${folder}-away`, 'x'), '22')
    await rename(`${folder}-away`, folder)
    await until('it goes on', () => last()?.event === 'published' && last()?.seq === 2)
    assert.ok(events().some(({ event }) => event === 'resumed'))
    assert.ok(events().every(({ event }) => event !== 'retired'))
    assert.equal(await mesh.path('root/x/x').readFile('utf8'), '22')
  })
})

type Event = z.infer<typeof Line>
