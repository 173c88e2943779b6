// Paths: arithmetic, forms, and calls over a real socket.

import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { connect, Path, type Mesh } from '../../client/index.ts'
import {
  CID,
  content,
  FakeDaemon,
  GOT,
  json,
  lines,
  NAME,
  PEER,
  problem,
  PROGRESS,
  SHARED,
  STATUS,
  type Answers
} from './fake-daemon.ts'

describe('Path', () => {
  let daemon: FakeDaemon
  let mesh: Mesh

  const start = async (answers: Answers = {}): Promise<void> => {
    daemon = await FakeDaemon.start({
      work: (received, response) =>
        json({ work: 'train', origin: PEER, folder: join(daemon.folder, 'works', 'train') })(received, response),
      share: lines(PROGRESS, {}, SHARED),
      session: (_, response) => void response.write('{"session":"s1"}\n'),
      ...answers
    })
    mesh = await connect({ socket: daemon.socket })
  }
  afterEach(async () => {
    await mesh.close()
    await daemon.stop()
  })

  describe('arithmetic', () => {
    beforeEach(async () => await start())

    it('joins, keeping work, node and version', () => {
      const path = mesh.path('pathmesh://train@n/a?version=3')
      assert.equal(path.join('b c', 'd/e').toString(), 'pathmesh://train@n/a/b%20c/d/e?version=3')
      assert.equal(mesh.path('train/a').join('b/').toString(), 'pathmesh://train/a/b/')
      assert.equal(mesh.path(`ipfs://${CID}`).join('x').toString(), `ipfs://${CID}/x`)
      for (const bad of ['..', '/a', 'a//b', '.', 'a\0'])
        assert.throws(() => path.join(bad), { code: 'INVALID_ARGUMENT' }, bad)
    })

    it('knows parent, basename, extname and siblings', () => {
      const path = mesh.path('train/a/b.tar.gz')
      assert.equal(path.parent?.toString(), 'pathmesh://train/a')
      assert.equal(path.parent?.parent, undefined)
      assert.deepEqual([path.basename, path.extname, path.work, path.path], ['b.tar.gz', '.gz', 'train', 'a/b.tar.gz'])
      assert.equal(path.withBasename('c').toString(), 'pathmesh://train/a/c')
      assert.throws(() => path.withBasename('c/d'), { code: 'INVALID_ARGUMENT' })
      assert.equal(path.relativeTo(mesh.path('train/a')), 'b.tar.gz')
    })

    it('never mixes origins', () => {
      const path = mesh.path('train/a/b')
      for (const other of ['other/a', 'train@n/a', 'pathmesh://train/a?version=1', 'train/c']) {
        assert.throws(() => path.relativeTo(mesh.path(other)), TypeError, other)
      }
      assert.throws(() => Reflect.apply(path.join.bind(path), path, [path]), TypeError)
      assert.throws(() => path[Symbol.toPrimitive]('default'), TypeError)
      assert.throws(() => path[Symbol.toPrimitive]('number'), TypeError)
      assert.equal(String(path), 'pathmesh://train/a/b')
      assert.equal(inspect(path), 'Path(pathmesh://train/a/b)')
    })

    it('goes through JSON and back', () => {
      for (const text of [
        'train/a',
        'train@n/a/',
        'pathmesh://train/a?version=3',
        `pathmesh://train/a?version=${CID}`,
        `ipfs://${CID}/a`
      ]) {
        const path = mesh.path(text)
        assert.equal(Path.from(JSON.parse(JSON.stringify(path)), mesh).toString(), path.toString(), text)
        assert.deepEqual(Path.from(path.toJSON()).toJSON(), path.toJSON(), text)
      }
    })

    it('is fixed by at(), and by a version', () => {
      const path = mesh.path('train/a')
      assert.equal(path.at(3).toString(), 'pathmesh://train/a?version=3')
      assert.equal(path.at({ root: CID }).version, CID)
      assert.throws(() => path.at(0), { code: 'INVALID_ARGUMENT' })
      assert.throws(() => mesh.path(`ipfs://${CID}`).at(1), { code: 'INVALID_ARGUMENT' })
    })

    it('asks nothing without a mesh', async () => {
      await assert.rejects(Path.from(mesh.path('train/a').toJSON()).stat(), TypeError)
    })
  })

  it('writes durably and publishes, with what the caller says of it', async () => {
    await start()
    const seen: number[] = []
    const path = mesh.work('train').path('model.bin')
    await path.writeFile('weights', { meta: { epoch: 3 }, onProgress: ({ bytes }) => seen.push(bytes) })
    const local = join(daemon.folder, 'works/train/model.bin')
    assert.equal(await readFile(local, 'utf8'), 'weights')
    assert.deepEqual(await readdir(join(local, '..')), ['model.bin'])
    const [body] = daemon.bodies('share')
    assert.ok(
      typeof body === 'object' && body !== null && 'path' in body && 'as' in body && 'meta' in body && 'seen' in body
    )
    assert.deepEqual([body.path, body.as, body.meta], [local, 'train/model.bin', { epoch: 3 }])
    assert.deepEqual(seen, [1024])
  })

  it('publishes what is written in a declared directory only with the directory', async () => {
    await start()
    const folder = mesh.work('train').path('checkpoints/')
    await folder.join('deep', 'model.bin').writeFile(Buffer.from('x'))
    await folder.join('a.txt').parent?.join('b.txt').writeFile('y')
    assert.equal(daemon.bodies('share').length, 0)
    const version = await folder.publish({ meta: { epoch: 1 } })
    assert.equal(daemon.bodies('share').length, 1)
    assert.deepEqual([version.seq, version.cid, version.meta, version.origin], [3, CID, { epoch: 1 }, PEER])
    assert.match(version.url, /\?version=b/)
    assert.equal(mesh.path(version).version, CID)
  })

  it('leaves nothing behind when writing fails', async () => {
    await start()
    const path = mesh.work('train').path('model.bin')
    async function* broken(): AsyncGenerator<string> {
      yield 'half'
      throw new Error('source failed')
    }
    await assert.rejects(path.writeFile(broken()), /source failed/)
    assert.deepEqual(await readdir(join(daemon.folder, 'works/train')), [])
    assert.equal(daemon.bodies('share').length, 0)
  })

  it('has a local path in the folder of its own work, and nowhere else', async () => {
    await start()
    assert.equal(await mesh.work('train').path('a/b').local, join(daemon.folder, 'works/train/a/b'))
    assert.deepEqual(await readdir(join(daemon.folder, 'works/train')), ['a'])
    for (const path of [
      mesh.path('train/a'),
      mesh.path('train@other/a'),
      mesh.work('train').path('a').at(1),
      mesh.path(`ipfs://${CID}`)
    ]) {
      await assert.rejects(path.local, { code: 'NOT_ORIGIN' })
      await assert.rejects(path.publish(), { code: 'NOT_ORIGIN' })
      assert.throws(() => path.createWriteStream(), { code: 'NOT_ORIGIN' })
    }
    const again = Path.from(JSON.parse(JSON.stringify(mesh.work('train').path('a'))), mesh)
    assert.equal(await again.local, join(daemon.folder, 'works/train/a'))
  })

  it('exists when it was written here, or when the daemon says so', async () => {
    await start({
      exists: ({ query }, response) => void response.end(JSON.stringify({ exists: query.get('where') === 'remote' }))
    })
    const path = mesh.work('train').path('a')
    assert.deepEqual([await path.exists(), await path.existsLocal(), await path.existsRemote()], [false, false, true])
    await writeFile(await path.local, 'x')
    assert.deepEqual([await path.exists(), await path.existsLocal()], [true, true])
  })

  it('gets on the lease of one session, and gives it back once', async () => {
    await start({ get: lines(PROGRESS, {}, GOT), release: json({ done: true }) })
    const phases: string[] = []
    const got = await mesh.path('train/a').get({ onProgress: ({ phase }) => phases.push(phase) })
    assert.deepEqual(
      [got.path, got.bytesFetched, got.version.seq, got.version.root, phases],
      ['/store/model.bin', 1024, 3, CID, ['transferring']]
    )
    await mesh.path('train/b').get()
    await got.release()
    await got.release()
    assert.deepEqual(daemon.bodies('release'), [{ lease: 'lease-1' }])
    assert.equal(daemon.bodies('session').length, 1)
    assert.deepEqual(
      daemon.bodies('get').map(body => typeof body === 'object' && body !== null && 'lease' in body && body.lease),
      ['s1', 's1']
    )
  })

  it('names the folder that it gets into', async () => {
    await start({ get: lines(GOT) })
    await mkdir(join(daemon.folder, 'to'))
    await mesh.path('train/a').get({ to: join(daemon.folder, 'to/x'), timeoutMs: 5, overwrite: true })
    const [body] = daemon.bodies('get')
    assert.ok(typeof body === 'object' && body !== null && 'seenParent' in body && 'to' in body && !('lease' in body))
    assert.equal(body.to, join(daemon.folder, 'to/x'))
  })

  it('fails with the error that a stream ends with, and when it ends without one', async () => {
    await start({
      get: lines(PROGRESS, { event: 'error', error: problem('NO_PROVIDERS', 'nobody') }),
      share: lines(PROGRESS)
    })
    await assert.rejects(mesh.path('train/a').get(), { code: 'NO_PROVIDERS' })
    await assert.rejects(mesh.work('train').path('x').writeFile('y'), { code: 'DAEMON_UNREACHABLE' })
  })

  it('reads ranges as node:fs does', async () => {
    await start({ content: content(Buffer.from('0123456789')) })
    const path = mesh.path('train/a')
    const read = async (start?: number, end?: number): Promise<string> => {
      const pieces: Buffer[] = []
      for await (const piece of path.createReadStream({ start, end })) if (Buffer.isBuffer(piece)) pieces.push(piece)
      return Buffer.concat(pieces).toString()
    }
    assert.deepEqual(
      [await read(), await read(8), await read(0, 0), await read(2, 4), await read(10)],
      ['0123456789', '89', '0', '234', '']
    )
    assert.throws(() => path.createReadStream({ start: 3, end: 2 }), RangeError)
    assert.equal(await path.readFile('utf8'), '0123456789')
    assert.ok((await path.readFile()).equals(Buffer.from('0123456789')))
  })

  it('hangs up when a read stream is destroyed', async () => {
    let closed: Promise<void> | undefined
    await start({
      content: (_, response) => {
        closed = new Promise(resolve => response.once('close', resolve))
        response.write('x')
      }
    })
    const stream = mesh.path('train/a').createReadStream()
    for await (const _ of stream) break
    await closed
    assert.ok(stream.destroyed)
  })

  it('lists Paths that carry what the listing says', async () => {
    const entry = { name: 'x y', kind: 'file', cid: CID, size: 3, executable: false, target: null }
    await start({ list: lines(entry, { ...entry, name: 'z', kind: 'directory', size: null }) })
    const found: Path[] = []
    for await (const path of mesh.path(`pathmesh://train/d?version=${CID}`).list()) found.push(path)
    assert.deepEqual(found.map(String), [
      `pathmesh://train/d/x%20y?version=${CID}`,
      `pathmesh://train/d/z/?version=${CID}`
    ])
    assert.deepEqual(
      found.map(({ kind, size, cid }) => [kind, size, cid]),
      [
        ['file', 3, CID],
        ['directory', undefined, CID]
      ]
    )
    assert.equal(Path.from(found[1]?.toJSON()).toString(), found[1]?.toString())
  })

  it('fails in the middle of a list when the daemon does', async () => {
    await start({ names: lines(NAME, { event: 'error', error: problem('IO', 'disk') }) })
    const found: string[] = []
    const read = async (): Promise<void> => {
      for await (const { path } of mesh.names()) found.push(path)
    }
    await assert.rejects(read(), { code: 'IO' })
    assert.deepEqual(found, ['model.bin'])
  })

  it('says which field of an answer is not understood', async () => {
    await start({ invite: json({ invite: 1, expires: null }) })
    await assert.rejects(mesh.invite(), { code: 'INCOMPATIBLE', message: /the invite\.invite is 1, not a string/ })
    assert.deepEqual(await mesh.status(), STATUS)
  })

  it('shares under a checked name', async () => {
    await start()
    const shared = await mesh.share(daemon.folder, { as: 'train/model.bin', exclude: ['*.tmp'] })
    assert.deepEqual(
      [shared.path.toString(), shared.kept, shared.copies, shared.unchanged],
      ['pathmesh://train/model.bin', false, 1, false]
    )
    for (const as of ['train', 'train@n/a', 'train/a\n', `ipfs://${CID}/a`, 'pathmesh://train/a?version=1']) {
      await assert.rejects(mesh.share(daemon.folder, { as }), { code: 'INVALID_ARGUMENT' }, as)
    }
    await assert.rejects(mesh.share(join(daemon.folder, 'nothing')), { code: 'NOT_FOUND' })
  })
})
