// Runs something under a deadline of the handed-in clock and the caller's signal.
// The deadline fails with TIMEOUT; the caller's abort rethrows the caller's reason.

import { PathmeshError } from '../proto/errors.ts'
import type { Clock } from './clock.ts'

/** What `run` returns, or throws; its signal is aborted at the deadline and when `outer` is. */
export async function withDeadline<T>(
  clock: Pick<Clock, 'after'>,
  ms: number,
  doing: string,
  outer: AbortSignal | undefined,
  run: (signal: AbortSignal) => Promise<T>
): Promise<T> {
  outer?.throwIfAborted()
  const controller = new AbortController()
  const onAbort = () => controller.abort(outer?.reason)
  outer?.addEventListener('abort', onAbort, { once: true })
  const cancel = clock.after(ms, () =>
    controller.abort(new PathmeshError('TIMEOUT', `${doing} took more than ${ms / 1000} s`))
  )
  try {
    return await run(controller.signal)
  } catch (error) {
    // What a library makes of an abort may name neither the deadline nor the reason.
    controller.signal.throwIfAborted()
    throw error
  } finally {
    cancel()
    outer?.removeEventListener('abort', onAbort)
  }
}

/** The promise, or the signal's reason as soon as it is aborted. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
