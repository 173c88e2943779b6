// What one peer is asked for at a time, and whether it still sends: its deadline runs only while it has something to send, since
// what this node holds back itself is not the peer's fault.

import type { Clock } from '../clock.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { PROGRESS_BYTES, PROVIDER_STALL_MS } from '../../proto/limits.ts'
import type { Heard } from './heard.ts'
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
  readonly #heard: Heard
  readonly #lost = new AbortController()
  #patience: Patience | undefined
  #expected = 0
  /** Raw bytes that do not count as progress yet. */
  #raw = 0

  constructor(peer: string, clock: Clock, heard: Heard) {
    this.#peer = peer
    this.#clock = clock
    this.#heard = heard
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

  /** Bytes came, verified or not. How many since it was last told, once they are so many that it is progress; until then 0. */
  came(bytes: number): number {
    this.#raw += bytes
    if (this.#raw < PROGRESS_BYTES) return 0
    const came = this.#raw
    this.#raw = 0
    this.#heard.came(this.#peer)
    this.moved()
    return came
  }

  #newPatience(): Patience {
    const lost = (): Error =>
      new PathmeshError('TIMEOUT', `${this.#peer} sent next to nothing for ${PROVIDER_STALL_MS / 1000} s`)
    const patience = new Patience(this.#clock, PROVIDER_STALL_MS, lost, {
      isExcused: movedAt => this.#heard.isRecent(this.#peer, movedAt)
    })
    patience.signal.addEventListener('abort', () => this.#lost.abort(patience.signal.reason), { once: true })
    return patience
  }
}
