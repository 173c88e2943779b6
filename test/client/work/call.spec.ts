// Calling a Work over a way that breaks: what is asked again, what is told once, and which error says what. The daemon is an object
// that answers as it is told.

import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { inspect } from 'node:util'
import { describe, it } from 'mocha'
import { callWork, type CallWorkOptions } from '../../../client/work/call.ts'
import { hasCode, PathmeshError } from '../../../proto/errors.ts'
import type { CallEvents, Called, CallRequest } from '../../../proto/works-api.ts'
import { PROGRESS } from '../fake-daemon.ts'
import {
  called,
  ended,
  endedBy,
  events,
  failing,
  FakeCalls,
  NODE,
  noDaemon,
  returned,
  silent,
  type Answer
} from './fake-calls.ts'

const ID = 'a-call-of-a-test'
/** Long enough for one more attempt, and no longer. */
const LOST_MS = 20

async function call(calls: FakeCalls, options: CallWorkOptions = {}): Promise<unknown> {
  const work = { work: 'train', args: [{ epochs: 3 }] }
  return await callWork(calls, work, { id: ID, lostMs: LOST_MS, ...options })
}

async function failure(calls: FakeCalls, options: CallWorkOptions = {}): Promise<PathmeshError> {
  const error = await call(calls, options).then(
    () => undefined,
    (error: unknown) => error
  )
  assert.ok(error instanceof PathmeshError, inspect(error))
  return error
}

describe('callWork()', () => {
  it('sends what there is to send, follows the call to where it runs, and resolves to its result', async () => {
    const calls = new FakeCalls([events({ next: 4 }), events({ next: 7 }), returned])
    const work = { work: 'train', node: 'gpu-1', args: [1, null], state: { rate: 0.5 }, hash: 'ab' }
    assert.equal(await callWork(calls, work, { id: ID }), 'the result')
    assert.deepEqual(calls.started, [{ id: ID, ...work }])
    assert.deepEqual(calls.asked, [
      { id: ID, node: NODE },
      { id: ID, node: NODE, after: '4' },
      { id: ID, node: NODE, after: '7' }
    ])
    assert.deepEqual(calls.cancelled, [])
  })

  it('takes an id of its own where none is given, another for each call', async () => {
    const calls = new FakeCalls([returned])
    await callWork(calls, { work: 'train', args: [] }, {})
    await callWork(calls, { work: 'train', args: [] }, {})
    const [one, two] = calls.started
    assert.match(one?.id ?? '', /^[A-Za-z0-9_-]{16,64}$/)
    assert.notEqual(one?.id, two?.id)
  })

  it('tells what the call does, in order, and what has not changed only once', async () => {
    const log = { stream: 'stdout', text: 'epoch 1' } as const
    const progress = { ...PROGRESS, event: 'progress', phase: 'transferring' } as const
    const calls = new FakeCalls([
      events({ phase: 'fetching', progress }),
      events({ phase: 'fetching', progress }),
      events({ state: { loss: 0.5 }, logs: [log, { ...log, text: 'epoch 2' }], missed: 3 }),
      events({ phase: 'done', state: { loss: 0.25 }, outcome: { ok: true, result: null } })
    ])
    const told: unknown[] = []
    await call(calls, {
      onPhase: phase => told.push(phase),
      onState: changed => told.push(changed),
      onLog: ({ text }) => told.push(text),
      onMissed: lines => told.push(lines),
      onProgress: ({ bytes }) => told.push(`${bytes} bytes`)
    })
    assert.deepEqual(told, [
      'fetching',
      '1024 bytes',
      'running',
      { loss: 0.5 },
      3,
      'epoch 1',
      'epoch 2',
      { loss: 0.25 },
      'done'
    ])
  })

  it('asks again after a lost connection, from where it was: nothing is told twice, and nothing is called twice', async () => {
    const line = (text: string, next: number): Answer<unknown, CallEvents> =>
      events({ next, logs: [{ stream: 'stdout', text }] })
    const calls = new FakeCalls([
      line('one', 1),
      failing('NO_PROVIDERS'),
      line('one', 1),
      line('two', 2),
      failing('DAEMON_UNREACHABLE'),
      line('two', 2),
      line('three', 3),
      failing('TIMEOUT'),
      line('three', 3),
      returned
    ])
    const lines: string[] = []
    assert.equal(await call(calls, { onLog: ({ text }) => lines.push(text) }), 'the result')
    assert.deepEqual(lines, ['one', 'two', 'three'])
    assert.deepEqual(
      calls.asked.map(({ after }) => after),
      // The last again, to see whether somebody answers; then what is new.
      [undefined, '1', '0', '1', '2', '1', '2', '3', '2', '3']
    )
    assert.equal(calls.started.length, 1)
  })

  it('is not lost where its node answers again and has nothing to tell for longer than lostMs', async () => {
    const late: Answer<unknown, CallEvents> = async (...asked) => {
      await pause(2 * LOST_MS)
      return await returned(...asked)
    }
    const calls = new FakeCalls([events({ next: 5 }), failing('TIMEOUT'), events({ next: 5 }), late])
    assert.equal(await call(calls), 'the result')
  })

  it('is WORK_LOST when a question that is asked again has no answer in what is left of lostMs', async () => {
    const { code, message } = await failure(new FakeCalls([events({ next: 5 }), failing('TIMEOUT'), silent]))
    assert.equal(code, 'WORK_LOST')
    assert.match(message, new RegExp(`was out of reach for ${LOST_MS} ms: it does not answer`))
    const unsent = failing('NO_PROVIDERS', { details: { sent: false } })
    const never: Answer<CallRequest, Called> = () => new Promise<never>(() => undefined)
    // The second attempt may have been heard.
    assert.equal((await failure(new FakeCalls([returned], [unsent, never]))).code, 'OUTCOME_UNKNOWN')
  })

  it('begins again under the same id while nobody answers that it began', async () => {
    for (const code of ['NO_PROVIDERS', 'DAEMON_UNREACHABLE', 'TIMEOUT', 'NOT_SYNCED', 'IO'] as const) {
      const calls = new FakeCalls([returned], [failing(code), called])
      assert.equal(await call(calls), 'the result')
      assert.deepEqual(
        calls.started.map(({ id }) => id),
        [ID, ID]
      )
    }
  })

  it('throws what cannot pass at once, and cancels nothing', async () => {
    for (const code of ['NOT_FOUND', 'INCOMPATIBLE', 'TOO_LARGE', 'IN_USE', 'INVALID_ARGUMENT'] as const) {
      const calls = new FakeCalls([returned], [failing(code)])
      assert.equal((await failure(calls)).code, code)
      assert.deepEqual([calls.started.length, calls.cancelled.length], [1, 0])
    }
    assert.equal((await failure(new FakeCalls([failing('INCOMPATIBLE')]))).code, 'INCOMPATIBLE')
  })

  it('is WORK_LOST, which names the node and what to do, when a call that began is out of reach for lostMs', async () => {
    const calls = new FakeCalls([events({ next: 5 }), failing('NO_PROVIDERS')])
    const { code, message, details } = await failure(calls)
    assert.equal(code, 'WORK_LOST')
    assert.match(
      message,
      new RegExp(`${NODE}, where train runs, was out of reach for ${LOST_MS} ms: it is NO_PROVIDERS`)
    )
    assert.match(message, new RegExp(`again with the id ${ID}`))
    assert.deepEqual(details, { work: 'train', id: ID, node: NODE })
    assert.equal(calls.asked.length, 3)
  })

  it('is OUTCOME_UNKNOWN where a call that may have begun was never answered, and WORK_LOST where it may run twice', async () => {
    const calls = (): FakeCalls => new FakeCalls([returned], [noDaemon, failing('TIMEOUT')])
    const { code, message } = await failure(calls())
    assert.equal(code, 'OUTCOME_UNKNOWN')
    assert.match(
      message,
      new RegExp(`whether train was called is not known: it is TIMEOUT, for ${LOST_MS} ms.*id ${ID}`)
    )
    assert.equal((await failure(calls(), { idempotent: true })).code, 'WORK_LOST')
  })

  it('is WORK_LOST, which says that it never began, where each attempt surely reached nobody', async () => {
    const unsent = failing('NO_PROVIDERS', { details: { sent: false } })
    const { code, message, details } = await failure(new FakeCalls([returned], [noDaemon, unsent]))
    assert.equal(code, 'WORK_LOST')
    assert.match(message, /train was not called: it is NO_PROVIDERS.*It never began/)
    assert.deepEqual(details, { work: 'train', id: ID, began: false })
    const cut = new FakeCalls([returned], [failing('DAEMON_UNREACHABLE'), noDaemon])
    assert.equal((await failure(cut)).code, 'OUTCOME_UNKNOWN')
  })

  it('is OUTCOME_UNKNOWN where the work is gone after a call that may have begun', async () => {
    const calls = new FakeCalls([returned], [failing('TIMEOUT'), failing('NOT_FOUND')])
    assert.equal((await failure(calls)).code, 'OUTCOME_UNKNOWN')
  })

  it('is OUTCOME_UNKNOWN where its node has forgotten the call; begins it once more where it may run twice', async () => {
    const { code, message, cause } = await failure(new FakeCalls([events({}), failing('NOT_FOUND')]))
    assert.equal(code, 'OUTCOME_UNKNOWN')
    assert.ok(hasCode(cause, 'NOT_FOUND'))
    assert.match(message, /knows nothing of the call/)
    const again = new FakeCalls([events({ next: 5 }), failing('NOT_FOUND'), returned])
    assert.equal(await call(again, { idempotent: true }), 'the result')
    assert.deepEqual(
      again.started.map(({ id }) => id),
      [ID, ID]
    )
    assert.equal(again.asked.at(-1)?.after, undefined)
    const ever = new FakeCalls([failing('NOT_FOUND')])
    assert.equal((await failure(ever, { idempotent: true })).code, 'WORK_LOST')
    assert.equal(ever.started.length, 2)
  })

  it('runs once more, under another id, what may run twice and has an outcome that nobody knows', async () => {
    const calls = new FakeCalls([endedBy('OUTCOME_UNKNOWN'), returned])
    assert.equal(await call(calls, { idempotent: true }), 'the result')
    const [first, second] = calls.started
    assert.equal(first?.id, ID)
    assert.notEqual(second?.id, ID)
    assert.deepEqual(calls.asked, [
      { id: ID, node: NODE },
      { id: second?.id, node: NODE }
    ])
    const ever = new FakeCalls([endedBy('OUTCOME_UNKNOWN')])
    assert.equal((await failure(ever, { idempotent: true })).code, 'OUTCOME_UNKNOWN')
    assert.equal(ever.started.length, 2)
    const once = new FakeCalls([endedBy('OUTCOME_UNKNOWN')])
    assert.equal((await failure(once)).code, 'OUTCOME_UNKNOWN')
    assert.equal(once.started.length, 1)
  })

  it('throws another outcome as it is, also of what may run twice', async () => {
    for (const code of ['WORK_LOST', 'ABORTED', 'TOO_LARGE'] as const) {
      const calls = new FakeCalls([endedBy(code, { exit: 9 })])
      const error = await failure(calls, { idempotent: true })
      assert.deepEqual([error.code, error.message, error.details], [code, `it ended by ${code}`, { exit: 9 }])
      assert.equal(calls.started.length, 1)
    }
  })

  it('has what a run threw as the cause, with the stack of there', async () => {
    const stack = 'RangeError: 3 epochs are too few\n    at Train.run (file:///works/train.js:7:11)'
    const details = { work: 'train', name: 'RangeError', stack }
    const thrown = new PathmeshError('WORK_FAILED', 'train failed: RangeError: 3 epochs are too few', { details })
    const error = await failure(new FakeCalls([ended({ ok: false, error: thrown.toProblem() })]))
    assert.deepEqual([error.code, error.message, error.details], ['WORK_FAILED', thrown.message, details])
    const { cause } = error
    assert.ok(cause instanceof Error)
    assert.deepEqual([cause.name, cause.message, cause.stack], ['RangeError', '3 epochs are too few', stack])
    assert.match(inspect(error), /\[cause\]: .*RangeError\]?: 3 epochs are too few\n +at Train\.run/)
    const bare = await failure(new FakeCalls([endedBy('WORK_FAILED', {})]))
    assert.ok(bare.cause instanceof Error)
    assert.equal(bare.cause.stack, 'Error: it ended by WORK_FAILED')
  })

  it('cancels where it runs when the signal is aborted, tells what it still did, and rethrows the reason', async () => {
    const abort = new AbortController()
    const reason = new Error('enough')
    const untilAborted: Answer<unknown, CallEvents> = async (asked, signal) => {
      abort.abort(reason)
      return await silent(asked, signal)
    }
    const calls = new FakeCalls([
      events({ next: 3 }),
      untilAborted,
      events({ next: 4, state: { last: 1 } }),
      endedBy('ABORTED')
    ])
    const told: unknown[] = []
    await assert.rejects(
      call(calls, { signal: abort.signal, onState: changed => told.push(changed) }),
      error => error === reason
    )
    assert.deepEqual(calls.cancelled, [{ id: ID, node: NODE }])
    assert.deepEqual(told, [{ last: 1 }])
    assert.deepEqual(
      calls.asked.map(({ after }) => after),
      [undefined, '3', '3', '4']
    )
  })

  it('tells to cancel once more where that was not heard, and then ends all the same', async () => {
    const abort = new AbortController()
    const stop: Answer<unknown, CallEvents> = async (asked, signal) => {
      abort.abort()
      return await silent(asked, signal)
    }
    const calls = new FakeCalls([stop], [called], [failing('NO_PROVIDERS')])
    await assert.rejects(call(calls, { signal: abort.signal }), { name: 'AbortError' })
    assert.deepEqual([calls.cancelled.length, calls.asked.length], [2, 1])
    const second = new FakeCalls([silent, endedBy('ABORTED')], [called], [failing('NOT_FOUND'), async () => undefined])
    assert.equal((await failure(second, { timeoutMs: 1 })).code, 'TIMEOUT')
    assert.deepEqual([second.cancelled.length, second.asked.length], [2, 2])
    const heard = new FakeCalls(
      [stop, failing('NO_PROVIDERS')],
      [called],
      [failing('NOT_FOUND'), async () => undefined]
    )
    await assert.rejects(call(heard, { signal: AbortSignal.any([abort.signal]) }), { name: 'AbortError' })
    assert.deepEqual([heard.started.length, heard.cancelled.length], [0, 0])
  })

  it('cancels also what was still beginning, where that says it began', async () => {
    const abort = new AbortController()
    const begins: Answer<CallRequest, Called> = async () => {
      abort.abort()
      await new Promise(resolve => setImmediate(resolve))
      return { node: 'k51other', known: false }
    }
    const calls = new FakeCalls([endedBy('ABORTED')], [begins])
    await assert.rejects(call(calls, { signal: abort.signal }), { name: 'AbortError' })
    assert.deepEqual(calls.cancelled, [{ id: ID, node: 'k51other' }])
  })

  it('begins nothing when it is aborted before', async () => {
    const calls = new FakeCalls([returned])
    await assert.rejects(call(calls, { signal: AbortSignal.abort() }), { name: 'AbortError' })
    assert.deepEqual([calls.started.length, calls.cancelled.length], [0, 0])
  })

  it('cancels it after timeoutMs, and is TIMEOUT naming the work, the time and the id', async () => {
    const calls = new FakeCalls([silent, endedBy('ABORTED')])
    const { code, message } = await failure(calls, { timeoutMs: 20 })
    assert.equal(code, 'TIMEOUT')
    assert.match(message, new RegExp(`train did not end within the 20 ms of timeoutMs.*id ${ID}`))
    assert.deepEqual(calls.cancelled, [{ id: ID, node: NODE }])
  })

  it('stops asking while it pauses, when it is aborted', async () => {
    const abort = new AbortController()
    const away: Answer<unknown, CallEvents> = async () => {
      setImmediate(() => abort.abort())
      return await failing('NO_PROVIDERS')()
    }
    const calls = new FakeCalls([away, endedBy('ABORTED')])
    await assert.rejects(call(calls, { signal: abort.signal, lostMs: 60_000 }), { name: 'AbortError' })
    assert.deepEqual([calls.cancelled.length, calls.asked.length], [1, 2])
  })

  it('throws what a listener throws, whatever that is', async () => {
    const mine = new PathmeshError('NOT_FOUND', 'mine')
    const onPhase = (): never => {
      throw mine
    }
    assert.equal(await failure(new FakeCalls([returned]), { onPhase, idempotent: true }), mine)
  })

  it('refuses times that are none, and takes any that is long', async () => {
    for (const options of [{ timeoutMs: 0 }, { timeoutMs: Number.NaN }, { lostMs: -1 }])
      await assert.rejects(call(new FakeCalls([returned]), options), RangeError)
    const slow: Answer<unknown, CallEvents> = async (asked, signal) => {
      await pause(10, undefined, signal === undefined ? {} : { signal })
      return await returned(asked, signal)
    }
    assert.equal(await call(new FakeCalls([slow]), { timeoutMs: Infinity, lostMs: 0 }), 'the result')
  })
})
