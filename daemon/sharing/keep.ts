// Keeping a version: first a private copy of what lies there, then hashes of the copy, so that what is kept is exactly what
// was hashed. What is known and unchanged is neither copied nor read. The caller's batch makes it held, or it is discarded.

import { basename, join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { hashCode } from '../content/multihash.ts'
import type { ScannedEntry, ScannedFile } from '../content/scan.ts'
import type { Write } from '../store/database.ts'
import { syncPath, syncTree } from '../store/durable.ts'
import type { Holding } from '../store/holding-table.ts'
import type { Stage } from '../store/kept-folder.ts'
import { digestsOf } from '../store/materialise.ts'
import type { KnownSource } from '../store/source-table.ts'
import type { Store } from '../store/store.ts'
import { INDEX_LOOKUPS, LEAF_BYTES } from '../../proto/limits.ts'
import { type PlacedFile, type PlaceOptions, placeFiles } from './keep-files.ts'
import {
  type BuildOptions,
  type BuildParts,
  directoryWrites,
  hashFiles,
  holdingOf,
  type Linked,
  topOf
} from './publish.ts'

export interface KeepOptions extends BuildOptions {
  /** Whether bytes may be copied where blocks cannot be shared. */
  readonly mayCopy: boolean
  /** Paths in the tree of files that are never written again: they are kept by a link. */
  readonly written: ReadonlySet<string>
}

export interface KeptVersion {
  readonly holding: Holding
  /** What was made for it, to be committed with the holding or discarded; undefined where it was held already. */
  readonly made?: MadeVersion
}

export interface MadeVersion {
  /** To go into one batch with the holding. */
  readonly writes: readonly Write[]
  /** Another holding of the same content, which is damaged. */
  readonly replaces: Holding | undefined
  discard(): Promise<void>
}

/**
 * Keeps what was scanned. Undefined where the file system cannot share blocks, and copies are not wanted. SOURCE_CHANGED for
 * a file that goes on changing; NO_SPACE. Everything is on the disk when it returns; nothing is held yet.
 */
export async function keepVersion(
  entries: readonly ScannedEntry[],
  parts: BuildParts,
  options: KeepOptions
): Promise<KeptVersion | undefined> {
  const { store } = parts
  const files = entries.filter(entry => entry.kind === 'file')
  const [first] = files
  // Asked first: this is all that it costs where the answer is no.
  if (!options.mayCopy && (first === undefined || !(await store.kept.canReflink(first.absolute)))) return undefined
  const known = await knownSources(files, store, options.hash)
  const held = await heldUnchanged(entries, files, known, store, options)
  if (held !== undefined) return { holding: held }
  const stage = await store.kept.begin(basename(topOf(entries).absolute))
  const links = new Map<string, Linked>()
  const discard = () => {
    const known = [...links.values()].flatMap(({ fileId }) =>
      fileId === undefined ? [] : [store.files.remove(fileId)]
    )
    return store.kept.discard(stage, known)
  }
  try {
    const kept = await build(entries, stage, links, parts, { ...options, known })
    if (kept?.made !== undefined) return { holding: kept.holding, made: { ...kept.made, discard } }
    await discard()
    return kept && { holding: kept.holding }
  } catch (error) {
    await discard()
    throw error
  }
}

async function build(
  entries: readonly ScannedEntry[],
  stage: Stage,
  links: Map<string, Linked>,
  parts: BuildParts,
  options: PlaceOptions
): Promise<{ holding: Holding; made?: Omit<MadeVersion, 'discard'> } | undefined> {
  const { store } = parts
  const { hash, signal } = options
  const placed = await placeFiles(entries, stage, store, options)
  if (placed === undefined) return undefined
  await store.database.commitInParts(knownWrites(placed, links, store))
  const unknown = placed.filter(({ file }) => !links.has(file.path))
  await hashFiles(
    unknown.map(({ file, at, fingerprint }) => ({ ...file, absolute: at, fingerprint })),
    'kept',
    links,
    parts,
    options
  )
  // What was copied may be newer than what was scanned.
  const copied = new Map(placed.map(({ file }) => [file.path, file]))
  const now = entries.map(entry => copied.get(entry.path) ?? entry)
  await store.database.commitInParts(directoryWrites(now, links, store, hash))
  const source = topOf(now).absolute
  const holding = holdingOf(now, links, { class: 'kept', path: stage.path, source })

  const other = await heldOf(holding.root, store)
  const twins = other === undefined ? undefined : await twinsIn(other, placed, links, store)
  await store.database.commitInParts(sourceWrites(placed, links, twins, store))
  if (other !== undefined && twins !== undefined) return { holding: other }
  const directories = now.filter(entry => entry.kind === 'directory').map(({ path }) => join(stage.path, path))
  const paths = [...placed.map(({ at }) => at), ...directories.toReversed(), stage.folder]
  await syncTree(stage.folder, paths, store.pool, signal)
  await syncPath(store.kept.path)
  return { holding, made: { writes: [store.kept.finished(stage)], replaces: other } }
}

/** What is known of files that look as they did when a version of them was kept. */
async function knownSources(
  files: readonly ScannedFile[],
  store: Store,
  hash: BuildOptions['hash']
): Promise<Map<string, KnownSource>> {
  const known = new Map<string, KnownSource>()
  for (let from = 0; from < files.length; from += INDEX_LOOKUPS) {
    const some = files.slice(from, from + INDEX_LOOKUPS)
    const sources = await store.sources.findUnchanged(some)
    for (const [i, file] of some.entries()) {
      const found = sources[i]
      if (found?.source.executable === file.executable && found.source.cid.multihash.code === hashCode(hash))
        known.set(file.path, found)
    }
  }
  return known
}

/** The holding of exactly this, where every file is known and still kept. */
async function heldUnchanged(
  entries: readonly ScannedEntry[],
  files: readonly ScannedFile[],
  known: ReadonlyMap<string, KnownSource>,
  store: Store,
  { hash }: BuildOptions
): Promise<Holding | undefined> {
  const links = new Map<string, Linked>()
  for (const { path } of files) {
    const { source, twin } = known.get(path) ?? {}
    if (source === undefined || twin === undefined) return undefined
    links.set(path, { cid: source.cid, tsize: source.tsize })
  }
  // Run for the links that it finds: where the root is held, its branches are here already.
  for (const _ of directoryWrites(entries, links, store, hash));
  const root = links.get('')
  return root === undefined ? undefined : heldOf(root.cid, store)
}

/** A holding that does not change with its source. */
function heldOf(root: CID, store: Store): Promise<Holding | undefined> {
  return store.findHolding(root, ({ class: kind }) => kind !== 'in-place' && kind !== 'inline')
}

async function* knownWrites(
  placed: readonly PlacedFile[],
  links: Map<string, Linked>,
  store: Store
): AsyncGenerator<Write> {
  for (const { file, at, fingerprint, link } of placed) {
    if (link === undefined) continue
    const { cid, tsize } = link
    const { executable } = file
    const wrapped = executable && file.fingerprint.size <= LEAF_BYTES
    const facts = { path: at, fingerprint, cid, tsize, executable, stampedAt: 0, class: 'kept' as const }
    const digests = wrapped ? new Uint8Array(0) : await digestsOf(cid, store.branches)
    const fileId = yield* store.files.add(facts, digests, wrapped)
    links.set(file.path, { cid, tsize, fileId })
  }
}

/** Numbers of the same files in another holding of the same root; undefined where one of them was withdrawn. */
async function twinsIn(
  holding: Holding,
  placed: readonly PlacedFile[],
  links: ReadonlyMap<string, Linked>,
  store: Store
): Promise<Map<string, number> | undefined> {
  const twins = new Map<string, number>()
  for (const { file } of placed) {
    const path = file.path === '' ? holding.path : join(holding.path, file.path)
    const cid = links.get(file.path)?.cid
    if (cid === undefined) return undefined
    for await (const { fileId, facts } of store.files.places(cid)) {
      if (facts.path !== path) continue
      twins.set(file.path, fileId)
      break
    }
    if (!twins.has(file.path)) return undefined
  }
  return twins
}

function* sourceWrites(
  placed: readonly PlacedFile[],
  links: ReadonlyMap<string, Linked>,
  twins: ReadonlyMap<string, number> | undefined,
  store: Store
): Generator<Write> {
  for (const { file, stampedAt } of placed) {
    const link = links.get(file.path)
    const twin = twins?.get(file.path) ?? link?.fileId
    if (link === undefined || twin === undefined) continue
    const { absolute: path, fingerprint, executable } = file
    yield store.sources.put({ path, fingerprint, cid: link.cid, tsize: link.tsize, executable, stampedAt, twin })
  }
}
