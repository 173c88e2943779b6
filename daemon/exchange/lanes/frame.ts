// What travels on a lane: a header of fixed length that says how long the payload is. Refuses what is past the bound of its kind
// before it makes room for it.

import { type Bytes, bytesOf } from '../../frames.ts'
import { isErrorCode, PathmeshError } from '../../../proto/errors.ts'
import { BLOCK_BYTES_MAX, FRAME_HEADER_BYTES_MAX, LEAF_BYTES } from '../../../proto/limits.ts'

// length (4 bytes) | kind (1) | zero (3) | number of the request (4) | index (4), all big-endian
export const LANE_HEADER_BYTES = 16

/** LEAVES, SMALL and CANCEL are the asker's; the others answer them. */
export const LaneFrame = {
  /** Payload: a LeavesRequest. */
  LEAVES: 1,
  /** Payload: a SmallRequest. */
  SMALL: 2,
  CANCEL: 3,
  /** Payload: the leaf with this index. */
  LEAF: 4,
  /** Payload: the block of the CID that stands at this index of the request. */
  BLOCK: 5,
  /** The block at this index is not there. */
  MISSING: 6,
  END: 7,
  /** Payload: a code, a line break, a message. Nothing follows for this request. */
  FAILURE: 8
} as const

export type LaneFrameKind = (typeof LaneFrame)[keyof typeof LaneFrame]

const FAILURE_BYTES_MAX = 4096
const FAILURE_CHARS = 1000

const PAYLOAD_BYTES_MAX: Readonly<Record<number, number>> = {
  [LaneFrame.LEAVES]: FRAME_HEADER_BYTES_MAX,
  [LaneFrame.SMALL]: FRAME_HEADER_BYTES_MAX,
  [LaneFrame.CANCEL]: 0,
  [LaneFrame.LEAF]: LEAF_BYTES,
  [LaneFrame.BLOCK]: BLOCK_BYTES_MAX,
  [LaneFrame.MISSING]: 0,
  [LaneFrame.END]: 0,
  [LaneFrame.FAILURE]: FAILURE_BYTES_MAX
}

export interface LaneHeader {
  readonly kind: number
  /** Of the request that it makes or answers. */
  readonly id: number
  readonly index: number
  /** Bytes of the payload. */
  readonly length: number
}

/** Writes a header where a frame begins. */
export function putHeader(target: Buffer, at: number, { kind, id, index, length }: LaneHeader): void {
  target.writeUInt32BE(length, at)
  target.writeUInt32BE(kind * 0x1_00_00_00, at + 4)
  target.writeUInt32BE(id, at + 8)
  target.writeUInt32BE(index, at + 12)
}

/** TOO_LARGE or CORRUPT for a frame that no lane carries. */
export function readHeader(bytes: Buffer): LaneHeader {
  const length = bytes.readUInt32BE(0)
  const kind = bytes.readUInt8(4)
  const most = PAYLOAD_BYTES_MAX[kind]
  if (most === undefined) throw new PathmeshError('CORRUPT', `a frame of the unknown kind ${kind} came`)
  if (length > most) throw new PathmeshError('CORRUPT', `a frame of ${length} bytes came where ${most} are allowed`)
  return { kind, id: bytes.readUInt32BE(8), index: bytes.readUInt32BE(12), length }
}

/** A whole frame with a short payload. */
export function laneFrame(kind: LaneFrameKind, id: number, index = 0, payload: Uint8Array = EMPTY): Buffer {
  const bytes = Buffer.allocUnsafe(LANE_HEADER_BYTES + payload.length)
  putHeader(bytes, 0, { kind, id, index, length: payload.length })
  bytes.set(payload, LANE_HEADER_BYTES)
  return bytes
}

export function failureFrame(id: number, { code, message }: PathmeshError): Buffer {
  return laneFrame(LaneFrame.FAILURE, id, 0, Buffer.from(`${code}\n${message.slice(0, FAILURE_CHARS)}`))
}

/** What a peer said of itself, as its name in the details tells. */
export function readFailure(payload: Uint8Array, peer: string): PathmeshError {
  const text = Buffer.from(bytesOf(payload)).toString()
  const end = Math.max(0, text.indexOf('\n'))
  const code = text.slice(0, end)
  const message = text.slice(end + 1, end + 1 + FAILURE_CHARS)
  return new PathmeshError(isErrorCode(code) ? code : 'INTERNAL', message, { details: { peerId: peer } })
}

export const EMPTY: Bytes = new Uint8Array(0)
