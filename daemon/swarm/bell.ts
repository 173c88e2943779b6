// One waiter and whoever wakes it: `wait` resolves at the next `ring`, or rejects with the signal's reason.
// Refuses a second waiter.

export class Bell {
  #wake: (() => void) | undefined

  ring(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  async wait(signal: AbortSignal | undefined): Promise<void> {
    if (this.#wake !== undefined) throw new TypeError('somebody waits already')
    signal?.throwIfAborted()
    let onAbort: (() => void) | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        this.#wake = resolve
        if (signal === undefined) return
        onAbort = () => {
          this.#wake = undefined
          // oxlint-disable-next-line prefer-promise-reject-errors -- an abort rethrows the signal's reason
          reject(signal.reason)
        }
        signal.addEventListener('abort', onAbort, { once: true })
      })
    } finally {
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort)
    }
  }
}
