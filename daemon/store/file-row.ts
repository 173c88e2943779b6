// How the index spells what is known of a file: numbers of a fixed width, the CID, and the path behind them. Text would cost a
// tree of small files more than hashing them does.

import type { Fingerprint } from '../content/fingerprint.ts'
import { decodeCid } from '../content/verify.ts'
import type { FileClass, FileFacts } from './file-table.ts'

const ID_BYTES = 6
/** Above every number of a file. */
const ID_END = 2 ** (8 * ID_BYTES) - 1

const CLASSES: readonly FileClass[] = ['in-place', 'managed', 'kept']
const CLASS_BITS = 3
const EXECUTABLE_BIT = 4

/** Where the fields of a row begin: five numbers of the fingerprint, then these. */
const STAMPED_AT = 40
const TSIZE = 48
const FLAGS = 56
const CID_AT = 57
const PATH_AT = CID_AT + 36

export function fileRow({ path, fingerprint, cid, tsize, executable, stampedAt, class: kind }: FileFacts): Uint8Array {
  const row = Buffer.allocUnsafe(PATH_AT + Buffer.byteLength(path))
  row.writeBigUInt64LE(fingerprint.dev, 0)
  row.writeBigUInt64LE(fingerprint.ino, 8)
  row.writeBigInt64LE(fingerprint.size, 16)
  row.writeBigInt64LE(fingerprint.mtimeNs, 24)
  row.writeBigInt64LE(fingerprint.ctimeNs, 32)
  row.writeDoubleLE(stampedAt, STAMPED_AT)
  row.writeDoubleLE(tsize, TSIZE)
  row[FLAGS] = CLASSES.indexOf(kind) | (executable ? EXECUTABLE_BIT : 0)
  row.set(cid.bytes, CID_AT)
  row.write(path, PATH_AT)
  return row
}

export function factsIn(bytes: Uint8Array): FileFacts {
  const row = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const flags = row.readUInt8(FLAGS)
  const kind = CLASSES[flags & CLASS_BITS]
  if (kind === undefined) throw new TypeError(`a file of the unknown class ${flags}`)
  return {
    path: row.toString('utf8', PATH_AT),
    fingerprint: {
      dev: row.readBigUInt64LE(0),
      ino: row.readBigUInt64LE(8),
      size: row.readBigInt64LE(16),
      mtimeNs: row.readBigInt64LE(24),
      ctimeNs: row.readBigInt64LE(32)
    },
    cid: decodeCid(row.subarray(CID_AT, PATH_AT)),
    tsize: row.readDoubleLE(TSIZE),
    executable: (flags & EXECUTABLE_BIT) !== 0,
    stampedAt: row.readDoubleLE(STAMPED_AT),
    class: kind
  }
}

/** The number of a file as a key, or as a value. */
export function idBytes(id: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(ID_BYTES)
  bytes.writeUIntBE(id, 0, ID_BYTES)
  return bytes
}

/** The number that these bytes end with. */
export function idIn(bytes: Uint8Array): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).readUIntBE(bytes.length - ID_BYTES, ID_BYTES)
}

export function inodeKey({ dev, ino }: Fingerprint): Uint8Array {
  const key = Buffer.allocUnsafe(16)
  key.writeBigUInt64BE(dev, 0)
  key.writeBigUInt64BE(ino, 8)
  return key
}

/** Keys of one block follow each other, by the numbers of the files that have it. */
export function placeKey(multihash: Uint8Array, id: number): Uint8Array {
  const key = Buffer.allocUnsafe(multihash.length + ID_BYTES)
  key.set(multihash)
  key.writeUIntBE(id, multihash.length, ID_BYTES)
  return key
}

/** From the first to past the last of them. */
export function placeRange(multihash: Uint8Array): { gte: Uint8Array; lt: Uint8Array } {
  return { gte: placeKey(multihash, 0), lt: placeKey(multihash, ID_END) }
}
