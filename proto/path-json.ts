// The JSON form of a Path, as it travels in state and messages. Refuses everything that is not exactly of this form, and
// makes fresh objects, so that a hostile document can neither smuggle fields in nor reach a prototype.

import type { Kind } from './api.ts'
import { checkRef, formatRef, type NameRef, type Ref } from './ref.ts'
import { hasForm, JsonFields, type Form } from './reference-json.ts'

/**
 * What a Path says of itself. Without `work` it is content alone; with `root` (or `cid`) or `seq` it is fixed. With nothing but a
 * path, and the kind where that is a directory, it belongs to no Work yet.
 */
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

const FORM: Form = { what: 'Path', key: '$path' }
const KINDS: readonly Kind[] = ['file', 'directory', 'symlink']
const TEXTS = ['work', 'origin', 'path', 'cid', 'root', 'sub'] as const
const COUNTS = ['size', 'seq'] as const
const KEYS: readonly string[] = [...TEXTS, ...COUNTS, 'kind', 'providers']
/** Stands where the name of the work will be, and so in the messages about such a path. */
const SOME_WORK = '…'

/** Whether a value has the form of a Path: an object whose single own key is `$path`. What is inside is not looked at. */
export function looksLikePath(value: unknown): value is { $path: unknown } {
  return hasForm(value, FORM)
}

/** The Path in `value`, in fresh objects. Throws INVALID_ARGUMENT for any other value. */
export function parsePathJson(value: unknown): PathJson {
  const fields = new JsonFields(value, FORM, KEYS)
  const path = fields.text('path')
  const kind = fields.oneOf('kind', KINDS)
  const facts: PathFacts = {
    ...fields.texts(TEXTS),
    ...fields.counts(COUNTS),
    ...(kind === undefined ? {} : { kind }),
    ...fields.providers(),
    path
  }
  if (!isOfNoWork(facts) && facts.work === undefined && rootOf(facts) === undefined)
    throw fields.refusal('it has neither a work nor a root')
  formatRef(refOfFacts(facts))
  return { $path: facts }
}

/** Whether facts are those of a Path that belongs to no Work yet. */
export function isOfNoWork(facts: PathFacts): boolean {
  return Object.keys(facts).every(key => key === 'path' || (key === 'kind' && facts.kind === 'directory'))
}

/** The stem of a Path that belongs to no Work yet: a reference that lacks the work. INVALID_ARGUMENT for a path that none can have. */
export function stemOf(path: string, directory: boolean): NameRef {
  return checkRef({ type: 'name', work: SOME_WORK, path, directory })
}

/**
 * The reference that facts describe: fixed when they name a root or a number; a stem where they belong to no Work yet.
 * INVALID_ARGUMENT where they describe none.
 */
export function refOfFacts(facts: PathFacts): Ref {
  if (isOfNoWork(facts)) return stemOf(facts.path, facts.kind === 'directory')
  const root = rootOf(facts)
  if (facts.work === undefined) return { type: 'content', cid: root ?? '', path: facts.path }
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

function rootOf({ root, sub, cid }: PathFacts): string | undefined {
  return root ?? (sub === undefined || sub === '' ? cid : undefined)
}
