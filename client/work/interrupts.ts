// Ctrl-C, and what else ends a program from outside: the first signal is told, so that all can end in order; then the program ends by
// that signal, as whoever started it expects. A second one ends it as ever.

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

export class Interrupts {
  readonly #handlers: { readonly signal: NodeJS.Signals; readonly handle: () => void }[] = []
  #received: NodeJS.Signals | undefined

  /** `told` of the first. */
  constructor(told: (signal: NodeJS.Signals) => void) {
    for (const signal of SIGNALS) {
      const handle = (): void => {
        this.#received = signal
        told(signal)
      }
      process.once(signal, handle)
      this.#handlers.push({ signal, handle })
    }
  }

  /** All has ended. The program does so too, where one came, unless it has its own way with signals. */
  end(): void {
    for (const { signal, handle } of this.#handlers) process.off(signal, handle)
    if (this.#received !== undefined && process.listenerCount(this.#received) === 0)
      process.kill(process.pid, this.#received)
  }
}
