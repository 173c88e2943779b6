// The connection of a program that hosts a work, as the daemon sees it: what it said of itself, and the lines that it is sent. A work
// has one call under way, so there are never more lines than that call and its cancellation.

import type { HostLine, HostRequest } from '../../proto/works-api.ts'

export class Host {
  readonly request: HostRequest
  readonly #lines: HostLine[] = []
  #wake: () => void = () => undefined
  #closed = false

  constructor(request: HostRequest) {
    this.request = request
  }

  get isClosed(): boolean {
    return this.#closed
  }

  send(line: HostLine): void {
    this.#lines.push(line)
    this.#wake()
  }

  /** Ends its lines. */
  close(): void {
    this.#closed = true
    this.#wake()
  }

  /** The lines as they come, until it is closed or the signal is aborted. */
  async *lines(signal: AbortSignal): AsyncGenerator<HostLine> {
    const onAbort = (): void => this.close()
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) this.close()
    try {
      while (!this.#closed) {
        const line = this.#lines.shift()
        if (line !== undefined) yield line
        else await new Promise<void>(resolve => (this.#wake = resolve))
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.close()
    }
  }
}
