// What a transfer takes from where: from elsewhere on this node, from those that are still receiving it, and at the rate that is
// allowed; and what becomes of peers that send what is wrong.

import assert from 'node:assert/strict'
import type { CID } from 'multiformats/cid'
import { beforeEach, describe, it } from 'mocha'
import type { HeldMore, WaitOptions } from '../../../daemon/exchange/provider.ts'
import { RateLimit } from '../../../daemon/exchange/rate-limit.ts'
import { Transfers } from '../../../daemon/exchange/transfers.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import { LEAF_BYTES, RATE_LIMIT_MIN } from '../../../proto/limits.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { file } from '../../helpers/trees.ts'
import { Content, downloadParts, FakePeers, FakeProvider, forever, MemoryDestination } from './fakes.ts'

const never = new AbortController().signal
const LEAVES = 6
const bytes = new Seeded('download').bytes(LEAVES * LEAF_BYTES)
const large = file(bytes)

/** A node that receives the root, as another sees it. */
class Receiver extends FakeProvider {
  readonly #transfers: Transfers<MemoryDestination>
  readonly #destination: MemoryDestination

  constructor(peer: string, content: Content, transfers: Transfers<MemoryDestination>, destination: MemoryDestination) {
    super(peer, content)
    this.#transfers = transfers
    this.#destination = destination
    this.held = async cids => cids.map(() => ({ complete: false, bytes: 0 }))
    this.leaf = (leaf, index) => {
      if (!this.#destination.ledger.has(index)) throw new PathmeshError('NOT_FOUND', 'it has not come yet')
      return { index, bytes: leaf }
    }
  }

  override async *follow(root: CID, { signal = never }: WaitOptions = {}): AsyncGenerator<HeldMore> {
    for await (const { spans } of this.#transfers.follow(root, 'other', signal))
      yield { complete: false, bytes: 0, spans }
    yield { complete: false, bytes: 0, spans: [] }
  }
}

describe('Download', () => {
  let clock: ManualClock
  let content: Content
  let root: CID
  let provider: FakeProvider
  let peers: FakePeers
  let parts: ReturnType<typeof downloadParts>
  let transfers: Transfers<MemoryDestination>
  let destination: MemoryDestination

  beforeEach(async () => {
    clock = new ManualClock()
    content = new Content()
    root = await content.add(large)
    provider = new FakeProvider('one', content)
    peers = new FakePeers(provider)
    parts = downloadParts(clock)
    transfers = new Transfers({ ...parts, peers })
    destination = new MemoryDestination()
  })

  const fetch = (signal = never, of = transfers, into = destination) =>
    of.fetch({ root, hints: [], name: null }, into, { signal })
  const assertArrived = (at = destination): void => {
    assert.ok(at.written.get('')?.equals(bytes))
    assert.equal(clock.pending, 0)
  }

  it('asks for no leaf that lies elsewhere on this node', async () => {
    destination.elsewhere = new Content()
    await destination.elsewhere.add(file(bytes.subarray(0, 3 * LEAF_BYTES)))
    await clock.drive(fetch())
    assertArrived()
    assert.deepEqual(
      provider.asked.leaves.toSorted((a, b) => a - b),
      [3, 4, 5]
    )
  })

  it('takes leaves from a node that is still receiving them', async () => {
    const receiving = new MemoryDestination()
    const gone = new AbortController()
    provider.before = signal => (receiving.ledger.count >= 3 ? forever(signal) : settled())
    const first = fetch(gone.signal, transfers, receiving)
    first.catch(() => undefined)
    await clock.advance(0)
    const receiver = new Receiver('receiver', content, transfers, receiving)
    const second = new Transfers<MemoryDestination>({ ...parts, self: 'other', peers: new FakePeers(receiver) })
    const stop = new AbortController()
    const fetching = fetch(stop.signal, second)
    fetching.catch(() => undefined)
    await clock.advance(1_000)
    const { count } = receiving.ledger
    assert.ok(count > 0 && count < LEAVES)
    assert.deepEqual([destination.ledger.count, receiver.asked.leaves.length], [count, count])
    for (const one of [stop, gone]) one.abort(new Error('enough'))
    await clock.drive(Promise.allSettled([first, fetching]))
    assert.equal(clock.pending, 0)
  })

  it('gives a reader what it receives, and asks for that first', async () => {
    const wide = file(new Seeded('wide').bytes(20 * LEAF_BYTES))
    root = await content.add(wide)
    const held: (() => void)[] = []
    provider.before = () => new Promise(resolve => held.push(resolve))
    const fetching = fetch()
    await clock.advance(0)
    const reading = transfers.leaf(root, { index: 15, size: LEAF_BYTES }, never)
    provider.before = settled
    for (const go of held) go()
    await clock.drive(reading)
    assert.ok(provider.asked.leaves.indexOf(15) < 8, String(provider.asked.leaves))
    const read = await reading
    assert.ok(
      wide.kind === 'file' && Buffer.from(read ?? []).equals(wide.bytes.subarray(15 * LEAF_BYTES, 16 * LEAF_BYTES))
    )
    await clock.drive(fetching)
    assert.equal(provider.asked.leaves.length, 20)
    assert.equal(
      await transfers.leaf(root, { index: 0, size: LEAF_BYTES }, never),
      undefined,
      'nothing is received now'
    )
  })

  it('strikes a peer once, however many of its requests were wrong at the same time', async () => {
    const wide = file(new Seeded('wide').bytes(40 * LEAF_BYTES))
    root = await content.add(wide)
    provider.leaf = (leaf, index) => ({ index, bytes: Buffer.alloc(leaf.length, 1) })
    provider.wrong = async (_file, index) => {
      provider.asked.wrong.push(index)
      await settled()
      return false
    }
    peers.all.set('honest', new FakeProvider('honest', content))
    await clock.drive(fetch())
    assert.deepEqual([parts.struck, provider.asked.wrong.length], [['one'], 1])
  })

  it('strikes nobody who could not answer: gone meanwhile, or let go of', async () => {
    provider.leaf = (leaf, index) => ({ index, bytes: Buffer.alloc(leaf.length, 1) })
    provider.wrong = async () => Promise.reject(new PathmeshError('NO_PROVIDERS', 'the connection was lost'))
    await assert.rejects(clock.drive(fetch()))
    const gone = new AbortController()
    provider.wrong = async (_file, _index, options?: WaitOptions) => {
      gone.abort(new RangeError('enough'))
      return forever(options?.signal)
    }
    await assert.rejects(clock.drive(fetch(gone.signal)), RangeError)
    assert.deepEqual(parts.struck, [])
  })

  it('does not live on answers that something is missing', async () => {
    root = await content.add(file('small'))
    const liar = new FakeProvider('liar', content)
    peers = new FakePeers(liar)
    liar.small = async function* (wanted) {
      yield wanted.map(({ cid }) => ({ cid, bytes: undefined, is: 'missing' as const, size: 0 }))
    }
    liar.held = async cids => cids.map(() => ({ complete: false, bytes: 0 }))
    liar.follow = async function* (_root, options) {
      yield { complete: false, bytes: 0, spans: [{ from: 0, to: 1 }] }
      await new Promise(resolve => clock.after(100, () => resolve(undefined)))
      options?.signal?.throwIfAborted()
    }
    transfers = new Transfers({ ...parts, peers })
    const request = { root, size: 5, hints: [], name: null }
    await assert.rejects(clock.drive(transfers.fetch(request, destination, { signal: never }), 120_000), PathmeshError)
  })

  it('comes to its end at the lowest rate that can be set', async () => {
    provider.before = settled
    transfers = new Transfers({ ...parts, peers, download: new RateLimit(clock, RATE_LIMIT_MIN) })
    await clock.drive(fetch())
    assertArrived()
    assert.ok(clock.monotonic() >= ((LEAVES - 1) * 1000 * LEAF_BYTES) / RATE_LIMIT_MIN - 1000)
  })
})
