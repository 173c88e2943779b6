// How much may be on its way at a time: bytes that were asked for and are not yet written. It is what bounds the memory
// of a session, and what keeps a connection busy.

export class Window {
  readonly #limit: number
  readonly #requests: number
  #inFlight = 0
  #open = 0
  readonly #waiting: (() => void)[] = []

  /** At most so many bytes, by so many requests. A single request of more bytes goes alone. */
  constructor(limits: { bytes: number; requests: number }) {
    this.#limit = limits.bytes
    this.#requests = limits.requests
  }

  /** Resolves, in the order of the calls, when `bytes` may be asked for; give them back with `release`. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    while (this.#open > 0 && (this.#inFlight + bytes > this.#limit || this.#open >= this.#requests))
      await this.#turn(signal)
    signal.throwIfAborted()
    this.#inFlight += bytes
    this.#open++
  }

  release(bytes: number): void {
    this.#inFlight -= bytes
    this.#open--
    for (const wake of this.#waiting.splice(0)) wake()
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(() => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      })
      if (signal.aborted) onAbort()
    })
  }
}
