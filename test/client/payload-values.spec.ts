// A Payload as a value: what it is made of, its JSON form, classes of Payloads, and what it refuses to be mixed with.

import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { Mesh } from '../../client/mesh.ts'
import { Path } from '../../client/path.ts'
import { Payload } from '../../client/payload.ts'
import { failsWith } from '../helpers/trees.ts'
import { CID, FakeDaemon, gotBytes, lines, PEER, PUT, type Answer } from './fake-daemon.ts'
import { encodedBy, FIXED, meshOf } from './payload-mesh.ts'

/** A class that writes and reads files, and says what it was called with. */
class Model extends Payload<{ weights: string }> {
  static override readonly codec: string = 'test/model-1'
  static override readonly mediaType: string = 'application/x-test-model'
  static loaded: string[] = []

  override async save({ weights }: { weights: string }, path: string): Promise<void> {
    await writeFile(path, weights)
  }

  override async load(path: string): Promise<{ weights: string }> {
    Model.loaded.push(path)
    return { weights: await readFile(path, 'utf8') }
  }
}

describe('a Payload of a value', () => {
  let daemon: FakeDaemon
  let mesh: Mesh
  let answer: Answer

  beforeEach(async () => {
    answer = lines(gotBytes(Buffer.from('')))
    daemon = await FakeDaemon.start({
      put: lines(PUT),
      get: (received, response) => answer(received, response),
      session: (_, response) => void response.write('{"session":"s-1"}\n')
    })
    mesh = meshOf(daemon)
  })
  afterEach(async () => {
    await mesh.close()
    await daemon.stop()
  })

  it('is made of any value but undefined', () => {
    for (const value of [null, false, 0, NaN, '', [], {}]) assert.ok(Object.is(new Payload(value).value, value))
    assert.throws(() => new Payload(undefined), TypeError)
    assert.throws(() => new Payload(), TypeError)
  })

  it('has its value at once, and no name, no JSON form and no mesh before it was published', async () => {
    const value = { a: 1 }
    const payload = new Payload(value)
    assert.ok(payload.value === value && (await payload.get()) === value)
    assert.equal(await payload.fetch(), payload)
    assert.equal(inspect(payload), 'Payload(of no name yet)')
    assert.equal(payload.isPublished, false)
    assert.deepEqual([payload.cid, payload.size, payload.codec], [undefined, undefined, undefined])
    for (const use of [() => payload.ref, () => payload.toJSON(), () => JSON.stringify({ payload })])
      assert.throws(use, /TypeError.*mesh\.put/s)
    await assert.rejects(payload.stat(), TypeError)
    await payload.release()
    assert.ok(payload.value === value)
  })

  it('once it is put has its value, its name and its facts, and is fixed', async () => {
    const value = { loss: 0.5 }
    const payload = await mesh.put('train/metrics', value, { meta: { epoch: 3 }, keep: 5 })
    assert.ok(payload.value === value && (await payload.get()) === value)
    assert.deepEqual([payload.work, payload.path, payload.origin], ['train', 'metrics', PEER])
    assert.deepEqual([payload.cid, payload.size, payload.codec, payload.version], [CID, 5, 'cbor', CID])
    const [{ query, bytes } = assert.fail()] = daemon.received.filter(({ path }) => path === '/v1/put')
    assert.deepEqual(Object.fromEntries(query), {
      as: 'train/metrics',
      codec: 'cbor',
      mediaType: 'application/cbor',
      meta: '{"epoch":3}',
      keep: '5'
    })
    assert.ok(bytes.length > 0 && bytes.length < 32)
    assert.deepEqual(daemon.bodies('get'), [])
  })

  it('put as a Payload stays the same kind, and the one that was given stays unpublished', async () => {
    const model = new Model({ weights: 'w' })
    const published = await mesh.put('train/model', model)
    assert.ok(published instanceof Model && published !== model)
    assert.equal(model.isPublished, false)
    const [received] = daemon.received.filter(({ path }) => path === '/v1/put')
    assert.deepEqual(
      [received?.query.get('codec'), received?.query.get('mediaType'), received?.bytes.toString()],
      [Model.codec, Model.mediaType, 'w']
    )
  })

  it('is refused where its name or its codec is none, before anything is sent', async () => {
    for (const name of [
      'train',
      'train/',
      '/x',
      'train/../x',
      'train@other/x',
      `pathmesh://train/x?version=${CID}`,
      ''
    ])
      await assert.rejects(mesh.put(name, 1), failsWith('INVALID_ARGUMENT'), name)
    await assert.rejects(mesh.put('train/x', 1, { codec: 'nothing' }), failsWith('CODEC_NOT_FOUND'))
    await assert.rejects(
      mesh.put('train/x', () => 1),
      failsWith('CODEC_NOT_FOUND')
    )
    await assert.rejects(mesh.put('train/x', undefined), TypeError)
    const controller = new AbortController()
    controller.abort(new RangeError('enough'))
    await assert.rejects(mesh.put('train/x', 1, { signal: controller.signal }), RangeError)
    assert.deepEqual(daemon.received, [])
  })

  it('that is a reference without its value is NOT_FETCHED when it is put', async () => {
    await assert.rejects(mesh.put('train/x', mesh.payload(FIXED)), failsWith('NOT_FETCHED'))
    assert.deepEqual(daemon.received, [])
  })

  describe('in JSON', () => {
    it('is the reference, and never the value', async () => {
      const payload = await mesh.put('train/metrics', { secret: 'of the value' })
      const text = JSON.stringify({ deep: [payload] })
      assert.doesNotMatch(text, /of the value/)
      assert.deepEqual(JSON.parse(text), {
        deep: [{ $payload: { work: 'train', origin: PEER, path: 'metrics', cid: CID, size: 5, codec: 'cbor', seq: 4 } }]
      })
    })

    it('comes back the same: fixed at content, at a number, following, or content alone', () => {
      const forms = [
        FIXED.$payload,
        { work: 'train', path: 'a/b', seq: 2 },
        { work: 'train', path: 'a' },
        { work: 'train', origin: PEER, path: 'a' },
        { path: '', cid: CID },
        { work: 'train', path: 'ü%/a?b', cid: CID, providers: ['p1'] }
      ]
      for (const $payload of forms) {
        for (const made of [mesh.payload({ $payload }), Payload.from({ $payload })])
          assert.deepEqual(JSON.parse(JSON.stringify(made)), { $payload })
      }
    })

    it('loses what was known of a version when it follows, or is fixed at another', () => {
      const payload = mesh.payload(FIXED)
      assert.deepEqual(payload.at(7).toJSON(), { $payload: { work: 'train', origin: PEER, path: 'metrics', seq: 7 } })
      assert.deepEqual([payload.at(7).cid, payload.at(7).codec], [undefined, undefined])
    })

    it('is revived by a mesh, and without one as a value that says what it lacks', async () => {
      const text = JSON.stringify({ a: [FIXED], plain: { $payload: 1, other: 2 } })
      const { a, plain } = JSON.parse(text, mesh.reviver)
      answer = lines(gotBytes(Buffer.from('[7]'), { codec: 'json', mediaType: 'application/json' }))
      assert.ok(a[0] instanceof Payload)
      assert.deepEqual([await a[0].get(), plain], [[7], { $payload: 1, other: 2 }])
      const value = JSON.parse(text, Payload.reviver).a[0]
      assert.ok(value instanceof Payload)
      assert.throws(() => value.value, failsWith('NOT_FETCHED'))
      await assert.rejects(value.get(), /TypeError.*mesh\.payload/s)
      assert.deepEqual(await mesh.payload(value.toJSON()).get(), [7])
      assert.deepEqual(await Payload.from(value.toJSON(), mesh).get(), [7])
    })

    it('is refused where its inside is none, and the error says where it stands', () => {
      for (const revive of [mesh.reviver, Payload.reviver])
        assert.throws(
          () => JSON.parse('{"best":{"$payload":{"work":"w"}}}', revive),
          failsWith('INVALID_ARGUMENT', /at "best"/)
        )
      assert.throws(() => Payload.from({ $path: {} }), failsWith('INVALID_ARGUMENT'))
      const path = { $path: { work: 'w', path: 'p' } }
      assert.deepEqual(JSON.parse(JSON.stringify(path), Payload.reviver), path)
      assert.ok(JSON.parse(JSON.stringify(path), mesh.reviver) instanceof Path)
    })
  })

  it('is not added or compared', () => {
    const payload = mesh.payload(FIXED)
    for (const hint of ['default', 'number'])
      assert.throws(() => payload[Symbol.toPrimitive](hint), /TypeError: a Payload is not added/)
    assert.throws(() => String.raw({ raw: ['', ''] }, Object(payload) + ''), /a Payload is not added/)
    assert.throws(() => Number(payload), TypeError)
    assert.match(payload.toString(), /^pathmesh:\/\/train@.*\/metrics\?version=/)
    assert.equal(mesh.payload(FIXED).equals(mesh.payload(FIXED)), true)
    assert.equal(mesh.payload(FIXED).equals(mesh.payload('train/metrics')), false)
  })

  it('is turned into a Path of the same name, and back', () => {
    const payload = mesh.payload(FIXED)
    assert.equal(mesh.path(payload).toString(), payload.toString())
    assert.equal(mesh.payload(mesh.path('train/metrics')).toString(), 'pathmesh://train/metrics')
  })

  describe('of a class of its own', () => {
    const saved: Answer = lines(gotBytes(Buffer.from('w'), { codec: Model.codec, mediaType: Model.mediaType }))

    it('is read by the class, from a file that is gone afterwards, although nothing was registered', async () => {
      answer = saved
      const model = mesh.payload(FIXED, { type: Model })
      assert.ok(model instanceof Model)
      assert.deepEqual(await model.get(), { weights: 'w' })
      const path = Model.loaded.at(-1)
      assert.ok(path !== undefined && !existsSync(path))
      assert.deepEqual(model.value, { weights: 'w' })
    })

    it('keeps its class when it is fixed, and through JSON', async () => {
      answer = saved
      const model = mesh.payload(FIXED, { type: Model }).at(3)
      assert.ok(model instanceof Model)
      assert.deepEqual(await Model.from(JSON.parse(JSON.stringify(model)), mesh).get(), { weights: 'w' })
    })

    it('is CODEC_NOT_FOUND for any other Payload until it is registered', async () => {
      answer = saved
      await assert.rejects(mesh.payload(encodedBy(Model.codec)).get(), failsWith('CODEC_NOT_FOUND', /test\/model-1/))
      Model.register()
      assert.deepEqual(await mesh.payload(encodedBy(Model.codec)).get(), { weights: 'w' })
    })

    it('may save and load at once, and is called as its class is', async () => {
      class Plain extends Payload {
        override save(value: unknown): void {
          assert.equal(value, 'plain')
          throw new RangeError('cannot be saved')
        }
      }
      await assert.rejects(mesh.put('train/plain', new Plain('plain')), /RangeError: cannot be saved/)
      const reader = mesh.payload(encodedBy('Plain'), { type: Plain })
      answer = lines(gotBytes(Buffer.from('w'), { codec: 'Plain', mediaType: 'application/octet-stream' }))
      await assert.rejects(reader.get(), failsWith('CODEC_NOT_FOUND', /Plain/))
      assert.deepEqual(daemon.bodies('put'), [])
    })
  })
})
