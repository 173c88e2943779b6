// Who can send a root: whom it asks, whom it leaves and for how long, whom it follows, and what it says when there is nobody.

import assert from 'node:assert/strict'
import type { CID } from 'multiformats/cid'
import { beforeEach, describe, it } from 'mocha'
import type { HeldMore, WaitOptions } from '../../../daemon/exchange/provider.ts'
import { Sources } from '../../../daemon/exchange/sources.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import { ASKED_AT_ONCE, FOLLOWED_LEAVES_MAX, PROVIDER_RETRY_LAST_MS, PROVIDER_RETRY_MS } from '../../../proto/limits.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'
import { failsWith, file } from '../../helpers/trees.ts'
import { Content, FakePeers, FakeProvider, forever } from './fakes.ts'

const never = new AbortController().signal
const lost = new PathmeshError('NO_PROVIDERS', 'the connection was lost')

/** A peer that receives the root: what it tells, and then nothing until it is told to end. */
class Receiving extends FakeProvider {
  tells: HeldMore[] = []
  follows = 0
  isOpen = 0

  override async *follow(_root: CID, { signal }: WaitOptions = {}): AsyncGenerator<HeldMore> {
    this.follows++
    this.isOpen++
    try {
      yield* this.tells
      await forever(signal)
    } finally {
      this.isOpen--
    }
  }
}

describe('Sources', () => {
  let clock: ManualClock
  let content: Content
  let root: CID
  let peers: FakePeers
  let sources: Sources
  const asks = new Map<string, number>()

  beforeEach(async () => {
    clock = new ManualClock()
    content = new Content()
    root = await content.add(file('content'))
    peers = new FakePeers()
    sources = new Sources({ roots: [root], hints: [] }, peers, clock)
    asks.clear()
  })

  const add = <T extends FakeProvider>(provider: T): T => {
    peers.all.set(provider.peer, provider)
    const held = provider.held.bind(provider)
    provider.held = async cids => {
      asks.set(provider.peer, (asks.get(provider.peer) ?? 0) + 1)
      return held(cids)
    }
    return provider
  }
  const joined = (): string[] => [...sources.joined.keys()]

  it('joins those that hold it, and leaves no timer, listener or question behind when nobody looks any more', async () => {
    add(new FakeProvider('one', content))
    const two = add(new Receiving('two', new Content()))
    two.tells = [{ complete: false, bytes: 0, spans: [{ from: 0, to: 1 }] }]
    const stop = sources.use()
    const stopAgain = sources.use()
    await clock.advance(0)
    assert.deepEqual(joined().toSorted(), ['one', 'two'])
    stop()
    stop()
    assert.equal(two.isOpen, 1, 'one use has not ended')
    stopAgain()
    await settled()
    assert.deepEqual([clock.pending, two.isOpen, joined()], [0, 0, ['one']])
  })

  it('asks one that failed again after longer and longer, and one that failed for good never', async () => {
    const passing = add(new FakeProvider('passing', content))
    passing.held = async () => {
      asks.set('passing', (asks.get('passing') ?? 0) + 1)
      throw lost
    }
    const lasting = add(new FakeProvider('lasting', content))
    const stop = sources.use()
    await settled()
    sources.failed('lasting', new PathmeshError('CORRUPT', 'it lies'))
    assert.equal(sources.trial('lasting')?.again, Infinity)
    await clock.advance(PROVIDER_RETRY_MS)
    assert.equal(asks.get('passing'), 2)
    await clock.advance(PROVIDER_RETRY_MS)
    assert.equal(asks.get('passing'), 2, 'the second rest is longer')
    await clock.advance(60_000)
    const before = asks.get('passing') ?? 0
    await clock.advance(10 * PROVIDER_RETRY_LAST_MS)
    assert.ok((asks.get('passing') ?? 0) - before >= 9 && (asks.get('passing') ?? 0) - before <= 10)
    assert.equal(asks.get(lasting.peer), 1)
    stop()
  })

  it('forgets a failure once it has delivered, but not what it failed with meanwhile', async () => {
    add(new FakeProvider('one', content))
    const stop = sources.use()
    await settled()
    sources.failed('one', lost)
    sources.delivered('one')
    assert.ok(sources.trial('one') !== undefined)
    await clock.advance(PROVIDER_RETRY_MS)
    sources.delivered('one')
    assert.equal(sources.trial('one'), undefined)
    stop()
  })

  it('asks every one of many peers, however many of those before them have nothing', async () => {
    const nothing = new Content()
    for (let n = 0; n < 30 * ASKED_AT_ONCE; n++) add(new FakeProvider(`peer ${n}`, nothing))
    add(new FakeProvider('last', content))
    const stop = sources.use()
    await clock.advance(30 * PROVIDER_RETRY_MS)
    assert.deepEqual(joined(), ['last'])
    stop()
  })

  it('gives up with the most telling error once all have failed for good, and not before', async () => {
    for (const name of ['a', 'b', 'c']) add(new FakeProvider(name, content))
    const stop = sources.use()
    await settled()
    sources.failed('a', new PathmeshError('NOT_FOUND', 'gone'))
    sources.failed('b', new PathmeshError('CORRUPT', 'lies'))
    sources.assertHope()
    sources.failed('c', new PathmeshError('SOURCE_CHANGED', 'changed'))
    assert.throws(() => sources.assertHope(), failsWith('SOURCE_CHANGED'))
    assert.deepEqual(
      sources.tried().map(({ code }) => code),
      ['NOT_FOUND', 'CORRUPT', 'SOURCE_CHANGED']
    )
    stop()
  })

  it('is NO_PROVIDERS where all have nothing, ever', async () => {
    add(new FakeProvider('a', content))
    const stop = sources.use()
    await settled()
    sources.failed('a', new PathmeshError('NOT_FOUND', 'gone'))
    assert.throws(() => sources.assertHope(), failsWith('NO_PROVIDERS', /gone/))
    stop()
  })

  it('does not ask one that receives it, and has nothing yet, for structure', async () => {
    const receiving = add(new Receiving('receiving', new Content()))
    receiving.tells = [{ complete: false, bytes: 0, spans: [] }]
    const stop = sources.use()
    const [first, waits] = [sources.one(never, () => undefined), new Array<string>()]
    await clock.advance(0)
    assert.deepEqual(joined(), ['receiving'])
    add(new FakeProvider('whole', content))
    assert.equal((await clock.drive(first)).peer, 'whole')
    assert.deepEqual(waits, [])
    stop()
  })

  it('asks one that is receiving it again, though it did not have a part of it', async () => {
    const receiving = add(new Receiving('receiving', new Content()))
    receiving.tells = [{ complete: false, bytes: 0, spans: [{ from: 0, to: 1 }] }]
    const stop = sources.use()
    await clock.advance(0)
    sources.failed('receiving', new PathmeshError('NOT_FOUND', 'this branch has not come'))
    await clock.advance(PROVIDER_RETRY_MS)
    assert.deepEqual(joined(), ['receiving'])
    stop()
  })

  it('follows a peer once at a time, however often it fails', async () => {
    const receiving = add(new Receiving('receiving', new Content()))
    receiving.tells = [{ complete: false, bytes: 0, spans: [{ from: 0, to: 1 }] }]
    const stop = sources.use()
    await clock.advance(0)
    for (let n = 0; n < 10; n++) {
      sources.failed('receiving', lost)
      await clock.advance(PROVIDER_RETRY_LAST_MS + PROVIDER_RETRY_MS)
    }
    assert.deepEqual([receiving.follows, receiving.isOpen], [11, 1])
    stop()
  })

  it('takes one that it follows as one that has all as soon as it says so', async () => {
    const receiving = add(new Receiving('receiving', new Content()))
    receiving.tells = [
      { complete: false, bytes: 0, spans: [{ from: 0, to: 3 }] },
      { complete: true, bytes: 0, spans: [] }
    ]
    const stop = sources.use()
    await clock.advance(0)
    assert.equal(sources.joined.get('receiving')?.holds, undefined)
    assert.deepEqual([joined(), receiving.isOpen], [['receiving'], 0])
    stop()
  })

  for (const [what, spans] of [
    [
      'the same leaf twice',
      [
        { from: 0, to: 2 },
        { from: 1, to: 2 }
      ]
    ],
    ['all there can be, again and again', Array.from({ length: 100 }, () => ({ from: 0, to: 2 ** 32 - 1 }))]
  ] as const)
    it(`leaves one that says of itself that it has ${what}`, async () => {
      const liar = add(new Receiving('liar', new Content()))
      liar.tells = [{ complete: false, bytes: 0, spans }]
      const stop = sources.use()
      await clock.advance(0)
      assert.deepEqual([sources.trial('liar')?.error.code, sources.trial('liar')?.again], ['CORRUPT', Infinity])
      assert.equal(liar.isOpen, 0)
      stop()
    })

  it('hears of no leaf past what is followed', async () => {
    const far = add(new Receiving('far', new Content()))
    far.tells = [{ complete: false, bytes: 0, spans: [{ from: FOLLOWED_LEAVES_MAX - 1, to: FOLLOWED_LEAVES_MAX }] }]
    const stop = sources.use()
    await clock.advance(0)
    const holds = sources.joined.get('far')?.holds
    assert.deepEqual([holds?.has(FOLLOWED_LEAVES_MAX - 1), holds?.has(FOLLOWED_LEAVES_MAX)], [true, false])
    stop()
  })

  it('looks at once at a peer that asks for the root itself, unless it failed for good', async () => {
    add(new FakeProvider('new', new Content()))
    add(new FakeProvider('liar', content))
    const stop = sources.use()
    await clock.advance(0)
    assert.ok(sources.trial('new') !== undefined)
    sources.failed('liar', new PathmeshError('CORRUPT', 'it lies'))
    const before = asks.get('new') ?? 0
    for (const peer of ['new', 'liar']) sources.look(peer)
    await settled()
    assert.deepEqual([asks.get('new'), asks.get('liar')], [2 * before, 1])
    stop()
  })
})
