// References between nodes: handed on in a state, before there is anything to refer to, and into the inside of a directory.

import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { type Mesh, Path } from '../../client/index.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { collect, failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

const KiB = 1024

describe('a reference', function () {
  this.timeout(60_000)
  let scene: Scene
  let other: Daemon
  let [here, there]: Mesh[] = []

  before(async () => {
    scene = await Scene.open()
    const [a, b] = await scene.mesh('a', 'b')
    other = must(b)
    here = await scene.connect(must(a))
    there = await scene.connect(other)
  })
  after(() => scene.close())

  it('in a state that went through JSON is fixed or follows its name, wherever it stands', async () => {
    const path = must(here).work('state').path('weights')
    await path.writeFile('old')
    const version = await path.publish()
    const fixed = path.at(version)
    const state = { epoch: 3, best: fixed, runs: [{ name: 'x', latest: path, all: [fixed, path] }], none: null }
    const read: unknown = JSON.parse(JSON.stringify(state), must(there).reviver)
    const { best, runs, ...rest } = shaped(read)
    assert.deepEqual(rest, { epoch: 3, none: null })
    const [run] = runs
    const [first, second] = must(run).all
    assert.equal(await best.readFile('utf8'), 'old')
    await path.writeFile('new')
    for (const old of [best, must(first)]) assert.equal(await old.readFile('utf8'), 'old')
    for (const latest of [must(run).latest, must(second)]) assert.equal(await latest.readFile('utf8'), 'new')
  })

  it('is passed on before there is anything to refer to, and waited for', async () => {
    const directory = must(here).work('soon').path('dir/')
    const file = must(there).path(JSON.parse(JSON.stringify(must(here).work('soon').path('file'))))
    const inside = must(there).path(JSON.parse(JSON.stringify(directory.join('deep/inside'))))
    assert.equal(await file.exists(), false)
    await assert.rejects(file.waitFor({ timeoutMs: 100 }), failsWith('TIMEOUT', /soon@.*\/file/))
    const waiting = Promise.all([file.waitFor({ timeoutMs: 20_000 }), inside.waitFor({ timeoutMs: 20_000 })])
    await directory.join('beside').writeFile('of version 1')
    await directory.publish()
    await directory.join('deep/inside').writeFile('of version 2')
    await directory.publish()
    await must(here).work('soon').path('file').writeFile('there it is')
    const [version, within] = await waiting
    assert.deepEqual([version.seq, version.size, within.seq, within.size], [1, 11, 2, 12])
    assert.equal(await must(there).path(version).readFile('utf8'), 'there it is')
    assert.equal(await inside.readFile('utf8'), 'of version 2')
  })

  it('is waited for by command, no longer than told', async () => {
    const late = other.cli(['get', 'later/nothing', '--wait', '300ms', '--store'])
    const get = other.begin(['get', 'later/x', '--wait', '20s', '--store'])
    await until('it waits', () => get.stdout.includes('"waiting"'))
    await must(here).work('later').path('x').writeFile('at last')
    const done: unknown = (await get.ended).lines.at(-1)
    assert.ok(typeof done === 'object' && done !== null && 'path' in done && typeof done.path === 'string')
    assert.equal(await readFile(done.path, 'utf8'), 'at last')
    const { status, error } = await late
    assert.deepEqual([status, error.code], [6, 'TIMEOUT'])
  })

  it('is an alias of a part, of an alias and of content, and is found where that lies', async () => {
    const from = await scene.directory('aliased/deep')
    await writeFile(join(from, 'x'), 'the part')
    const shared = await must(here).share(dirname(from), { as: 'aliased/all' })
    await must(here).alias('aliased/deep', 'aliased/all/deep')
    await must(there).alias('aliased/again', 'aliased/deep/x')
    await must(there).alias('aliased/content', `ipfs://${shared.cid}/deep/x`)
    const got = await must(there)
      .path('aliased/deep')
      .get({ to: scene.at('aliased-copy') })
    assert.equal(await readFile(join(got.path, 'x'), 'utf8'), 'the part')
    assert.equal(await must(here).path('aliased/deep').existsLocal(), true)
    const named = await collect(must(here).names({ prefix: 'aliased/deep' }))
    assert.deepEqual(
      named.map(({ local }) => local),
      [true]
    )
    for (const mesh of [must(here), must(there)])
      for (const name of ['aliased/again', 'aliased/content', 'aliased/deep/x'])
        assert.equal(await mesh.path(name).readFile('utf8'), 'the part', name)
    const { aliasOf } = await must(here).stat('aliased/again')
    assert.equal(aliasOf, `pathmesh://aliased@${must(here).peerId}/all/deep/x?version=1`)
    const again = await must(there).path('aliased/deep').latest()
    assert.equal(await must(there).path(again).join('x').readFile('utf8'), 'the part')
  })

  it('with a number of a version is refused where several nodes have the name, and holds for one', async () => {
    await must(here).share(await scene.file('both-a', 'of a'), { as: 'both/x' })
    await must(there).share(await scene.file('both-b', 'of b'), { as: 'both/x' })
    await must(there).work('both', { takeOver: true }).folder()
    assert.equal(await must(here).path('both/x').readFile('utf8'), 'of b')
    await assert.rejects(must(here).path('both/x').at(1).readFile(), failsWith('AMBIGUOUS_WORK'))
    assert.equal(await must(there).path('both@a/x').at(1).readFile('utf8'), 'of a')
  })

  it('with a number of a version holds on after its name was retired', async () => {
    await must(here).share(await scene.file('gone', 'still there'), { as: 'gone/x' })
    await must(there).path('gone/x').get()
    await must(here).unshare('gone/x')
    assert.equal(await must(there).path('gone/x').at(1).readFile('utf8'), 'still there')
    await assert.rejects(must(there).path('gone/x').readFile(), failsWith('NOT_FOUND'))
  })

  it('into a directory is listed and fetched without the rest', async () => {
    const big = Buffer.alloc(600 * KiB, 'x')
    for (const epoch of [1, 2, 3]) {
      await scene.file(`sub/epoch-${epoch}/weights.bin`, `weights of ${epoch}`)
      await scene.file(`sub/epoch-${epoch}/optimizer.bin`, Buffer.concat([big, Buffer.from(String(epoch))]))
    }
    await must(here).share(scene.at('sub'), { as: 'sub/checkpoints' })
    const names = async (path: string) =>
      (await collect(must(there).path(path).list())).map(({ basename, kind }) => [basename, kind])
    assert.deepEqual(
      await names('pathmesh://sub/checkpoints'),
      [1, 2, 3].map(epoch => [`epoch-${epoch}`, 'directory'])
    )
    assert.deepEqual(await names('pathmesh://sub/checkpoints/epoch-3/'), [
      ['optimizer.bin', 'file'],
      ['weights.bin', 'file']
    ])
    const weights = must(there).path('pathmesh://sub/checkpoints/epoch-3/weights.bin')
    assert.equal((await weights.stat()).size, 12)
    const got = await weights.get()
    assert.equal(await readFile(got.path, 'utf8'), 'weights of 3')
    assert.ok(got.bytesFetched < 16 * KiB, `${got.bytesFetched} bytes were fetched`)
    assert.equal(await must(there).path('sub/checkpoints').existsLocal(), false)
    await assert.rejects(
      must(there).path('sub/checkpoints/epoch-4').get(),
      failsWith('NOT_FOUND', /epoch-4.*sub\/checkpoints/)
    )
  })

  it('without `meta` publishes nothing new of the same content, and leaves what is kept', async () => {
    const path = must(here).work('meant').path('x')
    await path.writeFile('content', { meta: { epoch: 3 }, keep: 5 })
    const again = await path.publish()
    assert.deepEqual([again.seq, again.unchanged, again.meta], [1, true, { epoch: 3 }])
    assert.deepEqual((await path.publish({ meta: { epoch: 4 } })).seq, 2)
    assert.deepEqual((await path.publish({ meta: {} })).meta, {})
    await path.writeFile('another')
    assert.equal((await path.latest()).meta, null)
  })

  it('that is an alias of a part outlives what it was a part of, where the part is', async () => {
    const from = await scene.directory('outlived/deep')
    await writeFile(join(from, 'x'), 'the part')
    const source = await scene.up('source', { join: await other.invite() })
    const mesh = await scene.connect(source)
    await mesh.share(dirname(from), { as: 'outlived/all' })
    const part = must(there).path('outlived/all/deep/x')
    await part.waitFor({ timeoutMs: 20_000 })
    await (await part.get()).release()
    assert.equal((await must(there).alias('outlived/part', part)).kept, true)
    await source.stop()
    assert.equal(await must(there).path('outlived/part').readFile('utf8'), 'the part')
    const got = await must(here).path('outlived/part').get()
    assert.equal(await readFile(got.path, 'utf8'), 'the part')
  })
})

interface Run {
  readonly latest: Path
  readonly all: readonly Path[]
}

interface State {
  readonly best: Path
  readonly runs: readonly Run[]
}

/** The state that the test made, once all that is to be a Path is one. */
function shaped(state: unknown): State {
  assert.ok(isObject(state) && state.best instanceof Path && Array.isArray(state.runs))
  const { best, runs, ...rest } = state
  const read = runs.map((run: unknown): Run => {
    assert.ok(isObject(run) && run.latest instanceof Path && Array.isArray(run.all))
    const all = run.all.map((path: unknown) => (path instanceof Path ? path : assert.fail('no Path')))
    return { latest: run.latest, all }
  })
  return { ...rest, best, runs: read }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
