// What a rate limit lets pass, on a clock that stands still: never more than its rate over time, in the order of asking, and at the
// new rate as soon as it is changed.

import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'mocha'
import type { Clock } from '../../../daemon/clock.ts'
import { RateLimit } from '../../../daemon/exchange/rate-limit.ts'
import { LIMIT_BURST_MS } from '../../../proto/limits.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'

const never = new AbortController().signal
const RATE = 1_000_000
const BURST = (RATE * LIMIT_BURST_MS) / 1000
const PIECE = 50_000

describe('a rate limit', () => {
  let clock: ManualClock
  let passed: string[]

  beforeEach(() => {
    clock = new ManualClock()
    passed = []
  })

  const take = async (limit: RateLimit, name: string, bytes = PIECE, signal = never): Promise<void> => {
    await limit.take(bytes, signal)
    passed.push(name)
  }

  it('of 0 lets everything pass at once, and sets no timer', async () => {
    const limit = new RateLimit(clock, 0)
    await limit.take(2 ** 40, never)
    assert.ok(limit.tryTake(2 ** 40))
    assert.deepEqual([limit.perSecond, clock.pending], [0, 0])
  })

  it('lets no more pass than its rate and one burst, however long it rested', async () => {
    const limit = new RateLimit(clock, RATE)
    await clock.advance(60_000)
    let bytes = 0
    const pump = async (): Promise<void> => {
      for (;;) {
        await limit.take(PIECE, never)
        bytes += PIECE
      }
    }
    void pump()
    await settled()
    assert.ok(bytes <= BURST + PIECE, `${bytes} at once`)
    await clock.advance(2_000)
    assert.ok(bytes >= 2 * RATE && bytes <= 2 * RATE + BURST + PIECE, `${bytes} in 2 s`)
  })

  it('lets a piece pass that is larger than a burst, and makes up for it', async () => {
    const limit = new RateLimit(clock, RATE)
    await limit.take(RATE, never)
    void take(limit, 'next')
    await clock.advance(1000 - LIMIT_BURST_MS - 1)
    assert.deepEqual(passed, [])
    await clock.advance(2)
    assert.deepEqual(passed, ['next'])
  })

  it('serves those that wait in the order of asking, small ones too', async () => {
    const limit = new RateLimit(clock, RATE)
    await limit.take(BURST, never)
    void take(limit, 'large', RATE)
    void take(limit, 'small', 1)
    assert.ok(!limit.tryTake(1))
    await clock.advance(500)
    assert.deepEqual(passed, ['large'])
    await clock.advance(600)
    assert.deepEqual(passed, ['large', 'small'])
  })

  it('lets nobody pass before those that wait, where their time has come and they have not been called yet', async () => {
    const late: Clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (ms, run) => clock.after(ms + 500, run)
    }
    const limit = new RateLimit(late, RATE)
    await limit.take(BURST, never)
    void take(limit, 'first')
    await clock.advance(400)
    assert.ok(!limit.tryTake(1))
    void take(limit, 'second')
    await clock.advance(2_000)
    assert.deepEqual(passed, ['first', 'second'])
  })

  it('serves those that wait at the new rate as soon as it is changed', async () => {
    const limit = new RateLimit(clock, RATE)
    await limit.take(10 * RATE, never)
    void take(limit, 'one')
    await clock.advance(1_000)
    assert.deepEqual(passed, [])
    limit.change(100 * RATE)
    await clock.advance(100)
    assert.deepEqual([passed, limit.perSecond], [['one'], 100 * RATE])
  })

  it('lets everybody go when it is lifted, and holds them again when it is set', async () => {
    const limit = new RateLimit(clock, RATE)
    await limit.take(10 * RATE, never)
    void take(limit, 'one')
    void take(limit, 'two')
    limit.change(0)
    await settled()
    assert.deepEqual([passed, clock.pending], [['one', 'two'], 0])
    limit.change(RATE)
    void take(limit, 'three', BURST)
    void take(limit, 'four')
    await settled()
    assert.deepEqual(passed, ['one', 'two', 'four'].slice(0, passed.length))
    await clock.advance(1_000)
    assert.deepEqual(passed.slice(2), ['three', 'four'])
  })

  it('lets one that gives up go at once, with its reason, and passes its turn on', async () => {
    const limit = new RateLimit(clock, RATE)
    await limit.take(BURST, never)
    const abort = new AbortController()
    const given = assert.rejects(take(limit, 'gone', 100 * RATE, abort.signal), /no longer/)
    void take(limit, 'next')
    abort.abort(new Error('no longer'))
    await given
    await clock.advance(60)
    assert.deepEqual(passed, ['next'])
    await assert.rejects(limit.take(1, abort.signal), /no longer/)
    assert.equal(clock.pending, 0)
  })
})
