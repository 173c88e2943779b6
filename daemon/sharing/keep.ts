// Keeping a version: first a private copy of what lies there, then hashes of the copy, so that what is kept is exactly what
// was hashed. What is known and unchanged is neither copied nor read. The caller's batch makes it held, or it is discarded.

import { basename } from 'node:path'
import { hashCode } from '../content/multihash.ts'
import type { ScannedEntry, ScannedFile } from '../content/scan.ts'
import type { Holding } from '../store/holding-table.ts'
import type { Stage } from '../store/kept-folder.ts'
import type { KnownSource } from '../store/source-table.ts'
import type { Store } from '../store/store.ts'
import { INDEX_LOOKUPS } from '../../proto/limits.ts'
import { placeFiles } from './keep-files.ts'
import { type Filled, keepStage, type KeptVersion } from './keep-stage.ts'
import { type BuildOptions, type BuildParts, directoryWrites, type Linked, topOf } from './publish.ts'

export interface KeepOptions extends BuildOptions {
  /** Whether bytes may be copied where blocks cannot be shared. */
  readonly mayCopy: boolean
  /** Paths in the tree of files that are never written again: they are kept by a link. */
  readonly written: ReadonlySet<string>
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
  const fill = async (stage: Stage): Promise<Filled | undefined> => {
    const placed = await placeFiles(entries, stage, store, { ...options, known })
    if (placed === undefined) return undefined
    // What was copied may be newer than what was scanned.
    const copied = new Map(placed.map(({ file }) => [file.path, file]))
    const now = entries.map(entry => copied.get(entry.path) ?? entry)
    return { entries: now, placed, source: topOf(now).absolute }
  }
  return keepStage(basename(topOf(entries).absolute), fill, parts, options)
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
  if (root === undefined) return undefined
  return store.findHolding(root.cid, ({ class: kind }) => kind !== 'in-place' && kind !== 'inline')
}
