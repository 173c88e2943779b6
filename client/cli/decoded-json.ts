// A decoded value as the text of JSON, in pieces: no more than one of them is in memory beside the value. Takes whatever the codecs
// of pathmesh decode to; what JSON has no form for gets the nearest one, as docs/api.md lists them.

import { types } from 'node:util'
import { JsonDigits, JsonFields, JsonList, JsonNumbers } from './json-form.ts'
import { rowsOf } from './table-json.ts'
import { tensorForm } from './tensor-json.ts'

/** Characters of a piece, about. */
const PIECE_CHARS = 2 ** 16
/** Bytes that become one piece of base64: a multiple of 3, so that the pieces join. */
const BASE64_BYTES = 3 * 2 ** 14
/** Numbers that become one piece. */
const NUMBERS = 2 ** 12

/** A list or an object that is being written. */
interface Open {
  readonly open: string
  readonly inner: Iterator<readonly [key: string, item: unknown]>
  readonly close: string
  isEmpty: boolean
}

/** Yields the JSON of a value, one value on one line, without the newline. A value that contains itself has no end. */
export function* decodedJson(value: unknown): Generator<string, void, undefined> {
  const around = [opened('', items([rowsOf(value) ?? value]), '')]
  let text = ''
  for (let inmost = around.at(-1); inmost !== undefined; inmost = around.at(-1)) {
    const next = inmost.inner.next()
    if (next.done === true) {
      text += inmost.close
      around.pop()
      continue
    }
    const [key, item] = next.value
    text += inmost.isEmpty ? key : `,${key}`
    inmost.isEmpty = false
    const form = formOf(item)
    if (typeof form === 'string') text += form
    else if ('inner' in form) {
      text += form.open
      around.push(form)
    } else {
      for (const piece of form) {
        text += piece
        if (text.length < PIECE_CHARS) continue
        yield text
        text = ''
      }
    }
    if (text.length < PIECE_CHARS) continue
    yield text
    text = ''
  }
  yield text
}

/** All of it where that is short, the pieces of what may be long, or what lies inside of it. */
function formOf(item: unknown): string | Iterable<string> | Open {
  if (typeof item === 'string') return item.length <= PIECE_CHARS ? JSON.stringify(item) : longText(item)
  if (typeof item === 'number' || typeof item === 'boolean') return JSON.stringify(item)
  if (typeof item === 'bigint') return String(item)
  return typeof item === 'object' && item !== null ? objectForm(item) : 'null'
}

function objectForm(item: object): string | Iterable<string> | Open {
  if (item instanceof JsonDigits) return item.digits
  if (types.isDate(item)) return Number.isNaN(item.getTime()) ? 'null' : `"${item.toISOString()}"`
  if (types.isUint8Array(item)) return base64(item)
  if (types.isArrayBuffer(item)) return base64(new Uint8Array(item))
  if (types.isTypedArray(item)) return numbers(item)
  if (item instanceof JsonNumbers) return numbers(item.array, item.read)
  if (Array.isArray(item) || types.isSet(item)) return list(item)
  if (item instanceof JsonList) return list(item.items)
  if (types.isMap(item)) return [...item.keys()].every(isText) ? object(item) : list(item)
  if (item instanceof JsonFields) return object(item.fields)
  return object(tensorForm(item)?.fields ?? Object.entries(item))
}

function opened(open: string, inner: Open['inner'], close: string): Open {
  return { open, inner, close, isEmpty: true }
}

const list = (all: Iterable<unknown>): Open => opened('[', items(all), ']')
const object = (fields: Iterable<readonly [unknown, unknown]>): Open => opened('{', named(fields), '}')
const isText = (key: unknown): boolean => typeof key === 'string'

function* items(all: Iterable<unknown>): Generator<readonly [string, unknown], void> {
  for (const item of all) yield ['', item]
}

function* named(fields: Iterable<readonly [unknown, unknown]>): Generator<readonly [string, unknown], void> {
  for (const [key, item] of fields) yield [`${JSON.stringify(key)}:`, item]
}

function* longText(text: string): Generator<string, void> {
  yield '"'
  // Half of a pair that is cut is written by its number, which JSON joins again.
  for (let at = 0; at < text.length; at += PIECE_CHARS)
    yield JSON.stringify(text.slice(at, at + PIECE_CHARS)).slice(1, -1)
  yield '"'
}

function* numbers(array: NodeJS.TypedArray, read?: (bits: number) => unknown): Generator<string, void> {
  yield '['
  for (let at = 0; at < array.length; at += NUMBERS) {
    const some = Array.from<number | bigint>(array.subarray(at, at + NUMBERS))
    const all = read === undefined ? some : some.map(bits => read(Number(bits)))
    if (at > 0) yield ','
    yield typeof some[0] === 'bigint' ? some.join(',') : JSON.stringify(all).slice(1, -1)
  }
  yield ']'
}

function* base64({ buffer, byteOffset, length }: Uint8Array): Generator<string, void> {
  yield '{"$bytes":"'
  for (let at = 0; at < length; at += BASE64_BYTES)
    yield Buffer.from(buffer, byteOffset + at, Math.min(BASE64_BYTES, length - at)).toString('base64')
  yield '"}'
}
