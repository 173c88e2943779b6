// A clock that stands still until a test moves it. Timers run in order, each with all that follows from it; what waits for
// the disk or a thread is waited for in real time.

import type { Clock } from '../../daemon/clock.ts'

/** Turns of the event loop after which what could happen without time passing has happened. */
const TURNS = 20

export class ManualClock implements Clock {
  #now: number
  readonly #start: number
  readonly #timers = new Set<{ at: number; run: () => void }>()

  constructor(now = 1_700_000_000_000) {
    this.#now = this.#start = now
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now - this.#start
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** Timers that were set and have neither run nor been cancelled. */
  get pending(): number {
    return this.#timers.size
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await settled()
    for (let next = this.#next(); next !== undefined && next.at <= end; next = this.#next()) await this.#run(next)
    this.#now = Math.max(this.#now, end)
    await settled()
  }

  /** Moves from timer to timer until the promise settles, at most so far; what it settles to. */
  async drive<T>(promise: Promise<T>, mostMs = 3_600_000): Promise<T> {
    const end = this.#now + mostMs
    let isSettled = false
    const watched = promise.finally(() => (isSettled = true))
    watched.catch(() => undefined)
    await settled()
    while (!isSettled) {
      const next = this.#next()
      if (next !== undefined && next.at > end) throw new Error(`not settled after ${mostMs} ms of this clock`)
      if (next !== undefined) await this.#run(next)
      else await settled()
    }
    return watched
  }

  async #run(timer: { at: number; run: () => void }): Promise<void> {
    this.#timers.delete(timer)
    this.#now = Math.max(this.#now, timer.at)
    timer.run()
    await settled()
  }

  #next(): { at: number; run: () => void } | undefined {
    return [...this.#timers].sort((a, b) => a.at - b.at)[0]
  }
}

/** Lets everything happen that needs no time. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await new Promise(resolve => setImmediate(resolve))
}
