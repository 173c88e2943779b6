// Making a local file or directory into a root that is held in place: scanned, what is unchanged taken as known, the rest
// hashed, branches and places indexed. Nothing is copied. Refuses content that changes while it is hashed.

import { dirname, posix } from 'node:path'
import type { CID } from 'multiformats/cid'
import { pipe } from 'it-pipe'
import { buildDirectory, buildSymlink, type DirectoryEntry } from '../content/directory.ts'
import { type Branch, buildFile } from '../content/file-dag.ts'
import type { HashedFile, Hasher } from '../content/hasher.ts'
import { hashCode, type HashName } from '../content/multihash.ts'
import { scan, type ScannedEntry, type ScannedFile } from '../content/scan.ts'
import type { Write } from '../store/database.ts'
import type { FileFacts } from '../store/file-table.ts'
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
  readonly phase: 'scanning' | 'hashing' | 'indexing'
  readonly bytes: number
  readonly total: number | null
  readonly files: number
  readonly filesTotal: number | null
}

/** What a link to an entry states. */
interface Linked {
  readonly cid: CID
  readonly tsize: number
}

/**
 * The root of what lies at `path`, with everything written that is needed to serve it, except the holding itself. A later
 * failure leaves facts that are true and make the next attempt shorter.
 */
export async function buildInPlace(
  path: string,
  parts: { store: Store; hasher: Hasher },
  options: BuildOptions
): Promise<Holding> {
  const entries = await scanAll(path, options)
  const files = entries.filter(entry => entry.kind === 'file')
  const size = files.reduce((sum, file) => sum + Number(file.fingerprint.size), 0)
  const links = new Map<string, Linked>()
  const { store } = parts

  await store.database.commitInParts(knownFiles(files, links, store, options.hash))
  const unknown = files.filter(file => !links.has(file.path))
  const total = unknown.reduce((sum, file) => sum + Number(file.fingerprint.size), 0)
  let [bytes, done] = [0, 0]
  const report = () => options.onProgress({ phase: 'hashing', bytes, total, files: done, filesTotal: unknown.length })
  report()
  await pipe(
    unknown,
    source =>
      parts.hasher.hashFiles(source, {
        hash: options.hash,
        signal: options.signal,
        onProgress: n => ((bytes += n), report())
      }),
    async function* (hashed) {
      for await (const file of hashed) {
        done++
        yield* fileWrites(file, links, store, options.hash)
      }
    },
    writes => store.database.commitInParts(writes)
  )

  options.signal.throwIfAborted()
  options.onProgress({ phase: 'indexing', bytes, total, files: done, filesTotal: unknown.length })
  await store.database.commitInParts(directoryWrites(entries, links, store, options.hash))
  const root = links.get('')
  const top = entries[0]
  if (root === undefined || top === undefined) throw new TypeError(`${path} has no root`)
  return {
    root: root.cid,
    kind: top.kind === 'directory' ? 'directory' : 'file',
    size,
    entries: entries.length,
    class: 'in-place',
    path: top.absolute
  }
}

async function scanAll(path: string, options: BuildOptions): Promise<ScannedEntry[]> {
  const entries: ScannedEntry[] = []
  for await (const entry of scan(path, options)) {
    options.admit?.(entry.absolute)
    entries.push(entry)
    if (entries.length % 1000 === 1)
      options.onProgress({ phase: 'scanning', bytes: 0, total: null, files: entries.length, filesTotal: null })
  }
  return entries
}

/** Links of files that need not be read, and the writes that keep their rows true. */
async function* knownFiles(
  files: readonly ScannedFile[],
  links: Map<string, Linked>,
  store: Store,
  hash: HashName
): AsyncGenerator<Write> {
  for (let at = 0; at < files.length; at += INDEX_LOOKUPS) {
    const some = files.slice(at, at + INDEX_LOOKUPS)
    const { facts, stale } = await store.files.findUnchanged(
      some.map(file => ({ path: file.absolute, fingerprint: file.fingerprint }))
    )
    yield* stale
    for (const [i, file] of some.entries()) {
      const known = facts[i]
      if (known === undefined || known.executable !== file.executable || known.cid.multihash.code !== hashCode(hash))
        continue
      const isMoved = known.path !== file.absolute
      // A wrapped leaf has no list of leaves to copy; such a file is small, and is hashed again at its new place.
      if (isMoved && known.executable && known.fingerprint.size <= LEAF_BYTES) continue
      links.set(file.path, known)
      if (isMoved)
        yield* store.files.add(
          { ...known, path: file.absolute, fingerprint: file.fingerprint },
          await digestsOf(known.cid, store.branches),
          false
        )
    }
  }
}

function* fileWrites(
  { file, leaves: digests, wrapped, fingerprint, stampedAt }: HashedFile<ScannedFile>,
  links: Map<string, Linked>,
  store: Store,
  hash: HashName
): Generator<Write> {
  const { executable } = file
  const built = buildFile({ leaves: digests, size: Number(fingerprint.size), executable, hash, wrapped })
  links.set(file.path, built)
  yield* branchWrites(built.branches, store)
  const facts: FileFacts = {
    path: file.absolute,
    fingerprint,
    cid: built.cid,
    tsize: built.tsize,
    executable,
    stampedAt,
    class: 'in-place'
  }
  yield* store.files.add(facts, digests, wrapped !== undefined)
}

/** Directories from the deepest to the root, so that each finds the links of what it holds. */
function* directoryWrites(
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
