// A libp2p stream as plain bytes both ways, with back-pressure both ways, which libp2p's own helpers lack.
// Refuses to grow: past READ_AHEAD_BYTES unread the stream is paused, and a write waits until there is room.

import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { PathmeshError } from '../../proto/errors.ts'
import {
  FRAME_PAYLOAD_BYTES_MAX,
  READ_AHEAD_BYTES,
  READ_AHEAD_LOW_BYTES,
  STREAM_CLOSE_MS,
  STREAM_WRITERS_MAX
} from '../../proto/limits.ts'
import { Bell } from './bell.ts'
import { withDeadline } from '../deadline.ts'
import type { WriteOptions } from '../frames.ts'
import { Inbox } from './inbox.ts'
import { pieces } from './pieces.ts'
import type { Clock } from './ports.ts'
import { Turns } from './turns.ts'

export interface StreamOptions {
  readonly signal?: AbortSignal
}

export interface ByteStream {
  /** Who is at the other end. */
  readonly peer: string
  /**
   * Sends all of it, never mixed with another write; resolves when the stream has room for more. The bytes may be sent
   * later and must not change. Aborting a write that has begun aborts the stream. RangeError past STREAM_WRITERS_MAX.
   */
  write(bytes: Uint8Array | readonly Uint8Array[], options?: WriteOptions): Promise<void>
  /**
   * Exactly `n` bytes, or null at a clean end before the first. One reader at a time. An aborted read takes nothing.
   * NO_PROVIDERS if the stream is cut. The bytes may share memory with what follows them: do not change them.
   */
  read(n: number, options?: StreamOptions): Promise<Uint8Array | null>
  /** Fills `target` wholly; false at a clean end before the first byte. Otherwise as `read`. */
  readInto(target: Uint8Array, options?: StreamOptions): Promise<boolean>
  /** Settles, and never rejects, when both ways are gone. */
  readonly closed: Promise<void>
  /**
   * Sends what was written, then ends our way; reading goes on. Resolves, and never rejects, when the other side has
   * ended its way too; a stream that it keeps open while nobody reads is aborted after STREAM_CLOSE_MS.
   */
  close(): Promise<void>
  /** Ends both ways at once; what was not yet sent is lost. Both sides' reads and writes fail. */
  abort(error: Error): void
}

export interface ByteStreamParts {
  readonly peer: string
  readonly clock: Clock
  readonly onHeard: () => void
}

/** Wraps `stream`, which nobody else may touch from here on. `onHeard` is called whenever bytes arrive. */
export function byteStream(stream: Stream, parts: ByteStreamParts): ByteStream {
  return new Libp2pByteStream(stream, parts)
}

class Libp2pByteStream implements ByteStream {
  readonly peer: string
  readonly closed: Promise<void>
  readonly #stream: Stream
  readonly #clock: Clock
  readonly #inbox = new Inbox()
  readonly #arrival = new Bell()
  readonly #room = new Bell()
  readonly #writers = new Turns(STREAM_WRITERS_MAX)
  #reading = false
  /** The other side has said that no more will come; a connection that goes away says no such thing. */
  #ended = false
  #error: Error | undefined

  constructor(stream: Stream, { peer, clock, onHeard }: ByteStreamParts) {
    this.peer = peer
    this.#clock = clock
    this.#stream = stream
    this.closed = new Promise(resolve => {
      if (stream.status === 'open') stream.addEventListener('close', () => resolve(), { once: true })
      else resolve()
    })
    if (stream.status === 'open') this.#ended = stream.remoteWriteStatus === 'closed'
    else this.#onClose(undefined)
    stream.addEventListener('close', (event: StreamCloseEvent) => this.#onClose(event.error))
    stream.addEventListener('remoteCloseWrite', () => this.#onEnd())
    stream.addEventListener('drain', () => this.#room.ring())
    stream.addEventListener('message', (event: StreamMessageEvent) => {
      onHeard()
      this.#onMessage(event)
    })
  }

  async read(n: number, options?: StreamOptions): Promise<Uint8Array | null> {
    if (!(Number.isInteger(n) && n >= 0 && n <= FRAME_PAYLOAD_BYTES_MAX)) throw new RangeError(`cannot read ${n} bytes`)
    this.#checkReader(options)
    const slice = this.#inbox.slice(n)
    if (slice !== undefined) {
      this.#goOn()
      return slice
    }
    const target = new Uint8Array(n)
    return (await this.readInto(target, options)) ? target : null
  }

  async readInto(target: Uint8Array, options?: StreamOptions): Promise<boolean> {
    this.#checkReader(options)
    this.#reading = true
    try {
      this.#inbox.aim(target)
      this.#goOn()
      while (this.#inbox.hungry) {
        this.#throwIfLost()
        if (this.#ended && this.#stream.readBufferLength === 0) return this.#atEnd(target)
        await this.#arrival.wait(options?.signal)
      }
      this.#inbox.leave()
      return true
    } catch (error) {
      this.#inbox.takeBack()
      throw error
    } finally {
      this.#reading = false
    }
  }

  async write(bytes: Uint8Array | readonly Uint8Array[], options: WriteOptions = {}): Promise<void> {
    await this.#writers.take(options.signal)
    let begun = false
    try {
      for (const piece of pieces(bytes instanceof Uint8Array ? [bytes] : bytes)) {
        await options.pace?.(piece.byteLength)
        await this.#waitForRoom(begun && options.pace !== undefined ? undefined : options.signal)
        begun = true
        this.#stream.send(piece)
      }
      await this.#waitForRoom(options.signal)
    } catch (error) {
      if (begun && this.#error === undefined) this.abort(this.#lost('a write was given up half-way', error))
      throw error
    } finally {
      this.#writers.pass()
    }
  }

  async close(): Promise<void> {
    try {
      await withDeadline(this.#clock, STREAM_CLOSE_MS, 'closing a stream', undefined, async signal => {
        await this.#writers.take(signal)
        try {
          await this.#stream.close({ signal })
        } finally {
          this.#writers.pass()
        }
      })
    } catch (error) {
      this.abort(this.#lost('it could not be closed', error))
    }
    let cancel = () => {}
    const watch = () => {
      if (this.#reading) cancel = this.#clock.after(STREAM_CLOSE_MS, watch)
      else this.abort(this.#lost('the other side did not end it', undefined))
    }
    cancel = this.#clock.after(STREAM_CLOSE_MS, watch)
    await this.closed
    cancel()
  }

  abort(error: Error): void {
    this.#error ??= error
    this.#stream.abort(error)
    this.#arrival.ring()
    this.#room.ring()
  }

  #checkReader(options: StreamOptions | undefined): void {
    if (this.#reading) throw new TypeError('another read of this stream has not ended')
    options?.signal?.throwIfAborted()
  }

  #atEnd(target: Uint8Array): boolean {
    const { filledBytes } = this.#inbox
    if (filledBytes === 0) {
      this.#inbox.leave()
      return false
    }
    throw this.#lost(`it ended after ${filledBytes} of ${target.byteLength} bytes`, undefined)
  }

  #throwIfLost(): void {
    if (this.#error !== undefined) throw this.#error
  }

  async #waitForRoom(signal: AbortSignal | undefined): Promise<void> {
    this.#throwIfLost()
    signal?.throwIfAborted()
    // libp2p's onDrain() works once; and each window update lets out less than a piece, so ask until it is true.
    while (this.#stream.writableNeedsDrain && this.#stream.writeStatus === 'writable') {
      await this.#room.wait(signal)
      this.#throwIfLost()
    }
    if (this.#stream.writeStatus !== 'writable') throw this.#lost('it is closed for writing', undefined)
  }

  #onMessage({ data }: StreamMessageEvent): void {
    if (data instanceof Uint8Array) this.#inbox.push(data)
    else for (const chunk of data) this.#inbox.push(chunk)
    if (!this.#inbox.hungry || this.#ended) this.#arrival.ring()
    if (this.#inbox.sizeBytes < READ_AHEAD_BYTES) return
    // Not at once: libp2p's resume(), which may have brought us here, would undo it without a word.
    queueMicrotask(() => {
      const { readStatus } = this.#stream
      if (this.#inbox.sizeBytes >= READ_AHEAD_BYTES && readStatus === 'readable' && !this.#ended) this.#stream.pause()
    })
  }

  #goOn(): void {
    if (this.#stream.readStatus === 'paused' && (this.#ended || this.#inbox.sizeBytes <= READ_AHEAD_LOW_BYTES)) {
      this.#stream.resume()
    }
  }

  #onEnd(): void {
    this.#ended = true
    // At most a window is left, and nothing follows it.
    queueMicrotask(() => {
      this.#goOn()
      this.#arrival.ring()
    })
  }

  #onClose(error: Error | undefined): void {
    if (error !== undefined || !this.#ended) this.#error ??= this.#lost('the connection was cut', error)
    this.#arrival.ring()
    this.#room.ring()
  }

  #lost(why: string, cause: unknown): PathmeshError {
    return new PathmeshError('NO_PROVIDERS', `the stream with ${this.peer} is lost: ${why}`, { cause })
  }
}
