// A pause on the handed-in clock, which ends early when everything does.

import type { Clock } from '../clock.ts'

/** Resolves after `ms`, or as soon as `stopped` is aborted. Never rejects. */
export function pause(clock: Pick<Clock, 'after'>, ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      cancel()
      stopped.removeEventListener('abort', done)
      resolve()
    }
    const cancel = clock.after(ms, done)
    stopped.addEventListener('abort', done, { once: true })
    if (stopped.aborted) done()
  })
}
