// How many bytes a second may pass: a bucket that fills with time. Whoever takes waits for its turn, in the order of asking, so
// that none is starved. The rate can be changed while they wait.

import type { Clock } from '../clock.ts'
import { LIMIT_BURST_MS } from '../../proto/limits.ts'

interface Waiting {
  readonly bytes: number
  readonly go: () => void
}

export class RateLimit {
  readonly #clock: Clock
  readonly #waiting: Waiting[] = []
  #perSecond: number
  /** Bytes that may pass now; below zero where one has passed that was more than there was. */
  #spare = 0
  #filledAt: number
  #cancel: (() => void) | undefined

  /** 0 is no limit. */
  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock
    this.#perSecond = perSecond
    this.#filledAt = clock.monotonic()
    this.#spare = this.#burst
  }

  get perSecond(): number {
    return this.#perSecond
  }

  /** From now on; those that wait are served at the new rate. */
  change(perSecond: number): void {
    this.#fill()
    this.#perSecond = perSecond
    // What passed before, or at a higher rate, is not made up for.
    this.#spare = perSecond === 0 ? 0 : Math.max(-this.#burst, Math.min(this.#spare, this.#burst))
    this.#serve()
  }

  /** Whether `bytes` may pass at once; then they have. */
  tryTake(bytes: number): boolean {
    if (this.#perSecond === 0) return true
    this.#fill()
    if (this.#waiting.length > 0 || this.#spare <= 0) return false
    this.#spare -= bytes
    return true
  }

  /** Resolves when `bytes` may pass. Rejects with the signal's reason. */
  take(bytes: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason)
    if (this.tryTake(bytes)) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        const at = this.#waiting.indexOf(waiting)
        if (at >= 0) this.#waiting.splice(at, 1)
        reject(signal.reason)
      }
      const waiting: Waiting = {
        bytes,
        go: () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        }
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(waiting)
      this.#serve()
    })
  }

  get #burst(): number {
    return (this.#perSecond * LIMIT_BURST_MS) / 1000
  }

  #fill(): void {
    const now = this.#clock.monotonic()
    this.#spare = Math.min(this.#burst, this.#spare + ((now - this.#filledAt) * this.#perSecond) / 1000)
    this.#filledAt = now
  }

  #serve(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#fill()
    while (this.#waiting[0] !== undefined && (this.#perSecond === 0 || this.#spare > 0)) {
      const { bytes, go } = this.#waiting[0]
      this.#waiting.shift()
      if (this.#perSecond > 0) this.#spare -= bytes
      go()
    }
    if (this.#waiting.length === 0) return
    const untilMs = Math.ceil((1000 * (1 - this.#spare)) / this.#perSecond)
    this.#cancel = this.#clock.after(Math.max(1, untilMs), () => this.#serve())
  }
}

/** Both ways of a node. */
export interface RateLimits {
  readonly upload: RateLimit
  readonly download: RateLimit
}
