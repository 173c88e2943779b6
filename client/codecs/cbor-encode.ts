// A value to CBOR: goes through it once, reads what is plain data, and refuses everything else by its key. Runs no code of it.

import { types } from 'node:util'
import { VALUE_DEPTH_MAX } from '../../proto/limits.ts'
import { arrayTagOf, TAG_BIGINT, TAG_BIGINT_NEGATIVE, TAG_DATE_SECONDS, TAG_MAP, TAG_SET } from './cbor-tags.ts'
import { CborWriter, MAJOR } from './cbor-writer.ts'
import { atKey, type KeyStep } from './key-path.ts'
import {
  isBareBuiltin,
  isPlainList,
  isPlainObject,
  misfit,
  plainKeys,
  plainProperty,
  unencodable
} from './plain-data.ts'
import { loneSurrogate } from './text.ts'

/** The CBOR of a value, in memory of its own. Errors as said of `cborCodec`. */
export function encodeCbor(value: unknown, maxBytes?: number): Uint8Array {
  const encoder = new CborEncoder(new CborWriter(maxBytes))
  return encoder.encode(value)
}

class CborEncoder {
  readonly #writer: CborWriter
  readonly #steps: KeyStep[] = []
  readonly #around: object[] = []

  constructor(writer: CborWriter) {
    this.#writer = writer
  }

  encode(value: unknown): Uint8Array {
    this.#value(value)
    return this.#writer.end()
  }

  #value(value: unknown): void {
    if (typeof value === 'number') this.#writer.number(value)
    else if (typeof value === 'string') this.#text(value)
    else if (typeof value === 'boolean') this.#writer.simple(value ? 21 : 20)
    else if (value === null) this.#writer.simple(22)
    else if (value === undefined) this.#writer.simple(23)
    else if (typeof value === 'bigint') this.#bigint(value)
    else if (typeof value === 'object') this.#object(value)
    else throw unencodable(value, this.#steps)
  }

  #object(value: object): void {
    if (isPlainList(value)) this.#inside(value, () => this.#list(value))
    else if (isPlainObject(value)) this.#inside(value, () => this.#fields(value))
    else if (types.isMap(value) && isBareBuiltin(value)) this.#inside(value, () => this.#map(value))
    else if (types.isSet(value) && isBareBuiltin(value)) this.#inside(value, () => this.#set(value))
    else if (types.isDate(value) && isBareBuiltin(value)) this.#date(value)
    else if (types.isArrayBuffer(value)) this.#writer.bytes(this.#memory(value))
    else if (types.isTypedArray(value)) this.#typedArray(value)
    else throw unencodable(value, this.#steps)
  }

  #text(value: string): void {
    if (loneSurrogate(value) !== undefined)
      throw misfit(
        `the text ${atKey(this.#steps)} has half of a surrogate pair, which UTF-8 cannot hold: replace it with toWellFormed()`,
        this.#steps
      )
    this.#writer.text(value)
  }

  /** Always as bytes, so that a bigint comes back where a number would do. */
  #bigint(value: bigint): void {
    const hex = (value < 0n ? -1n - value : value).toString(16)
    this.#writer.head(MAJOR.tag, value < 0n ? TAG_BIGINT_NEGATIVE : TAG_BIGINT)
    this.#writer.bytes(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex'))
  }

  #date(value: Date): void {
    const time = Date.prototype.getTime.call(value)
    if (Number.isNaN(time))
      throw misfit(`the Date ${atKey(this.#steps)} is invalid: put null in its place`, this.#steps)
    this.#writer.head(MAJOR.tag, TAG_DATE_SECONDS)
    this.#writer.number(time / 1000)
  }

  #list(list: readonly unknown[]): void {
    this.#writer.head(MAJOR.list, list.length)
    const top = this.#steps.push(0) - 1
    for (let at = 0; at < list.length; at++) {
      this.#steps[top] = at
      this.#value(plainProperty(list, at, this.#steps))
    }
    this.#steps.pop()
  }

  #fields(fields: object): void {
    const keys = plainKeys(fields, this.#steps)
    this.#writer.head(MAJOR.map, keys.length)
    const top = this.#steps.push('') - 1
    for (const key of keys) {
      this.#steps[top] = key
      if (key === '__proto__')
        throw misfit(`the key "__proto__" ${atKey(this.#steps)} cannot be sent: give it another name`, this.#steps)
      this.#text(key)
      this.#value(plainProperty(fields, key, this.#steps))
    }
    this.#steps.pop()
  }

  #map(map: ReadonlyMap<unknown, unknown>): void {
    this.#writer.head(MAJOR.tag, TAG_MAP)
    this.#writer.head(MAJOR.map, map.size)
    const top = this.#steps.push(0) - 1
    let at = 0
    for (const [key, value] of Map.prototype.entries.call(map)) {
      this.#steps[top] = { keyAt: at++ }
      this.#value(key)
      this.#steps[top] = { mapKey: key }
      this.#value(value)
    }
    this.#steps.pop()
  }

  #set(set: ReadonlySet<unknown>): void {
    this.#writer.head(MAJOR.tag, TAG_SET)
    this.#writer.head(MAJOR.list, set.size)
    const top = this.#steps.push(0) - 1
    let at = 0
    for (const item of Set.prototype.values.call(set)) {
      this.#steps[top] = at++
      this.#value(item)
    }
    this.#steps.pop()
  }

  #typedArray(array: NodeJS.TypedArray): void {
    const name = typedArrayName(array)
    const tag = arrayTagOf(name)
    if (tag === undefined) throw unencodable(array, this.#steps)
    if (name !== 'Uint8Array') this.#writer.head(MAJOR.tag, tag)
    this.#writer.bytes(this.#memory(array.buffer, array.byteOffset, array.byteLength))
  }

  /** Bytes of some memory; memory that was transferred away would look empty. */
  #memory(buffer: ArrayBufferLike, offset?: number, length?: number): Uint8Array {
    try {
      return new Uint8Array(buffer, offset, length)
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      throw misfit(`the memory of the bytes ${atKey(this.#steps)} was transferred away: put a copy`, this.#steps)
    }
  }

  #inside(value: object, write: () => void): void {
    if (this.#around.includes(value))
      throw misfit(`the value ${atKey(this.#steps)} contains itself: a cycle cannot be sent`, this.#steps)
    if (this.#around.length === VALUE_DEPTH_MAX)
      throw misfit(
        `more than ${VALUE_DEPTH_MAX} collections lie inside each other ${atKey(this.#steps)}: make the value flatter`,
        this.#steps,
        'TOO_LARGE'
      )
    this.#around.push(value)
    write()
    this.#around.pop()
  }
}

const TYPED_ARRAY: object = Object.getPrototypeOf(Uint8Array.prototype)

/** By the language's own mark, which no subclass changes: `Uint8Array` for a Buffer. */
function typedArrayName(array: NodeJS.TypedArray): string {
  return String(Reflect.get(TYPED_ARRAY, Symbol.toStringTag, array))
}
