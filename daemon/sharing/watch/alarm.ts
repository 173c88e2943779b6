// One waiter that sleeps until it is rung, a time has passed or a signal is aborted. A ring that finds nobody waiting is
// remembered, so that none is missed. Refuses to tell the three apart: whoever wakes looks for itself.

import type { Clock } from '../../clock.ts'

export class Alarm {
  #isRung = false
  #wake: (() => void) | undefined

  ring(): void {
    this.#isRung = true
    this.#wake?.()
  }

  /** `ms` may be Infinity. Resolves at once when the signal is aborted, and never rejects. */
  async wait(clock: Pick<Clock, 'after'>, ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#isRung && !signal.aborted) await this.#sleep(clock, ms, signal)
    this.#isRung = false
  }

  async #sleep(clock: Pick<Clock, 'after'>, ms: number, signal: AbortSignal): Promise<void> {
    await new Promise<void>(resolve => {
      const wake = () => {
        this.#wake = undefined
        cancel?.()
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#wake = wake
      signal.addEventListener('abort', wake)
      const cancel = Number.isFinite(ms) ? clock.after(Math.ceil(ms), wake) : undefined
    })
  }
}
