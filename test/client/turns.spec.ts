// A bound on calls under way: as many as it says, the others in order, and nobody's turn is lost.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { Turns } from '../../client/turns.ts'
import { settled } from '../helpers/manual-clock.ts'

describe('turns', () => {
  const call = () => {
    let end: () => void = () => undefined
    const done = new Promise<void>(resolve => (end = resolve))
    return { end, done }
  }

  it('run as many at a time as there are, the others in order', async () => {
    const turns = new Turns(2)
    const calls = [call(), call(), call(), call()]
    const begun: number[] = []
    const all = calls.map(({ done }, i) => turns.run(async () => (begun.push(i), await done, i), undefined))
    await settled()
    assert.deepEqual(begun, [0, 1])
    calls[1]?.end()
    await settled()
    assert.deepEqual(begun, [0, 1, 2])
    for (const { end } of calls) end()
    assert.deepEqual(await Promise.all(all), [0, 1, 2, 3])
  })

  it('pass on after a call that fails', async () => {
    const turns = new Turns(1)
    const failing = turns.run(() => Promise.reject(new Error('it failed')), undefined)
    const next = turns.run(async () => 'done', undefined)
    await assert.rejects(failing, /it failed/)
    assert.equal(await next, 'done')
  })

  it('are given up by who is aborted while waiting, and go to the next', async () => {
    const turns = new Turns(1)
    const [first, abort] = [call(), new AbortController()]
    const running = turns.run(() => first.done, undefined)
    const aborted = turns.run(async () => assert.fail('it began'), abort.signal)
    const next = turns.run(async () => 'done', undefined)
    abort.abort(new Error('enough'))
    await assert.rejects(aborted, /enough/)
    first.end()
    await running
    assert.equal(await next, 'done')
    await assert.rejects(
      turns.run(async () => assert.fail('it began'), abort.signal),
      /enough/
    )
  })

  it('are not lost where the turn and the abort come in the same moment', async () => {
    const turns = new Turns(1)
    const [first, abort] = [call(), new AbortController()]
    const running = turns.run(() => first.done, undefined)
    const second = turns.run(async () => 'second', abort.signal)
    first.end()
    await running
    abort.abort(new Error('enough'))
    await second.catch(() => undefined)
    assert.equal(await turns.run(async () => 'third', undefined), 'third')
  })
})
