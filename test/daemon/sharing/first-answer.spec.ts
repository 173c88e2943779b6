// One question to several peers: in order, not at once, and no longer than the first answer takes.

import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'mocha'
import { firstAnswer } from '../../../daemon/sharing/first-answer.ts'
import { HEDGE_MS } from '../../../proto/limits.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'

describe('firstAnswer()', () => {
  const never = new AbortController().signal
  let clock: ManualClock
  let asked: string[]
  let calledOff: string[]

  beforeEach(() => {
    clock = new ManualClock()
    asked = []
    calledOff = []
  })

  /** `silent` never answers, `none` has nothing, `broken` fails; any other answers with its name. */
  const ask = (peer: string, signal: AbortSignal): Promise<string | undefined> => {
    asked.push(peer)
    if (peer.startsWith('none')) return Promise.resolve(undefined)
    if (peer === 'broken') return Promise.reject(new TypeError('broken'))
    if (!peer.startsWith('silent')) return Promise.resolve(peer)
    return new Promise((_, reject) =>
      signal.addEventListener('abort', () => {
        calledOff.push(peer)
        reject(signal.reason)
      })
    )
  }
  const first = (peers: string[], signal = never) => firstAnswer(peers, ask, clock, signal)

  it('asks one where that has it, and nobody where there is none', async () => {
    assert.equal(await first(['a', 'b']), 'a')
    assert.equal(await first([]), undefined)
    assert.deepEqual(asked, ['a'])
  })

  it('asks the next at once where one has nothing, and is undefined where none has', async () => {
    assert.equal(await first(['none 1', 'none 2', 'c', 'd']), 'c')
    assert.equal(await first(['none 1', 'none 2']), undefined)
    assert.deepEqual(asked, ['none 1', 'none 2', 'c', 'none 1', 'none 2'])
  })

  it('asks the next as well after a while, and calls off whom it does not wait for', async () => {
    const answer = first(['silent 1', 'silent 2', 'c', 'd'])
    await settled()
    assert.deepEqual(asked, ['silent 1'])
    assert.equal(await clock.drive(answer, 2 * HEDGE_MS), 'c')
    assert.deepEqual(asked, ['silent 1', 'silent 2', 'c'])
    assert.deepEqual(calledOff, ['silent 1', 'silent 2'])
  })

  it('fails as one of them does, and with the reason of its signal', async () => {
    await assert.rejects(first(['none', 'broken', 'c']), TypeError)
    const abort = new AbortController()
    const waiting = first(['silent'], abort.signal)
    abort.abort(new RangeError('enough'))
    await assert.rejects(waiting, RangeError)
  })
})
