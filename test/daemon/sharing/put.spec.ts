// Taking a Payload in: where it comes to lie, what is refused, what is left of one that fails, and what goes when it is replaced.

import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { PathmeshError } from '../../../proto/errors.ts'
import { META_BYTES_MAX, PUT_STALL_MS, SMALL_PAYLOAD_BYTES } from '../../../proto/limits.ts'
import type { Progress } from '../../../proto/api.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { failsWith } from '../../helpers/trees.ts'
import { until } from '../../helpers/until.ts'
import { inPieces, PuttingNode } from './putting-node.ts'

const MiB = 1024 * 1024
const SIZES = [
  0,
  1,
  SMALL_PAYLOAD_BYTES - 1,
  SMALL_PAYLOAD_BYTES,
  SMALL_PAYLOAD_BYTES + 1,
  MiB - 1,
  MiB,
  MiB + 1,
  3 * MiB
]
const [SMALL, LARGE] = [10, SMALL_PAYLOAD_BYTES + 10]

describe('putPayload()', () => {
  let putting: PuttingNode
  const random = new Seeded('put')
  beforeEach(async () => (putting = await PuttingNode.make()))
  afterEach(() => putting.node.remove())

  const holdingsOf = async (cid: string): Promise<string[]> =>
    (await putting.node.store.holdingsOf(CID.parse(cid))).map(({ class: kind }) => kind)
  const nothingIsLeft = async (name = 'train/x'): Promise<void> => {
    await until('no folder is left', async () => (await putting.node.folders()) === 0)
    assert.deepEqual(await putting.node.names.known(name), [])
    const { roots, storedBytes } = await putting.node.store.usage()
    assert.deepEqual([roots, storedBytes], [0, 0])
  }

  for (const size of SIZES) {
    it(`of ${size} bytes has the root of a file of those bytes, and they lie where such a size does`, async () => {
      const bytes = random.bytes(size)
      const done = await putting.put('train/x', bytes)
      assert.deepEqual([done.size, done.seq, done.unchanged, done.codec], [size, 1, false, 'bytes'])
      const isSmall = size <= SMALL_PAYLOAD_BYTES
      assert.deepEqual(await holdingsOf(done.cid), [isSmall ? 'inline' : 'kept'])
      assert.equal(await putting.node.folders(), isSmall ? 0 : 1)
      if (!isSmall) {
        const { path } = putting.node.only(done.cid)
        assert.ok((await readFile(path)).equals(bytes))
        assert.deepEqual([path.split('/').at(-1), (await stat(path)).mode & 0o777], ['x', 0o444])
      }
      const file = join(putting.node.folder, 'file')
      await writeFile(file, bytes)
      assert.equal((await putting.node.publish(file, { as: 'files/x' })).cid, done.cid)
    })

    it(`of ${size} bytes publishes the same again as unchanged, and leaves nothing more`, async () => {
      const bytes = random.bytes(size)
      const done = await putting.put('train/x', bytes)
      const before = await holdingsOf(done.cid)
      const again = await putting.put('train/x', inPieces(bytes, 1_000))
      assert.deepEqual([again.cid, again.seq, again.unchanged], [done.cid, 1, true])
      const other = await putting.put('train/y', bytes)
      assert.deepEqual([other.cid, other.seq, other.unchanged], [done.cid, 1, false])
      assert.deepEqual(await holdingsOf(done.cid), before)
      await until(
        'nothing more is kept',
        async () => (await putting.node.folders()) === (size > SMALL_PAYLOAD_BYTES ? 1 : 0)
      )
    })
  }

  it('has the same root in whatever pieces it comes, and empty ones', async () => {
    const bytes = random.bytes(LARGE)
    async function* withEmpty(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array()
      yield bytes.subarray(0, SMALL_PAYLOAD_BYTES)
      yield new Uint8Array()
      yield bytes.subarray(SMALL_PAYLOAD_BYTES)
      yield new Uint8Array()
    }
    const [one, other] = [await putting.put('train/x', withEmpty()), await putting.put('train/y', inPieces(bytes, 999))]
    assert.equal(one.cid, other.cid)
  })

  it('is there after a start, small and large', async () => {
    const puts = await Promise.all([SMALL, LARGE].map(size => putting.put(`train/${size}`, random.bytes(size))))
    await putting.node.stop()
    await putting.node.start()
    for (const { cid } of puts) assert.equal((await holdingsOf(cid)).length, 1)
  })

  it('says its codec and media type, and those of one that says neither', async () => {
    const facts = async (query: object) => {
      const { codec, mediaType } = await putting.put('train/x', random.bytes(1), { query })
      return [codec, mediaType]
    }
    assert.deepEqual(await facts({}), ['bytes', 'application/octet-stream'])
    assert.deepEqual(await facts({ codec: 'json' }), ['json', 'application/json'])
    assert.deepEqual(await facts({ codec: 'acme/x' }), ['acme/x', 'application/octet-stream'])
    assert.deepEqual(await facts({ codec: 'acme/x', mediaType: 'application/json' }), ['acme/x', 'application/json'])
  })

  it('tells how much is written, of how much where that is known', async () => {
    const told: Progress[] = []
    await putting.put('train/x', random.bytes(LARGE), { size: LARGE, onProgress: progress => told.push(progress) })
    const copying = told.filter(({ phase }) => phase === 'copying').at(-1)
    assert.deepEqual([copying?.bytes, copying?.total], [LARGE, LARGE])
  })

  describe('refuses, and keeps nothing,', () => {
    const bad: [string, string, object][] = [
      ['a work alone', 'train', {}],
      ['a name out of its work', 'train/../x', {}],
      ['a name with a version', 'pathmesh://train/x?version=1', {}],
      ['a codec that is none', 'train/x', { codec: 'a b' }],
      ['a media type that is none', 'train/x', { mediaType: 'a/b\n' }],
      ['meta that is no JSON', 'train/x', { meta: '{' }],
      ['meta that is no object', 'train/x', { meta: '[1]' }],
      ['meta past its bound', 'train/x', { meta: JSON.stringify({ x: 'x'.repeat(META_BYTES_MAX) }) }],
      ['more versions than are kept', 'train/x', { keep: '11' }]
    ]
    for (const [what, name, query] of bad) {
      it(what, async () => {
        for (const size of [SMALL, LARGE])
          await assert.rejects(putting.put(name, random.bytes(size), { query }), failsWith('INVALID_ARGUMENT'))
        await nothingIsLeft()
      })
    }

    it('a name that is in conflict, as its catalogue says', async () => {
      for (const size of [SMALL, LARGE]) {
        putting.node.names.refuse = new PathmeshError('NAME_CONFLICT', 'it lies in a directory')
        const bytes = random.bytes(size)
        await assert.rejects(putting.put('train/x', bytes), failsWith('NAME_CONFLICT'))
      }
      await nothingIsLeft()
    })

    it('one of more bytes than the disk has', async () => {
      const free = await putting.node.store.freeBytes()
      await assert.rejects(
        putting.put('train/x', random.bytes(LARGE), { size: 2 * free }),
        failsWith('NO_SPACE', /make room/)
      )
      await nothingIsLeft()
    })
  })

  describe('leaves nothing', () => {
    for (const before of [0, SMALL, LARGE, 2 * MiB]) {
      it(`of a source that fails after ${before} bytes, and fails with its error`, async () => {
        async function* failing(): AsyncGenerator<Uint8Array> {
          yield random.bytes(before)
          await Promise.resolve()
          throw new PathmeshError('ABORTED', 'the program is gone')
        }
        await assert.rejects(putting.put('train/x', failing()), failsWith('ABORTED', /the program is gone/))
        await nothingIsLeft()
      })
    }

    for (const before of [0, SMALL, LARGE]) {
      it(`of one whose sender goes away after ${before} bytes, and leaves its source`, async () => {
        const controller = new AbortController()
        const reason = new PathmeshError('ABORTED', 'the client is gone')
        let isWaiting = false
        async function* silent(): AsyncGenerator<Uint8Array> {
          yield random.bytes(before)
          isWaiting = true
          await new Promise(() => undefined)
        }
        const failed = assert.rejects(
          putting.put('train/x', silent(), { signal: controller.signal }),
          failsWith('ABORTED', /the client is gone/)
        )
        await until('it waits', () => isWaiting)
        controller.abort(reason)
        await failed
        await nothingIsLeft()
      })
    }

    it('of one that says nothing for too long', async () => {
      let isWaiting = false
      async function* silent(): AsyncGenerator<Uint8Array> {
        yield random.bytes(LARGE)
        isWaiting = true
        await new Promise(() => undefined)
      }
      const failed = assert.rejects(putting.put('train/x', silent()), failsWith('TIMEOUT', /the rest of a Payload/))
      await until('it waits', async () => isWaiting && (await putting.node.folders()) === 1)
      await putting.node.clock.advance(PUT_STALL_MS + 1)
      await failed
      await nothingIsLeft()
    })

    it('of one that a stop cut off', async () => {
      let isWaiting = false
      const controller = new AbortController()
      async function* silent(): AsyncGenerator<Uint8Array> {
        yield random.bytes(LARGE)
        isWaiting = true
        await new Promise(() => undefined)
      }
      const failed = assert.rejects(putting.put('train/x', silent(), { signal: controller.signal }))
      await until('it waits', () => isWaiting)
      controller.abort(new PathmeshError('ABORTED', 'the daemon stops'))
      await failed
      await putting.node.stop()
      await putting.node.start()
      await nothingIsLeft()
    })
  })

  for (const [what, size] of [
    ['small', SMALL],
    ['large', LARGE]
  ] as const) {
    describe(`keeps of ${what} ones`, () => {
      const versions = async (count: number, query: object): Promise<string[]> => {
        const cids: string[] = []
        for (let i = 0; i < count; i++) cids.push((await putting.put('train/x', random.bytes(size), { query })).cid)
        return cids
      }
      const held = async (cids: string[]): Promise<number[]> =>
        await Promise.all(cids.map(async cid => (await holdingsOf(cid)).length))

      for (const [keep, expected] of [
        [undefined, [0, 0, 1, 1]],
        ['0', [0, 0, 0, 1]],
        ['1', [0, 0, 0, 1]],
        ['3', [0, 1, 1, 1]],
        ['10', [1, 1, 1, 1]]
      ] as const) {
        it(`as many versions as keep: ${keep ?? 'unsaid'} asks for`, async () => {
          const cids = await versions(4, keep === undefined ? {} : { keep })
          assert.deepEqual(await held(cids), expected)
        })
      }

      it('one that is read until it is released', async () => {
        const { store, retention } = putting.node
        const [first = assert.fail()] = await versions(1, { keep: '1' })
        const session = store.leases.openSession()
        store.leases.take(CID.parse(first), session)
        const [second = assert.fail()] = await versions(1, { keep: '1' })
        assert.deepEqual(await held([first, second]), [1, 1])
        store.leases.closeSession(session)
        await retention.sweep()
        assert.deepEqual(await held([first, second]), [0, 1])
      })

      it('nothing once the name is retired, unless another name has it', async () => {
        const bytes = random.bytes(size)
        const { cid } = await putting.put('train/x', bytes)
        await putting.put('train/y', bytes)
        await putting.unshare('train/x')
        assert.deepEqual(await held([cid]), [1])
        await putting.unshare('train/y')
        assert.deepEqual(await held([cid]), [0])
        await until('no folder is left', async () => (await putting.node.folders()) === 0)
      })

      it('what a file of the same bytes is shared from', async () => {
        const bytes = random.bytes(size)
        const path = join(putting.node.folder, 'file')
        await writeFile(path, bytes)
        const { cid } = await putting.node.publish(path, { as: 'files/x' })
        await putting.put('train/x', bytes, { query: { keep: '1' } })
        await putting.put('train/x', random.bytes(size), { query: { keep: '1' } })
        assert.ok((await holdingsOf(cid)).includes('in-place'))
        assert.ok((await readFile(path)).equals(bytes))
      })
    })
  }

  it('gives versions to all who put one name at once', async () => {
    const values = Array.from({ length: 8 }, (_, i) => random.bytes(i % 2 === 0 ? SMALL : LARGE))
    const puts = await Promise.all(values.map(bytes => putting.put('train/x', bytes, { query: { keep: '10' } })))
    for (const { cid } of puts) assert.equal((await holdingsOf(cid)).length, 1)
  })

  it('of the same large bytes by two at once keeps them once', async () => {
    const bytes = random.bytes(LARGE)
    const [one, other] = await Promise.all([putting.put('train/x', bytes), putting.put('train/y', bytes)])
    assert.equal(one.cid, other.cid)
    await putting.unshare('train/x')
    await putting.unshare('train/y')
    await until('no folder is left', async () => (await putting.node.folders()) === 0)
    assert.deepEqual(await holdingsOf(one.cid), [])
  })
})
