// Frames out of bytes as a socket has them: payloads land where they are wanted, without a copy where the socket can do that.
// While there is no room the socket is to be paused; what it delivers all the same is kept, and read first afterwards.

import { EMPTY, LANE_HEADER_BYTES, type LaneHeader, readHeader } from './frame.ts'
import { PathmeshError } from '../../../proto/errors.ts'

export interface FrameSink {
  /** Where the payload of a frame goes, which has at least one byte; throws for a frame that must not come. */
  room(header: LaneHeader): Uint8Array | Promise<Uint8Array>
  /** Bytes of a payload came. */
  progress(header: LaneHeader, bytes: number): void
  /** A whole frame; its payload belongs to the sink from here on. */
  frame(header: LaneHeader, payload: Uint8Array): void
  /** Room that was made for a frame that will not come. */
  unused(room: Uint8Array): void
}

export interface ReaderParts {
  readonly sink: FrameSink
  /** There is room again. */
  readonly resume: () => void
  /** What came cannot be read; nothing is, any more. */
  readonly fail: (error: unknown) => void
}

/** What a paused TLS socket still delivers is what it had received: some records. */
const SPILL_BYTES = 64 * 1024
const STASH_BYTES_MAX = 1024 * 1024

export class FrameReader {
  readonly #parts: ReaderParts
  readonly #head = Buffer.alloc(LANE_HEADER_BYTES)
  #header: LaneHeader | undefined
  #payload: Uint8Array | undefined
  #filled = 0
  #isBlocked = false
  #isOver = false
  #spill: Buffer | undefined
  #gaveSpill = false
  #stash: Uint8Array[] = []
  #stashed = 0

  constructor(parts: ReaderParts) {
    this.#parts = parts
  }

  /** Whether a frame has begun and is waited for: not where this side has no room for it. */
  get isWaiting(): boolean {
    return !this.#isBlocked && (this.#filled > 0 || this.#header !== undefined)
  }

  /** Where the next bytes are to be put; `took` is to be called with their number. */
  target(): Uint8Array {
    this.#gaveSpill = this.#isBlocked || this.#isOver
    return this.#gaveSpill ? (this.#spill ??= Buffer.allocUnsafeSlow(SPILL_BYTES)) : this.#target()
  }

  /** Bytes came into the last target. False where no more are to come until `resume`. */
  took(bytes: number): boolean {
    if (this.#isOver) return false
    if (this.#gaveSpill) return this.push(Uint8Array.prototype.slice.call(this.#spill, 0, bytes))
    this.#attempt(() => this.#advance(bytes))
    return !this.#isBlocked
  }

  /** The same for bytes that lie somewhere else. */
  push(chunk: Uint8Array): boolean {
    this.#attempt(() => {
      for (let at = 0; at < chunk.length && !this.#isOver;) {
        if (this.#isBlocked) {
          this.#keep(chunk.subarray(at))
          return
        }
        const target = this.#target()
        const bytes = Math.min(target.length, chunk.length - at)
        target.set(chunk.subarray(at, at + bytes))
        at += bytes
        this.#advance(bytes)
      }
    })
    return !this.#isBlocked
  }

  /** Nothing is read any more. */
  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#stash = []
    if (this.#payload !== undefined) this.#parts.sink.unused(this.#payload)
    this.#payload = undefined
  }

  #target(): Uint8Array {
    return (this.#payload ?? this.#head).subarray(this.#filled)
  }

  #advance(bytes: number): void {
    this.#filled += bytes
    if (this.#header === undefined) {
      if (this.#filled === LANE_HEADER_BYTES) this.#begin(readHeader(this.#head))
      return
    }
    const header = this.#header
    this.#parts.sink.progress(header, bytes)
    if (this.#filled < header.length || this.#payload === undefined) return
    const payload = this.#payload
    this.#payload = undefined
    this.#end(header, payload)
  }

  #begin(header: LaneHeader): void {
    this.#header = header
    this.#filled = 0
    if (header.length === 0) {
      this.#end(header, EMPTY)
      return
    }
    const room = this.#parts.sink.room(header)
    if (room instanceof Promise) this.#wait(room).catch((error: unknown) => this.#fail(error))
    else this.#use(room)
  }

  #use(room: Uint8Array): void {
    if (this.#isOver) this.#parts.sink.unused(room)
    else this.#payload = room
  }

  #end(header: LaneHeader, payload: Uint8Array): void {
    this.#header = undefined
    this.#filled = 0
    this.#parts.sink.frame(header, payload)
  }

  async #wait(room: Promise<Uint8Array>): Promise<void> {
    this.#isBlocked = true
    this.#use(await room)
    this.#isBlocked = false
    const stash = this.#stash
    this.#stash = []
    this.#stashed = 0
    for (const chunk of stash) this.push(chunk)
    if (!this.#isBlocked && !this.#isOver) this.#parts.resume()
  }

  #keep(chunk: Uint8Array): void {
    this.#stashed += chunk.length
    if (this.#stashed > STASH_BYTES_MAX)
      throw new PathmeshError('INTERNAL', 'a lane that was paused went on delivering')
    this.#stash.push(chunk)
  }

  #attempt(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    if (this.#isOver) return
    this.close()
    this.#parts.fail(error)
  }
}
