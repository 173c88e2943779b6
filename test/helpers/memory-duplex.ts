// Two ends of a byte stream in memory, with a bounded buffer each way: what the one writes the other reads, in pieces of
// any size. Refuses nothing: it can be cut, and torn at any byte.

import type { Duplex } from '../../daemon/frames.ts'

interface Wish {
  readonly resolve: () => void
}

/** One direction. */
class Pipe {
  readonly capacity: number
  #bytes = Buffer.alloc(0)
  #ended = false
  #error: Error | undefined
  #waiting: Wish[] = []
  /** The most that was ever in it. */
  most = 0

  constructor(capacity: number) {
    this.capacity = capacity
  }

  async push(pieces: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    this.#refuse()
    if (this.#ended) throw new Error('written after the end')
    this.#bytes = Buffer.concat([this.#bytes, ...pieces])
    this.most = Math.max(this.most, this.#bytes.length)
    this.#wake()
    while (this.#bytes.length > this.capacity) {
      await this.#turn(signal)
      this.#refuse()
    }
  }

  async pull(n: number, signal?: AbortSignal): Promise<Buffer | null> {
    while (this.#bytes.length < n) {
      signal?.throwIfAborted()
      this.#refuse()
      if (this.#ended) {
        if (this.#bytes.length === 0) return null
        throw new Error('ended in the middle')
      }
      await this.#turn(signal)
    }
    const pulled = Buffer.from(this.#bytes.subarray(0, n))
    this.#bytes = this.#bytes.subarray(n)
    this.#wake()
    return pulled
  }

  end(error?: Error): void {
    this.#error ??= error
    this.#ended = true
    this.#wake()
  }

  #refuse(): void {
    if (this.#error !== undefined) throw this.#error
  }

  #turn(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(signal?.reason)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push({
        resolve: () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        }
      })
    })
  }

  #wake(): void {
    for (const wish of this.#waiting.splice(0)) wish.resolve()
  }
}

export class MemoryEnd implements Duplex {
  readonly peer: string
  readonly #in: Pipe
  readonly #out: Pipe
  readonly closed: Promise<void>
  #markClosed: () => void = () => undefined
  aborted: Error | undefined

  constructor(peer: string, input: Pipe, output: Pipe) {
    this.peer = peer
    this.#in = input
    this.#out = output
    this.closed = new Promise(resolve => (this.#markClosed = resolve))
  }

  /** The most bytes that ever waited to be read at the other end. */
  get mostUnread(): number {
    return this.#out.most
  }

  write(bytes: readonly Uint8Array[], options: { signal?: AbortSignal } = {}): Promise<void> {
    return this.#out.push(bytes, options.signal)
  }

  read(n: number, options: { signal?: AbortSignal } = {}): Promise<Uint8Array | null> {
    return this.#in.pull(n, options.signal)
  }

  async readInto(target: Uint8Array, options: { signal?: AbortSignal } = {}): Promise<boolean> {
    const bytes = await this.#in.pull(target.length, options.signal)
    if (bytes !== null) target.set(bytes)
    return bytes !== null
  }

  async close(): Promise<void> {
    this.#out.end()
    this.#markClosed()
  }

  abort(error: Error): void {
    this.aborted ??= error
    this.#in.end(error)
    this.#out.end(new Error('the other side aborted', { cause: error }))
    this.#markClosed()
  }
}

export function duplexPair(capacity = 64 * 1024): [left: MemoryEnd, right: MemoryEnd] {
  const [there, back] = [new Pipe(capacity), new Pipe(capacity)]
  return [new MemoryEnd('right', back, there), new MemoryEnd('left', there, back)]
}
