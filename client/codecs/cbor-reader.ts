// CBOR (RFC 8949) byte by byte, as somebody may have written it to do harm: no length is believed beyond the bytes that are left,
// and nothing is allocated for one before. Says where in the value it failed.

import { constants, isUtf8 } from 'node:buffer'
import { PathmeshError } from '../../proto/errors.ts'
import { float16 } from './cbor-tags.ts'
import { formatKeyPath, type KeyStep } from './key-path.ts'

/** Of the lower five bits of a first byte: so many items until a break. */
export const INDEFINITE = 31
const BREAK = 0xff
/** Texts so short are read here, sooner than a call out of JavaScript would be. */
const SHORT_TEXT_BYTES = 24

export class CborReader {
  /** Where the item lies that is being read. Whoever goes through a value keeps it. */
  readonly steps: KeyStep[] = []
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** The kind of the next item. */
  peekMajor(): number {
    return this.#peek() >> 5
  }

  /** The first byte of an item: its kind in the upper three bits, and what `count` and `uint` take in the lower five. */
  first(): number {
    const byte = this.#peek()
    this.#at++
    return byte
  }

  /** Whether items without a count end here; then goes past that. */
  takeBreak(): boolean {
    if (this.#peek() !== BREAK) return false
    this.#at++
    return true
  }

  /** The number of a head: a bigint past 2^53 - 1. */
  uint(info: number): number | bigint {
    if (info < 24) return info
    if (info > 27) throw this.damage(`a number has the reserved form ${info}`)
    const size = 2 ** (info - 24)
    const start = this.#skip(size, 'a number')
    if (size < 8) return this.#bytes.readUIntBE(start, size)
    const wide = this.#bytes.readBigUInt64BE(start)
    return wide <= Number.MAX_SAFE_INTEGER ? Number(wide) : wide
  }

  /** How many items there are, each of at least `bytesEach`. */
  count(info: number, bytesEach: number): number {
    const claimed = this.uint(info)
    if (claimed <= this.left / bytesEach) return Number(claimed)
    throw this.damage(`${claimed} items are claimed, and ${this.left} bytes are left`)
  }

  /** A view of a byte string. */
  bytes(info: number): Uint8Array {
    const size = this.#size(info, 'bytes')
    return this.#bytes.subarray(this.#at, (this.#at += size))
  }

  text(info: number): string {
    const size = this.#size(info, 'text')
    const start = this.#at
    this.#at += size
    if (size < SHORT_TEXT_BYTES) {
      const short = this.#shortAscii(start, this.#at)
      if (short !== undefined) return short
    }
    if (size > constants.MAX_STRING_LENGTH)
      throw new PathmeshError('TOO_LARGE', `a text of ${size} bytes ${this.#where()} is more than a string holds`)
    if (!isUtf8(this.#bytes.subarray(start, this.#at))) throw this.damage('a text is not UTF-8')
    return this.#bytes.toString('utf8', start, this.#at)
  }

  /** A float, or false, true, null or undefined. */
  simple(info: number): unknown {
    if (info === 20) return false
    if (info === 21) return true
    if (info === 22) return null
    if (info === 23) return undefined
    if (info === 25) return float16(this.#bytes.readUInt16BE(this.#skip(2, 'a float')))
    if (info === 26) return this.#bytes.readFloatBE(this.#skip(4, 'a float'))
    if (info === 27) return this.#bytes.readDoubleBE(this.#skip(8, 'a float'))
    if (info === INDEFINITE) throw this.damage('a break stands where no open list or map is')
    if (info > 27) throw this.damage(`a value has the reserved form ${info}`)
    throw this.unknown(`the simple value ${info === 24 ? this.#peek() : info}`)
  }

  /** The error for bytes that are not CBOR, or break a rule of their form. */
  damage(problem: string): PathmeshError {
    return new PathmeshError(
      'CORRUPT',
      `this CBOR is damaged ${this.#where()}: ${problem}; the bytes can be had with as: 'bytes'`,
      { details: { key: formatKeyPath(this.steps), byte: this.#at } }
    )
  }

  /** The error for CBOR that is in order and means nothing here. */
  unknown(what: string): PathmeshError {
    return new PathmeshError(
      'CODEC_NOT_FOUND',
      `no value is known for ${what} ${this.#where()}: register a codec that knows it, or take the bytes with as: 'bytes'`,
      { details: { key: formatKeyPath(this.steps), byte: this.#at } }
    )
  }

  #where(): string {
    const path = formatKeyPath(this.steps)
    return path === '' ? `at byte ${this.#at}` : `at ${path} (byte ${this.#at})`
  }

  #peek(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw this.damage('the bytes end in the middle of the value')
    return byte
  }

  #size(info: number, what: 'bytes' | 'text'): number {
    if (info === INDEFINITE) throw this.unknown(`${what} in pieces (of indefinite length)`)
    const claimed = this.uint(info)
    if (claimed <= this.left) return Number(claimed)
    throw this.damage(`${claimed} bytes of ${what} are claimed, and ${this.left} are left`)
  }

  #skip(size: number, what: string): number {
    const start = this.#at
    if (this.left < size) throw this.damage(`the bytes end in the middle of ${what}`)
    this.#at += size
    return start
  }

  #shortAscii(start: number, end: number): string | undefined {
    let text = ''
    for (let at = start; at < end; at++) {
      const byte = this.#bytes[at] ?? 0
      if (byte > 0x7f) return undefined
      text += String.fromCharCode(byte)
    }
    return text
  }
}
