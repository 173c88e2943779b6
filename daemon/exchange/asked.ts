// What one peer is asked for at a time, and whether it still sends: its deadline runs only while it has something to send, since
// what this node holds back itself is not the peer's fault.

import type { Clock } from '../clock.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { PROGRESS_BYTES, PROVIDER_STALL_MS } from '../../proto/limits.ts'
import { Patience } from './patience.ts'
import type { Work } from './plan.ts'

export interface Request {
  readonly work: readonly Work[]
  readonly stop: AbortController
}

export class Asked {
  readonly requests = new Set<Request>()
  readonly #peer: string
  readonly #clock: Clock
  readonly #lost = new AbortController()
  #patience: Patience | undefined
  #expected = 0
  /** Raw bytes that do not count as progress yet. */
  #raw = 0

  constructor(peer: string, clock: Clock) {
    this.#peer = peer
    this.#clock = clock
  }

  /** Aborted, with a TIMEOUT, when it sent next to nothing for too long. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** It is to send something from now on. The result says, once, that it need not any more. */
  expect(): () => void {
    const patience = (this.#patience ??= this.#newPatience())
    this.#expected++
    patience.moved()
    return () => {
      if (--this.#expected > 0) return
      patience.stop()
      this.#patience = undefined
    }
  }

  moved(): void {
    this.#patience?.moved()
  }

  /** Bytes came, verified or not. Whether so many by now that it is progress. */
  came(bytes: number): boolean {
    this.#raw += bytes
    if (this.#raw < PROGRESS_BYTES) return false
    this.#raw = 0
    this.moved()
    return true
  }

  #newPatience(): Patience {
    const lost = (): Error =>
      new PathmeshError('TIMEOUT', `${this.#peer} sent next to nothing for ${PROVIDER_STALL_MS / 1000} s`)
    const patience = new Patience(this.#clock, PROVIDER_STALL_MS, lost)
    patience.signal.addEventListener('abort', () => this.#lost.abort(patience.signal.reason), { once: true })
    return patience
  }
}
