// A daemon of tests for calls of Works: an object that answers as it is told, and notes what it was asked.

import assert from 'node:assert/strict'
import type { WorkCalls } from '../../../client/work/call-attempt.ts'
import { PathmeshError, type ErrorCode, type ErrorDetails } from '../../../proto/errors.ts'
import type {
  CallEvents,
  Called,
  CallEventsQuery,
  CallRequest,
  CancelRequest,
  Outcome
} from '../../../proto/works-api.ts'

export const NODE = 'k51node'

export type Answer<A, T> = (asked: A, signal: AbortSignal | undefined) => Promise<T>

/** Answers in order; the last answer stays. */
export class FakeCalls implements WorkCalls {
  readonly started: CallRequest[] = []
  readonly asked: CallEventsQuery[] = []
  readonly cancelled: CancelRequest[] = []
  readonly #start: Answer<CallRequest, Called>[]
  readonly #events: Answer<CallEventsQuery, CallEvents>[]
  readonly #cancel: Answer<CancelRequest, void>[]

  constructor(
    events: Answer<CallEventsQuery, CallEvents>[],
    start: Answer<CallRequest, Called>[] = [called],
    cancel: Answer<CancelRequest, void>[] = [async () => undefined]
  ) {
    this.#start = start
    this.#events = events
    this.#cancel = cancel
  }

  async call(body: CallRequest): Promise<Called> {
    this.started.push(body)
    return await answered(this.#start, this.started.length, body, undefined)
  }

  async callEvents(query: CallEventsQuery, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<CallEvents> {
    this.asked.push(query)
    return await answered(this.#events, this.asked.length, query, signal)
  }

  async cancelCall(body: CancelRequest, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    this.cancelled.push(body)
    await answered(this.#cancel, this.cancelled.length, body, signal)
  }
}

async function answered<A, T>(
  answers: readonly Answer<A, T>[],
  turn: number,
  asked: A,
  signal: AbortSignal | undefined
): Promise<T> {
  const answer = answers[Math.min(turn, answers.length) - 1]
  assert.ok(answer !== undefined)
  signal?.throwIfAborted()
  return await answer(asked, signal)
}

export const called = async (): Promise<Called> => ({ node: NODE, known: false })

export const events =
  (more: Partial<CallEvents>): Answer<unknown, CallEvents> =>
  async () => ({ next: 1, phase: 'running', state: {}, logs: [], missed: 0, progress: null, outcome: null, ...more })

export const ended = (outcome: Outcome): Answer<unknown, CallEvents> => events({ next: 9, phase: 'done', outcome })
export const returned = ended({ ok: true, result: 'the result' })

export const failing =
  (code: ErrorCode, { details, cause }: { details?: ErrorDetails; cause?: unknown } = {}) =>
  async (): Promise<never> => {
    throw new PathmeshError(code, `it is ${code}`, { cause, ...(details === undefined ? {} : { details }) })
  }

export const endedBy = (code: ErrorCode, details?: ErrorDetails): Answer<unknown, CallEvents> =>
  ended({
    ok: false,
    error: new PathmeshError(code, `it ended by ${code}`, details === undefined ? {} : { details }).toProblem()
  })

export const silent: Answer<unknown, never> = (_, signal) =>
  new Promise((_resolve, reject) => {
    const onAbort = (): void => reject(signal?.reason)
    if (signal?.aborted === true) onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
  })

/** As a transport says that no daemon runs. */
export const noDaemon = failing('DAEMON_UNREACHABLE', {
  cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
})
