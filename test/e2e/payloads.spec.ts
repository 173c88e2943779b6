// Payloads from node to node: handed on as text, read where they were never made, with their versions, names and copies.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'mocha'
import { type Mesh, Payload, type PutOptions } from '../../client/index.ts'
import { Name, Stat } from '../../proto/api.ts'
import { SMALL_PAYLOAD_BYTES } from '../../proto/limits.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { Seeded } from '../helpers/seeded.ts'
import { collect, failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

const MiB = 1024 * 1024

describe('a Payload', function () {
  this.timeout(60_000)
  let scene: Scene
  let [a, b]: Daemon[] = []
  let [here, there]: Mesh[] = []
  const random = new Seeded('payloads')

  before(async () => {
    scene = await Scene.open()
    ;[a, b] = await scene.mesh('a', 'b')
    here = await scene.connect(must(a))
    there = await scene.connect(must(b))
  })
  after(() => scene.close())
  const read = (text: string, mesh = must(there)): Payload => Payload.from(JSON.parse(text), mesh)

  for (const size of [
    0,
    1,
    SMALL_PAYLOAD_BYTES - 1,
    SMALL_PAYLOAD_BYTES,
    SMALL_PAYLOAD_BYTES + 1,
    MiB,
    MiB + 1,
    3 * MiB
  ]) {
    it(`of ${size} bytes goes to another node as text, is read there, and is one file's content`, async () => {
      const bytes = random.bytes(size)
      const put = await must(here).put(`sizes/${size}`, bytes)
      const payload = read(JSON.stringify(put))
      const value = await payload.get()
      assert.ok(value instanceof Uint8Array && Buffer.from(value).equals(bytes))
      assert.deepEqual([payload.fetched?.seq, payload.fetched?.codec, payload.size], [1, 'bytes', size])
      const shared = await must(here).share(await scene.file(`sizes/${size}`, bytes), { as: `sizes-of-files/${size}` })
      assert.equal(shared.cid, put.cid)
      const path = await must(there).path(put.toString()).get()
      assert.ok((await must(there).path(put.toString()).readFile()).equals(bytes))
      assert.ok(path.path.endsWith(`/${size}`) || path.path.includes(String(put.cid)), path.path)
    })
  }

  it('has a value of plain data, and comes back as it was', async () => {
    const value = { loss: [0.5, NaN, -0], at: new Date(5), big: 2n ** 70n, bytes: new Float32Array([1.5]), none: null }
    const put = await must(here).put('plain/data', value)
    const got = await read(JSON.stringify(put)).get()
    assert.deepEqual(got, value)
  })

  it('has versions: fixed ones, the newest, their history, and what is watched', async () => {
    const events = must(there).payload('versions/x').watch()
    assert.equal((await events.next()).value?.event, 'watching')
    const first = await must(here).put('versions/x', { n: 1 }, { meta: { epoch: 1 } })
    const second = await must(here).put('versions/x', { n: 2 }, { codec: 'json' })
    const again = await must(here).put('versions/x', { n: 2 }, { codec: 'json' })
    assert.deepEqual([first.toJSON().$payload.seq, second.toJSON().$payload.seq, again.cid], [1, 2, second.cid])
    const payload = must(there).payload('versions/x')
    const seen = await events.next()
    const then = await events.next()
    const codecs = [seen, then].map(({ value }) => value?.event === 'version' && value.version.codec)
    assert.deepEqual(codecs, ['cbor', 'json'])
    await events.return()
    const latest = await payload.latest()
    assert.deepEqual([latest.seq, latest.codec, latest.mediaType], [2, 'json', 'application/json'])
    const history = await collect(payload.history())
    assert.deepEqual(
      history.map(({ seq, codec, meta }) => [seq, codec, meta]),
      [
        [2, 'json', null],
        [1, 'cbor', { epoch: 1 }]
      ]
    )
    assert.deepEqual(await payload.at(1).get(), { n: 1 })
    assert.deepEqual(await payload.at(latest).get(), { n: 2 })
    assert.deepEqual(await read(JSON.stringify(first)).get(), { n: 1 })
    const following = await payload.get()
    await must(here).put('versions/x', { n: 3 })
    await until('it follows', async () => (await payload.get()) !== following)
    assert.deepEqual(payload.value, { n: 3 })
  })

  it('is waited for before it exists, and put by a work', async () => {
    const soon = must(there).payload<{ a: number }>(JSON.parse(JSON.stringify(must(here).work('soon').payload('x'))))
    assert.equal(await soon.exists(), false)
    await assert.rejects(soon.get(), failsWith('NOT_FOUND'))
    await assert.rejects(soon.waitFor({ timeoutMs: 100 }), failsWith('TIMEOUT'))
    const waiting = Promise.all([soon.waitFor({ timeoutMs: 20_000 }), soon.get({ waitMs: 20_000 })])
    await must(here).work('soon').put('x', { a: 1 })
    const [version, value] = await waiting
    assert.deepEqual([version.seq, version.codec, value], [1, 'cbor', { a: 1 }])
  })

  for (const [what, size] of [
    ['small', 10],
    ['large', SMALL_PAYLOAD_BYTES + 10]
  ] as const) {
    it(`that is ${what} is here or there, is dropped, has another name, and is retired`, async () => {
      const name = `life-${what}/x`
      const bytes = random.bytes(size)
      const put = await must(here).put(name, bytes)
      const other = must(there).payload(name)
      await other.waitFor({ timeoutMs: 10_000 })
      const where = async (payload: Payload): Promise<boolean[]> =>
        await Promise.all([payload.exists(), payload.existsLocal(), payload.existsRemote()])
      assert.deepEqual(
        [await where(put), await where(other)],
        [
          [true, true, false],
          [true, false, true]
        ]
      )
      await other.get()
      assert.deepEqual(
        [await where(put), await where(other)],
        [
          [true, true, true],
          [true, true, true]
        ]
      )
      const dropped = await other.drop()
      assert.deepEqual(dropped, { roots: 1, files: 1, bytes: size })
      assert.deepEqual(await where(other), [true, false, true])
      const alias = await must(there).alias(`alias-${what}/x`, other.toString())
      assert.equal(alias.cid, put.cid)
      const aliased = must(here).payload(`alias-${what}/x`)
      assert.equal((await aliased.waitFor({ timeoutMs: 10_000 })).codec, 'bytes')
      assert.ok(Buffer.from(await aliased.get<Uint8Array>({ as: 'bytes' })).equals(bytes))
      await other.get()
      await must(here).payload(name).unshare()
      await until('it is retired there', async () => !(await other.exists()))
      assert.ok(Buffer.from(await aliased.get<Uint8Array>({ as: 'bytes' })).equals(bytes))
    })
  }

  for (const size of [100, SMALL_PAYLOAD_BYTES + 1])
    it(`of ${size} bytes that is published here as well is not dropped with the copy of another's`, async () => {
      const value = random.bytes(size)
      const mine = await must(there).put(`mine/${size}`, value)
      const theirs = await must(here).put(`theirs/${size}`, value)
      await assert.rejects(
        must(there)
          .payload(JSON.parse(JSON.stringify(theirs)))
          .drop(),
        failsWith('INVALID_ARGUMENT', /publishes as mine\/.*unshare/)
      )
      await assert.rejects(mine.drop(), failsWith('INVALID_ARGUMENT', /unshare/))
      assert.equal(await mine.existsLocal(), true)
    })

  it('whose name nobody knows any more is there by its content: asked for, read, and in parts', async () => {
    const value = random.bytes(3 * MiB)
    const handed = JSON.stringify(await must(here).put('passing/x', value))
    await must(here).payload('passing/y').exists()
    await must(there).payload(JSON.parse(handed)).get()
    await must(here).payload('passing/x').unshare()
    const unknown = { $payload: { ...JSON.parse(handed).$payload, path: 'never/known' } }
    const payload = must(there).payload(unknown)
    assert.deepEqual([await payload.exists(), await payload.existsLocal()], [true, true])
    assert.equal((await payload.stat()).size, value.length)
    const pieces: Buffer[] = []
    for await (const piece of payload.createReadStream({ start: MiB, end: MiB + 9 })) pieces.push(piece)
    assert.deepEqual(Buffer.concat(pieces), Buffer.from(value.subarray(MiB, MiB + 10)))
  })

  it('that is small, and was read and then got as a file, is dropped at once', async () => {
    const put = await must(here).put('dropped/x', 'small')
    const payload = must(there).payload(put.toJSON())
    await payload.get()
    const got = await must(there).path(put.toString()).get()
    await got.release()
    await payload.drop()
    assert.equal(await payload.existsLocal(), false)
    assert.equal(await must(there).payload(put.toJSON()).get(), 'small')
  })

  it('that is small, and was got as a file on its own node, goes when it is replaced', async () => {
    const first = await must(here).put('replaced/x', 'the first', { keep: 1 })
    await using got = await must(here).path('replaced/x').get()
    assert.equal(await readFile(got.path, 'utf8'), 'the first')
    await must(here).put('replaced/x', 'the second', { keep: 1 })
    assert.equal(await readFile(got.path, 'utf8'), 'the first')
    await got.release()
    await must(here).put('replaced/x', 'the third', { keep: 1 })
    await until('the first is gone', async () => !(await must(here).payload(`ipfs://${first.cid}`).existsLocal()))
  })

  it('is listed with its codec, by program and by command', async () => {
    await must(here).put('listed/x', 'text')
    await must(here).share(await scene.file('listed', 'file'), { as: 'listed/y' })
    await must(there).payload('listed/y').waitFor({ timeoutMs: 10_000 })
    for (const mesh of [must(here), must(there)]) {
      const names = await collect(mesh.names({ prefix: 'listed/' }))
      assert.deepEqual(
        names.map(({ path, codec, mediaType }) => [path, codec, mediaType]),
        [
          ['x', 'text', 'text/plain;charset=utf-8'],
          ['y', null, null]
        ]
      )
    }
    const listed = await must(b).cli(['ls', 'listed/x'])
    assert.equal(listed.value(Name.strict()).codec, 'text')
    const stat = (await must(b).cli(['stat', 'listed/x'])).value(Stat.strict())
    assert.deepEqual([stat.codec, stat.kind, stat.size], ['text', 'file', 4])
  })

  for (const [what, text] of [
    ['small', 'the same bytes'],
    ['large', 'the same bytes '.repeat(10_000)]
  ] as const) {
    it(`of the same ${what} bytes in another encoding, or with other meta, is another version`, async () => {
      const name = `encodings/${what}`
      const seqs: unknown[] = []
      const put = async (value: string | Uint8Array, options: PutOptions = {}): Promise<void> => {
        const payload = await must(here).put<unknown>(name, value, options)
        seqs.push([payload.toJSON().$payload.seq, (await payload.latest()).codec, (await payload.latest()).meta])
      }
      await put(text)
      await put(Buffer.from(text))
      await put(Buffer.from(text), { meta: { a: 1 } })
      await put(Buffer.from(text), { meta: { a: 1 } })
      assert.deepEqual(seqs, [
        [1, 'text', null],
        [2, 'bytes', null],
        [3, 'bytes', { a: 1 }],
        [3, 'bytes', { a: 1 }]
      ])
      assert.equal(await must(here).payload(name).at(1).get(), text)
    })
  }

  it('that was handed on is decoded as it was encoded, although the same bytes were put again in another encoding', async () => {
    const first = await must(here).put('again/x', 'text')
    const second = await must(here).put('again/x', Buffer.from('text'))
    assert.equal(second.cid, first.cid)
    const other = must(there).payload('again/x')
    await until('both are known', async () => (await other.waitFor({ timeoutMs: 10_000 })).seq === 2)
    assert.equal(await read(JSON.stringify(first)).get(), 'text')
    assert.ok((await read(JSON.stringify(second)).get()) instanceof Uint8Array)
  })

  it('under a published directory, or around one, is NAME_CONFLICT', async () => {
    await scene.file('folder/file', 'x')
    await must(here).share(scene.at('folder'), { as: 'conflict/folder' })
    for (const size of [1, SMALL_PAYLOAD_BYTES + 1])
      await assert.rejects(must(here).put('conflict/folder/x', random.bytes(size)), failsWith('NAME_CONFLICT'))
    assert.equal(await must(here).payload('conflict/folder/x').exists(), false)
  })

  it('is read in parts, and as a stream, without being fetched', async () => {
    const bytes = random.bytes(3 * MiB)
    const put = await must(here).put('parts/x', bytes)
    const payload = read(JSON.stringify(put))
    const part = Buffer.concat(await collect(payload.createReadStream({ start: MiB - 1, end: MiB + 1 })))
    assert.ok(part.equals(bytes.subarray(MiB - 1, MiB + 2)))
    assert.equal(await payload.existsLocal(), false)
    assert.ok(Buffer.concat(await collect(payload.createReadStream())).equals(bytes))
    assert.throws(() => payload.value, failsWith('NOT_FETCHED'))
  })
})
