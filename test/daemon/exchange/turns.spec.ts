// Who is served when, and what all transfers may have under way.

import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'mocha'
import { Budget } from '../../../daemon/exchange/budget.ts'
import { Turns } from '../../../daemon/exchange/turns.ts'
import { SERVE_BYTES, SERVE_REQUESTS, WINDOW_ALL_BYTES, WINDOW_TRANSFER_BYTES } from '../../../proto/limits.ts'
import { settled } from '../../helpers/manual-clock.ts'

const never = new AbortController().signal

describe('Turns', () => {
  let turns: Turns
  let served: string[]
  beforeEach(() => {
    turns = new Turns()
    served = []
  })
  const take = (peer: string, bytes = 1, what = peer, signal = never): Promise<() => void> =>
    turns.take(peer, bytes, signal).then(done => {
      served.push(what)
      return done
    })

  it('serves one peer so many requests at a time, and others all the same', async () => {
    const own = Array.from({ length: SERVE_REQUESTS + 1 }, () => take('greedy'))
    await take('other')
    await settled()
    assert.equal(served.filter(peer => peer === 'greedy').length, SERVE_REQUESTS)
    const done = await own[0]
    done?.()
    done?.()
    await settled()
    assert.equal(served.filter(peer => peer === 'greedy').length, SERVE_REQUESTS + 1)
  })

  it('serves one peer so many bytes at a time; what is more alone goes alone', async () => {
    await take('one', SERVE_BYTES)
    void take('one', 1)
    await take('two', 2 * SERVE_BYTES)
    await settled()
    assert.deepEqual(served, ['one', 'two'])
  })

  it('serves so many of all at a time, in the order of asking', async () => {
    turns = new Turns(1)
    const first = await take('a')
    const second = take('b')
    void take('c')
    await settled()
    assert.deepEqual(served, ['a'])
    first()
    await settled()
    assert.deepEqual(served, ['a', 'b'])
    ;(await second)()
    await settled()
    assert.deepEqual(served, ['a', 'b', 'c'])
  })

  it('does not let what needs little pass what needs much, for ever', async () => {
    const quarter = SERVE_BYTES / 4
    const running = [
      await take('one', quarter, 'leaves'),
      await take('one', quarter, 'leaves'),
      await take('one', quarter, 'leaves')
    ]
    void take('one', SERVE_BYTES / 2, 'branches')
    for (let n = 0; n < 10; n++) {
      const next = take('one', quarter, 'leaves')
      running.shift()?.()
      await settled()
      if (served.includes('branches')) return
      running.push(await next)
    }
    assert.fail('the branches were never served')
  })

  it('leaves no place taken by who is gone before its turn', async () => {
    turns = new Turns(1)
    const first = await take('a')
    const gone = new AbortController()
    const waiting = take('a', 1, 'gone', gone.signal)
    const later = take('b', SERVE_BYTES)
    gone.abort(new RangeError('gone'))
    await assert.rejects(waiting, RangeError)
    first()
    ;(await later)()
    await assert.rejects(take('b', 1, 'b', gone.signal), RangeError)
    for (let n = 0; n < SERVE_REQUESTS; n++) (await take('a', SERVE_BYTES / SERVE_REQUESTS))()
  })
})

describe('Budget', () => {
  it('is shared evenly between those that run, and never less than a transfer needs', () => {
    const budget = new Budget()
    const users = Array.from({ length: 100 }, () => ({}))
    assert.equal(budget.share, WINDOW_ALL_BYTES)
    for (const user of users.slice(0, 2)) budget.join(user)
    assert.equal(budget.share, WINDOW_ALL_BYTES / 2)
    for (const user of users) budget.join(user)
    assert.equal(budget.share, WINDOW_TRANSFER_BYTES)
    for (const user of users) budget.leave(user)
    assert.equal(budget.share, WINDOW_ALL_BYTES)
  })
})
