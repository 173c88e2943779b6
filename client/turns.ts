// A bound on calls under way: those beyond it wait for one to end, in order.

import { orAborted } from './or-aborted.ts'

export class Turns {
  readonly #waiting: (() => void)[] = []
  #free: number

  constructor(atOnce: number) {
    this.#free = atOnce
  }

  async run<T>(call: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    signal?.throwIfAborted()
    if (this.#free > 0) this.#free--
    else await this.#turn(signal)
    try {
      return await call()
    } finally {
      this.#pass()
    }
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    let mine: () => void = () => undefined
    const turn = new Promise<void>(resolve => (mine = resolve))
    this.#waiting.push(mine)
    try {
      await orAborted(turn, signal)
    } catch (error) {
      const at = this.#waiting.indexOf(mine)
      if (at >= 0) this.#waiting.splice(at, 1)
      // It came in the same moment: it is the next one's.
      else this.#pass()
      throw error
    }
  }

  #pass(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free++
    else next()
  }
}
