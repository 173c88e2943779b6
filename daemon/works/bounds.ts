// How large the parts of a call may be, as JSON. Whoever accepts one asks here, on the caller's node and on the host's; what
// is past its bound is TOO_LARGE, which names it, its size and the bound.

import { PathmeshError } from '../../proto/errors.ts'
import {
  CALL_ARGS_BYTES_MAX,
  CALL_PROGRESS_BYTES_MAX,
  CALL_RESULT_BYTES_MAX,
  WORK_STATE_BYTES_MAX
} from '../../proto/limits.ts'
import type { CallRequest, Outcome, ReportRequest } from '../../proto/works-api.ts'

/** Bytes of a value as JSON. */
export const jsonBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))

export function checkCall({ work, args, state = {} }: Pick<CallRequest, 'work' | 'args' | 'state'>): void {
  atMost(`the arguments of a call of ${work}`, jsonBytes(args), CALL_ARGS_BYTES_MAX)
  atMost(`the state for a call of ${work}`, jsonBytes(state), WORK_STATE_BYTES_MAX)
}

/** Of a state only its size is wanted: it is counted attribute by attribute. */
export function checkState(work: string, bytes: number): void {
  atMost(`the state of ${work}`, bytes, WORK_STATE_BYTES_MAX)
}

export function checkProgress(work: string, progress: ReportRequest['progress']): void {
  atMost(`the progress of ${work}`, jsonBytes(progress ?? null), CALL_PROGRESS_BYTES_MAX)
}

export function checkOutcome(work: string, outcome: Outcome): void {
  if (outcome.ok) atMost(`the result of ${work}`, jsonBytes(outcome.result), CALL_RESULT_BYTES_MAX)
  else atMost(`the error of ${work}`, jsonBytes(outcome.error), CALL_RESULT_BYTES_MAX)
}

function atMost(what: string, bytes: number, most: number): void {
  if (bytes <= most) return
  throw new PathmeshError(
    'TOO_LARGE',
    `${what} is ${bytes} bytes of JSON, more than ${most}: put what is large as a Payload, and hand on its reference`,
    { details: { bytes, most } }
  )
}
