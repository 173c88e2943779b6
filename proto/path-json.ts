// The JSON form of a Path, as it travels in state and messages. Refuses everything that is not exactly of this form, and
// makes fresh objects, so that a hostile document can neither smuggle fields in nor reach a prototype.

import type { Kind } from './api.ts'
import { PathmeshError } from './errors.ts'
import { formatRef, type Ref } from './ref.ts'

/** What a Path says of itself. Without `work` it is content alone; with `root` (or `cid`) or `seq` it is fixed. */
export interface PathFacts {
  readonly work?: string
  /** PeerId of the node that published it, where known. */
  readonly origin?: string
  readonly path: string
  readonly kind?: Kind
  /** The content referred to. */
  readonly cid?: string
  /** The share that `cid` lies in, where that is another, and the path in it. */
  readonly root?: string
  readonly sub?: string
  readonly size?: number
  readonly seq?: number
  /** Peers that had it. */
  readonly providers?: readonly string[]
}

export interface PathJson {
  readonly $path: PathFacts
}

const KINDS: readonly Kind[] = ['file', 'directory', 'symlink']
const TEXTS = ['work', 'origin', 'path', 'cid', 'root', 'sub'] as const
const NUMBERS = ['size', 'seq'] as const
const KEYS: readonly string[] = [...TEXTS, ...NUMBERS, 'kind', 'providers']
const PROVIDERS_MAX = 32

/** Whether a value has the form of a Path: an object whose single own key is `$path`. What is inside is not looked at. */
export function looksLikePath(value: unknown): value is { $path: unknown } {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 1 && Object.hasOwn(value, '$path')
}

/** The Path in `value`, in fresh objects. Throws INVALID_ARGUMENT for any other value. */
export function parsePathJson(value: unknown): PathJson {
  if (!looksLikePath(value)) throw refusal('an object with the single key $path is wanted')
  const given = value.$path
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw refusal('$path is not an object')
  const fields = new Map<string, unknown>(Object.entries(given))
  for (const key of fields.keys()) if (!KEYS.includes(key)) throw refusal(`${JSON.stringify(key)} is not a field of it`)
  const path = fields.get('path')
  if (typeof path !== 'string') throw refusal('its path is not a string')
  const facts: PathFacts = { ...texts(fields), ...numbers(fields), ...kindOf(fields), ...providersOf(fields), path }
  formatRef(refOfFacts(facts))
  return { $path: facts }
}

/** The reference that facts describe: fixed when they name a root or a number. */
export function refOfFacts(facts: PathFacts): Ref {
  const root = facts.root ?? (facts.sub === undefined || facts.sub === '' ? facts.cid : undefined)
  if (facts.work === undefined) return contentRef(facts, root)
  const version = root ?? facts.seq
  return {
    type: 'name',
    work: facts.work,
    ...(facts.origin === undefined ? {} : { node: facts.origin }),
    path: facts.path,
    directory: facts.kind === 'directory',
    ...(version === undefined ? {} : { version })
  }
}

function contentRef(facts: PathFacts, root: string | undefined): Ref {
  if (root === undefined) throw refusal('it has neither a work nor a root')
  return { type: 'content', cid: root, path: facts.path }
}

function texts(fields: ReadonlyMap<string, unknown>): Partial<Record<(typeof TEXTS)[number], string>> {
  const found: Partial<Record<(typeof TEXTS)[number], string>> = {}
  for (const key of TEXTS) {
    const value = fields.get(key)
    if (value === undefined) continue
    if (typeof value !== 'string') throw refusal(`its ${key} is not a string`)
    found[key] = value
  }
  return found
}

function numbers(fields: ReadonlyMap<string, unknown>): Partial<Record<(typeof NUMBERS)[number], number>> {
  const found: Partial<Record<(typeof NUMBERS)[number], number>> = {}
  for (const key of NUMBERS) {
    const value = fields.get(key)
    if (value === undefined) continue
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
      throw refusal(`its ${key} is not a count`)
    found[key] = value
  }
  return found
}

function kindOf(fields: ReadonlyMap<string, unknown>): { kind?: Kind } {
  const value = fields.get('kind')
  if (value === undefined) return {}
  const kind = KINDS.find(known => known === value)
  if (kind === undefined) throw refusal(`its kind is none of ${KINDS.join(', ')}`)
  return { kind }
}

function providersOf(fields: ReadonlyMap<string, unknown>): { providers?: string[] } {
  const value = fields.get('providers')
  if (value === undefined) return {}
  if (!Array.isArray(value) || value.length > PROVIDERS_MAX)
    throw refusal(`its providers are not a list of at most ${PROVIDERS_MAX}`)
  return {
    providers: value.map((peer: unknown) => {
      if (typeof peer !== 'string') throw refusal('one of its providers is not a string')
      return peer
    })
  }
}

function refusal(what: string): PathmeshError {
  return new PathmeshError('INVALID_ARGUMENT', `this is not the JSON form of a Path: ${what}`)
}
