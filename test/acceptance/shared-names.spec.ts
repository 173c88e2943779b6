// What people who come from Lightning's Drive and FileSystem rely on: names that several nodes share under, wait for, list, look
// into and retire. Each test names the tests of Lightning that it has its intent from.

import assert from 'node:assert/strict'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { type Mesh, Path } from '../../client/index.ts'
import { must, Scene } from '../helpers/daemons.ts'
import { factsOf } from '../helpers/disk-trees.ts'
import { collect, failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

/** What lies in a directory, at any depth, by its path from there. */
async function* walk(directory: Path): AsyncGenerator<Path> {
  for await (const path of directory.list()) {
    yield path
    if (path.kind === 'directory') yield* walk(path)
  }
}

/** The same on a disk. */
async function namesAt(directory: string): Promise<string[]> {
  return Object.keys(await factsOf(directory)).filter(name => name !== '')
}

describe('a shared name', function () {
  this.timeout(60_000)
  let scene: Scene
  let [here, there]: Mesh[] = []

  before(async () => {
    scene = await Scene.open()
    const [a, b] = await scene.mesh('a', 'b')
    here = await scene.connect(must(a))
    there = await scene.connect(must(b))
  })
  after(() => scene.close())

  const namesOf = async (mesh: Mesh | undefined, prefix: string): Promise<string[]> =>
    (await collect(must(mesh).names({ prefix }))).map(
      ({ url, origin }) => `${url.slice('pathmesh://'.length)} ${origin}`
    )

  // test_synchronization_lit_drive
  it('gives a file that its own program removed after it was put', async () => {
    const own = must(here).work('removed').path('data/file.txt')
    await own.writeFile('example')
    await rm(await own.local)
    const { path } = await must(there).path('removed/data/file.txt').get({ waitMs: 20_000 })
    assert.equal(await readFile(path, 'utf8'), 'example')
  })

  // test_lit_drive_transferring_files
  it('is waited for, listed by its node, retired by its owner, and then listed nowhere', async () => {
    const path = must(there).path('drive/a.txt')
    const waiting = path.get({ waitMs: 20_000 })
    await must(here).share(await scene.file('a.txt', 'example'), { as: 'drive/a.txt' })
    assert.equal(await readFile((await waiting).path, 'utf8'), 'example')
    const all = [`drive/a.txt ${must(here).peerId}`]
    assert.deepEqual(await namesOf(there, 'drive@a/'), all)
    assert.deepEqual(await namesOf(there, 'drive@b/'), [])
    assert.deepEqual(await namesOf(there, 'drive/'), all)
    await assert.rejects(path.unshare(), failsWith('NOT_ORIGIN'))
    await must(here).unshare('drive/a.txt')
    await until('the other node heard of it', async () => !(await path.exists()))
    for (const mesh of [here, there]) assert.deepEqual(await namesOf(mesh, 'drive/'), [])
  })

  // test_lit_drive: allow_duplicates=True, get by component, ambiguous get
  it('may be of several nodes: each is listed with its own, and one says whose is meant', async () => {
    await must(here).share(await scene.file('here', 'of a'), { as: 'both/x' })
    await must(there).share(await scene.file('there', 'of b'), { as: 'both/x' })
    await must(there).path('both@a/x').waitFor({ timeoutMs: 20_000 })
    const nodes = [must(here).peerId, must(there).peerId].sort()
    assert.deepEqual((await collect(must(there).names({ prefix: 'both/' }))).map(({ origin }) => origin).sort(), nodes)
    await assert.rejects(must(there).path('both/x').get(), failsWith('AMBIGUOUS_WORK', /@NODE/))
    assert.equal(await must(there).path('both@a/x').readFile('utf8'), 'of a')
    assert.equal(
      await must(there)
        .path(`both@${must(there).peerId}/x`)
        .readFile('utf8'),
      'of b'
    )
    await must(there).unshare('both@b/x')
    assert.equal(await must(there).path('both/x').readFile('utf8'), 'of a')
  })

  // test_lit_drive: allow_duplicates=False
  it('of a work that another node has claimed is refused, and stays as it is', async () => {
    await must(here).work('claimed').path('x').writeFile('of a')
    await must(there).path('claimed/x').waitFor({ timeoutMs: 20_000 })
    await assert.rejects(must(there).work('claimed').path('x').writeFile('of b'), failsWith('WORK_IN_USE'))
    assert.equal(await must(there).path('claimed/x').readFile('utf8'), 'of a')
  })

  // test_lit_drive: a file inside a directory that was put, and the other way round
  it('does not lie in another one of its node; a directory takes those in that lie where it goes', async () => {
    await scene.file('nested/inner/file', 'x')
    const share = async (local: string, as: string) => await must(here).share(scene.at(local), { as })
    await share('nested/inner', 'nested/dir')
    await assert.rejects(share('nested/inner/file', 'nested/dir/file'), failsWith('NAME_CONFLICT', /nested\/dir/))
    await share('nested/inner/file', 'nested/deep/er/file')
    await assert.rejects(share('nested/inner/file', 'nested/deep'), failsWith('NAME_CONFLICT', /is a file/))
    await share('nested', 'nested/deep')
    const { peerId } = must(here)
    assert.deepEqual(await namesOf(here, 'nested/'), [`nested/deep ${peerId}`, `nested/dir ${peerId}`])
    assert.equal(await must(here).path('nested/deep/inner/file').readFile('utf8'), 'x')
  })

  // test_lit_drive: timeouts, also with a component; missing files
  it('that nobody has put is waited for as long as one says, and fails at once where one says nothing', async () => {
    for (const name of ['nobody/x', 'nobody@a/x']) {
      const path = must(there).path(name)
      await assert.rejects(path.get(), failsWith('NOT_FOUND', /nobody/))
      await assert.rejects(path.get({ waitMs: 150 }), failsWith('TIMEOUT'))
      await assert.rejects(path.waitFor({ timeoutMs: 150 }), failsWith('TIMEOUT', /nobody/))
    }
  })

  // test_lit_drive: put and get of directories; test_tracer_component_with_code_in_dir
  it('of a directory that is put again is exactly that: what was deleted is gone, here and where it was got', async () => {
    const from = await scene.directory('again')
    await mkdir(join(from, 'old/deep'), { recursive: true })
    for (const name of ['stays', 'old/deep/goes', 'turns']) await writeFile(join(from, name), '1')
    await must(here).share(from, { as: 'again/dir' })
    const [to, path] = [scene.at('got'), must(there).path('again/dir')]
    await path.get({ to, waitMs: 20_000 })
    await rm(join(from, 'old'), { recursive: true })
    await rm(join(from, 'turns'))
    await mkdir(join(from, 'turns'))
    await writeFile(join(from, 'stays'), '2')
    const { seq } = await must(here).share(from, { as: 'again/dir' })
    await until('the other node heard of it', async () => (await path.latest()).seq === seq)
    await assert.rejects(path.get({ to }), failsWith('ALREADY_EXISTS', /--overwrite/))
    await path.get({ to, overwrite: true })
    for (const place of [to, (await path.get()).path]) {
      assert.equal(await readFile(join(place, 'stays'), 'utf8'), '2')
      assert.deepEqual(await namesAt(place), ['stays', 'turns'])
    }
  })

  // test_filesystem, test_filesystem_root
  it('is listed, walked, told a file from a directory, got in part and removed', async () => {
    await scene.file('files/a.txt', 'a')
    await scene.file('files/sub/b.txt', 'b')
    await scene.file('files/sub/deep/info.txt', 'c')
    await must(here).share(scene.at('files'), { as: 'fs/files' })
    const root = must(there).path('fs/files')
    await root.waitFor({ timeoutMs: 20_000 })
    const below = (await collect(walk(root))).map(path => path.relativeTo(root))
    assert.deepEqual(below, ['a.txt', 'sub', 'sub/b.txt', 'sub/deep', 'sub/deep/info.txt'])
    const kinds = await Promise.all(['', 'a.txt', 'sub'].map(async name => (await root.join(name).stat()).kind))
    assert.deepEqual(kinds, ['directory', 'file', 'directory'])
    await root.join('sub').get({ to: scene.at('sub') })
    assert.deepEqual(await namesAt(scene.at('sub')), ['b.txt', 'deep', 'deep/info.txt'])
    await assert.rejects(root.join('none').stat(), failsWith('NOT_FOUND', /none/))
    await assert.rejects(collect(root.join('a.txt').list()), failsWith('INVALID_ARGUMENT'))
    assert.throws(() => root.join('../../x'), failsWith('INVALID_ARGUMENT'))
    // A part of a directory is no name of its own.
    await assert.rejects(must(here).unshare('fs/files/a.txt'), failsWith('NOT_FOUND'))
    await must(here).unshare('fs/files')
    await assert.rejects(must(here).path('fs/files').stat(), failsWith('NOT_FOUND'))
  })

  // test_maybe_create_drive, test_drive_deepcopy
  it('is handed on as JSON, and means the same on any node, whatever lies in the folder of the sender', async () => {
    await must(here).share(await scene.file('handed', 'on'), { as: 'handed/x' })
    const [name] = await collect(must(here).names({ prefix: 'handed/' }))
    const sent = JSON.stringify({ data: must(here).path(must(name)) })
    const got: unknown = JSON.parse(sent, must(there).reviver)
    assert.ok(typeof got === 'object' && got !== null && 'data' in got && got.data instanceof Path)
    await got.data.waitFor({ timeoutMs: 20_000 })
    assert.equal(await got.data.readFile('utf8'), 'on')
    assert.ok(!sent.includes(scene.folder))
  })

  // test_drive_root_folder_breaks, test_copy_files
  it('is got to where one says, into a folder that exists, over nothing', async () => {
    await must(here).share(await scene.file('one.txt', 'one'), { as: 'places/one.txt' })
    const path = must(there).path('places/one.txt')
    await path.waitFor({ timeoutMs: 20_000 })
    const to = join(await scene.directory('places'), 'two.txt')
    assert.equal((await path.get({ to })).path, to)
    assert.equal(await readFile(to, 'utf8'), 'one')
    for (const taken of [to, scene.at('places')])
      await assert.rejects(path.get({ to: taken }), failsWith('ALREADY_EXISTS', /places/))
    await assert.rejects(path.get({ to: scene.at('missing', 'x') }), failsWith('NOT_FOUND', /missing/))
    await assert.rejects(must(here).share(scene.at('no-such-file'), { as: 'places/no' }), failsWith('NOT_FOUND'))
  })
})
