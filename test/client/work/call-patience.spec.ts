// How long a node may be out of reach: counted from the question that it left unanswered, not from when that was given up.

import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, it } from 'mocha'
import { Patience } from '../../../client/work/call-patience.ts'
import { failsWith } from '../../helpers/trees.ts'

const LOST_MS = 20
const never = new AbortController().signal

const failingAfter = async (ms: number): Promise<never> => {
  await pause(ms)
  throw new Error('no answer')
}

describe('the patience of a caller', () => {
  it('is at its end where a question was unanswered for so long, and gave up only then', async () => {
    const patience = new Patience(LOST_MS)
    await assert.rejects(patience.ask(() => failingAfter(2 * LOST_MS), never))
    assert.equal(await patience.wait(never), false)
  })

  it('leaves the first question the time that it takes, and begins anew with each answer', async () => {
    const patience = new Patience(LOST_MS)
    for (let turn = 0; turn < 3; turn++) {
      const answer = await patience.ask(async until => {
        await pause(LOST_MS + 5, undefined, { signal: until })
        return turn
      }, never)
      assert.deepEqual([answer, patience.isFailing], [turn, false])
      await assert.rejects(patience.ask(() => failingAfter(0), never))
      assert.deepEqual([await patience.wait(never), patience.isFailing], [true, true])
      await patience.ask(async () => undefined, never)
    }
  })

  it('gives a question that is asked again what is left, and aborts it then', async () => {
    const patience = new Patience(LOST_MS)
    await assert.rejects(patience.ask(() => failingAfter(0), never))
    for (let isLeft = await patience.wait(never); isLeft; isLeft = await patience.wait(never)) {
      let asked: AbortSignal | undefined
      const question = patience.ask(until => {
        asked = until
        return new Promise<never>(() => undefined)
      }, never)
      await assert.rejects(question, failsWith('TIMEOUT', /does not answer/))
      assert.equal(asked?.aborted, true)
    }
  })

  it('ends at once when its caller wants no more', async () => {
    const patience = new Patience(60_000)
    await assert.rejects(patience.ask(() => failingAfter(0), never))
    assert.equal(await patience.wait(never), true)
    const stop = new AbortController()
    const asked = patience.ask(() => new Promise<never>(() => undefined), stop.signal)
    stop.abort(new Error('no more'))
    await assert.rejects(asked, /no more/)
    await assert.rejects(patience.wait(stop.signal), { name: 'AbortError' })
  })
})
