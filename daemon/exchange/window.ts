// How much may be on its way at a time: bytes that were asked for and are not yet sent, by so many requests. Who waits is served
// in the order of asking: one that needs much is not passed by others that need little for ever.

interface Waiting {
  readonly bytes: number
  readonly go: () => void
}

export class Window {
  readonly #limit: number
  readonly #requests: number
  #inFlight = 0
  #open = 0
  readonly #waiting: Waiting[] = []

  /** At most so many bytes, by so many requests. A single request of more bytes goes alone. */
  constructor(limits: { bytes: number; requests: number }) {
    this.#limit = limits.bytes
    this.#requests = limits.requests
  }

  /** Resolves, in the order of the calls, when `bytes` may be asked for; give them back with `release`. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#waiting.length === 0 && this.#fits(bytes)) return this.#enter(bytes)
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        this.#serve()
        reject(signal.reason)
      }
      const waiting = {
        bytes,
        go: () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        }
      }
      this.#waiting.push(waiting)
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  release(bytes: number): void {
    this.#inFlight -= bytes
    this.#open--
    this.#serve()
  }

  #fits(bytes: number): boolean {
    return this.#open === 0 || (this.#inFlight + bytes <= this.#limit && this.#open < this.#requests)
  }

  #enter(bytes: number): void {
    this.#inFlight += bytes
    this.#open++
  }

  #serve(): void {
    for (let first = this.#waiting[0]; first !== undefined && this.#fits(first.bytes); first = this.#waiting[0]) {
      this.#waiting.shift()
      this.#enter(first.bytes)
      first.go()
    }
  }
}
