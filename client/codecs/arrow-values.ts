// Looks at values of an Arrow column where a wrong one would lead outside of the file's bytes: offsets, views, numbers of
// dictionary entries and of union types. Says what is wrong; who calls says in which column. Assumes little-endian memory.

import { isAscii, isUtf8 } from 'node:buffer'
import type { PathmeshError } from '../../proto/errors.ts'

/** Bytes of one view: length, then the value itself, or its first bytes, which buffer, and where in it. */
const VIEW_BYTES = 16
const INLINE_BYTES = 12
/** How often over the text of views may be read: many of them can show the same bytes. */
const TEXT_READS_MAX = 64

/** Whether bit `i` of a bitmap is set. */
export function bit(bitmap: Uint8Array, i: number): boolean {
  return ((bitmap[i >>> 3] ?? 0) & (1 << (i & 7))) !== 0
}

/** How many of the first `length` bits are not set. */
export function countZeros(bitmap: Uint8Array, length: number): number {
  let zeros = length
  const whole = length >>> 3
  for (let i = 0; i < whole; i += 1) zeros -= ONES[bitmap[i] ?? 0] ?? 0
  for (let i = whole * 8; i < length; i += 1) if (bit(bitmap, i)) zeros -= 1
  return zeros
}

const ONES = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length)

/** The first and the last of `count + 1` offsets of `width` bytes each that lie in `bytes`. Throws unless they only grow. */
export function checkOffsets(
  bytes: Uint8Array,
  count: number,
  width: 4 | 8,
  fail: Fail
): { readonly first: number; readonly last: number } {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, ((count + 1) * width) / 4)
  const step = width / 4
  // No part of a file has 4 GiB: the upper half of a long offset is zero, and no offset is negative.
  if (step === 2)
    for (let i = 1; i < words.length; i += 2) if (words[i] !== 0) throw fail(`has an offset past its values`)
  const first = words[0] ?? 0
  let last = first
  for (let i = step; i < words.length; i += step) {
    const next = words[i] ?? 0
    if (next < last) throw fail(`has an offset ${next} after ${last}`)
    last = next
  }
  return { first, last }
}

/** Throws unless the bytes between each two offsets are UTF-8. `bytes` ends with the last of them. */
export function checkText(offsets: Uint8Array, count: number, width: 4 | 8, bytes: Uint8Array, fail: Fail): void {
  const { first, last } = ends(offsets, count, width)
  const text = bytes.subarray(first, last)
  if (isAscii(text)) return
  if (!isUtf8(text)) throw fail('is not UTF-8')
  const words = new Uint32Array(offsets.buffer, offsets.byteOffset, ((count + 1) * width) / 4)
  for (let i = 0; i < words.length; i += width / 4)
    if (!startsCharacter(bytes, words[i] ?? 0)) throw fail('is not UTF-8: a value begins inside a character')
}

/** Whether one of the values between offsets is just `name`. */
export function hasText(offsets: Uint8Array, count: number, width: 4 | 8, bytes: Uint8Array, name: string): boolean {
  const wanted = Buffer.from(name)
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!all.includes(wanted)) return false
  const words = new Uint32Array(offsets.buffer, offsets.byteOffset, ((count + 1) * width) / 4)
  const step = width / 4
  for (let i = step; i < words.length; i += step) {
    const start = words[i - step] ?? 0
    const end = words[i] ?? 0
    if (end - start === wanted.length && wanted.equals(all.subarray(start, end))) return true
  }
  return false
}

/** Throws unless each of `count` views holds its value, or shows bytes of one of `buffers`. */
export function checkViews(
  views: Uint8Array,
  count: number,
  buffers: readonly Uint8Array[],
  text: boolean,
  fail: Fail
): void {
  const words = new Int32Array(views.buffer, views.byteOffset, count * 4)
  const whole = buffers.map(buffer =>
    text ? (isAscii(buffer) ? 'ascii' : isUtf8(buffer) ? 'utf8' : 'other') : 'ascii'
  )
  let left = TEXT_READS_MAX * (views.length + buffers.reduce((sum, buffer) => sum + buffer.length, 0))
  for (let i = 0; i < count; i += 1) {
    const at = i * 4
    const size = words[at] ?? 0
    if (size < 0) throw fail(`has a value of ${size} bytes`)
    if (size <= INLINE_BYTES) {
      checkInline(views.subarray(i * VIEW_BYTES + 4, (i + 1) * VIEW_BYTES), size, text, fail)
      continue
    }
    const [number = 0, start = 0] = [words[at + 2], words[at + 3]]
    const buffer = buffers[number]
    if (buffer === undefined || start < 0 || start + size > buffer.length)
      throw fail(`has a value at ${start} of its buffer ${number}, which is not there`)
    if (!samePrefix(views, i * VIEW_BYTES + 4, buffer, start))
      throw fail('has a value that does not begin as it is said to')
    if (whole[number] === 'ascii') continue
    if (whole[number] === 'utf8') {
      if (!startsCharacter(buffer, start) || !startsCharacter(buffer, start + size)) throw fail('is not UTF-8')
      continue
    }
    left -= size
    if (left < 0 || !isUtf8(buffer.subarray(start, start + size))) throw fail('is not UTF-8')
  }
}

/** Whether one of `count` views is just `name`, which is of at most 12 bytes. */
export function hasView(views: Uint8Array, count: number, name: string): boolean {
  const wanted = Buffer.alloc(VIEW_BYTES)
  wanted.writeInt32LE(wanted.write(name, 4))
  const all = Buffer.from(views.buffer, views.byteOffset, count * VIEW_BYTES)
  for (let at = all.indexOf(wanted); at !== -1; at = all.indexOf(wanted, at + 1)) if (at % VIEW_BYTES === 0) return true
  return false
}

/** Indices of dictionary entries: unsigned words, of which an index has one, or two of 32 bits. */
export interface Indices {
  readonly words: Uint8Array | Uint16Array | Uint32Array
  readonly step: 1 | 2
  /** Indices from here on are past the dictionary. */
  readonly limit: number
}

/** `count` indices of `width` bytes into a dictionary of `size` entries. */
export function indicesOf(bytes: Uint8Array, count: number, width: number, signed: boolean, size: number): Indices {
  // A negative one, read as unsigned, is past every dictionary: these have fewer than 2^31 entries, or fewer than its sign bit.
  const limit = signed && width < 4 ? Math.min(size, 2 ** (width * 8 - 1)) : size
  return { words: unsigned(bytes, count, width), step: width === 8 ? 2 : 1, limit }
}

/** Throws for a value that its dictionary has not; says how many nulls have such an index, which only they may. */
export function checkIndices(
  { words, step, limit }: Indices,
  valid: Uint8Array | undefined,
  fail: Fail,
  mend: boolean
): number {
  let strays = 0
  for (let at = 0, i = 0; at < words.length; at += step, i += 1) {
    if ((words[at] ?? 0) < limit && (step === 1 || words[at + 1] === 0)) continue
    if (valid === undefined || bit(valid, i)) throw fail(`has a value past the ${limit} of its dictionary`)
    strays += 1
    if (mend) words.fill(0, at, at + step)
  }
  return strays
}

/** Throws unless each of `count` types is one of `ids`, and its offset, where there are any, within that child's `lengths`. */
export function checkUnion(
  types: Uint8Array,
  offsets: Uint8Array | undefined,
  count: number,
  ids: readonly number[],
  lengths: readonly number[],
  fail: Fail
): void {
  const lengthOf = new Map(ids.map((id, i) => [id, lengths[i] ?? 0]))
  const words = offsets === undefined ? undefined : new Uint32Array(offsets.buffer, offsets.byteOffset, count)
  for (let i = 0; i < count; i += 1) {
    const length = lengthOf.get(types[i] ?? 0)
    if (length === undefined) throw fail(`has a value of type ${types[i]}, which the union has not`)
    const at = words === undefined ? i : (words[i] ?? 0)
    if (at >= length) throw fail(`has a value at ${at} of a type that has ${length}`)
  }
}

/** Makes the error that names the column. */
export type Fail = (why: string) => PathmeshError

function unsigned(bytes: Uint8Array, count: number, width: number): Uint8Array | Uint16Array | Uint32Array {
  if (width === 1) return bytes.subarray(0, count)
  if (width === 2) return new Uint16Array(bytes.buffer, bytes.byteOffset, count)
  return new Uint32Array(bytes.buffer, bytes.byteOffset, (count * width) / 4)
}

function ends(offsets: Uint8Array, count: number, width: 4 | 8): { readonly first: number; readonly last: number } {
  const words = new Uint32Array(offsets.buffer, offsets.byteOffset, ((count + 1) * width) / 4)
  return { first: words[0] ?? 0, last: words[(count * width) / 4] ?? 0 }
}

/** `bytes`: the 12 of a view that come after its length. What the value does not fill is zero. */
function checkInline(bytes: Uint8Array, size: number, text: boolean, fail: Fail): void {
  let high = 0
  for (let i = 0; i < size; i += 1) high |= bytes[i] ?? 0
  for (let i = size; i < INLINE_BYTES; i += 1) if (bytes[i] !== 0) throw fail('has a value with bytes after its end')
  if (text && high >= 0x80 && !isUtf8(bytes.subarray(0, size))) throw fail('is not UTF-8')
}

function samePrefix(views: Uint8Array, at: number, buffer: Uint8Array, start: number): boolean {
  for (let i = 0; i < 4; i += 1) if (views[at + i] !== buffer[start + i]) return false
  return true
}

/** Whether a character may begin at `at`, or the bytes end there (RFC 3629: the later bytes of one are 10xxxxxx). */
function startsCharacter(bytes: Uint8Array, at: number): boolean {
  return at >= bytes.length || ((bytes[at] ?? 0) & 0xc0) !== 0x80
}
