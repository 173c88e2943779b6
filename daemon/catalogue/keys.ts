// Keys of the catalogue's tables. Names hold no NUL, so `name NUL origin` sorts by name, then by origin; numbers are written
// big-endian, so they sort as numbers.

import { PathmeshError } from '../../proto/errors.ts'

export interface KeyRange {
  readonly gte: Uint8Array
  readonly lt: Uint8Array
}

/** What is known of a name from one origin. */
export const nameKey = (name: string, origin: string): Buffer => join(text(name), text(origin))

/** One record of it. */
export const seqKey = (name: string, origin: string, seq: number): Buffer => join(text(name), text(origin), uint64(seq))

/** The record of an origin with this number; with the name, because a key that is used twice makes two. */
export const numberKey = (origin: string, number: number, name: string): Buffer =>
  join(text(origin), Buffer.concat([uint64(number), text(name)]))

/** An own name that keeps a root. All CIDs are of one length. */
export const rootKey = (root: Uint8Array, name: string, seq: number): Buffer =>
  Buffer.concat([root, join(text(name), uint64(seq))])

/** Number and name in a key of `numberKey`. */
export function readNumberKey(key: Uint8Array, origin: string): { number: number; name: string } {
  const rest = Buffer.from(key.buffer, key.byteOffset, key.byteLength).subarray(Buffer.byteLength(origin) + 1)
  return { number: Number(rest.readBigUInt64BE(0)), name: rest.toString('utf8', 8) }
}

/** Name and number in a key of `rootKey`. */
export function readRootKey(key: Uint8Array, root: Uint8Array): { name: string; seq: number } {
  const rest = Buffer.from(key.buffer, key.byteOffset, key.byteLength).subarray(root.length)
  return { name: rest.toString('utf8', 0, rest.length - 9), seq: Number(rest.readBigUInt64BE(rest.length - 8)) }
}

/** The number at the end of a key of `seqKey`. */
export const readSeq = (key: Uint8Array): number =>
  Number(Buffer.from(key.buffer, key.byteOffset, key.byteLength).readBigUInt64BE(key.byteLength - 8))

/** Records of exactly this name. */
export const ofName = (name: string): KeyRange => startingWith(join(text(name), Buffer.alloc(0)))
/** Earlier records of a name from one origin. */
export const ofOriginsName = (name: string, origin: string): KeyRange =>
  startingWith(join(text(name), text(origin), Buffer.alloc(0)))
/** Numbers of an origin, from one on. */
export const numbersFrom = (origin: string, number: number): KeyRange => ({
  gte: numberKey(origin, number, ''),
  lt: startingWith(join(text(origin), Buffer.alloc(0))).lt
})
/** Records of an origin that have this number. */
export const ofNumber = (origin: string, number: number): KeyRange => startingWith(numberKey(origin, number, ''))

/** Keys that begin with `prefix`. */
export function startingWith(prefix: Uint8Array): KeyRange {
  let end = prefix.length
  while (end > 0 && prefix[end - 1] === 0xff) end--
  if (end === 0) return { gte: prefix, lt: Buffer.alloc(64, 0xff) }
  const next = Buffer.from(prefix.subarray(0, end))
  next[end - 1] = (next[end - 1] ?? 0) + 1
  return { gte: prefix, lt: next }
}

export function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

function text(value: string): Buffer {
  if (value.includes('\0')) throw new PathmeshError('INVALID_ARGUMENT', 'a name holds no NUL')
  return Buffer.from(value)
}

const NUL = Buffer.of(0)
const join = (...parts: readonly Buffer[]): Buffer =>
  Buffer.concat(parts.flatMap((part, index) => (index === 0 ? [part] : [NUL, part])))
