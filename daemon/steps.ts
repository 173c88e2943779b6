// What was started, so that it can be stopped in reverse: each under a deadline, and one that fails does not keep the
// others running.

import type { Clock } from './clock.ts'
import { withDeadline } from './deadline.ts'
import type { Log } from './log.ts'
import { STOP_MS } from '../proto/limits.ts'

export class Steps {
  readonly #clock: Clock
  readonly #log: Log
  readonly #steps: { readonly name: string; readonly stop: () => Promise<unknown> | void }[] = []

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  started(name: string, stop: () => Promise<unknown> | void): void {
    this.#steps.push({ name, stop })
  }

  /** Stops the last that was started first. Never rejects. */
  async unwind(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      const { name, stop } = step
      try {
        await withDeadline(this.#clock, STOP_MS, `stopping ${name}`, undefined, async signal => {
          const late = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
          await Promise.race([stop(), late])
        })
      } catch (error) {
        this.#log.warn('not wholly stopped', { name, error })
      }
    }
  }
}
