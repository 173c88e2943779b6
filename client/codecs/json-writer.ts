// A value to the text of JSON. Goes through the value itself, since JSON.stringify leaves out or alters what it has no form for
// and runs getters on the way.

import { types } from 'node:util'
import { PathmeshError } from '../../proto/errors.ts'
import { VALUE_DEPTH_MAX } from '../../proto/limits.ts'
import { atKey, type KeyStep } from './key-path.ts'
import {
  inheritedProperty,
  isPlainList,
  isPlainObject,
  misfit,
  nameOf,
  plainKeys,
  plainProperty,
  refusal,
  unencodable
} from './plain-data.ts'

/** Characters that are gathered before they become bytes. */
const PIECE_CHARS = 2 ** 18

/** The UTF-8 of a value's JSON. Errors as said of `jsonCodec`. */
export function jsonPieces(value: unknown): Uint8Array[] {
  const writer = new JsonWriter()
  writer.write(value, '')
  return writer.end()
}

class JsonWriter {
  readonly #steps: KeyStep[] = []
  readonly #around: object[] = []
  readonly #pieces: Uint8Array[] = []
  #text = ''

  end(): Uint8Array[] {
    this.#flush()
    return this.#pieces
  }

  write(value: unknown, key: string): void {
    if (this.#text.length > PIECE_CHARS) this.#flush()
    if (value === null || typeof value === 'boolean') this.#text += String(value)
    else if (typeof value === 'string') this.#text += JSON.stringify(value)
    else if (typeof value === 'number') this.#text += this.#number(value)
    else if (typeof value === 'object') this.#object(value, key)
    else throw this.#lost(value)
  }

  #number(value: number): string {
    if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value)
    throw refusal(`${value} ${atKey(this.#steps)} as JSON`, 'put null, or use the codec cbor', this.#steps)
  }

  #object(value: object, key: string): void {
    if (types.isDate(value) || ArrayBuffer.isView(value)) throw this.#lost(value)
    const form = this.#formOf(value, key)
    if (typeof form !== 'object' || form === null) return this.write(form, key)
    if (!isPlainList(form) && !isPlainObject(form)) throw this.#lost(form)
    this.#enter(value)
    if (isPlainList(form)) this.#array(form)
    else this.#fields(form)
    this.#around.pop()
  }

  #array(list: readonly unknown[]): void {
    this.#text += '['
    for (let at = 0; at < list.length; at++) {
      if (at > 0) this.#text += ','
      this.#steps.push(at)
      this.write(plainProperty(list, at, this.#steps), String(at))
      this.#steps.pop()
    }
    this.#text += ']'
  }

  #fields(fields: object): void {
    this.#text += '{'
    let first = true
    for (const key of plainKeys(fields, this.#steps)) {
      this.#steps.push(key)
      if (key === '__proto__')
        throw misfit(`the key "__proto__" ${atKey(this.#steps)} cannot be sent: give it another name`, this.#steps)
      this.#text += `${first ? '' : ','}${JSON.stringify(key)}:`
      first = false
      this.write(plainProperty(fields, key, this.#steps), key)
      this.#steps.pop()
    }
    this.#text += '}'
  }

  /** What stands for a value: itself, or what its `toJSON` gives, once, as for JSON.stringify. */
  #formOf(value: object, key: string): unknown {
    const method = inheritedProperty(value, 'toJSON')
    if (typeof method !== 'function') return value
    try {
      const form: unknown = Reflect.apply(method, value, [key])
      return form
    } catch (error) {
      if (error instanceof PathmeshError) throw error
      throw new PathmeshError(
        'INVALID_ARGUMENT',
        `toJSON() of the value ${atKey(this.#steps)} failed: ${String(error)}`,
        {
          cause: error
        }
      )
    }
  }

  #enter(value: object): void {
    if (this.#around.includes(value))
      throw misfit(`the value ${atKey(this.#steps)} contains itself: a cycle cannot be sent`, this.#steps)
    if (this.#around.length === VALUE_DEPTH_MAX)
      throw misfit(
        `more than ${VALUE_DEPTH_MAX} lists and objects lie inside each other ${atKey(this.#steps)}: make the value flatter`,
        this.#steps,
        'TOO_LARGE'
      )
    this.#around.push(value)
  }

  #lost(value: unknown): Error {
    const kept =
      typeof value === 'bigint' ||
      types.isDate(value) ||
      types.isMap(value) ||
      types.isSet(value) ||
      types.isArrayBuffer(value)
    if (!kept && !ArrayBuffer.isView(value)) return unencodable(value, this.#steps)
    const kind = typeof value === 'object' && value !== null ? nameOf(value) : typeof value
    return refusal(
      `the ${kind} ${atKey(this.#steps)} as JSON`,
      'use the codec cbor, which keeps it, or put a text or a list',
      this.#steps
    )
  }

  #flush(): void {
    if (this.#text !== '') this.#pieces.push(new TextEncoder().encode(this.#text))
    this.#text = ''
  }
}
