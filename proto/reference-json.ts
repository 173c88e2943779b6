// What the JSON forms of a Path and of a Payload have in common: an object with one key, and in it fields of known kinds. Refuses
// everything else, and makes fresh objects, so that a hostile document can neither smuggle fields in nor reach a prototype.

import { PathmeshError } from './errors.ts'
import { PROVIDERS_ASKED_MAX } from './limits.ts'

/** Which reference it is, for messages, and its one key. */
export interface Form {
  readonly what: 'Path' | 'Payload'
  readonly key: '$path' | '$payload'
}

/** Whether a value is an object whose single own key is that of the form. What is inside is not looked at. */
export function hasForm(value: unknown, { key }: Form): value is object {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 1 && Object.hasOwn(value, key)
}

/** The fields of one reference, each read once. */
export class JsonFields {
  readonly #form: Form
  readonly #fields: ReadonlyMap<string, unknown>

  /** INVALID_ARGUMENT where `value` has not this form, or fields beside `known`. */
  constructor(value: unknown, form: Form, known: readonly string[]) {
    this.#form = form
    if (!hasForm(value, form)) throw this.refusal(`an object with the single key ${form.key} is wanted`)
    const given: unknown = Object.entries(value)[0]?.[1]
    if (typeof given !== 'object' || given === null || Array.isArray(given))
      throw this.refusal(`${form.key} is not an object`)
    this.#fields = new Map<string, unknown>(Object.entries(given))
    for (const key of this.#fields.keys())
      if (!known.includes(key)) throw this.refusal(`${JSON.stringify(key)} is not a field of it`)
  }

  text(key: string): string {
    const value = this.#fields.get(key)
    if (typeof value !== 'string') throw this.refusal(`its ${key} is not a string`)
    return value
  }

  /** Those that are there. */
  texts<K extends string>(keys: readonly K[]): Partial<Record<K, string>> {
    const found: Partial<Record<K, string>> = {}
    for (const key of keys) if (this.#fields.get(key) !== undefined) found[key] = this.text(key)
    return found
  }

  /** Those that are there. */
  counts<K extends string>(keys: readonly K[]): Partial<Record<K, number>> {
    const found: Partial<Record<K, number>> = {}
    for (const key of keys) {
      const value = this.#fields.get(key)
      if (value === undefined) continue
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
        throw this.refusal(`its ${key} is not a count`)
      found[key] = value
    }
    return found
  }

  oneOf<T extends string>(key: string, allowed: readonly T[]): T | undefined {
    const value = this.#fields.get(key)
    const found = allowed.find(known => known === value)
    if (value !== undefined && found === undefined) throw this.refusal(`its ${key} is none of ${allowed.join(', ')}`)
    return found
  }

  providers(): { providers?: string[] } {
    const value = this.#fields.get('providers')
    if (value === undefined) return {}
    if (!Array.isArray(value) || value.length > PROVIDERS_ASKED_MAX)
      throw this.refusal(`its providers are not a list of at most ${PROVIDERS_ASKED_MAX}`)
    return {
      providers: value.map((peer: unknown) => {
        if (typeof peer !== 'string') throw this.refusal('one of its providers is not a string')
        return peer
      })
    }
  }

  refusal(what: string): PathmeshError {
    return new PathmeshError('INVALID_ARGUMENT', `this is not the JSON form of a ${this.#form.what}: ${what}`)
  }
}
