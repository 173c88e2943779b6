// What a running transfer tells those that follow it.

import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'mocha'
import { cidOf, RAW } from '../../../daemon/content/multihash.ts'
import { HeldLog, spansOf } from '../../../daemon/exchange/held-log.ts'
import type { Span } from '../../../daemon/exchange/provider.ts'
import { FOLLOW_MS, FOLLOW_SPANS_MAX, SMALL_SERVED_MAX } from '../../../proto/limits.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'

const never = new AbortController().signal
const cid = (n: number) => cidOf(RAW, 'blake3', Buffer.from(`${n}`))

describe('HeldLog', () => {
  let clock: ManualClock
  let log: HeldLog
  beforeEach(() => {
    clock = new ManualClock()
    log = new HeldLog(clock)
  })

  it('tells what is held, and then what comes, each once, and what comes in one moment at once', async () => {
    for (const ordinal of [2, 0, 1, 7]) log.add(ordinal)
    const following = log.follow(never)
    assert.deepEqual((await following.next()).value, [
      { from: 0, to: 3 },
      { from: 7, to: 8 }
    ])
    const next = following.next()
    await settled()
    log.add(3)
    log.add(3)
    await clock.advance(FOLLOW_MS - 1)
    log.add(4)
    await clock.advance(1)
    assert.deepEqual((await next).value, [{ from: 3, to: 5 }])
    await following.return(undefined)
    assert.equal(clock.pending, 0)
  })

  it('tells so much at a time, and no more', async () => {
    for (let n = 0; n <= FOLLOW_SPANS_MAX; n++) log.add(2 * n)
    const following = log.follow(never)
    const told: (readonly Span[])[] = []
    for (let n = 0; n < 2; n++) told.push((await following.next()).value ?? [])
    assert.deepEqual(
      told.map(({ length }) => length),
      [FOLLOW_SPANS_MAX, 1]
    )
    await following.return(undefined)
  })

  it('ends with the transfer, whether somebody waits for more or is just told', async () => {
    const [waits, isTold] = [log.follow(never), log.follow(never)]
    await Promise.all([waits.next(), isTold.next()])
    const next = waits.next()
    await settled()
    log.end()
    assert.equal((await clock.drive(next)).done, true)
    assert.equal(
      (await clock.drive(Promise.race([isTold.next(), settled().then(() => ({ done: 'it waits' }))]))).done,
      true
    )
    assert.equal(clock.pending, 0)
  })

  it('ends with the signal of who follows', async () => {
    const gone = new AbortController()
    const following = log.follow(gone.signal)
    await following.next()
    const next = following.next()
    await settled()
    gone.abort(new RangeError('enough'))
    await assert.rejects(next, RangeError)
  })

  it('has whoever waits for a leaf wait until it comes, or the transfer ends', async () => {
    let came = 0
    const waits = [5, 6].map(ordinal => log.until(ordinal, never).then(() => came++))
    log.add(4)
    await settled()
    assert.equal(came, 0)
    log.add(5)
    await settled()
    assert.equal(came, 1)
    log.end()
    await Promise.all(waits)
    await log.until(99, never)
  })

  it('knows where a file lies, and of small files so many, the last', () => {
    log.begin(cid(-1), 'large', 9, 3)
    for (let n = 0; n <= SMALL_SERVED_MAX; n++) log.addSmall(cid(n % 2 === 0 ? n : n), `s${n}`, 1, n)
    assert.deepEqual(log.file(cid(-1)), { path: 'large', size: 9, ordinal: 3 })
    assert.equal(log.file(cid(0)), undefined)
    assert.equal(log.file(cid(1))?.path, 's1')
    assert.equal(log.file(cid(SMALL_SERVED_MAX))?.ordinal, SMALL_SERVED_MAX)
  })

  it('spansOf() joins what follows each other', () => {
    assert.deepEqual(spansOf([]), [])
    assert.deepEqual(spansOf([1, 2, 4]), [
      { from: 1, to: 3 },
      { from: 4, to: 5 }
    ])
  })
})
