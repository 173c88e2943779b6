// Redialling on a virtual clock: back-off, jitter, bounds.

import assert from 'node:assert/strict'
import { startPulse } from '../../../daemon/swarm/pulse.ts'
import { Redial } from '../../../daemon/swarm/redial.ts'
import { DIALS_AT_ONCE, PEER_SILENT_MS, PING_MS, REDIAL_FIRST_MS, REDIAL_LAST_MS } from '../../../proto/limits.ts'
import { keptLog } from './nodes.ts'
import { VirtualClock } from './virtual-clock.ts'

describe('redial', () => {
  function setUp({ random = 1, goesOn = true } = {}) {
    const clock = new VirtualClock()
    const dials: { peer: string; at: number; succeed: () => void; fail: () => void }[] = []
    const redial = new Redial({
      clock,
      random: () => random,
      log: keptLog(),
      goesOn: () => goesOn,
      dial: async peer =>
        await new Promise((resolve, reject) => {
          dials.push({ peer, at: clock.now(), succeed: resolve, fail: () => reject(new Error('refused')) })
        })
    })
    return { clock, dials, redial }
  }

  it('pauses double from the first to the last, and stay there', async () => {
    const { clock, dials, redial } = setUp()
    redial.want('p')
    for (let i = 0; i < 12; i++) {
      await clock.advance(REDIAL_LAST_MS)
      dials[i]?.fail()
    }
    const gaps = dials.slice(1).map(({ at }, i) => at - (i + 1) * REDIAL_LAST_MS)
    const pauses = gaps.map(gap => Math.min(gap, REDIAL_LAST_MS))
    assert.deepEqual(
      pauses.slice(0, 4),
      [1, 2, 4, 8].map(n => n * REDIAL_FIRST_MS)
    )
    assert.equal(pauses.at(-1), REDIAL_LAST_MS)
  })

  it('chance shortens a pause to a half at most', async () => {
    const { clock, dials, redial } = setUp({ random: 0 })
    redial.want('p')
    await clock.advance(0)
    dials[0]?.fail()
    await clock.advance(0)
    assert.equal(redial.state('p').nextDialAt, REDIAL_FIRST_MS / 2)
    assert.match(redial.state('p').lastError ?? '', /refused/)
  })

  it('a peer that is connected is dialled no more, and one that is lost again from the first pause', async () => {
    const { clock, dials, redial } = setUp()
    redial.want('p')
    await clock.advance(REDIAL_FIRST_MS)
    dials[0]?.succeed()
    redial.forget('p')
    await clock.advance(10 * REDIAL_LAST_MS)
    assert.equal(dials.length, 1)
    assert.deepEqual(redial.state('p'), {})
    redial.want('p')
    await clock.advance(REDIAL_FIRST_MS)
    assert.equal(dials.length, 2)
  })

  it('a peer that connects to us while we dial it is left alone when that dial fails', async () => {
    const { clock, dials, redial } = setUp()
    redial.want('p')
    await clock.advance(REDIAL_FIRST_MS)
    redial.forget('p')
    dials[0]?.fail()
    await clock.advance(10 * REDIAL_LAST_MS)
    assert.equal(dials.length, 1)
  })

  it(`at most ${DIALS_AT_ONCE} are dialled at a time, and each in the end`, async () => {
    const { clock, dials, redial } = setUp()
    for (let i = 0; i < 3 * DIALS_AT_ONCE; i++) redial.want(`p${i}`)
    await clock.advance(REDIAL_FIRST_MS)
    for (let ended = 0; ended < 3 * DIALS_AT_ONCE; ended++) {
      assert.equal(dials.length, Math.min(ended + DIALS_AT_ONCE, 3 * DIALS_AT_ONCE))
      dials[ended]?.succeed()
      await clock.advance(0)
    }
    assert.equal(new Set(dials.map(dial => dial.peer)).size, 3 * DIALS_AT_ONCE)
  })

  it('wanting twice dials once; a new address brings the dial forward', async () => {
    const { clock, dials, redial } = setUp()
    redial.want('p')
    redial.want('p')
    await clock.advance(REDIAL_FIRST_MS)
    dials[0]?.fail()
    await clock.advance(1)
    redial.hurry('p')
    await clock.advance(0)
    assert.equal(dials.length, 2)
    redial.hurry('p')
    redial.hurry('nobody')
    await clock.advance(0)
    assert.equal(dials.length, 2)
  })

  it('one that is not to go on is forgotten, and nothing is left after stop()', async () => {
    const { clock, dials, redial } = setUp({ goesOn: false })
    redial.want('p')
    await clock.advance(REDIAL_FIRST_MS)
    dials[0]?.fail()
    await clock.advance(10 * REDIAL_LAST_MS)
    assert.equal(dials.length, 1)
    redial.want('q')
    redial.stop()
    redial.want('r')
    await clock.advance(REDIAL_LAST_MS)
    assert.deepEqual([dials.length, clock.pending], [1, 0])
  })
})

describe('pulse', () => {
  function setUp(answers: () => boolean) {
    const clock = new VirtualClock()
    const link = { heardAt: 0, latencyMs: null }
    const hungUp: number[] = []
    const stop = startPulse(link, {
      clock,
      hangUp: () => void hungUp.push(clock.now()),
      ping: async signal =>
        await new Promise((resolve, reject) => {
          if (answers()) clock.after(7, resolve)
          signal.addEventListener('abort', () => reject(new Error('late')))
        })
    })
    return { clock, link, hungUp, stop }
  }

  it('measures the latency and leaves a peer that answers alone', async () => {
    const { clock, link, hungUp, stop } = setUp(() => true)
    await clock.advance(10 * PEER_SILENT_MS)
    assert.equal(link.latencyMs, 7)
    assert.deepEqual(hungUp, [])
    stop()
    await clock.advance(PEER_SILENT_MS)
    assert.equal(clock.pending, 0)
  })

  it('a silent peer is hung up after PEER_SILENT_MS, within two pings', async () => {
    const { clock, hungUp, stop } = setUp(() => false)
    await clock.advance(PEER_SILENT_MS + 2 * PING_MS)
    stop()
    assert(hungUp.length > 0)
    assert((hungUp[0] ?? 0) >= PEER_SILENT_MS)
  })

  it('a peer too busy to answer, which sends other bytes, is left alone', async () => {
    const { clock, link, hungUp, stop } = setUp(() => false)
    for (let i = 0; i < 20; i++) {
      await clock.advance(PEER_SILENT_MS / 2)
      link.heardAt = clock.now()
    }
    stop()
    assert.deepEqual(hungUp, [])
  })
})
