// A deadline on progress: a signal that is aborted when nothing has moved for a while.

import type { Clock } from '../clock.ts'

/** A shorter deadline, for as long as it is idle. */
export interface Sooner {
  readonly ms: number
  readonly isIdle: () => boolean
}

export class Patience {
  readonly #clock: Clock
  readonly #ms: number
  readonly #onLost: () => Error
  readonly #lost = new AbortController()
  readonly #sooner: Sooner | undefined
  #movedAt: number
  #cancel: () => void

  /** `onLost` makes the reason of the abort. */
  constructor(clock: Clock, ms: number, onLost: () => Error, sooner?: Sooner) {
    this.#clock = clock
    this.#ms = ms
    this.#onLost = onLost
    this.#sooner = sooner
    this.#movedAt = clock.monotonic()
    this.#cancel = clock.after(sooner?.ms ?? ms, () => this.#look())
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
    const silent = this.#clock.monotonic() - this.#movedAt
    const allowed = this.#sooner?.isIdle() === true ? this.#sooner.ms : this.#ms
    if (silent >= allowed) return this.#lost.abort(this.#onLost())
    // At least a moment: what is left may be less than a clock can tell.
    const next = Math.max(1, Math.min(this.#ms - silent, this.#sooner?.ms ?? Infinity))
    this.#cancel = this.#clock.after(next, () => this.#look())
  }
}
