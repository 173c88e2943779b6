// Two names for one thing, and two things under one name: one path shared in two ways, one content under two names, one name
// of two nodes. None takes anything from the other, and nothing is kept twice.

import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import type { Mesh } from '../../client/index.ts'
import { Got, Name } from '../../proto/api.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { factsOf } from '../helpers/disk-trees.ts'

const Done = Got.pick({ path: true, bytesFetched: true })

describe('two names', function () {
  this.timeout(60_000)
  let scene: Scene
  let [origin, other]: Daemon[] = []
  let [here, there]: Mesh[] = []

  before(async () => {
    scene = await Scene.open()
    ;[origin, other] = await scene.mesh('a', 'b')
    here = await scene.connect(must(origin))
    there = await scene.connect(must(other))
  })
  after(() => scene.close())

  const isHeld = (cid: string) => must(here).path(`ipfs://${cid}`).existsLocal()
  const store = async (ref: string) => (await must(other).cli(['get', ref, '--store'])).value(Done)

  it('for one directory, less some of its files, are both fetched', async () => {
    await scene.file('less/keep', 'keep')
    await scene.file('less/skip.tmp', 'skip')
    const folder = scene.at('less')
    const all = await must(here).share(folder, { as: 'less/all' })
    const some = await must(here).share(folder, { as: 'less/some', exclude: ['*.tmp'] })
    assert.notEqual(some.cid, all.cid)
    assert.deepEqual([await isHeld(all.cid), await isHeld(some.cid)], [true, true])
    const { path: whole } = await must(there).path('less/all').get()
    assert.deepEqual(await factsOf(whole), await factsOf(folder))
    const { path: part } = await must(there).path('less/some').get()
    assert.deepEqual(Object.keys(await factsOf(part)), ['', 'keep'])
  })

  it('for one file, with one hash each, are both fetched', async () => {
    const path = await scene.file('hashes', 'hashed twice')
    const blake = await must(here).share(path, { as: 'hashes/blake3' })
    const sha = await must(here).share(path, { as: 'hashes/sha2', hash: 'sha2-256' })
    assert.notEqual(sha.cid, blake.cid)
    for (const name of ['hashes/blake3', 'hashes/sha2'])
      assert.equal(await must(there).path(name).readFile('utf8'), 'hashed twice')
    for (const name of ['hashes/blake3', 'hashes/sha2'])
      assert.equal(await readFile((await must(there).path(name).get()).path, 'utf8'), 'hashed twice')
  })

  it('are apart: a new version of one retires its old root, and leaves the root of the other', async () => {
    await scene.file('apart/x', 'as it was')
    const path = await scene.file('apart/changing', 'old')
    const old = await must(here).share(scene.at('apart'), { as: 'apart/all' })
    const some = await must(here).share(scene.at('apart'), { as: 'apart/some', exclude: ['changing'] })
    await writeFile(path, 'new and longer')
    const next = await must(here).share(scene.at('apart'), { as: 'apart/all' })
    assert.equal(next.seq, 2)
    assert.deepEqual(await Promise.all([old, some, next].map(({ cid }) => isHeld(cid))), [false, true, true])
    assert.equal(await must(there).path('apart/all/changing').readFile('utf8'), 'new and longer')
    assert.equal(await must(there).path('apart/some/x').readFile('utf8'), 'as it was')
  })

  it('for the bytes of one file have a path each in the store, and the bytes are there once', async () => {
    const bytes = Buffer.alloc(100_000, 'once')
    await must(here).share(await scene.file('named/one.bin', bytes), { as: 'named/one.bin' })
    await must(here).share(await scene.file('named/other.bin', bytes), { as: 'named/other.bin' })
    const one = await store('named/one.bin')
    const second = await store('named/other.bin')
    assert.deepEqual([basename(one.path), basename(second.path)], ['one.bin', 'other.bin'])
    assert.equal(second.bytesFetched, 0)
    for (const { path } of [one, second]) assert.ok(bytes.equals(await readFile(path)))
    assert.equal((await stat(second.path)).ino, (await stat(one.path)).ino)
    assert.equal((await store('named/one.bin')).path, one.path)
  })

  it('for the files of one directory have a path each in the store, and the files are there once', async () => {
    for (const name of ['one', 'other']) await scene.file(`trees/${name}/dir/x`, 'the same')
    for (const name of ['one', 'other']) await must(here).share(scene.at('trees', name), { as: `trees/${name}` })
    const one = await store('trees/one')
    const second = await store('trees/other')
    assert.deepEqual([basename(one.path), basename(second.path)], ['one', 'other'])
    assert.equal(second.bytesFetched, 0)
    for (const { path } of [one, second]) assert.equal(await readFile(join(path, 'dir', 'x'), 'utf8'), 'the same')
    assert.equal((await stat(join(second.path, 'dir/x'))).ino, (await stat(join(one.path, 'dir/x'))).ino)
  })

  it('that are one name of two nodes are listed each with a URL that says whose it is', async () => {
    const origins = [must(origin), must(other)]
    for (const daemon of origins) {
      const path = await scene.file(`whose/${daemon.peerId}`, daemon.peerId)
      assert.equal((await daemon.cli(['share', path, '--as', 'whose/x'])).status, 0)
    }
    await must(here).share(await scene.file('whose/alone', 'alone'), { as: 'whose/alone' })
    const outcome = await must(other).cli(['ls', '--json', 'whose/'])
    const names = outcome.lines.map(line => Name.parse(line))
    const both = names.filter(({ path }) => path === 'x')
    assert.deepEqual(both.map(({ origin }) => origin).sort(), origins.map(({ peerId }) => peerId).sort())
    for (const { url, origin } of both) {
      assert.ok(url.includes('@'), url)
      assert.equal((await must(other).cli(['cat', url])).stdout, origin)
      assert.equal(await must(here).path(url).readFile('utf8'), origin)
    }
    assert.deepEqual(
      names.filter(({ path }) => path === 'alone').map(({ url }) => url),
      ['pathmesh://whose/alone']
    )
  })
})
