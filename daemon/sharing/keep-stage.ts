// What a stage was filled with becomes a version: hashed, known, on the disk, and held by the caller's batch. Where the same
// is held already, the stage stays as a spare until that is recorded. Refuses to take what is damaged for the same.

import { join } from 'node:path'
import { sameContentStamp } from '../content/fingerprint.ts'
import type { ScannedEntry } from '../content/scan.ts'
import type { Write } from '../store/database.ts'
import { syncPath, syncTree } from '../store/durable.ts'
import type { FileFacts } from '../store/file-table.ts'
import type { Holding } from '../store/holding-table.ts'
import type { Stage } from '../store/kept-folder.ts'
import { digestsOf } from '../store/materialise.ts'
import type { Store } from '../store/store.ts'
import { hasCode } from '../../proto/errors.ts'
import { LEAF_BYTES } from '../../proto/limits.ts'
import type { PlacedFile } from './keep-files.ts'
import { type BuildOptions, type BuildParts, directoryWrites, hashFiles, holdingOf, type Linked } from './publish.ts'

/** What lies in a stage. */
export interface Filled {
  /** The whole tree, as it was put there. */
  readonly entries: readonly ScannedEntry[]
  readonly placed: readonly PlacedFile[]
  /** What it was copied from; undefined where it was written here. */
  readonly source: string | undefined
}

export interface KeptVersion {
  readonly holding: Holding
  /** What was made for it, to be committed with the holding or discarded; undefined where it was held already. */
  readonly made?: MadeVersion
  /** Where it was held already: the same, made anew. To be taken or discarded. */
  readonly spare?: SpareVersion
}

export interface MadeVersion {
  /** To go into one batch with the holding. */
  readonly writes: readonly Write[]
  /** Other holdings of the same content, which are damaged. */
  readonly replaces: readonly Holding[]
  /** Whether the same is held elsewhere by now, and this one is of no more use than that. */
  isDouble(): Promise<boolean>
  discard(): Promise<void>
}

export interface SpareVersion {
  /** For when what was held is held no more. */
  take(): Promise<KeptVersion>
  discard(): Promise<void>
}

/** A filled stage, and what is known of it. */
interface Known extends Filled {
  readonly stage: Stage
  readonly links: Map<string, Linked>
}

/** The numbers of the same files in another holding of the same root. */
interface Whole {
  readonly holding: Holding
  readonly twins: ReadonlyMap<string, number>
}

/**
 * Keeps what `fill` puts into a new stage of this basename; undefined, and nothing is left, where it says so. Everything that
 * was made is on the disk when it returns; nothing is held yet. Nothing is left of what fails.
 */
export async function keepStage<None extends undefined = undefined>(
  basename: string,
  fill: (stage: Stage) => Promise<Filled | None>,
  parts: BuildParts,
  options: BuildOptions
): Promise<KeptVersion | None> {
  const { store } = parts
  const stage = await store.kept.begin(basename)
  const links = new Map<string, Linked>()
  const discard = () => {
    const known = [...links.values()].flatMap(({ fileId }) =>
      fileId === undefined ? [] : [store.files.remove(fileId)]
    )
    return store.kept.discard(stage, known)
  }
  const orDiscard = async <T>(run: () => Promise<T>): Promise<T> => {
    try {
      return await run()
    } catch (error) {
      await discard()
      throw error
    }
  }
  const build = async (): Promise<KeptVersion | None> => {
    const filled = await fill(stage)
    if (filled === undefined) {
      await discard()
      return filled
    }
    const known = { ...filled, stage, links }
    const holding = await makeKnown(known, parts, options)
    const finish = async (replaces: readonly Holding[]): Promise<KeptVersion> => {
      const writes = await finished(known, store, options)
      return { holding, made: { writes, replaces, isDouble: () => isDouble(holding, known, store), discard } }
    }
    const { whole, damaged } = await othersOf(holding, known, store)
    if (whole === undefined) return finish(damaged)
    await store.database.commitInParts(sourceWrites(known, whole.twins, store))
    return { holding: whole.holding, spare: { take: () => orDiscard(() => finish([])), discard } }
  }
  return orDiscard(build)
}

/** Hashes what is not known yet, and makes all of it known. */
async function makeKnown(known: Known, parts: BuildParts, options: BuildOptions): Promise<Holding> {
  const { entries, placed, source, stage, links } = known
  const { store } = parts
  await store.database.commitInParts(knownWrites(known, store))
  const unknown = placed.filter(({ file }) => !links.has(file.path))
  await hashFiles(
    unknown.map(({ file, at, fingerprint }) => ({ ...file, absolute: at, fingerprint })),
    'kept',
    links,
    parts,
    options
  )
  await store.database.commitInParts(directoryWrites(entries, links, store, options.hash))
  return holdingOf(entries, links, { class: 'kept', path: stage.path, ...(source === undefined ? {} : { source }) })
}

/** Puts it on the disk. The writes that go in the batch of its holding. */
async function finished(known: Known, store: Store, { signal }: BuildOptions): Promise<Write[]> {
  const { entries, placed, stage } = known
  await store.database.commitInParts(sourceWrites(known, undefined, store))
  const directories = entries.filter(entry => entry.kind === 'directory').map(({ path }) => join(stage.path, path))
  const paths = [...placed.map(({ at }) => at), ...directories.toReversed(), stage.folder]
  await syncTree(stage.folder, paths, signal)
  await syncPath(store.kept.path)
  return [store.kept.finished(stage)]
}

/** What has a source is what that is known by, and stays. */
async function isDouble(holding: Holding, known: Known, store: Store): Promise<boolean> {
  return holding.source === undefined && (await othersOf(holding, known, store)).whole !== undefined
}

/** Other holdings of the same that do not change with their source: the first that is whole, and those before it. */
async function othersOf(
  { root, path: own }: Holding,
  known: Known,
  store: Store
): Promise<{ whole: Whole | undefined; damaged: Holding[] }> {
  const damaged: Holding[] = []
  for (const { path, class: kind } of store.holdings.of(root)) {
    if (path === own || kind === 'in-place') continue
    const holding = await store.findHolding(root, one => one.path === path)
    if (holding === undefined) continue
    const twins = await twinsIn(holding, known, store)
    if (twins !== undefined) return { whole: { holding, twins }, damaged }
    damaged.push(holding)
  }
  return { whole: undefined, damaged }
}

/** Undefined where one of the files was withdrawn, or looks as if it should be. */
async function twinsIn(
  holding: Holding,
  { placed, links }: Known,
  store: Store
): Promise<Map<string, number> | undefined> {
  const twins = new Map<string, number>()
  const stated: FileFacts[] = []
  for (const { file } of placed) {
    const path = file.path === '' ? holding.path : join(holding.path, file.path)
    const cid = links.get(file.path)?.cid
    if (cid === undefined) return undefined
    for await (const { fileId, facts } of store.files.places(cid)) {
      if (facts.path !== path) continue
      twins.set(file.path, fileId)
      stated.push(facts)
      break
    }
    if (!twins.has(file.path)) return undefined
  }
  const looks = await store.pool.look(stated.map(({ path }) => path)).catch((error: unknown) => {
    if (hasCode(error, 'NOT_FOUND')) return []
    throw error
  })
  const isWhole = stated.every(({ fingerprint }, i) => {
    const now = looks[i]
    return now !== undefined && sameContentStamp(fingerprint, now)
  })
  return isWhole ? twins : undefined
}

async function* knownWrites({ placed, links }: Known, store: Store): AsyncGenerator<Iterable<Write>> {
  for (const { file, at, fingerprint, link } of placed) {
    if (link === undefined) continue
    const { cid, tsize } = link
    const { executable } = file
    const wrapped = executable && file.fingerprint.size <= LEAF_BYTES
    const facts = { path: at, fingerprint, cid, tsize, executable, stampedAt: 0, class: 'kept' as const }
    const digests = wrapped ? new Uint8Array(0) : await digestsOf(cid, store.branches)
    const { fileId, writes } = store.files.add(facts, digests, wrapped)
    yield writes
    links.set(file.path, { cid, tsize, fileId })
  }
}

/** What is known of the sources from now on: that these files have their bytes, or else those of the stage. */
function* sourceWrites(
  { placed, links, source }: Known,
  twins: ReadonlyMap<string, number> | undefined,
  store: Store
): Generator<Write> {
  if (source === undefined) return
  for (const { file, stampedAt } of placed) {
    const link = links.get(file.path)
    const twin = twins?.get(file.path) ?? link?.fileId
    if (link === undefined || twin === undefined) continue
    const { absolute: path, fingerprint, executable } = file
    yield store.sources.put({ path, fingerprint, cid: link.cid, tsize: link.tsize, executable, stampedAt, twin })
  }
}
