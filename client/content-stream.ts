// Content as a Node stream: asks for bytes when they are read, and hangs up as soon as it is destroyed.

import { Readable } from 'node:stream'
import type { CallOptions } from './calls.ts'

export class ContentStream extends Readable {
  readonly #chunks: AsyncGenerator<Buffer, void, undefined>
  readonly #cut = new AbortController()

  /** `open`: the bytes, until its signal is aborted. */
  constructor(open: (signal: AbortSignal) => AsyncGenerator<Buffer, void, undefined>, { signal }: CallOptions) {
    super()
    const signals = signal === undefined ? [] : [signal]
    this.#chunks = open(AbortSignal.any([...signals, this.#cut.signal]))
  }

  override _read(): void {
    void this.#pull()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#cut.abort()
    callback(error)
  }

  async #pull(): Promise<void> {
    try {
      const { value } = await this.#chunks.next()
      this.push(value ?? null)
    } catch (error) {
      if (!this.destroyed) this.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  }
}
