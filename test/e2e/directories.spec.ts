// Directories from one node to another: every kind of entry, many entries, parts of them, and what is told about them.

import assert from 'node:assert/strict'
import { cp, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, before, describe, it } from 'mocha'
import type { Mesh } from '../../client/index.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { factsOf, writeAwkwardTree } from '../helpers/disk-trees.ts'
import { collect, failsWith } from '../helpers/trees.ts'

const TYPESCRIPT = join(dirname(fileURLToPath(import.meta.resolve('typescript/package.json'))))

/** A directory is sharded from some 3,000 names of this length on. */
const ENTRIES = process.env['PATHMESH_TEST_FULL'] === '1' ? 10_000 : 4_000

describe('a directory', function () {
  this.timeout(90_000)
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

  it('of every kind of name and entry arrives as it was, in the store and elsewhere', async () => {
    const from = scene.at('awkward')
    await writeAwkwardTree(from)
    await must(here).share(from, { as: 'trees/awkward' })
    const facts = await factsOf(from)
    const stored = await must(there).path('trees/awkward').get()
    assert.deepEqual(await factsOf(stored.path), facts)
    assert.equal((await stat(stored.path)).mode & 0o222, 0)
    const { path } = await must(there)
      .path('trees/awkward')
      .get({ to: scene.at('awkward-copy') })
    assert.deepEqual(await factsOf(path), facts)
    assert.equal((await stat(path)).mode & 0o200, 0o200)
  })

  it('of every kind of name is listed, and each name in it can be asked for', async () => {
    const from = scene.at('listed')
    await writeAwkwardTree(from)
    await must(here).share(from, { as: 'trees/listed' })
    const names = (await collect(must(there).path('trees/listed/names').list())).map(path => path.basename)
    const expected = Object.keys(await factsOf(join(from, 'names'))).filter(name => name !== '' && !name.includes('/'))
    assert.deepEqual(new Set(names), new Set(expected))
    for await (const path of must(there).path('trees/listed/names').list()) {
      if (path.kind === 'file') assert.match(await path.readFile('utf8'), /^\d+: /, path.basename)
    }
  })

  it('of a package arrives as it was, byte for byte, as fast as it is asked for again', async () => {
    await must(here).share(TYPESCRIPT, { as: 'trees/typescript' })
    const first = await must(there).path('trees/typescript').get()
    assert.deepEqual(await factsOf(first.path), await factsOf(TYPESCRIPT))
    assert.equal((await must(there).path('trees/typescript').get()).bytesFetched, 0)
  })

  it(`of ${ENTRIES} entries, which is sharded, arrives, is listed whole, and answers for one of them`, async () => {
    const from = await scene.directory('many')
    for (let at = 0; at < ENTRIES; at += 500)
      await Promise.all(
        Array.from({ length: 500 }, (_, i) => writeFile(join(from, `entry number ${at + i} of many.txt`), `${at + i}`))
      )
    const shared = await must(here).share(from, { as: 'trees/many' })
    assert.equal(shared.kind, 'directory')
    assert.equal(await must(there).path('trees/many/entry number 2711 of many.txt').readFile('utf8'), '2711')
    assert.equal((await collect(must(there).path('trees/many').list())).length, ENTRIES)
    const got = await must(there)
      .path('trees/many')
      .get({ to: scene.at('many-copy') })
    assert.equal(got.version.cid, shared.cid)
    assert.equal(Object.keys(await factsOf(got.path)).length, ENTRIES + 1)
    assert.equal(await readFile(join(got.path, 'entry number 3999 of many.txt'), 'utf8'), '3999')
  })

  it('gives a part of itself, of which only that is fetched', async () => {
    const from = scene.at('parts')
    await mkdir(join(from, 'sub', 'deeper'), { recursive: true })
    await writeFile(join(from, 'sub', 'deeper', 'x'), 'x')
    await writeFile(join(from, 'sub', 'y'), 'y')
    await writeFile(join(from, 'large'), Buffer.alloc(4_000_000, 'z'))
    await must(here).share(from, { as: 'parts/all' })
    const got = await must(there)
      .path('parts/all/sub')
      .get({ to: scene.at('sub-copy') })
    assert.deepEqual(await factsOf(got.path), await factsOf(join(from, 'sub')))
    assert.ok(got.bytesFetched < 10_000, `${got.bytesFetched}`)
    const file = await must(there).path('parts/all/sub/deeper/x').get()
    assert.equal(await readFile(file.path, 'utf8'), 'x')
    await assert.rejects(must(there).path('parts/all/missing').get(), failsWith('NOT_FOUND', /missing/))
    await assert.rejects(must(there).path('parts/all/sub/y/z').get(), failsWith('NOT_FOUND'))
  })

  it('is what stat says it is', async () => {
    const from = await scene.directory('stated')
    await writeFile(join(from, 'one'), '1')
    await symlink('one', join(from, 'link'))
    const { cid } = await must(here).share(from, { as: 'stated/x', meta: { epoch: 3 } })
    const found = await must(there).stat('stated/x')
    assert.deepEqual(
      { ...found, modified: 0 },
      {
        url: 'pathmesh://stated/x',
        work: 'stated',
        path: 'x',
        kind: 'directory',
        cid,
        size: 1,
        seq: 1,
        origin: must(origin).peerId,
        modified: 0,
        local: false,
        root: cid,
        sub: '',
        executable: false,
        target: null,
        aliasOf: null,
        codec: null,
        mediaType: null,
        meta: { epoch: 3 },
        copies: 1,
        providers: [must(origin).peerId]
      }
    )
    const link = await must(there).stat('stated/x/link')
    assert.deepEqual([link.kind, link.target, link.sub, link.root], ['symlink', 'one', 'link', cid])
    await assert.rejects(
      must(there).path('stated/x/link').get(),
      failsWith('INVALID_ARGUMENT', /symbolic link to "one"/)
    )
  })

  it('leaves out what is excluded, and takes what links point to where that is asked for', async () => {
    const from = await scene.directory('chosen')
    await writeFile(join(from, 'keep'), 'keep')
    await writeFile(join(from, 'drop.tmp'), 'drop')
    await symlink('keep', join(from, 'link'))
    const args = ['share', from, '--as', 'chosen/x', '--exclude', '*.tmp', '--dereference']
    assert.equal((await must(origin).cli(args)).status, 0)
    const { path } = await must(there).path('chosen/x').get()
    const facts = await factsOf(path)
    assert.deepEqual(Object.keys(facts), ['', 'keep', 'link'])
    assert.equal(facts['link'], facts['keep'])
  })

  it('is replaced where pathmesh wrote it, and not where something in it is different since', async () => {
    const from = await scene.directory('versions')
    await writeFile(join(from, 'v'), '1')
    await must(here).share(from, { as: 'replace/x' })
    const to = scene.at('replaced')
    const path = must(there).path('replace/x')
    await path.get({ to })
    await writeFile(join(from, 'v'), 'two')
    assert.equal((await must(here).share(from, { as: 'replace/x' })).seq, 2)
    await assert.rejects(path.get({ to }), failsWith('ALREADY_EXISTS', /--overwrite/))
    await path.get({ to, overwrite: true })
    assert.equal(await readFile(join(to, 'v'), 'utf8'), 'two')
    await writeFile(join(to, 'mine'), 'mine')
    await assert.rejects(path.get({ to, overwrite: true }), failsWith('ALREADY_EXISTS', /was changed/))
    assert.equal(await readFile(join(to, 'mine'), 'utf8'), 'mine')
    await rm(join(to, 'mine'))
    await path.get({ to, overwrite: true })
    const foreign = scene.at('foreign')
    await cp(from, foreign, { recursive: true })
    await assert.rejects(path.get({ to: foreign, overwrite: true }), failsWith('ALREADY_EXISTS', /did not write/))
  })
})
