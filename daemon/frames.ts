// Frames on a byte stream: lengths, a header, a payload. Refuses what is past the limits before it makes room for it, and a
// frame that was begun and does not go on.

import { PathmeshError } from '../proto/errors.ts'
import { Header } from '../proto/generated/rpc.ts'
import { FRAME_HEADER_BYTES_MAX, FRAME_MS, FRAME_PART_BYTES, FRAME_PAYLOAD_BYTES_MAX } from '../proto/limits.ts'
import { systemClock } from './clock.ts'
import { takeBuffer } from './leaf-buffers.ts'

/** What frames travel on: libp2p streams today, lanes later. */
export interface Duplex {
  /** The PeerId at the other end, as text. */
  readonly peer: string
  /** Sends all of it, never interleaved with another write; resolves when there is room for more. */
  write(bytes: readonly Uint8Array[], options?: WriteOptions): Promise<void>
  /** Exactly `n` bytes, or null at a clean end before the first. */
  read(n: number, options?: { signal?: AbortSignal }): Promise<Uint8Array | null>
  /** Fills `target`; false at a clean end before the first byte. */
  readInto(target: Uint8Array, options?: { signal?: AbortSignal }): Promise<boolean>
  readonly closed: Promise<void>
  close(): Promise<void>
  abort(error: Error): void
}

export interface WriteOptions {
  readonly signal?: AbortSignal
  /** Waited for before some of the bytes go out, and told how many they are. What has begun is not given up by the signal then. */
  readonly pace?: ((bytes: number) => Promise<void>) | undefined
}

/** Bytes that are not shared with another thread, which is what the codecs take. */
export type Bytes = Uint8Array<ArrayBuffer>

/** The same bytes, as the codecs take them. */
export function bytesOf(bytes: Uint8Array): Bytes {
  return bytes.buffer instanceof ArrayBuffer
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    : Uint8Array.from(bytes)
}

const EMPTY = new Uint8Array(0)

export interface Frame {
  readonly header: Header
  readonly payload: Uint8Array
}

/** The pieces of a frame, ready to be written as one. */
export function frame(
  header: Partial<Header> & Pick<Header, 'id' | 'kind'>,
  payload: Uint8Array = EMPTY
): Uint8Array[] {
  const encoded = Header.encode({ method: '', body: new Uint8Array(0), code: '', message: '', ...header })
  if (encoded.length > FRAME_HEADER_BYTES_MAX || payload.length > FRAME_PAYLOAD_BYTES_MAX)
    throw new PathmeshError('TOO_LARGE', 'a frame is past its limit')
  const lengths = Buffer.alloc(8)
  lengths.writeUInt32BE(encoded.length, 0)
  lengths.writeUInt32BE(payload.length, 4)
  return payload.length === 0 ? [Buffer.concat([lengths, encoded])] : [Buffer.concat([lengths, encoded]), payload]
}

/** Told of a payload as it comes, at each FRAME_PART_BYTES and at its end. */
export type OnPart = (header: Header, bytes: number) => void

/** The next frame, or null at a clean end before one. TOO_LARGE, CORRUPT, TIMEOUT. */
export async function readFrame(stream: Duplex, onPart: OnPart = () => undefined): Promise<Frame | null> {
  const start = await stream.read(8)
  if (start === null) return null
  const lengths = new DataView(start.buffer, start.byteOffset, 8)
  const headerBytes = lengths.getUint32(0)
  const payloadBytes = lengths.getUint32(4)
  if (headerBytes > FRAME_HEADER_BYTES_MAX || payloadBytes > FRAME_PAYLOAD_BYTES_MAX) {
    throw new PathmeshError('TOO_LARGE', `${stream.peer} announced a frame of ${headerBytes} + ${payloadBytes} bytes`)
  }
  // What has begun must go on: a frame that is promised and not sent would hold its buffer.
  const deadline = new AbortController()
  const wait = (): (() => void) =>
    systemClock.after(FRAME_MS, () =>
      deadline.abort(new PathmeshError('TIMEOUT', `${stream.peer} stopped in the middle of a frame`))
    )
  let cancel = wait()
  try {
    const options = { signal: deadline.signal }
    const encoded = await stream.read(headerBytes, options)
    if (encoded === null) throw new PathmeshError('CORRUPT', `${stream.peer} ended in the middle of a frame`)
    const header = decodeHeader(encoded, stream.peer)
    if (payloadBytes === 0) return { header, payload: EMPTY }
    const payload = takeBuffer(payloadBytes)
    for (let at = 0; at < payloadBytes; at += FRAME_PART_BYTES) {
      const part = payload.subarray(at, at + FRAME_PART_BYTES)
      if (!(await stream.readInto(part, options)))
        throw new PathmeshError('CORRUPT', `${stream.peer} ended in the middle of a frame`)
      onPart(header, part.length)
      cancel()
      cancel = wait()
    }
    return { header, payload }
  } finally {
    cancel()
  }
}

function decodeHeader(bytes: Uint8Array, peer: string): Header {
  try {
    return Header.decode(bytes)
  } catch (error) {
    throw new PathmeshError('CORRUPT', `${peer} sent a frame that cannot be read`, { cause: error })
  }
}
