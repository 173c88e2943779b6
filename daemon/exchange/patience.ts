// A deadline on progress: a signal that is aborted when nothing has moved for a while.

import type { Clock } from '../clock.ts'

export class Patience {
  readonly #clock: Clock
  readonly #ms: number
  readonly #onLost: () => Error
  readonly #lost = new AbortController()
  #movedAt: number
  #cancel: () => void

  /** `onLost` makes the reason of the abort. */
  constructor(clock: Clock, ms: number, onLost: () => Error) {
    this.#clock = clock
    this.#ms = ms
    this.#onLost = onLost
    this.#movedAt = clock.monotonic()
    this.#cancel = clock.after(ms, () => this.#look())
  }

  get signal(): AbortSignal {
    return this.#lost.signal
  }

  moved(): void {
    this.#movedAt = this.#clock.monotonic()
  }

  stop(): void {
    this.#cancel()
  }

  #look(): void {
    const left = this.#ms - (this.#clock.monotonic() - this.#movedAt)
    if (left <= 0) this.#lost.abort(this.#onLost())
    else this.#cancel = this.#clock.after(left, () => this.#look())
  }
}
