// What a running transfer has verified, in the order in which it became so, for those that follow it; and where it lies, so that it
// can be sent on while the rest still comes.

import type { CID } from 'multiformats/cid'
import type { Clock } from '../clock.ts'
import { cidKey } from '../content/multihash.ts'
import { Ledger } from '../store/ledger.ts'
import { FOLLOW_MS, FOLLOW_SPANS_MAX, SMALL_SERVED_MAX } from '../../proto/limits.ts'
import type { Span } from './provider.ts'

/** A file that is being received. */
export interface ReceivedFile {
  /** Inside the root; '' for the root itself. */
  readonly path: string
  readonly size: number
  /** The number of its first leaf in the order of the walk. */
  readonly ordinal: number
}

export class HeldLog {
  readonly #clock: Clock
  readonly #ordinals: number[] = []
  readonly #held = new Ledger()
  readonly #files = new Map<string, ReceivedFile>()
  readonly #small = new Map<string, ReceivedFile>()
  readonly #waiting = new Set<() => void>()
  #isOver = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  has(ordinal: number): boolean {
    return this.#held.has(ordinal)
  }

  /** Something was verified. */
  add(ordinal: number): void {
    if (this.#held.has(ordinal)) return
    this.#held.add(ordinal)
    this.#ordinals.push(ordinal)
    this.#wake()
  }

  /** A file of several leaves, of which the first has this number. */
  begin(cid: CID, path: string, size: number, firstOrdinal: number): void {
    this.#files.set(cidKey(cid), { path, size, ordinal: firstOrdinal })
  }

  /** A small file that has been written. */
  addSmall(cid: CID, path: string, size: number, ordinal: number): void {
    this.#small.set(cidKey(cid), { path, size, ordinal })
    for (const oldest of this.#small.keys()) {
      if (this.#small.size <= SMALL_SERVED_MAX) return
      this.#small.delete(oldest)
    }
  }

  /** Where leaves of a file lie, or where a small one does. */
  file(cid: CID): ReceivedFile | undefined {
    const key = cidKey(cid)
    return this.#files.get(key) ?? this.#small.get(key)
  }

  /** The transfer ended: there is nothing to follow any more. */
  end(): void {
    this.#isOver = true
    this.#wake()
  }

  /** What is held, and then what comes, until the end. */
  async *follow(signal: AbortSignal): AsyncGenerator<readonly Span[]> {
    let told = 0
    while (!this.#isOver) {
      signal.throwIfAborted()
      const more = this.#ordinals.slice(told, told + FOLLOW_SPANS_MAX)
      told += more.length
      yield spansOf(more.toSorted((a, b) => a - b))
      // It may have ended while this was being told.
      if (this.#isOver || told < this.#ordinals.length) continue
      await this.#more(signal)
      // What comes in one moment is told at once.
      await this.#pause(signal)
    }
  }

  /** Resolves when it is held, or the transfer has ended. */
  async until(ordinal: number, signal: AbortSignal): Promise<void> {
    while (!this.#isOver && !this.#held.has(ordinal)) await this.#more(signal)
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#waiting.delete(end)
        signal.removeEventListener('abort', end)
        if (signal.aborted) reject(signal.reason)
        else resolve()
      }
      this.#waiting.add(end)
      signal.addEventListener('abort', end, { once: true })
      if (signal.aborted) end()
    })
  }

  #pause(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const end = (): void => {
        cancel()
        signal.removeEventListener('abort', end)
        resolve()
      }
      const cancel = this.#clock.after(FOLLOW_MS, end)
      signal.addEventListener('abort', end, { once: true })
    })
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
  }
}

/** Runs of numbers, given ascending, as spans. */
export function spansOf(numbers: Iterable<number>): Span[] {
  const spans: { from: number; to: number }[] = []
  for (const number of numbers) {
    const last = spans.at(-1)
    if (last?.to === number) last.to = number + 1
    else spans.push({ from: number, to: number + 1 })
  }
  return spans
}
