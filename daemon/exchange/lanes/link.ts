// One connection as lanes use it: frames in, bytes out, and what is done about an end that stops: in the middle of a frame, in
// taking what is sent, or in saying anything at all.

import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../clock.ts'
import { PathmeshError, toPathmeshError } from '../../../proto/errors.ts'
import { FrameReader, type FrameSink } from './frame-reader.ts'
import type { OnRead } from './tls.ts'

export interface LinkParts {
  readonly peer: string
  readonly clock: Clock
  /** Between the parts of a frame that has begun, or of an answer that is owed. */
  readonly frameMs: number
  /** In which a piece that is sent must be taken. */
  readonly writeMs: number
  readonly idleMs: number
  readonly sink: FrameSink
  /** Whether the other end owes something. */
  readonly isOwed: () => boolean
  /** Whether nothing goes on. */
  readonly isIdle: () => boolean
  /** Told once, when nothing is read or sent any more. */
  readonly onEnd: (error: PathmeshError) => void
}

export class Link {
  readonly #parts: LinkParts
  readonly #reader: FrameReader
  #socket: TLSSocket | undefined
  #isDirect = false
  #over: PathmeshError | undefined
  #cancelLook: () => void = () => undefined
  #heardAt: number
  /** Whether anything came since the last look: a clock is not read for each of some ten thousand pieces a second. */
  #isHeard = false
  #busyAt: number

  constructor(parts: LinkParts) {
    this.#parts = parts
    this.#heardAt = this.#busyAt = parts.clock.monotonic()
    this.#reader = new FrameReader({
      sink: parts.sink,
      resume: () => {
        this.#heardAt = parts.clock.monotonic()
        this.#socket?.resume()
      },
      fail: error => this.end(blame(parts.peer, toPathmeshError(error, 'reading a lane')))
    })
  }

  get isOver(): boolean {
    return this.#over !== undefined
  }

  get reason(): PathmeshError {
    return this.#over ?? new PathmeshError('NO_PROVIDERS', `the lane to ${this.#parts.peer} is not open`)
  }

  /** For a socket that this side opens. */
  get onread(): OnRead {
    this.#isDirect = true
    return {
      buffer: () => this.#reader.target(),
      callback: bytes => {
        this.#isHeard = true
        return this.#reader.took(bytes)
      }
    }
  }

  /** Uses a socket; what it says before its handshake is done has been heard by then. */
  attach(socket: TLSSocket): void {
    this.#socket = socket
    socket.setNoDelay(true)
    const lost = (cause?: Error): void =>
      this.end(new PathmeshError('NO_PROVIDERS', `the lane to ${this.#parts.peer} was lost`, { cause }))
    socket.on('error', lost)
    socket.on('end', () => lost())
    socket.on('close', () => lost())
    if (!this.#isDirect)
      socket.on('data', (chunk: Buffer) => {
        this.#isHeard = true
        if (!this.#reader.push(chunk)) socket.pause()
      })
    this.#look()
  }

  /** Something was asked, or answered: it is not idle. */
  touch(): void {
    this.#busyAt = this.#parts.clock.monotonic()
  }

  /** Resolves when it was taken. One at a time: several at once would be copied into one. */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#over !== undefined || this.#socket === undefined) return Promise.reject(this.reason)
    const socket = this.#socket
    return new Promise((resolve, reject) => {
      const cancel = this.#parts.clock.after(this.#parts.writeMs, () =>
        this.end(new PathmeshError('TIMEOUT', `${this.#parts.peer} took nothing for ${this.#parts.writeMs / 1000} s`))
      )
      socket.write(bytes, error => {
        cancel()
        if (error == null) resolve()
        else reject(this.reason)
      })
    })
  }

  end(error: PathmeshError): void {
    if (this.#over !== undefined) return
    this.#over = error
    this.#cancelLook()
    this.#reader.close()
    this.#socket?.destroy()
    this.#parts.onEnd(error)
  }

  #look(): void {
    const { clock, frameMs, idleMs, peer, isOwed, isIdle } = this.#parts
    const now = clock.monotonic()
    if (this.#isHeard) this.#heardAt = now
    this.#isHeard = false
    if (isIdle()) {
      if (now - this.#busyAt >= idleMs) this.end(new PathmeshError('NO_PROVIDERS', `the lane to ${peer} was idle`))
    } else this.#busyAt = now
    if ((this.#reader.isWaiting || isOwed()) && now - this.#heardAt >= frameMs)
      this.end(new PathmeshError('TIMEOUT', `${peer} stopped in the middle of what it sent on a lane`))
    if (this.#over === undefined)
      this.#cancelLook = clock.after(Math.max(10, Math.min(frameMs, idleMs) / 4), () => this.#look())
  }
}

/** With the name of whoever broke the rules. */
function blame(peer: string, error: PathmeshError): PathmeshError {
  if (error.code !== 'CORRUPT' || error.details !== undefined) return error
  return new PathmeshError('CORRUPT', `${peer}: ${error.message}`, { cause: error, details: { peerId: peer } })
}
