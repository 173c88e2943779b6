// Small readers that turn an unknown JSON value into a typed one, so that nothing in the client trusts an answer's form and
// nothing loads zod for it. They copy the fields they know into fresh objects and drop the others.

import type { Meta } from '../proto/api.ts'
import { PathmeshError } from '../proto/errors.ts'

/** Reads one value; `where` names it in the error. Throws INCOMPATIBLE. */
export type Read<T> = (value: unknown, where: string) => T

/** Any JSON. */
export type Json = Meta[string]
type Fields = Record<string, Read<unknown>>
type Optional<F extends Fields> = {
  [K in keyof F as undefined extends ReturnType<F[K]> ? K : never]?: Exclude<ReturnType<F[K]>, undefined>
}
type Required<F extends Fields> = { [K in keyof F as undefined extends ReturnType<F[K]> ? never : K]: ReturnType<F[K]> }
type Flat<T> = { [K in keyof T]: T[K] }

export const text: Read<string> = (value, where) => {
  if (typeof value === 'string') return value
  throw wrong(where, 'a string', value)
}

export const number: Read<number> = (value, where) => {
  if (typeof value === 'number') return value
  throw wrong(where, 'a number', value)
}

export const flag: Read<boolean> = (value, where) => {
  if (typeof value === 'boolean') return value
  throw wrong(where, 'true or false', value)
}

export const yes: Read<true> = (value, where) => {
  if (value === true) return value
  throw wrong(where, 'true', value)
}

export const no: Read<false> = (value, where) => {
  if (value === false) return value
  throw wrong(where, 'false', value)
}

export function literal<const T extends string>(...known: readonly T[]): Read<T> {
  return (value, where) => {
    const found = known.find(one => one === value)
    if (found === undefined) throw wrong(where, `one of ${known.join(', ')}`, value)
    return found
  }
}

export function nullable<T>(read: Read<T>): Read<T | null> {
  return (value, where) => (value === null ? null : read(value, where))
}

export function optional<T>(read: Read<T>): Read<T | undefined> {
  return (value, where) => (value === undefined ? undefined : read(value, where))
}

export function list<T>(read: Read<T>): Read<T[]> {
  return (value, where) => {
    if (!Array.isArray(value)) throw wrong(where, 'a list', value)
    return value.map((item: unknown, index) => read(item, `${where}[${index}]`))
  }
}

/** Any JSON, copied. */
export const json: Read<Json> = (value, where) => {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value
  if (Array.isArray(value)) return value.map((item: unknown, index) => json(item, `${where}[${index}]`))
  if (typeof value !== 'object') throw wrong(where, 'JSON', value)
  return Object.fromEntries(
    Object.entries(value).map(([key, item]: [string, unknown]) => [key, json(item, `${where}.${key}`)])
  )
}

/** An object of any JSON. */
export const jsonRecord: Read<Record<string, Json>> = (value, where) => {
  const copy = json(value, where)
  if (typeof copy === 'object' && copy !== null && !Array.isArray(copy)) return copy
  throw wrong(where, 'an object', value)
}

export const meta: Read<Meta> = jsonRecord

/** An object with these fields; a field whose reader gives undefined is left out. */
export function object<F extends Fields>(fields: F): Read<Flat<Required<F> & Optional<F>>> {
  return (value, where) => {
    if (typeof value !== 'object' || value === null) throw wrong(where, 'an object', value)
    const given = new Map<string, unknown>(Object.entries(value))
    const read: Record<string, unknown> = {}
    for (const [key, field] of Object.entries(fields)) {
      const found = field(given.get(key), `${where}.${key}`)
      if (found !== undefined) read[key] = found
    }
    if (isComplete<F>(read, fields)) return read
    throw wrong(where, 'an object', value)
  }
}

/** One of several forms, told apart by the text in their `event`. */
export function byEvent<T>(forms: Readonly<Record<string, Read<T>>>): Read<T> {
  const named = object({ event: text })
  const known = new Map(Object.entries(forms))
  return (value, where) => {
    const { event } = named(value, where)
    const read = known.get(event)
    if (read === undefined) throw wrong(`${where}.event`, `one of ${[...known.keys()].join(', ')}`, event)
    return read(value, where)
  }
}

// Each field was read by its own reader above: this only tells the compiler so.
function isComplete<F extends Fields>(read: object, fields: F): read is Flat<Required<F> & Optional<F>> {
  return Object.keys(read).every(key => Object.hasOwn(fields, key))
}

function wrong(where: string, wanted: string, value: unknown): PathmeshError {
  const shown = (JSON.stringify(value) ?? 'nothing').slice(0, 100)
  return new PathmeshError(
    'INCOMPATIBLE',
    `${where} is ${shown}, not ${wanted}: the daemon and this client are of different versions`
  )
}
