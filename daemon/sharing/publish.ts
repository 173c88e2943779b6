// Making a local file or directory into a root that is held in place: scanned, what is unchanged taken as known, the rest
// hashed, branches and places indexed. Nothing is copied (keep.ts does that). Refuses content that changes while it is hashed.

import { dirname, posix } from 'node:path'
import type { CID } from 'multiformats/cid'
import { pipe } from 'it-pipe'
import { buildDirectory, buildSymlink, type DirectoryEntry } from '../content/directory.ts'
import { type Branch, buildFile } from '../content/file-dag.ts'
import type { Fingerprint } from '../content/fingerprint.ts'
import type { HashedFile, Hasher } from '../content/hasher.ts'
import { hashCode, type HashName } from '../content/multihash.ts'
import { scan, type ScannedEntry, type ScannedFile } from '../content/scan.ts'
import type { Write } from '../store/database.ts'
import type { FileClass, FileFacts } from '../store/file-table.ts'
import type { Holding } from '../store/holding-table.ts'
import { digestsOf } from '../store/materialise.ts'
import type { Store } from '../store/store.ts'
import { INDEX_LOOKUPS, LEAF_BYTES } from '../../proto/limits.ts'

export interface BuildOptions {
  readonly hash: HashName
  readonly exclude?: readonly string[] | undefined
  readonly dereference?: boolean | undefined
  readonly signal: AbortSignal
  /** Throws for what may not be shared, by its real path. */
  readonly admit?: ((absolute: string) => void) | undefined
  readonly onProgress: (progress: BuildProgress) => void
}

export interface BuildProgress {
  readonly phase: 'scanning' | 'copying' | 'hashing' | 'indexing'
  readonly bytes: number
  readonly total: number | null
  readonly files: number
  readonly filesTotal: number | null
}

export interface BuildParts {
  readonly store: Store
  readonly hasher: Hasher
}

/** What a link to an entry states. */
export interface Linked {
  readonly cid: CID
  readonly tsize: number
  /** Of a file that is known since now: its number. */
  readonly fileId?: number
}

/** A file to be hashed, and its path in the tree. */
export interface HashableFile {
  readonly path: string
  readonly absolute: string
  readonly fingerprint: Fingerprint
  readonly executable: boolean
}

/**
 * The root of what lies at `path`, with everything written that is needed to serve it, except the holding itself. A later
 * failure leaves facts that are true and make the next attempt shorter.
 */
export async function buildInPlace(path: string, parts: BuildParts, options: BuildOptions): Promise<Holding> {
  return buildScanned(await scanAll(path, parts.hasher, options), parts, options)
}

/** The same of what was scanned already. */
export async function buildScanned(
  entries: readonly ScannedEntry[],
  parts: BuildParts,
  options: BuildOptions
): Promise<Holding> {
  const files = entries.filter(entry => entry.kind === 'file')
  const links = new Map<string, Linked>()
  const { store } = parts
  const find = (some: readonly ScannedFile[]) => findKnown(some, links, store, options.hash)
  await hashFiles(files, 'in-place', links, parts, options, find)
  await store.database.commitInParts(directoryWrites(entries, links, store, options.hash))
  return holdingOf(entries, links, { class: 'in-place', path: topOf(entries).absolute })
}

/**
 * Hashes files where they lie, makes them known, and puts their links into `links`. `find` is given some at a time before, and puts
 * in the links of those that need not be read: others are hashed meanwhile.
 */
export async function hashFiles<T extends HashableFile>(
  files: readonly T[],
  kind: FileClass,
  links: Map<string, Linked>,
  { store, hasher }: BuildParts,
  options: BuildOptions,
  find: (files: readonly T[]) => Promise<void> = async () => undefined
): Promise<void> {
  const total = files.reduce((sum, file) => sum + Number(file.fingerprint.size), 0)
  let [bytes, done] = [0, 0]
  const report = () => options.onProgress({ phase: 'hashing', bytes, total, files: done, filesTotal: files.length })
  report()
  async function* unknown(): AsyncGenerator<T> {
    for (let at = 0; at < files.length; at += INDEX_LOOKUPS) {
      const some = files.slice(at, at + INDEX_LOOKUPS)
      await find(some)
      const known = some.filter(file => links.has(file.path))
      done += known.length
      bytes += known.reduce((sum, file) => sum + Number(file.fingerprint.size), 0)
      yield* some.filter(file => !links.has(file.path))
    }
  }
  await pipe(
    unknown(),
    source =>
      hasher.hashFiles(source, {
        hash: options.hash,
        signal: options.signal,
        onProgress: n => ((bytes += n), report())
      }),
    async function* (hashed) {
      for await (const file of hashed) {
        done++
        yield fileWrites(file, kind, links, store, options.hash)
      }
    },
    writes => store.database.commitInParts(writes)
  )

  options.signal.throwIfAborted()
  options.onProgress({ phase: 'indexing', bytes, total, files: done, filesTotal: files.length })
}

/** The holding of scanned entries all of which have their links. */
export function holdingOf(
  entries: readonly ScannedEntry[],
  links: ReadonlyMap<string, Linked>,
  where: Pick<Holding, 'class' | 'path' | 'source'>
): Holding {
  const root = links.get('')
  if (root === undefined) throw new TypeError(`${where.path} has no root`)
  const size = entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? Number(entry.fingerprint.size) : 0), 0)
  const kind = topOf(entries).kind === 'directory' ? 'directory' : 'file'
  return { root: root.cid, kind, size, entries: entries.length, ...where }
}

export function topOf(entries: readonly ScannedEntry[]): ScannedEntry {
  const [top] = entries
  if (top === undefined) throw new TypeError('nothing was scanned')
  return top
}

export async function scanAll(
  path: string,
  hasher: Pick<Hasher, 'look'>,
  options: BuildOptions
): Promise<ScannedEntry[]> {
  const entries: ScannedEntry[] = []
  for await (const entry of scan(path, { ...options, look: paths => hasher.look(paths) })) {
    options.admit?.(entry.absolute)
    entries.push(entry)
    if (entries.length % 1000 === 1)
      options.onProgress({ phase: 'scanning', bytes: 0, total: null, files: entries.length, filesTotal: null })
  }
  return entries
}

/** Puts in the links of files that need not be read, and keeps their rows true. */
async function findKnown(
  files: readonly ScannedFile[],
  links: Map<string, Linked>,
  store: Store,
  hash: HashName
): Promise<void> {
  const { facts, stale } = await store.files.findUnchanged(
    files.map(file => ({ path: file.absolute, fingerprint: file.fingerprint }))
  )
  const groups: Iterable<Write>[] = [stale]
  for (const [i, file] of files.entries()) {
    const known = facts[i]
    if (known === undefined || known.executable !== file.executable || known.cid.multihash.code !== hashCode(hash))
      continue
    const isMoved = known.path !== file.absolute
    // A wrapped leaf has no list of leaves to copy; such a file is small, and is hashed again at its new place.
    if (isMoved && known.executable && known.fingerprint.size <= LEAF_BYTES) continue
    links.set(file.path, known)
    if (!isMoved) continue
    const moved = { ...known, path: file.absolute, fingerprint: file.fingerprint }
    groups.push(store.files.add(moved, await digestsOf(known.cid, store.branches), false).writes)
  }
  await store.database.commitInParts(
    (function* () {
      for (const writes of groups) yield* writes
    })()
  )
}

/** What makes a file known, and puts its link into `links`. */
function* fileWrites(
  { file, leaves: digests, wrapped, fingerprint, stampedAt }: HashedFile<HashableFile>,
  kind: FileClass,
  links: Map<string, Linked>,
  store: Store,
  hash: HashName
): Generator<Write> {
  const { executable } = file
  const built = buildFile({ leaves: digests, size: Number(fingerprint.size), executable, hash, wrapped })
  yield* branchWrites(built.branches, store)
  const facts: FileFacts = {
    path: file.absolute,
    fingerprint,
    cid: built.cid,
    tsize: built.tsize,
    executable,
    stampedAt,
    class: kind
  }
  const { fileId, writes } = store.files.add(facts, digests, wrapped !== undefined)
  yield* writes
  links.set(file.path, { cid: built.cid, tsize: built.tsize, fileId })
}

/** Directories from the deepest to the root, so that each finds the links of what it holds. */
export function* directoryWrites(
  entries: readonly ScannedEntry[],
  links: Map<string, Linked>,
  store: Store,
  hash: HashName
): Generator<Write> {
  const inside = new Map<string, DirectoryEntry[]>()
  const depth = (path: string) => (path === '' ? 0 : path.split('/').length)
  const unlinked = entries.filter(entry => entry.kind !== 'file').sort((a, b) => depth(b.path) - depth(a.path))
  const place = (path: string, link: Linked) => {
    links.set(path, link)
    if (path === '') return
    const parent = dirname(path) === '.' ? '' : dirname(path)
    const siblings = inside.get(parent)
    const entry = { name: posix.basename(path), cid: link.cid, tsize: link.tsize }
    if (siblings === undefined) inside.set(parent, [entry])
    else siblings.push(entry)
  }
  for (const entry of entries) {
    const link = links.get(entry.path)
    if (entry.kind === 'file' && link !== undefined) place(entry.path, link)
  }
  for (const entry of unlinked) {
    const built =
      entry.kind === 'symlink' ? buildSymlink(entry.target, hash) : buildDirectory(inside.get(entry.path) ?? [], hash)
    yield* branchWrites(built.branches, store)
    place(entry.path, built)
    inside.delete(entry.path)
  }
}

function* branchWrites(branches: readonly Branch[], store: Store): Generator<Write> {
  for (const { cid, bytes } of branches) yield store.branches.put(cid, bytes)
}
