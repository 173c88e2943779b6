// What a component keeps as state: JSON, with Paths and Payloads in it as references. Turns values into that and back; refuses
// what has no JSON form, and says where it lies and what to do.

import { hasCode, PathmeshError } from '../../proto/errors.ts'
import type { Meta } from '../../proto/api.ts'
import { jsonPieces } from '../codecs/json-writer.ts'
import { isPlainList, isPlainObject } from '../codecs/plain-data.ts'
import { Path } from '../path.ts'
import { Payload } from '../payload.ts'

export type Json = Meta[string]
export type State = Readonly<Record<string, Json>>
export type Reference = Path | Payload

/** Whether an attribute of this name is state: one that begins with '_' is the component's own, as are its `#x`. */
export const isStateKey = (key: string | symbol): key is string => typeof key === 'string' && !key.startsWith('_')

export const isReference = (value: unknown): value is Reference => value instanceof Path || value instanceof Payload

/** The JSON of a value. INVALID_ARGUMENT, naming the key in `where`, for what has no JSON form: that travels as a Payload. */
export function toJson(value: unknown, where: string): Json {
  try {
    return parse(Buffer.concat(jsonPieces(value)).toString())
  } catch (error) {
    if (!hasCode(error, 'CODEC_NOT_FOUND', 'INVALID_ARGUMENT', 'TOO_LARGE')) throw error
    throw new PathmeshError(
      error.code === 'TOO_LARGE' ? 'TOO_LARGE' : 'INVALID_ARGUMENT',
      `${where} is no JSON: ${error.message}. A value of another kind travels as a Payload: new Payload(value); what is nobody else's stays in a #private field`,
      { cause: error, ...(error.details === undefined ? {} : { details: error.details }) }
    )
  }
}

/** Bytes of its JSON text. */
export const jsonBytes = (value: Json | State): number => Buffer.byteLength(JSON.stringify(value))

/** Yields every Path and Payload in a value, with the keys that lead to it. */
export function* referencesIn(
  value: unknown,
  keys: readonly string[] = [],
  around: readonly unknown[] = []
): Generator<{ reference: Reference; keys: readonly string[] }> {
  if (isReference(value)) yield { reference: value, keys }
  else
    for (const [key, inner] of entriesOf(value, around)) yield* referencesIn(inner, [...keys, key], [...around, value])
}

/** What stands for a Path or a Payload; `keys` lead to it. */
export type MapReference = (reference: Reference, keys: readonly string[]) => unknown

/** The value with something else in place of each Path and Payload, in fresh lists and objects. */
export function mapReferences(
  value: unknown,
  map: MapReference,
  keys: readonly string[] = [],
  around: readonly unknown[] = []
): unknown {
  if (isReference(value)) return map(value, keys)
  if (!isPlain(value) || around.includes(value)) return value
  const entries = entriesOf(value, around).map(([key, inner]): [string, unknown] => [
    key,
    mapReferences(inner, map, [...keys, key], [...around, value])
  ])
  return isPlainList(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries)
}

/**
 * What lies in a list or plain object, as JSON has it: without properties that are undefined. Nothing in one that contains itself,
 * which is refused elsewhere.
 */
function entriesOf(value: unknown, around: readonly unknown[]): [string, unknown][] {
  if (!isPlain(value) || around.includes(value)) return []
  if (isPlainList(value)) return value.map((inner, at) => [String(at), inner])
  return Object.entries(value).filter(([, inner]) => inner !== undefined)
}

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && (isPlainList(value) || isPlainObject(value))

/** JSON as values of a mesh: its reviver turns the references in it back. */
export function fromJson(json: Json, reviver: (key: string, value: unknown) => unknown): unknown {
  const value: unknown = JSON.parse(JSON.stringify(json), reviver)
  return value
}

function parse(text: string): Json {
  const json: Json = JSON.parse(text)
  return json
}
