// From a reference to content: which record it means, which root, and what lies at its path. Refuses to guess: a name that
// several nodes publish is AMBIGUOUS_WORK, a version that is not the known one is said to be gone or not yet known.

import type { CID } from 'multiformats/cid'
import type { VersionRecord } from '../catalogue/record.ts'
import { RAW } from '../content/multihash.ts'
import { parseCid } from '../content/verify.ts'
import { resolvePath, type TreeEntry } from '../content/walk.ts'
import type { Branches } from '../content/branches.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { type ContentRef, formatRef, type NameRef, parseRef } from '../../proto/ref.ts'

/** The names that this node can find out about. */
export interface Names {
  resolve(path: string, signal?: AbortSignal): Promise<VersionRecord[]>
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
  /** Of a name; null for content alone. */
  readonly record: VersionRecord | null
  readonly root: CID
  /** Path inside `root`, '' for the root itself. */
  readonly sub: string
  /** Bytes of a root that is a file, where a record says so. */
  readonly rootSize: number | undefined
  /** Peers that are likely to have it. */
  readonly hints: readonly string[]
}

export interface Resolved extends Settled {
  readonly entry: TreeEntry
}

export interface ResolveParts {
  readonly names: Names
  readonly self: string
  readonly peers: () => number
}

/** Fixes the version. NOT_FOUND, AMBIGUOUS_WORK, VERSION_GONE, INVALID_ARGUMENT. */
export async function settle(
  text: string,
  version: string | undefined,
  parts: ResolveParts,
  signal?: AbortSignal
): Promise<Settled> {
  const ref = parseRef(text, {
    version: version === undefined ? undefined : /^[1-9][0-9]*$/.test(version) ? Number(version) : version
  })
  if (ref.type === 'content')
    return { ref, record: null, root: parseCid(ref.cid), sub: ref.path, rootSize: undefined, hints: [] }
  const path = `${ref.work}/${ref.path}`
  const record = pick(ref, await parts.names.resolve(path, signal), parts)
  const sub = path.slice(record.name.length + 1)
  const base = { ref, record, sub, hints: [record.origin] }
  const { version: wanted } = ref
  if (wanted === undefined || wanted === record.seq || wanted === record.root.toString())
    return { ...base, root: record.root, rootSize: record.kind === 'file' ? record.size : undefined }
  if (typeof wanted === 'string') return { ...base, record: null, root: parseCid(wanted), rootSize: undefined }
  const newest = `the newest is ${record.seq} (${record.root.toString()})`
  if (wanted < record.seq)
    throw new PathmeshError('VERSION_GONE', `version ${wanted} of ${record.name} is not kept: ${newest}`, {
      details: { newest: record.seq, cid: record.root.toString() }
    })
  throw new PathmeshError('NOT_FOUND', `version ${wanted} of ${record.name} is not known: ${newest}`, {
    details: { newest: record.seq }
  })
}

/** What lies at the reference's path, opening only the branches on the way. NOT_FOUND where nothing does. */
export async function find(settled: Settled, reader: TreeReader, signal?: AbortSignal): Promise<Resolved> {
  const { root, sub } = settled
  const size = settled.rootSize ?? (root.code === RAW ? await reader.leafSize(root) : undefined)
  const entry = await resolvePath(root, sub === '' ? [] : sub.split('/'), reader, { size, signal })
  if (entry !== undefined) return { ...settled, entry }
  throw new PathmeshError(
    'NOT_FOUND',
    `${formatRef(settled.ref)}: there is no ${JSON.stringify(sub)} in ${settled.record?.name ?? root.toString()}`
  )
}

function pick(ref: NameRef, records: readonly VersionRecord[], { names, self, peers }: ResolveParts): VersionRecord {
  const origins = ref.node === undefined ? undefined : names.originsCalled(ref.node)
  const matching = records.filter(record => origins === undefined || origins.includes(record.origin))
  const [first, ...others] = matching
  if (first === undefined) throw new PathmeshError('NOT_FOUND', notFound(ref, records, peers()))
  if (others.length === 0) return first
  const list = matching.map(
    ({ name, origin }) =>
      `${name.split('/')[0]}@${origin === self ? 'this node, ' : ''}${names.nodeName(origin) ?? origin}`
  )
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
  return `${name} is not known here, nor to the ${peers === 1 ? 'node' : `${peers} nodes`} that could be asked: see \`pathmesh ls\``
}
