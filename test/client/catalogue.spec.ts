// What a program asks of the catalogue: names, history, watches and waits, over a real socket.

import assert from 'node:assert/strict'
import { connect, hasCode, Path, type Mesh, type PathEvent, type WatchEvent } from '../../client/index.ts'
import { until } from '../helpers/until.ts'
import {
  CID,
  FakeDaemon,
  fail,
  GOT,
  json,
  lines,
  LiveLines,
  NAME,
  PEER,
  problem,
  RETIRED,
  SHARED,
  STAT,
  VERSION,
  WATCHING,
  type Answer,
  type Answers
} from './fake-daemon.ts'

const OTHER = 'k51qzi5uqu5dh9ihj4p2v5sl3hxvv27ryx2w0xrsv6jmmqi91t9xp8p9kaipc2'

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const value of source) found.push(value)
  return found
}

describe('the catalogue, for programs', () => {
  let daemon: FakeDaemon
  let mesh: Mesh

  const start = async (answers: Answers): Promise<void> => {
    daemon = await FakeDaemon.start(answers)
    mesh = await connect({ socket: daemon.socket })
  }
  const queries = (path: string): object[] =>
    daemon.received.filter(request => request.path === path).map(({ query }) => Object.fromEntries(query))
  const first = async <T>(source: AsyncIterable<T>, count: number): Promise<T[]> => {
    const found: T[] = []
    for await (const value of source) if (found.push(value) === count) break
    return found
  }

  afterEach(async () => {
    await mesh.close()
    await daemon.stop()
  })

  it('names() asks for what is wanted, and for nothing more', async () => {
    await start({ names: lines({ ...NAME, conflict: true }) })
    assert.deepEqual(await all(mesh.names()), [{ ...NAME, conflict: true }])
    await all(mesh.names({ prefix: 'train/', versions: 'all', local: false }))
    await all(mesh.names({ local: true }))
    assert.deepEqual(queries('/v1/names'), [
      {},
      { prefix: 'train/', versions: 'all', local: 'false' },
      { local: 'true' }
    ])
  })

  it('names() and watch() take a prefix in every form of a reference, of one node if it names one', async () => {
    const away = { ...NAME, origin: OTHER }
    const live = new LiveLines(WATCHING, { ...VERSION, origin: OTHER, cursor: 'c1' }, { ...VERSION, cursor: 'c2' })
    await start({ names: lines(NAME, away), watch: live.answer })
    for (const [text, prefix] of [
      ['pathmesh://tr', 'tr'],
      ['PATHMESH://train/', 'train/'],
      ['pathmesh://a%40b/x%20y%3F', 'a@b/x y?'],
      ['trai\u0308n/e\u0301', 'tra\u00efn/\u00e9'],
      ['100%/a?', '100%/a?'],
      ['', '']
    ] as const) {
      assert.deepEqual(await all(mesh.names({ prefix: text })), [NAME, away], text)
      assert.deepEqual(queries('/v1/names').at(-1), { prefix }, text)
    }
    for (const text of ['train@gpu-1', `pathmesh://train@${PEER}/`]) {
      assert.deepEqual(await all(mesh.names({ prefix: text })), [NAME])
      assert.deepEqual(queries('/v1/names').at(-1), { prefix: 'train/' })
    }
    const cursors = (await first(mesh.watch({ prefix: 'train@gpu-1/m' }), 2)).map(event => event.cursor)
    assert.deepEqual([cursors, queries('/v1/watch')], [['c0', 'c2'], [{ prefix: 'train/m' }]])
    await assert.rejects(all(mesh.names({ prefix: 'train@nobody/' })), { code: 'NOT_FOUND' })
    for (const text of [`ipfs://${CID}`, 'pathmesh://a/%4', 'pathmesh://a/b?version=1', 'a@/b', 'a@b@c/', '/a', '@n/a'])
      assert.throws(() => mesh.names({ prefix: text }), { code: 'INVALID_ARGUMENT' }, text)
  })

  it('works() and providers() yield what the daemon knows', async () => {
    const hosting = { module: '/app/train.js', hosted: true, phase: 'idle', call: null, since: null, queued: 0 }
    const work = {
      work: 'train',
      origin: PEER,
      node: 'gpu-1',
      connected: true,
      home: true,
      epoch: 2,
      names: 3,
      hosting
    }
    const provider = { peerId: PEER, name: null, complete: false, bytes: 5 }
    await start({ works: lines(work), providers: lines(provider) })
    assert.deepEqual(await all(mesh.works()), [work])
    assert.deepEqual(await all(mesh.path('train/a').at(3).providers()), [provider])
    assert.deepEqual(queries('/v1/providers'), [{ ref: 'pathmesh://train/a?version=3' }])
  })

  it('history() yields versions, the newest first; that of the mesh retirements as well', async () => {
    const older = { ...VERSION, seq: 2, meta: null }
    await start({ history: lines(RETIRED, VERSION, older) })
    const versions = await all(mesh.path('train/model.bin').at(2).history())
    assert.deepEqual(
      versions.map(({ seq, meta, root, url }) => [seq, meta, root, url]),
      [
        [3, { epoch: 3 }, CID, `pathmesh://train@${PEER}/model.bin?version=${CID}`],
        [2, null, CID, `pathmesh://train@${PEER}/model.bin?version=${CID}`]
      ]
    )
    assert.deepEqual(await all(mesh.history('train/model.bin')), [RETIRED, VERSION, older])
    assert.deepEqual(queries('/v1/history'), [{ ref: NAME.url }, { ref: NAME.url }])
  })

  it('gives the URL of a version with its origin, whatever it was asked by', async () => {
    await start({ stat: json(STAT), get: lines(GOT), history: lines(VERSION) })
    const path = mesh.path('train/model.bin')
    const got = await path.get({ to: daemon.folder })
    const found = [await path.latest(), got.version, ...(await all(path.history())), await path.at(3).latest()]
    assert.deepEqual(
      new Set(found.map(({ url }) => url)),
      new Set([`pathmesh://train@${PEER}/model.bin?version=${CID}`])
    )
  })

  it('alias() names a version, and resolves to it under its new name', async () => {
    const { event: _, work: _w, path: _p, modified: _m, unchanged: _u, ...shared } = SHARED
    await start({ alias: json({ ...shared, url: 'pathmesh://train/good', seq: 1 }), get: lines(GOT) })
    const alias = await mesh.alias('train/good', mesh.path('train/model.bin').at(3), { meta: { best: true } })
    assert.equal(alias.path.toString(), 'pathmesh://train/good')
    assert.deepEqual([alias.seq, alias.root, alias.url], [1, CID, `pathmesh://train@${PEER}/good?version=${CID}`])
    const url = `pathmesh://train@${PEER}/model.bin?version=${CID}`
    await mesh.alias('train/good', { url })
    assert.deepEqual(daemon.bodies('alias'), [
      { name: 'train/good', ref: 'pathmesh://train/model.bin?version=3', meta: { best: true } },
      { name: 'train/good', ref: url }
    ])
    await assert.rejects(mesh.alias('train', 'train/a'), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(mesh.alias('train@n/a', 'train/a'), { code: 'INVALID_ARGUMENT' })
  })

  it('get() waits for a name as long as it is told to', async () => {
    await start({ get: lines(GOT) })
    await mesh.path('train/a').get({ to: daemon.folder, waitMs: 60_000 })
    const [body] = daemon.bodies('get')
    assert.ok(typeof body === 'object' && body !== null && 'waitMs' in body)
    assert.equal(body.waitMs, 60_000)
  })

  describe('watch()', () => {
    it('yields changes with their cursors, and goes on behind one', async () => {
      const gap = { event: 'gap', missed: null, cursor: 'c3' }
      const changes = [{ ...VERSION, cursor: 'c1' }, { ...RETIRED, cursor: 'c2' }, gap]
      const live = new LiveLines(WATCHING, {})
      await start({ watch: live.answer })
      const events: WatchEvent[] = []
      for await (const event of mesh.watch({ prefix: 'train/', after: 'c0' })) {
        if (event.event === 'watching') live.send(...changes)
        if (events.push(event) === 4) break
      }
      assert.deepEqual(events, [WATCHING, ...changes])
      assert.deepEqual(queries('/v1/watch'), [{ prefix: 'train/', after: 'c0' }])
      await until('the stream is hung up', () => live.listening === 0)
    })

    it('of a Path yields versions of its name, and goes on after a retirement', async () => {
      const live = new LiveLines(
        WATCHING,
        { ...VERSION, cursor: 'c1' },
        { ...RETIRED, cursor: 'c2' },
        {
          ...VERSION,
          seq: 5,
          cursor: 'c3'
        }
      )
      await start({ watch: live.answer })
      const events = await first(mesh.path('train/model.bin').at(3).watch({ after: 'c0' }), 4)
      const shown = (event: PathEvent): unknown[] => [
        event.event,
        event.cursor,
        event.event === 'version' ? [event.version.seq, event.version.root, event.version.meta] : undefined
      ]
      assert.deepEqual(events.map(shown), [
        ['watching', 'c0', undefined],
        ['version', 'c1', [3, CID, { epoch: 3 }]],
        ['retired', 'c2', undefined],
        ['version', 'c3', [5, CID, { epoch: 3 }]]
      ])
      assert.deepEqual(queries('/v1/watch'), [{ prefix: 'train/model.bin', after: 'c0' }])
    })

    it('of a path inside a directory yields what becomes of the directory, and of nothing beside or below it', async () => {
      const changes = [
        { ...VERSION, path: 'ckpt2', cursor: 'c1' },
        { ...VERSION, path: 'ckpt/epoch', cursor: 'c2' },
        { ...VERSION, path: 'ckpt/epoch-3/w.bin/x', cursor: 'c3' },
        { ...RETIRED, path: 'ckpt/epoch-3/w.bin', cursor: 'c4' },
        { ...VERSION, path: 'ckpt', kind: 'directory', cursor: 'c5' },
        { event: 'gap', missed: 7, cursor: 'c6' }
      ]
      const live = new LiveLines(WATCHING, ...changes)
      await start({ watch: live.answer })
      const events = await first(mesh.path('train/ckpt/epoch-3/w.bin').watch(), 4)
      assert.deepEqual(
        events.map(({ event, cursor }) => [event, cursor]),
        [
          ['watching', 'c0'],
          ['retired', 'c4'],
          ['version', 'c5'],
          ['gap', 'c6']
        ]
      )
      const [, , version] = events
      assert.ok(version?.event === 'version')
      assert.equal(version.version.url, `pathmesh://train@${PEER}/ckpt?version=${CID}`)
      assert.deepEqual(queries('/v1/watch'), [{ prefix: 'train/ckpt' }])
    })

    it('of a Path keeps to the node that it names, by PeerId or by name', async () => {
      const away = { ...VERSION, origin: OTHER, cursor: 'c1' }
      const peer = { peerId: OTHER, name: 'laptop', addresses: [], connected: true, lane: null, latencyMs: null }
      const live = new LiveLines({ ...VERSION, cursor: 'c0' }, away)
      await start({ watch: live.answer, peers: lines({ ...peer, bytesIn: 0, bytesOut: 0 }) })
      const origins = async (ref: string, count: number): Promise<unknown[]> =>
        (await first(mesh.path(ref).watch(), count)).map(event => event.event === 'version' && event.version.origin)
      assert.deepEqual(await origins(`train@${OTHER}/model.bin`, 1), [OTHER])
      assert.deepEqual(await origins('train@laptop/model.bin', 1), [OTHER])
      assert.deepEqual(await origins('train@gpu-1/model.bin', 1), [PEER])
      assert.deepEqual(await origins('train/model.bin', 2), [PEER, OTHER])
      await assert.rejects(origins('train@nobody/model.bin', 1), { code: 'NOT_FOUND', message: /no node is called/ })
    })

    it('fails when the daemon ends it, since a watch has no end of its own', async () => {
      await start({ watch: lines(WATCHING) })
      await assert.rejects(all(mesh.watch()), { code: 'DAEMON_UNREACHABLE' })
      await assert.rejects(all(mesh.path('train/a').watch()), { code: 'DAEMON_UNREACHABLE' })
    })

    it('fails with the error that its stream ends with, and with the reason of an abort', async () => {
      await start({ watch: lines(WATCHING, { event: 'error', error: problem('IO', 'disk') }) })
      await assert.rejects(all(mesh.watch()), { code: 'IO' })
      await assert.rejects(all(mesh.watch({ signal: AbortSignal.abort(new Error('enough')) })), /enough/)
    })

    it('refuses content, which has no name', async () => {
      await start({})
      await assert.rejects(all(mesh.path(`ipfs://${CID}`).watch()), { code: 'INVALID_ARGUMENT' })
      await assert.rejects(mesh.path(`ipfs://${CID}/a`).waitFor(), { code: 'INVALID_ARGUMENT' })
    })
  })

  describe('waitFor()', () => {
    /** Answers each in turn, the last again and again. */
    const inTurn = (...answers: readonly Answer[]): Answer => {
      let turn = 0
      return (received, response) => answers[Math.min(turn++, answers.length - 1)]?.(received, response)
    }

    it('resolves at once to what exists', async () => {
      const live = new LiveLines(WATCHING)
      await start({ watch: live.answer, stat: json(STAT) })
      const version = await mesh.path('train/model.bin').waitFor()
      assert.deepEqual([version.seq, version.url], [3, `pathmesh://train@${PEER}/model.bin?version=${CID}`])
      await until('the watch is hung up', () => live.listening === 0)
    })

    it('misses nothing that is published while it asks', async () => {
      const live = new LiveLines(WATCHING)
      const meanwhile: Answer = (received, response) => {
        live.send({ ...VERSION, cursor: 'c1' })
        return fail('NOT_FOUND', 'nobody knows it')(received, response)
      }
      await start({ watch: live.answer, stat: inTurn(meanwhile, json(STAT)) })
      assert.equal((await mesh.path('train/model.bin').waitFor({ timeoutMs: 60_000 })).seq, 3)
      const paths = daemon.received.map(({ path }) => path)
      assert.deepEqual(paths.slice(1), ['/v1/watch', '/v1/stat', '/v1/stat'])
    })

    it('of a reference handed on before its content existed resolves when that does', async () => {
      const live = new LiveLines(WATCHING)
      const stat = inTurn(fail('NOT_FOUND', 'nobody knows it'), json(STAT))
      await start({ watch: live.answer, stat })
      const state = JSON.stringify({ model: mesh.path('train/model.bin') })
      const revived: unknown = JSON.parse(state, mesh.reviver)
      assert.ok(typeof revived === 'object' && revived !== null && 'model' in revived && revived.model instanceof Path)
      const waiting = revived.model.waitFor()
      await until('it has asked', () => daemon.received.some(({ path }) => path === '/v1/stat'))
      live.send({ ...VERSION, cursor: 'c1' })
      assert.equal((await waiting).seq, 3)
    })

    it('of a path inside a directory asks again at each version of what contains it, and at nothing else', async () => {
      const missing = fail('NOT_FOUND', 'no such path')
      const sub = { ...STAT, path: 'ckpt', sub: 'epoch-3/w.bin' }
      const live = new LiveLines(
        WATCHING,
        { ...VERSION, path: 'ckpt2', cursor: 'c1' },
        { ...VERSION, path: 'ckpt/epoch', cursor: 'c2' },
        { ...RETIRED, path: 'ckpt', cursor: 'c3' },
        { ...VERSION, path: 'ckpt', cursor: 'c4' },
        { event: 'gap', missed: 7, cursor: 'c5' }
      )
      await start({ watch: live.answer, stat: inTurn(missing, missing, json(sub)) })
      assert.equal((await mesh.path('train/ckpt/epoch-3/w.bin').waitFor()).root, CID)
      assert.equal(queries('/v1/stat').length, 3)
      assert.deepEqual(queries('/v1/watch'), [{ prefix: 'train/ckpt' }])
    })

    it('asks again while nobody can say', async () => {
      const live = new LiveLines(WATCHING)
      const unsynced = inTurn(fail('NOT_SYNCED', 'nobody answered'), json(STAT))
      const unprovided = inTurn(fail('NO_PROVIDERS', 'nobody has it'), json({ ...STAT, seq: 4 }))
      await start({
        watch: live.answer,
        stat: (received, response) =>
          (received.query.get('ref') === NAME.url ? unsynced : unprovided)(received, response)
      })
      const found = await Promise.all([mesh.path(NAME.url).waitFor(), mesh.path('train/b').waitFor()])
      assert.deepEqual(
        found.map(({ seq }) => seq),
        [3, 4]
      )
    })

    it('fails with TIMEOUT that says what it waited for, and why in vain', async () => {
      const live = new LiveLines(WATCHING)
      await start({ watch: live.answer, stat: fail('NOT_FOUND', 'nobody knows it') })
      await assert.rejects(mesh.path('train/model.bin').waitFor({ timeoutMs: 100 }), (error: unknown) => {
        assert.ok(hasCode(error, 'TIMEOUT'))
        assert.match(error.message, /waited 100 ms for a version of pathmesh:\/\/train\/model\.bin.*nobody knows it/)
        return hasCode(error.cause, 'NOT_FOUND')
      })
      await until('the watch is hung up', () => live.listening === 0)
    })

    it('refuses a time that is none', async () => {
      await start({})
      for (const timeoutMs of [-1, Number.NaN]) {
        await assert.rejects(mesh.path('train/a').waitFor({ timeoutMs }), RangeError)
      }
    })

    it('fails at once with what waiting does not mend, and with the reason of an abort', async () => {
      const live = new LiveLines(WATCHING)
      await start({ watch: live.answer, stat: inTurn(fail('AMBIGUOUS_WORK', 'two'), fail('NOT_FOUND', 'none')) })
      await assert.rejects(mesh.path('train/a').waitFor(), { code: 'AMBIGUOUS_WORK' })
      const enough = new AbortController()
      const waiting = mesh.path('train/a').waitFor({ signal: enough.signal, timeoutMs: 60_000 })
      await until('it has asked', () => queries('/v1/stat').length === 2)
      enough.abort(new Error('enough'))
      await assert.rejects(waiting, /^Error: enough$/)
    })
  })
})
