// A provider asked over a stream: what `serve` answers arrives, and what a liar answers is CORRUPT before anybody sees it.

import assert from 'node:assert/strict'
import type { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { RAW, cidOf } from '../../../daemon/content/multihash.ts'
import type { WantedLeaf, WantedSmall } from '../../../daemon/exchange/provider.ts'
import { RateLimit } from '../../../daemon/exchange/rate-limit.ts'
import { exchangeHandlers, type ServingParts, type Source } from '../../../daemon/exchange/serve.ts'
import { StreamProvider } from '../../../daemon/exchange/stream-provider.ts'
import { Transfers } from '../../../daemon/exchange/transfers.ts'
import { Turns } from '../../../daemon/exchange/turns.ts'
import { bytesOf } from '../../../daemon/frames.ts'
import { type Answer, Caller, type Handler, answer } from '../../../daemon/rpc.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import { Blocks, HaveAnswer, Leaf } from '../../../proto/generated/exchange.ts'
import { LEAF_BYTES, LEAVES_REQUEST_MAX, REQUEST_CIDS_MAX } from '../../../proto/limits.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { duplexPair } from '../../helpers/memory-duplex.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { bytesAt } from '../../helpers/stores.ts'
import { type Tree, collect, directory, failsWith, file, link } from '../../helpers/trees.ts'
import { Content, downloadParts, FakePeers, MemoryDestination } from './fakes.ts'

const random = new Seeded('stream provider')
const never = new AbortController().signal

describe('StreamProvider', () => {
  const cleanups: (() => Promise<void>)[] = []
  let content: Content

  beforeEach(() => {
    content = new Content()
  })

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup()
  })

  function providerOf(handlers: Record<string, Handler>): StreamProvider {
    const [asker, answerer] = duplexPair(2 ** 20)
    const answering = answer(answerer, handlers)
    const caller = new Caller(asker)
    cleanups.push(async () => {
      caller.close()
      await answering
    })
    return new StreamProvider(caller)
  }
  const honest = (onServed: (peer: string, bytes: number) => void = () => undefined) =>
    providerOf(exchangeHandlers(servingParts(content.source(), onServed)))
  const lying = (method: string, ...answers: readonly Answer[]) =>
    providerOf({
      [method]: async function* () {
        yield* answers
      }
    })
  const blocks = (found: readonly (readonly [CID, Uint8Array])[], missing: readonly CID[] = []): Answer => ({
    body: Blocks.encode({
      blocks: found.map(([cid, bytes]) => ({ cid: bytesOf(cid.bytes), size: bytes.length })),
      missing: missing.map(cid => bytesOf(cid.bytes))
    }),
    payload: Buffer.concat(found.map(([, bytes]) => bytes))
  })
  const leafOf = (text: string): [CID, Buffer] => [cidOf(RAW, 'blake3', Buffer.from(text)), Buffer.from(text)]

  for (const [what, tree] of [
    [
      'a tree',
      directory({
        a: directory({ small: file('small'), same: file('small') }),
        large: file(random.bytes(3 * LEAF_BYTES + 7)),
        link: link('a/small'),
        none: file(),
        run: file('run', true)
      })
    ],
    [
      'many small files',
      directory(Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`f${i}`, file(`file ${i}`)])))
    ],
    ['a file of many leaves', file(random.bytes(20 * LEAF_BYTES + 1))],
    ['a leaf', file('leaf')],
    ['an executable of one leaf', file('run', true)]
  ] as const satisfies [string, Tree][]) {
    it(`brings ${what} over the wire`, async () => {
      let served = 0
      const provider = honest((_, bytes) => (served += bytes))
      const clock = new ManualClock()
      const destination = new MemoryDestination()
      const transfers = new Transfers<MemoryDestination>({ ...downloadParts(clock), peers: new FakePeers(provider) })
      const root = await content.add(tree)
      const { status } = await clock.drive(
        transfers.fetch({ root, hints: [], name: null }, destination, { signal: never })
      )
      for (const [path, written] of destination.written) assert.ok(written.equals(bytesAt(tree, path)), path)
      assert.equal(served, status.bytesFetched)
      assert.equal(destination.finishes, 1)
    })
  }

  it('says what is missing, and refuses what no request may ask', async () => {
    const provider = honest()
    const [absent] = leafOf('absent')
    assert.deepEqual((await provider.tree([absent])).missing.map(String), [absent.toString()])
    const [answered] = (await collect(provider.small([small(absent)]))).flat()
    assert.deepEqual([answered?.cid.toString(), answered?.bytes], [absent.toString(), undefined])
    assert.deepEqual(await provider.have([absent]), [false])
    await assert.rejects(collect(provider.leaves({ file: absent, leaves: wanted(absent, 0) })), failsWith('NOT_FOUND'))
    const tooMany = Array.from({ length: LEAVES_REQUEST_MAX + 1 }, (_, index) => index)
    for (const indexes of [[], tooMany])
      await assert.rejects(
        collect(provider.leaves({ file: absent, leaves: wanted(absent, ...indexes) })),
        failsWith('INVALID_ARGUMENT')
      )
    const many = Array.from({ length: REQUEST_CIDS_MAX + 1 }, (_, i) => leafOf(`${i}`)[0])
    await assert.rejects(provider.have(many), failsWith('INVALID_ARGUMENT'))
    assert.equal((await provider.have(many.slice(1))).length, REQUEST_CIDS_MAX)
  })

  it('is CORRUPT where an answer cannot be read', async () => {
    const [cid] = leafOf('x')
    const garbage: Answer = { body: bytesOf(Buffer.from([0xff, 0xff, 0xff])), payload: Buffer.of() }
    await assert.rejects(lying('tree', garbage).tree([cid]), failsWith('CORRUPT'))
    await assert.rejects(collect(lying('small', garbage).small([small(cid)])), failsWith('CORRUPT'))
    await assert.rejects(
      collect(lying('leaves', garbage).leaves({ file: cid, leaves: wanted(cid, 0) })),
      failsWith('CORRUPT')
    )
    await assert.rejects(lying('have', garbage).have([cid]), failsWith('CORRUPT'))
    await assert.rejects(lying('wrong', garbage).wrong(cid, 0), failsWith('CORRUPT'))
  })

  it('is CORRUPT where there is no answer at all', async () => {
    const [cid] = leafOf('x')
    await assert.rejects(lying('tree').tree([cid]), failsWith('CORRUPT'))
    await assert.rejects(collect(lying('small').small([small(cid)])), failsWith('CORRUPT', /leaves out/))
    await assert.rejects(
      collect(lying('leaves').leaves({ file: cid, leaves: wanted(cid, 0) })),
      failsWith('CORRUPT', /leaves out/)
    )
    await assert.rejects(lying('have').have([cid]), failsWith('CORRUPT'))
    await assert.rejects(lying('wrong').wrong(cid, 0), failsWith('CORRUPT'))
  })

  it('is CORRUPT where a block is not what its CID says, too short, too long, or not asked for', async () => {
    const [cid, bytes] = leafOf('asked')
    const [other, otherBytes] = leafOf('not asked')
    const good = blocks([[cid, bytes]])
    assert.equal((await collect(lying('small', good).small([small(cid)]))).flat().length, 1)
    for (const [what, bad] of [
      ['other bytes', blocks([[cid, Buffer.from('other')]])],
      ['short', { ...good, payload: good.payload.subarray(1) }],
      ['long', { ...good, payload: Buffer.concat([good.payload, Buffer.from('x')]) }],
      [
        'unasked',
        blocks([
          [cid, bytes],
          [other, otherBytes]
        ])
      ],
      ['unasked missing', blocks([[cid, bytes]], [other])],
      [
        'twice',
        blocks([
          [cid, bytes],
          [cid, bytes]
        ])
      ]
    ] as const)
      await assert.rejects(collect(lying('small', bad).small([small(cid)])), failsWith('CORRUPT'), what)
  })

  it('is CORRUPT where a leaf was not asked for, comes twice or is wrong, and cut off where leaves are too many bytes', async () => {
    const [cid] = leafOf('file')
    const [leafCid, bytes] = leafOf('ten bytes!')
    const leaf = (index: number, payload = bytes): Answer => ({ body: Leaf.encode({ index }), payload })
    const ask = (...answers: Answer[]) =>
      collect(lying('leaves', ...answers).leaves({ file: cid, leaves: wanted(leafCid, 4, 5) }))
    assert.deepEqual(
      (await ask(leaf(5), leaf(4))).map(({ index }) => index),
      [5, 4]
    )
    await assert.rejects(ask(leaf(4), leaf(6)), failsWith('CORRUPT', /not asked for/))
    await assert.rejects(ask(leaf(4), leaf(4)), failsWith('CORRUPT', /not asked for/))
    await assert.rejects(ask(leaf(4)), failsWith('CORRUPT', /leaves out/))
    await assert.rejects(ask(leaf(4), leaf(5, Buffer.alloc(3 * LEAF_BYTES))), failsWith('TOO_LARGE'))
    for (const wrong of [Buffer.from('TEN BYTES!'), Buffer.from('nine byte')])
      await assert.rejects(ask(leaf(4), leaf(5, wrong)), (error: unknown) => {
        assert.ok(error instanceof PathmeshError)
        assert.deepEqual([error.code, error.details?.['wrongLeaf']], ['CORRUPT', 5])
        return true
      })
  })

  it('believes that a root is held only where the peer says so of that root, whole', async () => {
    const [asked] = leafOf('asked')
    const [other] = leafOf('other')
    const says = (cid: CID, complete: boolean): Answer => ({
      body: HaveAnswer.encode({ held: [{ cid: bytesOf(cid.bytes), complete, bytes: 1 }] }),
      payload: Buffer.of()
    })
    assert.deepEqual(await lying('have', says(asked, true)).have([asked, other]), [true, false])
    assert.deepEqual(await lying('have', says(asked, false)).have([asked]), [false])
    assert.deepEqual(await lying('have', says(other, true)).have([asked]), [false])
  })

  it('passes on why a peer refused, and how a connection ended', async () => {
    const [cid] = leafOf('x')
    const provider = providerOf({
      async *leaves() {
        yield { body: Leaf.encode({ index: 0 }), payload: Buffer.from('\u0001') }
        throw new PathmeshError('SOURCE_CHANGED', 'share it again')
      }
    })
    await assert.rejects(
      collect(provider.leaves({ file: cid, leaves: wanted(leafOf('\u0001')[0], 0, 1) })),
      failsWith('SOURCE_CHANGED')
    )
    await assert.rejects(provider.have([cid]), failsWith('INCOMPATIBLE'))
  })

  for (const [what, code, withdraws] of [
    ['withdraws it', 'SOURCE_CHANGED', true],
    ['insists', 'CORRUPT', false]
  ] as const) {
    it(`is ${code} when a small file is wrong, the provider is told, and ${what}`, async () => {
      const root = await content.add(directory({ a: file('right'), b: file('wrong') }))
      const source = content.source()
      const rechecked: [string, number][] = []
      const provider = providerOf(
        exchangeHandlers(
          servingParts({
            ...source,
            async *small(cids) {
              for await (const some of source.small(cids))
                yield some.map(({ cid, bytes }) => ({
                  cid,
                  bytes: Buffer.from(bytes ?? '').toString() === 'wrong' ? Buffer.from('WRONG') : bytes
                }))
            },
            recheck: async (cid, index) => {
              rechecked.push([cid.toString(), index])
              return withdraws
            }
          })
        )
      )
      const clock = new ManualClock()
      const transfers = new Transfers<MemoryDestination>({ ...downloadParts(clock), peers: new FakePeers(provider) })
      await assert.rejects(
        clock.drive(transfers.fetch({ root, hints: [], name: null }, new MemoryDestination(), { signal: never })),
        failsWith(code, /^b from/)
      )
      assert.deepEqual(rechecked, [[leafOf('wrong')[0].toString(), 0]])
    })
  }
})

function servingParts(source: Source, onServed: ServingParts['onServed'] = () => undefined): ServingParts {
  return { source, turns: new Turns(), upload: new RateLimit(new ManualClock(), 0), onServed }
}

const small = (cid: CID): WantedSmall => ({ cid, size: undefined, into: [] })

/** Leaves of ten bytes, unless they are known to have another size. */
function wanted(cid: CID, ...indexes: readonly number[]): WantedLeaf[] {
  return indexes.map(index => ({ index, cid, size: SIZES.get(cid.toString()) ?? 10 }))
}

const SIZES = new Map<string, number>([[cidOf(RAW, 'blake3', Buffer.from('\u0001')).toString(), 1]])
