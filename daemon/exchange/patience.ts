// A deadline on progress: a signal that is aborted when nothing has moved for a while.

import type { Clock } from '../clock.ts'
import { EXCUSED_FACTOR } from '../../proto/limits.ts'

/** A shorter deadline, for as long as it is idle. */
export interface Sooner {
  readonly ms: number
  readonly isIdle: () => boolean
}

export interface PatienceOptions {
  readonly sooner?: Sooner | undefined
  /** Whether there is another reason for the silence since it last moved: then it may last EXCUSED_FACTOR times as long. */
  readonly isExcused?: ((movedAt: number) => boolean) | undefined
}

export class Patience {
  readonly #clock: Clock
  readonly #ms: number
  readonly #onLost: () => Error
  readonly #lost = new AbortController()
  readonly #sooner: Sooner | undefined
  readonly #isExcused: (movedAt: number) => boolean
  #movedAt: number
  #cancel: () => void

  /** `onLost` makes the reason of the abort. */
  constructor(clock: Clock, ms: number, onLost: () => Error, { sooner, isExcused }: PatienceOptions = {}) {
    this.#clock = clock
    this.#ms = ms
    this.#onLost = onLost
    this.#sooner = sooner
    this.#isExcused = isExcused ?? (() => false)
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
    const isExcused = silent >= allowed && silent < EXCUSED_FACTOR * this.#ms && this.#isExcused(this.#movedAt)
    if (silent >= allowed && !isExcused) return this.#lost.abort(this.#onLost())
    // At least a moment: what is left may be less than a clock can tell.
    const left = isExcused ? this.#ms / 4 : this.#ms - silent
    const next = Math.max(1, Math.min(left, this.#sooner?.ms ?? Infinity))
    this.#cancel = this.#clock.after(next, () => this.#look())
  }
}
