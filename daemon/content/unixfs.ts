// Owns the writing of UnixFS nodes, field by field in the order of their numbers: the one accepted encoding.
// Refuses nothing. Reading is the library's; its writer (protons-runtime 7.1.2) garbles sizes of 2 to 4 GiB.

const encoder = new TextEncoder()

/** The numbers that UnixFS gives to its kinds of nodes. */
export const UNIXFS_DIRECTORY = 1
export const UNIXFS_FILE = 2
export const UNIXFS_SYMLINK = 4
export const UNIXFS_SHARD = 5

export interface UnixfsFields {
  readonly type: number
  /** Absent and empty are the same: not written. */
  readonly data?: Uint8Array | undefined
  readonly fileSize?: number | undefined
  readonly blockSizes?: readonly number[] | undefined
  readonly hashType?: number | undefined
  readonly fanout?: number | undefined
  readonly mode?: number | undefined
}

const WIRE_VARINT = 0
const WIRE_BYTES = 2

/** The bytes of a UnixFS node. Numbers are whole and below 2^53. */
export function encodeUnixfs(fields: UnixfsFields): Uint8Array {
  const { type, data = new Uint8Array(), fileSize, blockSizes = [], hashType, fanout, mode } = fields
  const head: number[] = []
  const tail: number[] = []
  pushField(head, 1, type)
  if (data.length > 0) {
    pushVarint(head, (2 << 3) | WIRE_BYTES)
    pushVarint(head, data.length)
  }
  pushField(tail, 3, fileSize)
  for (const size of blockSizes) pushField(tail, 4, size)
  pushField(tail, 5, hashType)
  pushField(tail, 6, fanout)
  pushField(tail, 7, mode)
  const bytes = new Uint8Array(head.length + data.length + tail.length)
  bytes.set(head)
  bytes.set(data, head.length)
  bytes.set(tail, head.length + data.length)
  return bytes
}

/** Text as the data of a node. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

function pushField(bytes: number[], field: number, value: number | undefined): void {
  if (value === undefined) return
  pushVarint(bytes, (field << 3) | WIRE_VARINT)
  pushVarint(bytes, value)
}

/** By division, not by shifts, which end at 32 bits. */
function pushVarint(bytes: number[], value: number): void {
  let rest = value
  while (rest >= 128) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
}
