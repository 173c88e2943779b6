// From a reference to content: which record it means, which root, and what lies at its path. Refuses to guess: a name that
// several nodes publish is AMBIGUOUS_WORK, a version that is not the known one is said to be gone or not yet known.

import type { CID } from 'multiformats/cid'
import type { NameRecord, VersionRecord } from '../catalogue/record.ts'
import { RAW } from '../content/multihash.ts'
import { parseCid } from '../content/verify.ts'
import { resolvePath, type TreeEntry } from '../content/walk.ts'
import type { Branches } from '../content/branches.ts'
import type { RemoteReader } from '../exchange/remote-reader.ts'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import { type ContentRef, formatRef, type NameRef, parseRef } from '../../proto/ref.ts'

/** The names that this node knows. */
export interface Names {
  /** Newest versions of the name that `path` is or lies in. */
  resolve(path: string, signal?: AbortSignal): Promise<VersionRecord[]>
  /** The newest version of exactly this name at one origin. */
  newestOf(name: string, origin: string): Promise<VersionRecord | undefined>
  /** Retirements of names that `path` is or lies in, the longest name first. */
  retired(path: string): Promise<readonly Pick<NameRecord, 'name' | 'origin'>[]>
  /** What became of a name, the latest first, as far as it is remembered here. */
  history(name: string, origin: string): AsyncIterable<NameRecord>
  /** An earlier version, remembered here or by somebody else. */
  version(name: string, origin: string, seq: number, signal?: AbortSignal): Promise<VersionRecord | undefined>
  /** The claim that makes a node the home of a work. */
  holder(work: string): Promise<{ readonly origin: string } | undefined>
  originsCalled(node: string): string[]
  nodeName(peerId: string): string | undefined
}

/** Where branches come from, and how long a leaf is that nothing states the size of. */
export interface TreeReader extends Branches {
  leafSize(cid: CID): Promise<number>
}

/** A reference with its version settled. */
export interface Settled {
  readonly ref: NameRef | ContentRef
  /** The version that is meant; null for content alone, and where nobody remembers of which version a root is. */
  readonly record: VersionRecord | null
  /** The newest version of its name, if it has one. */
  readonly newest: VersionRecord | null
  /** Whether it names a version; else it follows its name. */
  readonly isFixed: boolean
  readonly root: CID
  /** Path inside `root`, '' for the root itself. */
  readonly sub: string
  /** Path inside what the name stands for: the end of `sub`, and all of it unless the name is an alias of a part. */
  readonly beyond: string
  /** Bytes of a root that is a file, where a record says so. */
  readonly rootSize: number | undefined
  /** Peers that are likely to have it. */
  readonly hints: readonly string[]
}

export interface Resolved extends Settled {
  readonly entry: TreeEntry
  /** Branches that came while it was looked for, and need not be asked for again. */
  readonly came?: RemoteReader['came']
}

export interface ResolveParts {
  readonly names: Names
  readonly self: string
  readonly peers: () => number
}

/** Fixes the version. NOT_FOUND, NOT_SYNCED, AMBIGUOUS_WORK, VERSION_GONE, INVALID_ARGUMENT. */
export async function settle(
  text: string,
  version: string | undefined,
  parts: ResolveParts,
  signal?: AbortSignal
): Promise<Settled> {
  const ref = parseRef(text, {
    version: version === undefined ? undefined : /^[1-9][0-9]*$/.test(version) ? Number(version) : version
  })
  if (ref.type === 'content') return { ...bare(ref, ref.cid, ref.path), isFixed: true }
  const path = `${ref.work}/${ref.path}`
  // Where the reference names it all, it is one look-up.
  const exact = ref.node === undefined ? undefined : await parts.names.newestOf(path, ref.node)
  const records = exact === undefined ? await parts.names.resolve(path, signal) : [exact]
  const { version: wanted } = ref
  if (wanted !== undefined) {
    const isThere = records.some(record => isFrom(record, ref, parts))
    const retired = isThere && typeof wanted === 'string' ? [] : await parts.names.retired(path)
    if (typeof wanted === 'number') refuseAmbiguous(ref, wanted, [...records, ...retired], parts)
    if (!isThere)
      return await retiredVersion(
        ref,
        wanted,
        retired.find(record => isFrom(record, ref, parts)),
        parts,
        signal
      )
  }
  const newest = await pick(ref, records, parts)
  const record = wanted === undefined ? newest : await versionOf(newest, wanted, parts.names, signal)
  const beyond = path.slice(newest.name.length + 1)
  if (record !== undefined) return { ...atPlace(ref, record, beyond), newest, isFixed: wanted !== undefined }
  return { ...bare(ref, String(wanted), beyond), newest, isFixed: true, hints: [newest.origin] }
}

function bare(ref: NameRef | ContentRef, cid: string, sub: string): Omit<Settled, 'isFixed'> {
  return { ref, record: null, newest: null, root: parseCid(cid), sub, beyond: sub, rootSize: undefined, hints: [] }
}

/** Where the content of a version lies: of an alias, where that lies that it is another name for. */
function atPlace(ref: NameRef, record: VersionRecord, beyond: string): Omit<Settled, 'isFixed' | 'newest'> {
  const { of, root, kind, size, origin } = record
  const inside = of?.path ?? ''
  return {
    ref,
    record,
    root: of?.root ?? root,
    sub: [inside, beyond].filter(part => part !== '').join('/'),
    beyond,
    rootSize: kind === 'file' && inside === '' ? size : undefined,
    hints: [...new Set([origin, ...(of === null || of.origin === '' ? [] : [of.origin])])]
  }
}

/** A number counts the versions of one node: of several that have, or had, the name, it may be another's. */
function refuseAmbiguous(
  ref: NameRef,
  wanted: number,
  known: readonly Pick<NameRecord, 'name' | 'origin'>[],
  { names }: ResolveParts
): void {
  const origins = [...new Set(known.map(({ origin }) => origin))]
  if (ref.node !== undefined || origins.length < 2) return
  const list = origins.map(origin => `${ref.work}@${names.nodeName(origin) ?? origin}`).join('; ')
  throw new PathmeshError(
    'AMBIGUOUS_WORK',
    `each node that published ${ref.work}/${ref.path} has a version ${wanted} of its own: ${list}. Say which, as ${ref.work}@NODE/${ref.path}`,
    { details: { origins } }
  )
}

/** A version of a name that is gone: its content may still be had. Where a name that nobody knows would end, nobody knows. */
async function retiredVersion(
  ref: NameRef,
  wanted: number | string,
  retired: Pick<NameRecord, 'name' | 'origin'> | undefined,
  { names, peers }: ResolveParts,
  signal?: AbortSignal
): Promise<Settled> {
  const unknown = (): PathmeshError => new PathmeshError('NOT_FOUND', notFound(ref, [], peers()))
  if (retired === undefined) throw unknown()
  const beyond = `${ref.work}/${ref.path}`.slice(retired.name.length + 1)
  if (typeof wanted === 'string') return { ...bare(ref, wanted, beyond), isFixed: true }
  const record = await names.version(retired.name, retired.origin, wanted, signal)
  if (record === undefined) throw unknown()
  return { ...atPlace(ref, record, beyond), newest: null, isFixed: true }
}

/** The version of a name that is wanted: by its number; or by its root, where somebody here remembers it. */
async function versionOf(
  newest: VersionRecord,
  wanted: number | string,
  names: Names,
  signal?: AbortSignal
): Promise<VersionRecord | undefined> {
  const { name, origin, seq, root } = newest
  if (wanted === seq || wanted === root.toString()) return newest
  if (typeof wanted === 'string') {
    for await (const old of names.history(name, origin))
      if (old.type === 'version' && old.root.toString() === wanted) return old
    return undefined
  }
  const found = wanted < seq ? await names.version(name, origin, wanted, signal) : undefined
  if (found !== undefined) return found
  const latest = `the newest is ${seq} (${root.toString()})`
  if (wanted > seq)
    throw new PathmeshError('NOT_FOUND', `version ${wanted} of ${name} is not known: ${latest}`, {
      details: { newest: seq }
    })
  throw new PathmeshError('VERSION_GONE', `nobody remembers version ${wanted} of ${name}: ${latest}`, {
    details: { newest: seq, cid: root.toString() }
  })
}

/**
 * What lies at the reference's path, opening only the branches on the way. NOT_FOUND where nothing does. An alias of a part is found
 * without what it was a part of, where nobody has that any more.
 */
export async function find(settled: Settled, reader: TreeReader, signal?: AbortSignal): Promise<Resolved> {
  const { record, beyond } = settled
  try {
    return await findIn(settled, reader, signal)
  } catch (error) {
    if (record === null || (record.of?.path ?? '') === '' || !hasCode(error, 'NO_PROVIDERS', 'TIMEOUT')) throw error
    signal?.throwIfAborted()
    const rootSize = record.kind === 'file' ? record.size : undefined
    return await findIn({ ...settled, root: record.root, sub: beyond, rootSize }, reader, signal)
  }
}

async function findIn(settled: Settled, reader: TreeReader, signal?: AbortSignal): Promise<Resolved> {
  const { root, sub } = settled
  const size = settled.rootSize ?? (root.code === RAW ? await reader.leafSize(root) : undefined)
  const entry = await resolvePath(root, sub === '' ? [] : sub.split('/'), reader, { size, signal })
  if (entry !== undefined) return { ...settled, entry }
  throw new PathmeshError(
    'NOT_FOUND',
    `${formatRef(settled.ref)}: there is no ${JSON.stringify(sub)} in ${settled.record?.name ?? root.toString()}`
  )
}

/** Whose history is meant: that of the name that the reference resolves to; else those that were retired. */
export async function namesMeant(
  text: string,
  parts: ResolveParts,
  signal?: AbortSignal
): Promise<readonly Pick<NameRecord, 'name' | 'origin'>[]> {
  const ref = parseRef(text)
  if (ref.type === 'content')
    throw new PathmeshError('INVALID_ARGUMENT', `${text} is content without a name: it has no history`)
  const path = `${ref.work}/${ref.path}`
  const records = await parts.names.resolve(path, signal)
  if (!records.some(record => isFrom(record, ref, parts))) {
    const retired = (await parts.names.retired(path)).filter(record => isFrom(record, ref, parts))
    if (retired.length > 0) return retired
  }
  return [await pick(ref, records, parts)]
}

function isFrom(record: Pick<NameRecord, 'origin'>, { node }: NameRef, { names }: ResolveParts): boolean {
  return node === undefined || names.originsCalled(node).includes(record.origin)
}

/** The one origin that has the name; of several, the home of the work. */
async function pick(ref: NameRef, records: readonly VersionRecord[], parts: ResolveParts): Promise<VersionRecord> {
  const { names, self, peers } = parts
  const matching = records.filter(record => isFrom(record, ref, parts))
  const [first, ...others] = matching
  if (first === undefined) throw new PathmeshError('NOT_FOUND', notFound(ref, records, peers()))
  if (others.length === 0) return first
  const holder = ref.node === undefined ? await names.holder(ref.work) : undefined
  const home = matching.find(({ origin }) => origin === holder?.origin)
  if (home !== undefined) return home
  const called = matching.map(({ origin }) => names.nodeName(origin) ?? origin)
  const list = matching.map(({ name, origin }, i) => {
    const isUnique = called.every((other, j) => j === i || other !== called[i])
    return `${name.split('/')[0]}@${origin === self ? 'this node, ' : ''}${isUnique ? called[i] : origin}`
  })
  throw new PathmeshError(
    'AMBIGUOUS_WORK',
    `several nodes publish ${first.name}: ${list.join('; ')}. Say which, as ${ref.work}@NODE/${ref.path}`,
    { details: { origins: matching.map(({ origin }) => origin) } }
  )
}

function notFound(ref: NameRef, records: readonly VersionRecord[], peers: number): string {
  const name = `${ref.work}/${ref.path}`
  const [other] = records
  if (other !== undefined) return `${ref.node} does not publish ${name}, but ${other.origin} does`
  if (peers === 0) return `${name} is not known here, and no other node is connected: see \`pathmesh peers\``
  return `nobody in this mesh publishes ${name}: see \`pathmesh ls\``
}
