// What is said of a call that does not end well, and which failures of the way to its node may pass. Decides by what is knowable:
// where a call may have begun, nothing here says that it did not.

import { hasCode, PathmeshError, type Problem } from '../../proto/errors.ts'
import type { CallRequest, Outcome } from '../../proto/works-api.ts'
import { nobodyListens } from '../socket-check.ts'

type Failed = Extract<Outcome, { readonly ok: false }>['error'] | Problem

/** Which call it is about. */
export type Named = Pick<CallRequest, 'id' | 'work'>

/** Whether asking again may help: the node, or the daemon on the way to it, does not answer at the moment. */
export function mayPass(error: unknown): boolean {
  return hasCode(error, 'NO_PROVIDERS', 'DAEMON_UNREACHABLE', 'TIMEOUT', 'NOT_SYNCED', 'IO')
}

/** Whether a request surely reached nobody: there was no daemon to take it, or the daemon says that it sent nothing. */
export function wasNotSent(error: unknown): boolean {
  if (hasCode(error, 'DAEMON_UNREACHABLE')) return nobodyListens(error.cause)
  return hasCode(error, 'NO_PROVIDERS', 'TIMEOUT', 'NOT_SYNCED') && error.details?.['sent'] === false
}

/** The error of an outcome as it is thrown. That of a run has what was thrown there as its cause, with the stack of there. */
export function outcomeError(problem: Failed): PathmeshError {
  const error = PathmeshError.fromProblem(problem)
  if (error.code !== 'WORK_FAILED' || error.details === undefined) return error
  return new PathmeshError(error.code, error.message, { details: error.details, cause: thrownThere(error) })
}

/** Nobody took the call for `lostMs`, and it surely began nowhere. */
export function neverBegan({ id, work }: Named, lostMs: number, cause: unknown): PathmeshError {
  return new PathmeshError(
    'WORK_LOST',
    `${work} was not called: ${messageOf(cause)}, for ${lostMs} ms. It never began (id ${id}): call it again when its node can be reached`,
    { cause, details: { work, id, began: false } }
  )
}

/** The call was sent, and nobody said that it began. */
export function unanswered({ id, work }: Named, lostMs: number, idempotent: boolean, cause: unknown): PathmeshError {
  return new PathmeshError(
    idempotent ? 'WORK_LOST' : 'OUTCOME_UNKNOWN',
    `whether ${work} was called is not known: ${messageOf(cause)}, for ${lostMs} ms after it was sent. Call it again with the id ${id}, within a day: if it began, that tells its outcome, and starts nothing twice`,
    { cause, details: { work, id } }
  )
}

/** The call began, and its node has been out of reach since. */
export function outOfReach({ id, work }: Named, node: string, lostMs: number, cause: unknown): PathmeshError {
  return new PathmeshError(
    'WORK_LOST',
    `the node ${node}, where ${work} runs, was out of reach for ${lostMs} ms: ${messageOf(cause)}. It may go on there: ask for its outcome by calling it again with the id ${id}, within a day`,
    { cause, details: { work, id, node } }
  )
}

/** The call began, or may have, and its node does not know it any more. */
export function forgotten({ id, work }: Named, idempotent: boolean, cause: unknown): PathmeshError {
  return new PathmeshError(
    idempotent ? 'WORK_LOST' : 'OUTCOME_UNKNOWN',
    `whether ${work} ran to its end is not known: its node knows nothing of the call ${id}. Look at what it should have done before calling it again; where a call may run twice, say that it is idempotent`,
    { cause, details: { work, id } }
  )
}

/** What was thrown where the Work runs, so that printing it shows that. */
function thrownThere({ message, details = {} }: PathmeshError): Error {
  const { work, name, stack } = details
  const kind = typeof name === 'string' ? name : 'Error'
  const prefix = `${String(work)} failed: ${kind}: `
  const text = message.startsWith(prefix) ? message.slice(prefix.length) : message
  const thrown = new Error(text)
  const property = { enumerable: false, writable: true, configurable: true }
  Object.defineProperty(thrown, 'name', { ...property, value: kind })
  // The one of here would lead into this file, and to nobody's fault.
  const there = typeof stack === 'string' ? stack : `${kind}: ${text}`
  Object.defineProperty(thrown, 'stack', { ...property, value: there })
  return thrown
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
