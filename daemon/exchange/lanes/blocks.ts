// The buffers that lanes of one thread read and write with, as many as a bound allows: they are used again, and who has to wait
// gets one in the order of asking. A lane that has none may always take one, so that slow lanes never hold up a fast one.

/** Somebody who takes blocks. */
export interface Holder {
  held: number
}

interface Waiting {
  readonly holder: Holder
  readonly resolve: (block: Buffer) => void
}

export class Blocks {
  readonly #bytes: number
  readonly #max: number
  readonly #spare: Buffer[] = []
  #waiting: Waiting[] = []
  #live = 0

  constructor(bytes: number, max: number) {
    this.#bytes = bytes
    this.#max = max
  }

  /** Blocks that somebody holds. */
  get live(): number {
    return this.#live
  }

  take(holder: Holder): Buffer | Promise<Buffer> {
    if (holder.held === 0 || (this.#live < this.#max && this.#waiting.length === 0)) return this.#grant(holder)
    return new Promise(resolve => this.#waiting.push({ holder, resolve }))
  }

  /** To be called once for each block, by whoever is sure that nobody uses it any more. */
  give(holder: Holder, block: Buffer): void {
    if (this.#spare.length < this.#max) this.#spare.push(block)
    this.lose(holder)
  }

  /** The block was given away for good. */
  lose(holder: Holder): void {
    holder.held--
    this.#live--
    this.#waiting = this.#waiting.filter(waiting => {
      if (waiting.holder.held > 0 && this.#live >= this.#max) return true
      waiting.resolve(this.#grant(waiting.holder))
      return false
    })
  }

  /** Gives the memory of what nobody uses back. */
  trim(): void {
    this.#spare.length = 0
  }

  #grant(holder: Holder): Buffer {
    holder.held++
    this.#live++
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#bytes)
  }
}
