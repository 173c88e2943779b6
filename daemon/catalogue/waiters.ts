// Whoever waits for something to become so: looked at again at each change, and given up after a time.

import type { Clock } from '../clock.ts'

export class Waiters {
  readonly #clock: Pick<Clock, 'after'>
  readonly #waiting = new Set<() => void>()
  #isOver = false

  constructor(clock: Pick<Clock, 'after'>) {
    this.#clock = clock
  }

  /** Something has changed. */
  wake(): void {
    for (const look of this.#waiting) look()
  }

  /** Nobody waits any longer. */
  end(): void {
    this.#isOver = true
    this.wake()
  }

  /** Resolves when something is so, after `ms`, or when all is over; rejects with the signal's reason. */
  until(isSo: () => boolean, ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason)
      if (isSo() || this.#isOver) return resolve()
      const end = (): void => {
        cancel()
        this.#waiting.delete(look)
        signal?.removeEventListener('abort', onAbort)
      }
      const onAbort = (): void => {
        end()
        reject(signal?.reason)
      }
      const look = (): void => {
        if (!isSo() && !this.#isOver) return
        end()
        resolve()
      }
      const cancel = this.#clock.after(ms, () => {
        end()
        resolve()
      })
      this.#waiting.add(look)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }
}
