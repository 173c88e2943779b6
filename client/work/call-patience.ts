// How long a caller bears that a node does not answer: pauses between attempts, each twice as long as the one before, until nothing
// was heard for so long. Asks nothing itself.

import { setTimeout as pause } from 'node:timers/promises'
import { ASK_AGAIN_MAX_MS, ASK_AGAIN_MS } from '../../proto/limits.ts'

export class Patience {
  readonly #lostMs: number
  #failingSince: number | undefined
  #pauseMs = ASK_AGAIN_MS

  /** `lostMs`: how long the node may be out of reach. */
  constructor(lostMs: number) {
    this.#lostMs = lostMs
  }

  /** It answered. */
  heard(): void {
    this.#failingSince = undefined
    this.#pauseMs = ASK_AGAIN_MS
  }

  /**
   * It did not answer. Resolves when it is time to ask again; false where it has been out of reach for too long. That counts from
   * the first failure, since a node that has nothing to tell is silent for a while, too.
   */
  async wait(signal: AbortSignal): Promise<boolean> {
    const now = performance.now()
    this.#failingSince ??= now
    const leftMs = this.#failingSince + this.#lostMs - now
    if (leftMs <= 0) return false
    await pause(Math.min(this.#pauseMs, leftMs), undefined, { signal })
    this.#pauseMs = Math.min(2 * this.#pauseMs, ASK_AGAIN_MAX_MS)
    return true
  }
}
