// Calling a Work, wherever it is hosted: once, whatever becomes of connections and daemons on the way. Knows no Path or Payload:
// what goes in and out is JSON.

import { randomUUID } from 'node:crypto'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import { TIMER_MS_MAX, WORK_LOST_MS } from '../../proto/limits.ts'
import type { CallRequest } from '../../proto/works-api.ts'
import type { CallOptions } from '../calls.ts'
import { CallAttempt, type AttemptOptions, type CallListeners, type WorkCalls } from './call-attempt.ts'
import { forgotten, outcomeError } from './call-errors.ts'
import type { Json, State } from './state.ts'

export interface CallWorkOptions extends CallOptions, CallListeners {
  /** Milliseconds for the whole call; then it is cancelled, and TIMEOUT. Without it, as long as it takes. */
  readonly timeoutMs?: number | undefined
  /** Milliseconds that its node may be out of reach; by default 30 s. Then it is WORK_LOST, or OUTCOME_UNKNOWN. */
  readonly lostMs?: number | undefined
  /** Whether it may run twice, where nobody can say whether it ran; otherwise that is OUTCOME_UNKNOWN. */
  readonly idempotent?: boolean | undefined
  /** 16 to 64 of `A-Za-z0-9_-`; by default random. Twice the same is one call: its outcome can be asked for again for a day. */
  readonly id?: string | undefined
}

export interface WorkCall {
  readonly work: string
  /** PeerId or name of the node that hosts it; by default this one, or the one where the work lives. */
  readonly node?: string | undefined
  readonly args: readonly Json[]
  /** Attributes to set before the run. */
  readonly state?: State | undefined
  /** SHA-256 of its module: INCOMPATIBLE where the host has another. */
  readonly hash?: string | undefined
}

/**
 * Calls a Work and resolves to what its run returned. WORK_FAILED when that threw, what it threw being the cause; WORK_LOST when its
 * process ended, or its node was out of reach for `lostMs`; OUTCOME_UNKNOWN when nobody can say whether it ran; NOT_FOUND when nobody
 * hosts it. When `signal` is aborted, or `timeoutMs` is over, the call is cancelled where it runs, which takes a few seconds at most.
 */
export async function callWork(calls: WorkCalls, call: WorkCall, options: CallWorkOptions): Promise<Json> {
  const { signal, timeoutMs, id = randomUUID() } = options
  checkMs('timeoutMs', timeoutMs, 1)
  checkMs('lostMs', options.lostMs, 0)
  const late = new AbortController()
  const timer = setTimeout(
    () => late.abort(tooLate(call.work, id, timeoutMs)),
    Math.min(timeoutMs ?? TIMER_MS_MAX, TIMER_MS_MAX)
  )
  // Without a timeout there is no end, however far away.
  if (timeoutMs === undefined) clearTimeout(timer)
  try {
    const stop = signal === undefined ? late.signal : AbortSignal.any([signal, late.signal])
    return await untilDone(calls, requestOf(call, id), options, stop)
  } finally {
    clearTimeout(timer)
  }
}

async function untilDone(
  calls: WorkCalls,
  first: CallRequest,
  { lostMs = WORK_LOST_MS, idempotent = false, ...listeners }: CallWorkOptions,
  signal: AbortSignal
): Promise<Json> {
  const options: AttemptOptions = { listeners, lostMs, idempotent }
  let request = first
  for (let mayRunAgain = idempotent; ; mayRunAgain = false) {
    const attempt = new CallAttempt(calls, request, options)
    const outcome = await orCancelled(attempt, signal)
    const isForgotten = outcome instanceof PathmeshError
    if (!isForgotten && outcome.ok) return outcome.result
    const error = isForgotten ? forgotten(request, idempotent, outcome) : outcomeError(outcome.error)
    if (!mayRunAgain || !(isForgotten || hasCode(error, 'OUTCOME_UNKNOWN'))) throw error
    // What is forgotten can begin anew under its id; under one that has an outcome, that would be told again.
    if (!isForgotten) request = { ...request, id: randomUUID() }
  }
}

async function orCancelled(attempt: CallAttempt, signal: AbortSignal): ReturnType<CallAttempt['outcome']> {
  try {
    return await attempt.outcome(signal)
  } catch (error) {
    if (!signal.aborted) throw error
    await attempt.cancel()
    throw signal.reason
  }
}

function requestOf({ work, node, args, state, hash }: WorkCall, id: string): CallRequest {
  return {
    id,
    work,
    args: [...args],
    ...(node === undefined ? {} : { node }),
    ...(state === undefined ? {} : { state: { ...state } }),
    ...(hash === undefined ? {} : { hash })
  }
}

function tooLate(work: string, id: string, timeoutMs = 0): PathmeshError {
  return new PathmeshError(
    'TIMEOUT',
    `${work} did not end within the ${timeoutMs} ms of timeoutMs, and was cancelled (id ${id}): allow it more, or none for no limit`,
    { details: { work, id } }
  )
}

function checkMs(option: string, ms: number | undefined, least: number): void {
  if (ms === undefined || ms >= least) return
  throw new RangeError(`${option} is ${ms}: it is a number of milliseconds, ${least} or more`)
}
