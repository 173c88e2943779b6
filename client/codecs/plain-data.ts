// What counts as plain data, and what is said of the rest. Looks at values without running any code of theirs: no getter, no
// method, no constructor.

import { types } from 'node:util'
import { PathmeshError } from '../../proto/errors.ts'
import { atKey, formatKeyPath, quoted, type KeyStep } from './key-path.ts'

/** Whether it was made by `{}` or `Object.create(null)`, in this realm or another. No Proxy is: looking into one runs code. */
export function isPlainObject(value: object): boolean {
  if (types.isProxy(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || isObjectPrototype(prototype)
}

/** Whether it is a list that can be looked into. */
export function isPlainList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && !types.isProxy(value)
}

/** Whether its class is one of the language's own, directly under Object: a Map, and nothing that extends Map. */
export function isBareBuiltin(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (typeof prototype !== 'object' || prototype === null || types.isProxy(prototype)) return false
  return isObjectPrototype(Object.getPrototypeOf(prototype))
}

/** Names of the properties that are data. CODEC_NOT_FOUND for one under a symbol, which every form would lose. */
export function plainKeys(value: object, steps: readonly KeyStep[]): string[] {
  const symbol = Object.getOwnPropertySymbols(value).find(key => Object.prototype.propertyIsEnumerable.call(value, key))
  if (symbol === undefined) return Object.keys(value)
  throw refusal(`a property under ${quoted(String(symbol))} ${atKey(steps)}`, 'give it a name that is text', steps)
}

/** What lies under a key, the last of `steps`. CODEC_NOT_FOUND for a getter, which is not run, and for a hole of a list. */
export function plainProperty(value: object, key: string | number, steps: readonly KeyStep[]): unknown {
  const found = Object.getOwnPropertyDescriptor(value, key)
  if (found === undefined)
    throw refusal(`the hole ${atKey(steps)}`, 'a list has to be filled, with null for one', steps)
  if (found.get === undefined && found.set === undefined) return found.value
  throw refusal(`the getter ${atKey(steps)}`, 'encoding runs no code: put what it gives in its place', steps)
}

/** The error for a value that no form has a place for: names it, where it lies, and what could stand there. */
export function unencodable(value: unknown, steps: readonly KeyStep[]): PathmeshError {
  const { what, instead } = describe(value)
  return refusal(steps.length === 0 ? `this ${what}` : `the ${what} ${atKey(steps)}`, instead, steps)
}

/** A CODEC_NOT_FOUND with the key as a detail. */
export function refusal(what: string, instead: string, steps: readonly KeyStep[]): PathmeshError {
  return new PathmeshError('CODEC_NOT_FOUND', `nothing encodes ${what}: ${instead}`, detailsOf(steps))
}

/** An INVALID_ARGUMENT, or another code, with the key as a detail. */
export function misfit(
  problem: string,
  steps: readonly KeyStep[],
  code: 'INVALID_ARGUMENT' | 'TOO_LARGE' = 'INVALID_ARGUMENT'
): PathmeshError {
  return new PathmeshError(code, problem, detailsOf(steps))
}

/** A property that is data, its own or inherited. */
export function inheritedProperty(value: object, key: string): unknown {
  let at: unknown = value
  while (typeof at === 'object' && at !== null && !types.isProxy(at)) {
    const found = Object.getOwnPropertyDescriptor(at, key)
    if (found !== undefined) return found.value
    at = Object.getPrototypeOf(at)
  }
  return undefined
}

function detailsOf(steps: readonly KeyStep[]): { details: { key: string } } {
  return { details: { key: formatKeyPath(steps) } }
}

function isObjectPrototype(value: unknown): boolean {
  if (value === Object.prototype) return true
  if (typeof value !== 'object' || value === null || types.isProxy(value)) return false
  if (Object.getPrototypeOf(value) !== null) return false
  return Object.hasOwn(value, 'isPrototypeOf') && Object.hasOwn(value, 'hasOwnProperty')
}

const TABLE = /^(?:.*DataFrame|.*Table|RecordBatch|Series|Vector|Tensor)$/

function describe(value: unknown): { what: string; instead: string } {
  if (typeof value === 'function') return { what: 'function', instead: 'leave it out, or put what it gives' }
  if (typeof value === 'symbol') return { what: 'symbol', instead: 'put its description, as text' }
  if (typeof value !== 'object' || value === null)
    return { what: value === null ? 'null' : typeof value, instead: 'leave it out' }
  if (types.isProxy(value))
    return {
      what: 'Proxy',
      instead: 'put a plain copy; a table, as polars makes them, as a Payload of its own'
    }
  if (types.isPromise(value)) return { what: 'Promise', instead: 'await it first' }
  if (types.isRegExp(value)) return { what: 'RegExp', instead: 'put its source and flags, as text' }
  if (types.isNativeError(value)) return { what: 'Error', instead: 'put its name and message, as text' }
  if (types.isWeakMap(value) || types.isWeakSet(value))
    return { what: 'weak collection', instead: 'nobody can list what is in it; put a Map or a Set' }
  if (types.isDataView(value) || types.isSharedArrayBuffer(value))
    return { what: nameOf(value), instead: 'put a Uint8Array of its bytes' }
  const name = nameOf(value)
  const own = 'put its fields into a plain object, or register a codec for its class with registerCodec'
  if (TABLE.test(name))
    return {
      what: name,
      instead: `put it as a Payload of its own and keep the reference, as its toJSON() gives it; or ${own}`
    }
  if (typeof inheritedProperty(value, 'toJSON') === 'function')
    return { what: `instance of ${name}`, instead: `call its toJSON() and put what that gives; or ${own}` }
  return { what: `instance of ${name}`, instead: own }
}

/** The name of its class, fit for a message. */
export function nameOf(value: object): string {
  const made = inheritedProperty(value, 'constructor')
  const name = typeof made === 'function' ? Object.getOwnPropertyDescriptor(made, 'name')?.value : undefined
  return typeof name === 'string' && /^[\w$]{1,60}$/.test(name) ? name : 'a class without a name'
}
