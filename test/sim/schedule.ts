// Virtual time: what is to happen, in order of its moment and then of its asking. Between two events everything happens that
// needs no time. It knows no system clock, and nothing else gives order to a simulation.

interface Event {
  readonly at: number
  readonly order: number
  run: (() => void) | undefined
}

export class Schedule {
  now = 0
  /** Events that have happened. */
  happened = 0
  #failure: { readonly error: unknown } | undefined
  readonly #heap: Event[] = []
  #order = 0

  /** Runs `run` after `ms`; the result cancels it. */
  after(ms: number, run: () => void): () => void {
    const event: Event = { at: this.now + ms, order: this.#order++, run }
    this.#push(event)
    return () => (event.run = undefined)
  }

  sleep(ms: number): Promise<void> {
    return new Promise(resolve => void this.after(ms, resolve))
  }

  /** Ends the simulation with an error, wherever it came from. */
  fail(error: unknown): void {
    this.#failure ??= { error }
  }

  /** Lets time pass up to a moment, or until `isOver` says so after an event. */
  async runUntil(end: number, isOver: () => boolean = () => false): Promise<void> {
    await turn()
    for (let next = this.#heap[0]; next !== undefined && next.at <= end && !isOver(); next = this.#heap[0]) {
      this.#pop()
      if (next.run === undefined) continue
      this.now = next.at
      this.happened++
      next.run()
      await turn()
      if (this.#failure !== undefined) throw this.#failure.error
    }
    if (!isOver()) this.now = Math.max(this.now, end)
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || !isBefore(event, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    while (true) {
      let below = 2 * at + 1
      let child = heap[below]
      const right = heap[below + 1]
      if (child !== undefined && right !== undefined && isBefore(right, child)) [below, child] = [below + 1, right]
      if (child === undefined || !isBefore(child, last)) break
      heap[at] = child
      at = below
    }
    heap[at] = last
  }
}

const isBefore = (a: Event, b: Event): boolean => (a.at === b.at ? a.order < b.order : a.at < b.at)

/**
 * Resolves when all promises that can settle have settled: a tick comes after the last of them. Going round the event loop
 * does the same, at several times the price.
 */
const turn = (): Promise<void> => new Promise(resolve => process.nextTick(resolve))
