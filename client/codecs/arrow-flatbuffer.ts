// Reads FlatBuffers (https://flatbuffers.dev/internals/) without trusting them: every position is compared with the buffer, and
// what is read in all with its size, so that parts which are used many times over cannot multiply the work. Knows no schema.

import { PathmeshError } from '../../proto/errors.ts'

/** How often over a buffer may be read: writers that share equal strings read some bytes twice, never a hundred times. */
const READS_MAX = 16
/** Bytes of a table that is read: a position in it and its vtable. */
const TABLE_BYTES = 8
/** Signed 64-bit numbers beyond this are none that a file can have. */
const HIGH_WORD_MAX = 2 ** 21

/** One FlatBuffer: bounds, and what may still be read. */
export class FlatBuffer {
  readonly size: number
  readonly #view: DataView
  readonly #bytes: Uint8Array
  readonly #what: string
  #left: number

  /** `what` names the buffer in errors: `its footer`. */
  constructor(bytes: Uint8Array, what: string) {
    this.size = bytes.length
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#what = what
    this.#left = bytes.length * READS_MAX
  }

  root(): FlatTable {
    return this.tableAt(0)
  }

  /** The table that the position at `at` leads to. */
  tableAt(at: number): FlatTable {
    const start = this.follow(at)
    this.#read(TABLE_BYTES)
    return new FlatTable(this, start)
  }

  /** The position that the offset at `at` leads to: always forward, so that nothing leads to itself. */
  follow(at: number): number {
    const distance = this.view(at, 4).getUint32(at, true)
    if (distance < 4 || distance > this.size - at - 4) throw this.corrupt(`an offset leads ${distance} bytes on`)
    return at + distance
  }

  /** Length and first position of the vector of `width` bytes a piece that the offset at `at` leads to. */
  vector(at: number, width: number): FlatVector {
    const start = this.follow(at)
    const length = this.view(start, 4).getUint32(start, true)
    if (length > Math.floor((this.size - start - 4) / width)) throw this.corrupt(`a list has ${length} entries`)
    this.#read(4 + length * width)
    return { length, start: start + 4 }
  }

  string(at: number): string {
    const { length, start } = this.vector(at, 1)
    return new TextDecoder().decode(this.#bytes.subarray(start, start + length))
  }

  /** A signed 64-bit number. */
  long(at: number): number {
    const view = this.view(at, 8)
    const high = view.getInt32(at + 4, true)
    if (high >= HIGH_WORD_MAX || high < -HIGH_WORD_MAX)
      throw this.corrupt(`it has the number ${view.getBigInt64(at, true)}`)
    return high * 2 ** 32 + view.getUint32(at, true)
  }

  /** What the numbers are read through, once it is known that `width` bytes lie at `at`. */
  view(at: number, width: number): DataView {
    if (at < 0 || at > this.size - width) throw this.corrupt(`it ends before byte ${at + width}`)
    return this.#view
  }

  corrupt(why: string): PathmeshError {
    return new PathmeshError('CORRUPT', `the bytes are no Arrow IPC file: ${this.#what} is broken: ${why}`)
  }

  #read(count: number): void {
    this.#left -= count
    if (this.#left < 0) throw this.corrupt('its parts are used many times over')
  }
}

/** Where the pieces of a vector lie. */
export interface FlatVector {
  readonly length: number
  readonly start: number
}

/** A table: fields by number, in the order of its schema; one that is absent has its default. */
export class FlatTable {
  readonly #buffer: FlatBuffer
  readonly #at: number
  readonly #vtable: number
  readonly #vtableSize: number
  readonly #size: number

  constructor(buffer: FlatBuffer, at: number) {
    this.#buffer = buffer
    this.#at = at
    this.#vtable = at - buffer.view(at, 4).getInt32(at, true)
    this.#vtableSize = this.#slot(0)
    this.#size = this.#slot(2)
    const whole = this.#vtableSize >= 4 && this.#vtableSize % 2 === 0 && this.#size >= 4
    if (!whole || this.#size > buffer.size - at || this.#vtable + this.#vtableSize > buffer.size)
      throw buffer.corrupt('a table is not whole')
  }

  get buffer(): FlatBuffer {
    return this.#buffer
  }

  /** Whether the field is there. */
  has(field: number): boolean {
    return this.#position(field, 1) !== undefined
  }

  byte(field: number, absent = 0): number {
    const at = this.#position(field, 1)
    return at === undefined ? absent : this.#buffer.view(at, 1).getUint8(at)
  }

  short(field: number, absent = 0): number {
    const at = this.#position(field, 2)
    return at === undefined ? absent : this.#buffer.view(at, 2).getInt16(at, true)
  }

  int(field: number, absent = 0): number {
    const at = this.#position(field, 4)
    return at === undefined ? absent : this.#buffer.view(at, 4).getInt32(at, true)
  }

  long(field: number): number {
    const at = this.#position(field, 8)
    return at === undefined ? 0 : this.#buffer.long(at)
  }

  string(field: number): string | undefined {
    const at = this.#position(field, 4)
    return at === undefined ? undefined : this.#buffer.string(at)
  }

  table(field: number): FlatTable | undefined {
    const at = this.#position(field, 4)
    return at === undefined ? undefined : this.#buffer.tableAt(at)
  }

  /** A vector of numbers or structs of `width` bytes each. */
  vector(field: number, width: number): FlatVector {
    const at = this.#position(field, 4)
    return at === undefined ? { length: 0, start: 0 } : this.#buffer.vector(at, width)
  }

  *tables(field: number): Generator<FlatTable> {
    const { length, start } = this.vector(field, 4)
    for (let i = 0; i < length; i += 1) yield this.#buffer.tableAt(start + i * 4)
  }

  #position(field: number, width: number): number | undefined {
    const slot = 4 + field * 2
    if (slot + 2 > this.#vtableSize) return undefined
    const offset = this.#slot(slot)
    if (offset === 0) return undefined
    if (offset < 4 || offset + width > this.#size) throw this.#buffer.corrupt('a field lies outside of its table')
    return this.#at + offset
  }

  /** Signed, as other readers take it: what they would take for a negative number is too small for all that it may be. */
  #slot(offset: number): number {
    const at = this.#vtable + offset
    return this.#buffer.view(at, 2).getInt16(at, true)
  }
}
