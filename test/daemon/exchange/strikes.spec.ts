// Wrong bytes are counted for an hour, and three within it ban for an hour; of more peers than are remembered, banned ones go last.

import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'mocha'
import { Strikes } from '../../../daemon/exchange/strikes.ts'
import { BAN_MS, STRIKES_MAX, STRIKES_MS, STRUCK_PEERS_MAX } from '../../../proto/limits.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

describe('strikes', () => {
  let clock: ManualClock
  let strikes: Strikes

  beforeEach(() => {
    clock = new ManualClock()
    strikes = new Strikes(clock)
  })

  const strike = (peer: string, times: number): boolean[] =>
    Array.from({ length: times }, (_, n) => strikes.struck(peer, `leaf ${n}`))

  it('are none of a peer that did nothing', () => {
    assert.deepEqual(strikes.of('a'), { strikes: 0, bannedUntil: null, last: null })
    assert.equal(strikes.isBanned('a'), false)
    assert.deepEqual([...strikes.list()], [])
  })

  it('ban at the third within an hour, for an hour, and no other peer', async () => {
    assert.deepEqual(strike('a', STRIKES_MAX - 1), [false, false])
    assert.deepEqual(strikes.of('a'), { strikes: 2, bannedUntil: null, last: 'leaf 1' })
    await clock.advance(1_000)
    assert.equal(strikes.struck('a', 'leaf 7'), true)
    assert.deepEqual(strikes.of('a'), { strikes: 3, bannedUntil: clock.now() + BAN_MS, last: 'leaf 7' })
    assert.deepEqual([strikes.isBanned('a'), strikes.isBanned('b')], [true, false])
    await clock.advance(BAN_MS - 1)
    assert.ok(strikes.isBanned('a'))
    await clock.advance(1)
    assert.equal(strikes.isBanned('a'), false)
    assert.deepEqual([...strikes.list()], [])
  })

  it('begin anew after a ban: the next fault is the first', async () => {
    strike('a', STRIKES_MAX)
    await clock.advance(BAN_MS)
    assert.equal(strikes.struck('a', 'again'), false)
    assert.equal(strikes.of('a').strikes, 1)
  })

  it('that are an hour old count no more', async () => {
    strike('a', STRIKES_MAX - 1)
    await clock.advance(STRIKES_MS)
    assert.deepEqual(strikes.of('a').strikes, 0)
    assert.deepEqual(strike('a', 2), [false, false])
  })

  it('while it is banned make the ban longer', async () => {
    strike('a', STRIKES_MAX)
    await clock.advance(BAN_MS / 2)
    assert.equal(strikes.struck('a', 'still'), true)
    await clock.advance(BAN_MS / 2)
    assert.ok(strikes.isBanned('a'))
  })

  it('are remembered of so many peers: the longest ago are forgotten, banned ones last', () => {
    strike('banned', STRIKES_MAX)
    for (let n = 0; n < STRUCK_PEERS_MAX; n++) strikes.struck(`peer ${n}`, 'once')
    const known = [...strikes.list()].map(({ peerId }) => peerId)
    assert.equal(known.length, STRUCK_PEERS_MAX)
    assert.deepEqual(known.slice(0, 2), ['banned', 'peer 1'])
  })
})
