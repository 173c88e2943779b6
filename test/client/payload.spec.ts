// A Payload as a reference: when it fetches, when it decodes, what `.value` gives and what it refuses.

import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { Codec } from '../../client/codecs/codec.ts'
import { registerCodec } from '../../client/codecs/registry.ts'
import type { Mesh } from '../../client/mesh.ts'
import { Payload } from '../../client/payload.ts'
import { failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'
import { CID, FakeDaemon, fail, GOT, gotBytes, json, lines, problem, type Answer } from './fake-daemon.ts'
import { encodedBy, FIXED, meshOf } from './payload-mesh.ts'

const OTHER_CID = 'bafkr4ichl6pjlwhkbzfx2mgwhzfkopzvmpexsxcn7zbvfjv3mfcb6eruuy'

describe('a Payload', () => {
  let daemon: FakeDaemon
  let mesh: Mesh
  /** What a `get` is answered. */
  let answer: Answer

  beforeEach(async () => {
    answer = asJson('{"loss":0.5}')
    daemon = await FakeDaemon.start({
      get: (received, response) => answer(received, response),
      session: (_, response) => void response.write('{"session":"s-1"}\n'),
      release: json({ done: true })
    })
    mesh = meshOf(daemon)
  })
  afterEach(async () => {
    await mesh.close()
    await daemon.stop()
  })

  const asJson = (text: string, facts: object = {}): Answer =>
    lines(gotBytes(Buffer.from(text), { codec: 'json', mediaType: 'application/json', ...facts }))
  const gets = (): number => daemon.bodies('get').length

  it('has no value before it was fetched, and never undefined', async () => {
    const payload = mesh.payload(FIXED)
    assert.throws(() => payload.value, failsWith('NOT_FETCHED', /metrics.*await get\(\)/))
    assert.equal(payload.fetched, undefined)
    assert.equal(gets(), 0)
    answer = fail('NO_PROVIDERS', 'nobody')
    await assert.rejects(payload.get(), failsWith('NO_PROVIDERS'))
    assert.throws(() => payload.value, failsWith('NOT_FETCHED'))
  })

  it('is fetched, then decoded at the first look, then the same object', async () => {
    const payload = mesh.payload<{ loss: number }>(FIXED)
    assert.equal(await payload.fetch(), payload)
    const { value } = payload
    assert.deepEqual(value, { loss: 0.5 })
    assert.ok(payload.value === value && (await payload.get()) === value)
    assert.equal(payload.fetched?.seq, 3)
    assert.equal(gets(), 1)
  })

  it('that is fixed asks no more once it was got', async () => {
    const payload = mesh.payload(FIXED)
    const value = await payload.get()
    answer = fail('INTERNAL', 'asked again')
    assert.ok((await payload.get()) === value)
    await payload.fetch()
    assert.equal(gets(), 1)
  })

  it('that follows its name asks each time, and gives the same object until there is a newer version', async () => {
    const payload = mesh.payload('train/metrics')
    const value = await payload.get()
    assert.ok((await payload.get()) === value)
    answer = asJson('{"loss":0.1}', { root: OTHER_CID, cid: OTHER_CID, seq: 4 })
    assert.deepEqual(await payload.get(), { loss: 0.1 })
    assert.deepEqual([payload.fetched?.seq, payload.value, gets()], [4, { loss: 0.1 }, 3])
  })

  it('gives null, false, 0 and empty text as they are', async () => {
    for (const text of ['null', 'false', '0', '""']) {
      answer = asJson(text)
      const payload = mesh.payload(FIXED)
      assert.deepEqual(await payload.get(), JSON.parse(text))
      assert.deepEqual(payload.value, JSON.parse(text))
    }
  })

  it('asks the peers that it came with, and takes deadlines along', async () => {
    const payload = mesh.payload({ $payload: { ...FIXED.$payload, providers: ['p1', 'p2'] } })
    await payload.get({ stallMs: 1, timeoutMs: 20_000, waitMs: 3 })
    const [body] = daemon.bodies('get')
    const { ref, providers, inline, stallMs, timeoutMs, waitMs } = Object(body)
    assert.match(ref, new RegExp(`metrics\\?version=${CID}`))
    assert.deepEqual([providers, inline, stallMs, timeoutMs, waitMs], [['p1', 'p2'], true, 1, 20_000, undefined])
  })

  it('waits for a name that it follows, and not for one whose content it knows', async () => {
    await mesh.payload('train/metrics').get({ waitMs: 3 })
    await mesh.payload(FIXED).get({ waitMs: 3 })
    assert.deepEqual(
      daemon.bodies('get').map(body => Object(body).waitMs),
      [3, undefined]
    )
  })

  it('of a codec that is not known here can be had as bytes, and its value says what is missing', async () => {
    answer = lines(gotBytes(Buffer.from('abc'), { codec: 'acme/x', mediaType: 'application/x-acme' }))
    const payload = mesh.payload({ $payload: { ...FIXED.$payload, codec: 'acme/x' } })
    await payload.fetch()
    assert.throws(() => payload.value, failsWith('CODEC_NOT_FOUND', /acme\/x.*as: 'bytes'/))
    await assert.rejects(payload.get(), failsWith('CODEC_NOT_FOUND'))
    assert.equal(Buffer.from(await payload.get<Uint8Array>({ as: 'bytes' })).toString(), 'abc')
    await assert.rejects(payload.get({ as: 'nothing' }), failsWith('CODEC_NOT_FOUND', /"nothing"/))
    assert.equal(gets(), 1)
  })

  it('that was shared as a file has no codec of its own, and takes one', async () => {
    answer = lines(gotBytes(Buffer.from('{"a":1}')))
    await assert.rejects(mesh.payload('train/file').get(), failsWith('CODEC_NOT_FOUND', /shared as a file.*codec/))
    assert.deepEqual(await mesh.payload('train/file', { codec: 'json' }).get(), { a: 1 })
    assert.deepEqual(await mesh.payload('train/file').get({ as: 'json' }), { a: 1 })
  })

  it('can be read again as something else, and keeps its value', async () => {
    const payload = mesh.payload(FIXED)
    const value = await payload.get()
    assert.equal(await payload.get<string>({ as: 'text' }), '{"loss":0.5}')
    assert.ok((await payload.get()) === value, 'it was decoded again')
    assert.ok(payload.value === value)
  })

  it('has the newest version when it follows its name, also of the same bytes', async () => {
    const payload = mesh.payload('train/metrics')
    const value = await payload.get()
    answer = asJson('{"loss":0.5}', { seq: 7, meta: { epoch: 2 } })
    assert.ok((await payload.get()) === value, 'the same bytes were decoded again')
    assert.deepEqual([payload.fetched?.seq, payload.fetched?.meta], [7, { epoch: 2 }])
    answer = asJson('{"loss":0.5}', { seq: 8, codec: 'text', mediaType: 'text/plain;charset=utf-8' })
    assert.equal(await payload.get(), '{"loss":0.5}')
  })

  it('is not closed under one that reads it in its own time', async () => {
    class Slow extends Payload<string> {
      override async load(path: string): Promise<string> {
        await new Promise(setImmediate)
        return await readFile(path, 'utf8')
      }
    }
    const payload = mesh.payload(FIXED, { type: Slow })
    const [one, bytes, other] = await Promise.all([payload.get(), payload.get({ as: 'text' }), payload.get()])
    assert.deepEqual([one, bytes, other], Array(3).fill('{"loss":0.5}'))
  })

  it('that follows its name holds no version but the last', async () => {
    const payload = mesh.payload<{ loss: number }>('train/metrics')
    const seen: WeakRef<object>[] = []
    for (let seq = 1; seq <= 20; seq++) {
      answer = asJson(`{"loss":${seq}}`, { seq, root: seq % 2 === 0 ? CID : OTHER_CID })
      seen.push(new WeakRef(await payload.get()))
    }
    setFlagsFromString('--expose-gc')
    const gc: unknown = runInNewContext('gc')
    assert.ok(typeof gc === 'function')
    await until('the values of earlier versions to be let go', () => {
      gc()
      return seen.filter(value => value.deref() !== undefined).length <= 2
    })
    assert.deepEqual(payload.value, { loss: 20 })
  })

  it('that is got twice at once gives one object', async () => {
    const payload = mesh.payload(FIXED)
    const [one, other] = await Promise.all([payload.get(), payload.get()])
    assert.ok(one === other)
    assert.ok(payload.value === one)
  })

  it('decoded in its own time is there after get(), decoded once for all who wait', async () => {
    let decoded = 0
    const codec: Codec = {
      id: 'test/slow',
      mediaType: 'application/octet-stream',
      matches: (value): value is unknown => value === 'never',
      encode: () => new Uint8Array(),
      decode: async source => ({ decoded: ++decoded, text: Buffer.from(source.bytes()).toString() })
    }
    const payload = mesh.payload(FIXED, { codec })
    await payload.fetch()
    assert.throws(() => payload.value, failsWith('NOT_FETCHED', /test\/slow.*await get\(\)/))
    const [one, other] = await Promise.all([payload.get(), payload.get()])
    assert.ok(one === other)
    assert.ok(payload.value === one)
  })

  it('whose bytes are not of its form is CORRUPT each time, and stays readable as bytes', async () => {
    answer = asJson('{"loss":')
    const payload = mesh.payload(FIXED)
    await assert.rejects(payload.get(), failsWith('CORRUPT'))
    assert.throws(() => payload.value, failsWith('CORRUPT'))
    assert.equal(await payload.get({ as: 'text' }), '{"loss":')
  })

  it('that was released has to be fetched again', async () => {
    const payload = mesh.payload(FIXED)
    const value = await payload.get()
    await payload.release()
    await payload.release()
    assert.throws(() => payload.value, failsWith('NOT_FETCHED'))
    assert.equal(payload.fetched, undefined)
    assert.deepEqual(await payload.get(), value)
    assert.equal(gets(), 2)
  })

  describe('that is large', () => {
    /** As a daemon answers that has it in a file. */
    const inFile = async (text: string, facts: object = {}): Promise<void> => {
      const path = join(daemon.folder, 'value')
      await writeFile(path, text)
      const given = { ...GOT, codec: 'json', mediaType: 'application/json' }
      answer = lines({ ...given, path, size: text.length, lease: `lease-${gets()}`, ...facts })
    }
    const releases = (): unknown[] => daemon.bodies('release')

    it('is leased until it is decoded, and no longer', async () => {
      await inFile('[1]')
      const payload = mesh.payload(FIXED)
      await payload.fetch()
      assert.deepEqual(releases(), [])
      assert.deepEqual(payload.value, [1])
      await until('it is released', () => releases().length === 1)
      assert.deepEqual(releases(), [{ lease: 'lease-0' }])
      await payload.release()
      assert.equal(releases().length, 1)
    })

    it('gives its lease back when it is let go unread', async () => {
      await inFile('[1]')
      {
        await using payload = mesh.payload(FIXED)
        await payload.fetch()
      }
      assert.deepEqual(releases(), [{ lease: 'lease-0' }])
    })

    it('gives the lease of a version back when a newer one takes its place, and of one that it has already', async () => {
      await inFile('[1]')
      const payload = mesh.payload('train/metrics')
      await payload.fetch()
      await inFile('[1]')
      await payload.fetch()
      assert.deepEqual(releases(), [{ lease: 'lease-1' }])
      await inFile('[2]', { root: OTHER_CID, cid: OTHER_CID })
      await payload.fetch()
      assert.deepEqual(releases(), [{ lease: 'lease-1' }, { lease: 'lease-0' }])
      assert.deepEqual(payload.value, [2])
    })

    it('fetched twice at once keeps one lease', async () => {
      await inFile('[1]')
      const first = answer
      const payload = mesh.payload(FIXED)
      let leases = 0
      answer = (received, response) =>
        lines({ ...GOT, path: join(daemon.folder, 'value'), size: 3, codec: 'json', lease: `lease-${leases++}` })(
          received,
          response
        )
      assert.notEqual(first, answer)
      await Promise.all([payload.fetch(), payload.fetch()])
      assert.deepEqual(payload.value, [1])
      await until('all leases are released', () => releases().length === leases)
    })

    it('that turns out to be a directory is INVALID_ARGUMENT, and its lease is given back', async () => {
      answer = lines({ ...GOT, kind: 'directory', lease: 'lease-d' })
      await assert.rejects(mesh.payload(FIXED).fetch(), failsWith('INVALID_ARGUMENT', /directory, and no Payload/))
      assert.deepEqual(releases(), [{ lease: 'lease-d' }])
    })
  })

  describe('whose name nobody here knows', () => {
    const unknownName: Answer = (received, response) => {
      const { ref } = Object(received.body)
      const known = asJson('{"loss":0.5}', { codec: null, mediaType: null, seq: null, origin: null })
      const error = problem('NOT_FOUND', 'nobody in this mesh publishes it')
      return String(ref).startsWith('ipfs://')
        ? known(received, response)
        : lines({ event: 'error', error })(received, response)
    }

    it('is got by what its reference says of its content', async () => {
      answer = unknownName
      const payload = mesh.payload(FIXED)
      assert.deepEqual(await payload.get(), { loss: 0.5 })
      assert.deepEqual([payload.fetched?.codec, payload.fetched?.mediaType], ['json', 'application/json'])
      const { ref, providers } = Object(daemon.bodies('get')[1])
      assert.deepEqual([ref, providers], [`ipfs://${CID}`, [FIXED.$payload.origin]])
    })

    it('asks no more peers than a request may name', async () => {
      answer = unknownName
      const providers = Array.from({ length: 32 }, (_, i) => `p${i}`)
      await mesh.payload({ $payload: { ...FIXED.$payload, providers } }).get()
      assert.ok(Object(daemon.bodies('get')[1]).providers.length <= 32)
    })

    it('is NOT_FOUND where it follows its name, or is fixed at a number', async () => {
      answer = unknownName
      for (const $payload of [
        { work: 'train', path: 'metrics' },
        { work: 'train', path: 'metrics', seq: 1 }
      ])
        await assert.rejects(mesh.payload({ $payload }).get(), failsWith('NOT_FOUND'))
    })
  })

  it('is decoded by what was registered for its codec', async () => {
    const codec: Codec<Map<string, string>> = {
      id: 'test/payload-registered',
      mediaType: 'application/octet-stream',
      matches: (value): value is Map<string, string> => value instanceof Map && value.has('of this test'),
      encode: () => Buffer.from('x'),
      decode: source => new Map([['of this test', String(source.size)]])
    }
    registerCodec(codec)
    answer = lines(gotBytes(Buffer.from('abc'), { codec: codec.id, mediaType: codec.mediaType }))
    assert.deepEqual(await mesh.payload(encodedBy(codec.id)).get(), new Map([['of this test', '3']]))
    assert.ok(mesh.payload(FIXED) instanceof Payload)
  })
})
