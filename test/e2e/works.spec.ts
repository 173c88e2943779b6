// A work of this node: files written, published, changed and asked for elsewhere; references to them, and what exists.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { type Mesh, Path } from '../../client/index.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { collect, failsWith } from '../helpers/trees.ts'

describe('a work', function () {
  this.timeout(60_000)
  let scene: Scene
  let daemons: Daemon[] = []
  let [here, there]: Mesh[] = []

  before(async () => {
    scene = await Scene.open()
    daemons = await scene.mesh('a', 'b')
    here = await scene.connect(must(daemons[0]))
    there = await scene.connect(must(daemons[1]))
  })
  after(() => scene.close())

  it('publishes the directory it wrote, as the first lines of the README have it', async () => {
    const checkpoints = must(here).work('train').path('checkpoints/')
    await checkpoints.join('model.bin').writeFile('weights')
    const version = await checkpoints.publish({ meta: { epoch: 3 } })
    assert.equal(version.seq, 1)
    const got = await must(there).path('train/checkpoints').get()
    assert.equal(await readFile(join(got.path, 'model.bin'), 'utf8'), 'weights')
    assert.deepEqual(got.version.meta, { epoch: 3 })
    assert.equal(got.version.cid, version.cid)
  })

  it('publishes a file as soon as it is written', async () => {
    await must(here).work('files').path('one.txt').writeFile('one')
    assert.equal(await must(there).path('files/one.txt').readFile('utf8'), 'one')
    const stream = must(here).work('files').path('two.txt').createWriteStream()
    stream.write('tw')
    stream.end('o')
    await once(stream, 'close')
    assert.equal(await must(there).path('files/two.txt').readFile('utf8'), 'two')
  })

  it('publishes no version for unchanged content, and the next for changed', async () => {
    const path = must(here).work('seq').path('x')
    await path.writeFile('first')
    const again = await path.publish()
    assert.deepEqual([again.seq, again.unchanged], [1, true])
    const old = await must(there).path('seq/x').get()
    await path.writeFile('second')
    const { version, path: local } = await must(there).path('seq/x').get()
    assert.equal(version.seq, 2)
    assert.equal(await readFile(local, 'utf8'), 'second')
    assert.equal(await readFile(old.path, 'utf8'), 'first')
    assert.equal(await must(there).path('seq/x').at(1).readFile('utf8'), 'first')
    await assert.rejects(must(there).path('seq/x').at(3).get(), failsWith('NOT_FOUND', /the newest is 2/))
    const fixed = await must(there).path('seq/x').at(old.version).get()
    assert.equal(await readFile(fixed.path, 'utf8'), 'first')
    assert.equal(fixed.bytesFetched, 0)
  })

  it('takes a file that was written by other means', async () => {
    const path = must(here).work('other-means').path('deep/er/file.bin')
    await writeFile(await path.local, 'by hand')
    const { size } = await path.publish()
    assert.equal(size, 7)
    assert.equal(await must(there).path('other-means/deep/er/file.bin').readFile('utf8'), 'by hand')
  })

  it('leaves nothing behind of a file whose writing fails', async () => {
    const path = must(here).work('broken').path('x')
    const failing = async function* () {
      yield 'some'
      throw new Error('the source broke')
    }
    await assert.rejects(path.writeFile(failing()), /the source broke/)
    const folder = join(must(daemons[0]).data, 'works', 'broken')
    assert.deepEqual(await readdir(folder), [])
    assert.equal(await must(there).path('broken/x').exists(), false)
  })

  it('is written on its own node only', async () => {
    await must(here).work('own').path('x').writeFile('x')
    const foreign = must(there).path('own/x')
    await assert.rejects(foreign.writeFile('y'), failsWith('NOT_ORIGIN'))
    assert.equal(await foreign.exists(), true)
    await assert.rejects(foreign.unshare(), failsWith('NOT_ORIGIN', /unshare it there/))
  })

  it('exists here, elsewhere or nowhere', async () => {
    await must(here).work('exists').path('x').writeFile('x')
    const [own, foreign] = [must(here).path('exists/x'), must(there).path('exists/x')]
    const all = (path: Path) => Promise.all([path.exists(), path.existsLocal(), path.existsRemote()])
    assert.deepEqual(await all(own), [true, true, false])
    assert.deepEqual(await all(foreign), [true, false, true])
    await foreign.get()
    assert.deepEqual(await all(foreign), [true, true, true])
    assert.deepEqual(await all(own), [true, true, true])
    assert.deepEqual(await all(must(there).path('exists/nothing')), [false, false, false])
  })

  it('hands on references that survive JSON, follow their name, or stay with their version', async () => {
    const path = must(here).work('refs').path('x')
    await path.writeFile('1')
    const first = await path.publish()
    const following = Path.from(JSON.parse(JSON.stringify(path)), must(there))
    const fixed = Path.from(JSON.parse(JSON.stringify(path.at(first))), must(there))
    assert.equal(await following.readFile('utf8'), '1')
    await fixed.get()
    await path.writeFile('2')
    assert.equal(await following.readFile('utf8'), '2')
    assert.equal(await fixed.readFile('utf8'), '1')
    assert.equal((await following.latest()).seq, 2)
  })

  it('says which node is meant when two publish one name', async () => {
    await must(here).share(await scene.file('twice-a', 'from a'), { as: 'twice/x' })
    await must(there).share(await scene.file('twice-b', 'from b'), { as: 'twice/x' })
    await assert.rejects(must(there).path('twice/x').get(), failsWith('AMBIGUOUS_WORK', /@NODE/))
    assert.equal(await must(there).path('twice@a/x').readFile('utf8'), 'from a')
    assert.equal(await must(here).path('twice@b/x').readFile('utf8'), 'from b')
    assert.equal(
      await must(here)
        .path(`twice@${must(daemons[1]).peerId}/x`)
        .readFile('utf8'),
      'from b'
    )
  })

  it('cannot publish a name inside a published one', async () => {
    const work = must(here).work('conflict')
    await work.path('dir/').join('file').writeFile('x')
    await work.path('dir/').publish()
    await assert.rejects(
      must(here).share(await scene.file('conflict', 'y'), { as: 'conflict/dir/file' }),
      failsWith('NAME_CONFLICT')
    )
  })

  it('lists its names, sorted, on every node', async () => {
    for (const name of ['b', 'a', 'c']) await must(here).work('listed').path(name).writeFile(name)
    const names = await collect(must(there).names({ prefix: 'listed/' }))
    assert.deepEqual(
      names.map(({ url, seq, local, origin }) => ({ url, seq, local, origin })),
      ['a', 'b', 'c'].map(name => ({
        url: `pathmesh://listed/${name}`,
        seq: 1,
        local: false,
        origin: must(daemons[0]).peerId
      }))
    )
  })
})
