// How long a caller bears that a node does not answer: pauses between questions, each twice as long as the one before, until one has
// been unanswered for so long. Knows nothing of what is asked.

import { setTimeout as pause } from 'node:timers/promises'
import { PathmeshError } from '../../proto/errors.ts'
import { ASK_AGAIN_MAX_MS, ASK_AGAIN_MS, TIMER_MS_MAX } from '../../proto/limits.ts'
import { orAborted } from '../or-aborted.ts'

export class Patience {
  readonly #lostMs: number
  #askedAt = 0
  /** When the first of the questions was asked that had no answer since. */
  #failingSince: number | undefined
  #pauseMs = ASK_AGAIN_MS

  /** `lostMs`: how long the node may be out of reach. */
  constructor(lostMs: number) {
    this.#lostMs = lostMs
  }

  /** Whether the last question had no answer. */
  get isFailing(): boolean {
    return this.#failingSince !== undefined
  }

  /**
   * Asks a question. The first has the time that it takes, since a node that has nothing to tell is silent for a while, too. One that
   * is asked again has what is left, and is aborted then: TIMEOUT, although it may have been heard. The question has to be one that is
   * answered at once.
   */
  async ask<T>(question: (until: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    this.#askedAt = performance.now()
    const answer = this.isFailing ? await this.#inTime(question, signal) : await question(signal)
    this.#failingSince = undefined
    this.#pauseMs = ASK_AGAIN_MS
    return answer
  }

  /** A question failed. Resolves when it is time to ask again; false where the node has been out of reach for too long. */
  async wait(signal: AbortSignal): Promise<boolean> {
    this.#failingSince ??= this.#askedAt
    const leftMs = this.#leftMs()
    // Less than what a timer can tell.
    if (leftMs < 1) return false
    await pause(Math.min(this.#pauseMs, leftMs), undefined, { signal })
    this.#pauseMs = Math.min(2 * this.#pauseMs, ASK_AGAIN_MAX_MS)
    return true
  }

  async #inTime<T>(question: (until: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const late = new AbortController()
    const timer = setTimeout(
      () => late.abort(new PathmeshError('TIMEOUT', 'it does not answer')),
      Math.min(Math.max(this.#leftMs(), 1), TIMER_MS_MAX)
    )
    const until = AbortSignal.any([signal, late.signal])
    try {
      return await orAborted(question(until), until)
    } finally {
      clearTimeout(timer)
    }
  }

  #leftMs(): number {
    return (this.#failingSince ?? this.#askedAt) + this.#lostMs - performance.now()
  }
}
