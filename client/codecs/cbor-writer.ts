// CBOR (RFC 8949) byte by byte: heads, numbers, text, bytes, into memory that grows. Knows no values with something inside.

import { PathmeshError } from '../../proto/errors.ts'
import { PAYLOAD_MEMORY_BYTES_MAX } from '../../proto/limits.ts'

/** The eight kinds of items, as the upper three bits of their first byte. */
export const MAJOR = { uint: 0, negative: 1, bytes: 2, text: 3, list: 4, map: 5, tag: 6, simple: 7 } as const

const FIRST_BYTES = 256
/** Texts so short are written here, sooner than a call out of JavaScript would be. */
const SHORT_TEXT_CHARS = 24
const LONGEST_HEAD_BYTES = 9

export class CborWriter {
  readonly #max: number
  /** Not of Node's pool: it is handed out as it is. */
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #at = 0

  /** TOO_LARGE past `max` bytes. */
  constructor(max = PAYLOAD_MEMORY_BYTES_MAX) {
    this.#max = max
  }

  /** All that was written; nothing may be written afterwards. */
  end(): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#at)
  }

  /** A first byte, and the shortest form of its number: an integer from 0 to 2^53 - 1. */
  head(major: number, count: number): void {
    this.#reserve(LONGEST_HEAD_BYTES)
    const first = major << 5
    if (count < 24) this.#at = this.#bytes.writeUInt8(first | count, this.#at)
    else if (count < 2 ** 8) this.#at = this.#bytes.writeUInt16BE(((first | 24) << 8) | count, this.#at)
    else if (count < 2 ** 16) this.#at = this.#bytes.writeUInt16BE(count, this.#bytes.writeUInt8(first | 25, this.#at))
    else if (count < 2 ** 32) this.#at = this.#bytes.writeUInt32BE(count, this.#bytes.writeUInt8(first | 26, this.#at))
    else {
      this.#bytes.writeUInt8(first | 27, this.#at)
      this.#bytes.writeUInt32BE(Math.floor(count / 2 ** 32), this.#at + 1)
      this.#at = this.#bytes.writeUInt32BE(count % 2 ** 32, this.#at + 5)
    }
  }

  /** false, true, null and undefined are 20 to 23. */
  simple(number: 20 | 21 | 22 | 23): void {
    this.head(MAJOR.simple, number)
  }

  /** An integer where that is exact, as other languages then see one; else the shorter float that holds it. */
  number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      if (value >= 0) this.head(MAJOR.uint, value)
      else this.head(MAJOR.negative, -1 - value)
      return
    }
    this.#reserve(LONGEST_HEAD_BYTES)
    if (Number.isNaN(value)) this.#half(0x7e00)
    else if (value === 0) this.#half(0x8000)
    else if (!Number.isFinite(value)) this.#half(value > 0 ? 0x7c00 : 0xfc00)
    else if (Math.fround(value) === value)
      this.#at = this.#bytes.writeFloatBE(value, this.#bytes.writeUInt8(0xfa, this.#at))
    else this.#at = this.#bytes.writeDoubleBE(value, this.#bytes.writeUInt8(0xfb, this.#at))
  }

  /** Text without lone surrogates. */
  text(value: string): void {
    if (this.#shortText(value)) return
    const size = Buffer.byteLength(value)
    this.head(MAJOR.text, size)
    this.#reserve(size)
    this.#at += this.#bytes.write(value, this.#at, 'utf8')
  }

  bytes(value: Uint8Array): void {
    this.head(MAJOR.bytes, value.length)
    this.#reserve(value.length)
    this.#bytes.set(value, this.#at)
    this.#at += value.length
  }

  /** ASCII, with its length in the first byte; false for any other, with nothing written. */
  #shortText(value: string): boolean {
    if (value.length >= SHORT_TEXT_CHARS) return false
    this.#reserve(SHORT_TEXT_CHARS)
    const start = this.#at + 1
    for (let at = 0; at < value.length; at++) {
      const unit = value.charCodeAt(at)
      if (unit > 0x7f) return false
      this.#bytes[start + at] = unit
    }
    this.#bytes[this.#at] = (MAJOR.text << 5) | value.length
    this.#at = start + value.length
    return true
  }

  #half(bits: number): void {
    this.#at = this.#bytes.writeUInt16BE(bits, this.#bytes.writeUInt8(0xf9, this.#at))
  }

  #reserve(count: number): void {
    const needed = this.#at + count
    if (needed <= this.#bytes.length) return
    if (needed > this.#max)
      throw new PathmeshError(
        'TOO_LARGE',
        `this value takes more than ${this.#max} bytes as CBOR: put its parts as Payloads of their own`
      )
    const larger = Buffer.allocUnsafeSlow(Math.min(this.#max, Math.max(needed, 2 * this.#bytes.length)))
    larger.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = larger
  }
}
