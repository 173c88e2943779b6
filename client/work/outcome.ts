// How a call ends that does not end well: what a Work threw, or what kept it from running, as JSON that its caller turns back into an
// error. Bounded, whatever was thrown.

import { inspect } from 'node:util'
import { PathmeshError, type ErrorDetails } from '../../proto/errors.ts'
import { LOG_LINE_CHARS_MAX } from '../../proto/limits.ts'
import type { Outcome } from '../../proto/works-api.ts'

const STACK_CHARS = 2 * LOG_LINE_CHARS_MAX

/** What an Error has; a program may have put anything there. */
interface Thrown {
  readonly name: unknown
  readonly message: unknown
  readonly stack?: unknown
  readonly cause?: unknown
  readonly code?: unknown
}

/** WORK_FAILED, for something that a Work threw, of whatever kind. */
export function workFailed(work: string, error: unknown): PathmeshError {
  const thrown: Thrown = error instanceof Error ? error : { name: 'Error', message: textOf(error) }
  const name = bounded(String(thrown.name), LOG_LINE_CHARS_MAX)
  const message = bounded(`${work} failed: ${name}: ${String(thrown.message)}`, LOG_LINE_CHARS_MAX)
  const code = typeof thrown.code === 'string' ? { code: thrown.code } : {}
  const details: ErrorDetails = { work, name, stack: bounded(stackOf(thrown), STACK_CHARS), ...code }
  return new PathmeshError('WORK_FAILED', message, { cause: error, details })
}

/** An error as the end of a call. */
export function failure(error: PathmeshError): Outcome & { readonly ok: false } {
  return { ok: false, error: toBody(error) }
}

function toBody(error: PathmeshError) {
  const { details, ...problem } = error.toProblem()
  return details === undefined ? problem : { ...problem, details: { ...details } }
}

function stackOf({ name, message, stack, cause }: Thrown): string {
  const own = typeof stack === 'string' ? stack : `${String(name)}: ${String(message)}`
  return cause instanceof Error ? `${own}\ncaused by ${cause.stack ?? cause.message}` : own
}

const textOf = (thrown: unknown): string => (typeof thrown === 'string' ? thrown : inspect(thrown))

const bounded = (text: string, chars: number): string => (text.length > chars ? `${text.slice(0, chars)}…` : text)
