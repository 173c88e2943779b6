// A bounded queue of those who want one thing, one at a time, in order of asking.
// Refuses more than its bound.

export class Turns {
  readonly #max: number
  readonly #waiting: (() => void)[] = []
  #taken = false

  constructor(max: number) {
    this.#max = max
  }

  /** Resolves when it is the caller's turn, who must call `pass` afterwards. Rejects with the signal's reason. */
  async take(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    if (!this.#taken) {
      this.#taken = true
      return
    }
    if (this.#waiting.length >= this.#max) throw new RangeError(`more than ${this.#max} wait for their turn`)
    await new Promise<void>((resolve, reject) => {
      const onTurn = () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(onTurn), 1)
        // oxlint-disable-next-line prefer-promise-reject-errors -- an abort rethrows the signal's reason
        reject(signal?.reason)
      }
      this.#waiting.push(onTurn)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  pass(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#taken = false
    else next()
  }
}
