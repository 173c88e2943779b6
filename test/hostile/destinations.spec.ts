// Where get() must not write: what is there stays as it is, and nothing is left beside it.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import type { Mesh } from '../../client/index.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { failsWith } from '../helpers/trees.ts'

describe('get() refuses', function () {
  this.timeout(60_000)
  let scene: Scene
  let [, other]: Daemon[] = []
  let there: Mesh | undefined
  before(async () => {
    scene = await Scene.open()
    const [origin] = ([, other] = await scene.mesh('a', 'b'))
    await scene.file('from/dir/x', 'content')
    assert.equal((await must(origin).cli(['share', scene.at('from/dir/x'), '--as', 'dest/file'])).status, 0)
    assert.equal((await must(origin).cli(['share', scene.at('from/dir'), '--as', 'dest/dir'])).status, 0)
    there = await scene.connect(must(other))
  })
  after(() => scene.close())
  const get = (ref: string, to: string, overwrite = true) => must(there).path(ref).get({ to, overwrite })

  it('a file that exists, unless told to overwrite it', async () => {
    const to = await scene.file('there/file', 'mine')
    const outcome = await must(other).cli(['get', 'dest/file', '--to', to])
    assert.deepEqual([outcome.status, outcome.error.code], [1, 'ALREADY_EXISTS'])
    assert.match(outcome.error.message, /--overwrite/)
    assert.equal(await readFile(to, 'utf8'), 'mine')
    assert.equal((await must(other).cli(['get', 'dest/file', '--to', to, '--overwrite'])).status, 0)
    assert.equal(await readFile(to, 'utf8'), 'content')
    assert.deepEqual(await readdir(scene.at('there')), ['file'])
  })

  it('to write through a symbolic link: the link is replaced, what it points to is not', async () => {
    const target = await scene.file('linked/target', 'untouched')
    await symlink('target', scene.at('linked/link'))
    await get('dest/file', scene.at('linked/link'))
    assert.equal(await readFile(target, 'utf8'), 'untouched')
    assert.equal(await readFile(scene.at('linked/link'), 'utf8'), 'content')
  })

  it('a directory that pathmesh did not write, whatever it is to be replaced by', async () => {
    const to = await scene.directory('foreign')
    await writeFile(join(to, 'mine'), 'mine')
    for (const ref of ['dest/file', 'dest/dir'])
      await assert.rejects(get(ref, to), failsWith('ALREADY_EXISTS', /did not write/))
    assert.deepEqual(await readdir(to), ['mine'])
  })

  it('home, the root, the working directory and all above them', async () => {
    const cwd = await scene.directory('cwd/deep')
    const path = must(there).path('dest/dir')
    for (const to of [homedir(), '/', cwd, dirname(cwd), scene.folder])
      await assert.rejects(path.get({ to, cwd, overwrite: true }), failsWith('DENIED'), to)
    const outcome = await must(other).cli(['get', 'dest/dir', '--to', '.', '--overwrite'], { cwd })
    assert.deepEqual([outcome.status, outcome.error.code], [7, 'DENIED'])
    assert.deepEqual(await readdir(cwd), [])
  })

  it('the data folder, and what holds it', async () => {
    const { data } = must(other)
    for (const to of [data, join(data, 'x'), join(data, 'content', 'x')])
      await assert.rejects(get('dest/file', to), failsWith('DENIED'), to)
  })

  it('a folder that does not exist, or is a file', async () => {
    await assert.rejects(get('dest/file', scene.at('no/such/folder')), failsWith('NOT_FOUND', /make it first/))
    const file = await scene.file('plain', 'plain')
    await assert.rejects(get('dest/file', join(file, 'x')), error => error instanceof Error && 'code' in error)
    assert.equal(await readFile(file, 'utf8'), 'plain')
  })

  it('what is neither file nor directory', async () => {
    const fifo = scene.at('fifo')
    execFileSync('mkfifo', [fifo])
    await assert.rejects(get('dest/file', fifo), failsWith('DENIED', /neither a file nor a directory/))
    assert.ok((await stat(fifo)).isFIFO())
  })

  it('before it fetches anything', async () => {
    const to = await scene.file('early', 'mine')
    const before = (await must(other).status()).storage
    await assert.rejects(get('dest/dir', to, false), failsWith('ALREADY_EXISTS'))
    const { freeBytes: _before, ...was } = before
    const { freeBytes: _after, ...is } = (await must(other).status()).storage
    assert.deepEqual(is, was)
  })

  it('nothing where two write to one place at once: one of them is whole', async () => {
    const folder = await scene.directory('race')
    const all = await Promise.allSettled(
      Array.from({ length: 4 }, () =>
        must(there)
          .path('dest/file')
          .get({ to: join(folder, 'x') })
      )
    )
    assert.ok(all.some(({ status }) => status === 'fulfilled'))
    for (const result of all) if (result.status === 'rejected') assert.ok(failsWith('ALREADY_EXISTS')(result.reason))
    assert.deepEqual(await readdir(folder), ['x'])
    assert.equal(await readFile(join(folder, 'x'), 'utf8'), 'content')
    await mkdir(join(folder, 'later'))
  })
})
