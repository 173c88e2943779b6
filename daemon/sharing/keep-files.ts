// Putting the files of a version where they are kept: by a link where the file is never written again, else by a private copy
// that shares blocks where the file system can. Refuses a file that goes on changing while it is copied.

import { chmod, lstat, mkdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type Fingerprint, fingerprintOf, sameFile } from '../content/fingerprint.ts'
import type { ScannedEntry, ScannedFile } from '../content/scan.ts'
import type { Stage } from '../store/kept-folder.ts'
import type { KnownSource } from '../store/source-table.ts'
import type { Store } from '../store/store.ts'
import { errno, hasCode, PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { FILES_AT_ONCE, FILES_IN_A_TASK, LEAF_BYTES } from '../../proto/limits.ts'
import type { BuildOptions, Linked } from './publish.ts'

/** Copies of one file that are begun before it is said to go on changing. */
const COPY_ATTEMPTS = 3

export interface PlaceOptions extends BuildOptions {
  /** Whether bytes may be copied where blocks cannot be shared. */
  readonly mayCopy: boolean
  /** Paths in the tree of files that are never written again. */
  readonly written: ReadonlySet<string>
  /** What is known of unchanged files, by their paths in the tree. */
  readonly known: ReadonlyMap<string, KnownSource>
}

export interface PlacedFile {
  /** As it was when it was copied. */
  readonly file: ScannedFile
  /** Where it is kept, and what that looks like. */
  readonly at: string
  readonly fingerprint: Fingerprint
  /** When its copy was begun, in milliseconds since the epoch; 0 where that is not known. */
  readonly stampedAt: number
  /** What is known of its content; undefined where it is to be hashed. */
  readonly link: Linked | undefined
}

interface Copied {
  readonly file: ScannedFile
  readonly stampedAt: number
}

/** Makes the whole tree below `stage.path`; undefined where that would take copies that are not wanted. */
export async function placeFiles(
  entries: readonly ScannedEntry[],
  stage: Stage,
  store: Store,
  options: PlaceOptions
): Promise<PlacedFile[] | undefined> {
  const at = (path: string) => (path === '' ? stage.path : join(stage.path, path))
  const directories = entries.filter(entry => entry.kind === 'directory')
  for (const { path } of directories) await mkdir(at(path))
  const files = entries.filter(entry => entry.kind === 'file')
  const linked = await linkFiles(files, at, stage, store, options)
  const rest = files.filter(file => !linked.has(file.path))
  const copied = await copyFiles(rest, at, stage, store, options)
  if (copied === undefined) return undefined
  for (const entry of entries) if (entry.kind === 'symlink') await symlink(entry.target, at(entry.path))
  const looks = await store.pool.look(copied.map(({ file }) => at(file.path)))
  for (const [i, { file, stampedAt }] of copied.entries()) {
    const fingerprint = looks[i]
    if (fingerprint === undefined) continue
    // A file that was copied again is another one than is known.
    const link = stampedAt === 0 ? undefined : options.known.get(file.path)?.source
    linked.set(file.path, { file, at: at(file.path), fingerprint, stampedAt, link })
  }
  for (const { path } of directories.toReversed()) await chmod(at(path), 0o555)
  return [...linked.values()]
}

/** Those that can be kept by a link: to what is kept of the same content already, or to what is never written again. */
async function linkFiles(
  files: readonly ScannedFile[],
  at: (path: string) => string,
  stage: Stage,
  store: Store,
  { known, written }: PlaceOptions
): Promise<Map<string, PlacedFile>> {
  const wanted = files.flatMap(file => {
    const { source, twin } = known.get(file.path) ?? {}
    if (twin !== undefined) return [{ file, link: source, from: twin.path, fingerprint: twin.fingerprint }]
    if (!written.has(file.path)) return []
    return [{ file, link: source, from: file.absolute, fingerprint: file.fingerprint }]
  })
  const looks = await store.pool.link(wanted.map(({ file, from }) => ({ from, to: at(file.path) })))
  const linked = new Map<string, PlacedFile>()
  for (const [i, { file, link, fingerprint }] of wanted.entries()) {
    const now = looks[i]
    if (now !== undefined && sameFile(now, fingerprint))
      linked.set(file.path, { file, at: at(file.path), fingerprint: now, stampedAt: stage.madeAt, link })
    else if (now !== undefined) await rm(at(file.path))
  }
  return linked
}

async function copyFiles(
  files: readonly ScannedFile[],
  at: (path: string) => string,
  { madeAt }: Stage,
  store: Store,
  options: PlaceOptions
): Promise<Copied[] | undefined> {
  const [first] = files
  if (first === undefined) return []
  const total = files.reduce((sum, file) => sum + Number(file.fingerprint.size), 0)
  const reflink = await store.kept.canReflink(first.absolute)
  if (!reflink && !options.mayCopy) return undefined
  if (!reflink) await store.needSpace(total)
  let [bytes, done] = [0, 0]
  const report = () => options.onProgress({ phase: 'copying', bytes, total, files: done, filesTotal: files.length })
  const onBytes = (n: number) => ((bytes += n), report())
  const isSmall = (file: ScannedFile) => !reflink && Number(file.fingerprint.size) <= LEAF_BYTES
  const copied: Copied[] = []
  const small = files.filter(isSmall)
  for (let from = 0; from < small.length; from += FILES_IN_A_TASK) {
    options.signal.throwIfAborted()
    copied.push(...(await copySmall(small.slice(from, from + FILES_IN_A_TASK), at, madeAt, store, options)))
    done = copied.length
    report()
  }
  const large = files.filter(file => !isSmall(file))
  const atOnce = reflink ? FILES_AT_ONCE : 1
  for (let from = 0; from < large.length; from += atOnce) {
    options.signal.throwIfAborted()
    const some = await Promise.allSettled(
      large
        .slice(from, from + atOnce)
        .map(file => copyOne(file, at(file.path), madeAt, store, { ...options, reflink, onBytes }))
    )
    for (const one of some) {
      if (one.status === 'rejected') throw one.reason
      if (one.value === undefined) return undefined
      copied.push(one.value)
    }
    done = copied.length
    report()
  }
  return copied
}

/** Many small files in one message; those that changed meanwhile are copied again one by one. */
async function copySmall(
  files: readonly ScannedFile[],
  at: (path: string) => string,
  madeAt: number,
  store: Store,
  options: PlaceOptions
): Promise<Copied[]> {
  const tasks = files.map(file => ({ from: file.absolute, to: at(file.path), mode: modeOf(file) }))
  const looks = await store.pool
    .copy(tasks)
    .then(() => store.pool.look(files.map(file => file.absolute)))
    .catch((error: unknown) => {
      if (hasCode(error, 'NO_SPACE')) throw error
      // One of them failed, and it is not known which.
      return []
    })
  const copied: Copied[] = []
  for (const [i, file] of files.entries()) {
    const now = looks[i]
    const to = at(file.path)
    if (now !== undefined && isUntouched(file.fingerprint, now)) copied.push({ file, stampedAt: madeAt })
    else {
      await rm(to, { force: true })
      const again = await copyOne(file, to, madeAt, store, { ...options, reflink: false, onBytes: () => undefined })
      if (again !== undefined) copied.push(again)
    }
  }
  return copied
}

/** One copy of one state of a file; undefined where that cannot be had without copying bytes, which is not wanted. */
async function copyOne(
  file: ScannedFile,
  to: string,
  madeAt: number,
  { kept: { copier } }: Store,
  options: PlaceOptions & { readonly reflink: boolean; readonly onBytes: (bytes: number) => void }
): Promise<Copied | undefined> {
  let [now, stampedAt] = [file, madeAt]
  for (let attempt = 1; ; attempt++) {
    try {
      if (!(options.reflink && (await copier.reflink(now.absolute, to)))) {
        if (!options.mayCopy) return undefined
        await copier.copy(now.absolute, to, options)
      }
      const after = await lstat(now.absolute, { bigint: true })
      const seen = fingerprintOf(after)
      if (after.isFile() && isUntouched(now.fingerprint, seen)) {
        await chmod(to, modeOf(now))
        return { file: now, stampedAt }
      }
      if (!after.isFile() || attempt === COPY_ATTEMPTS) throw changing(now.absolute)
      now = { ...now, fingerprint: seen, executable: (after.mode & 0o100n) !== 0n }
      stampedAt = 0
    } catch (error) {
      options.signal.throwIfAborted()
      if (errno(error) === 'ENOENT') throw changing(now.absolute, error)
      throw toPathmeshError(error, `keeping ${now.absolute}`)
    }
    await rm(to, { force: true })
  }
}

/** Neither written nor replaced; ctime shows a time of writing that was set back. */
const isUntouched = (before: Fingerprint, after: Fingerprint): boolean =>
  sameFile(before, after) && before.ctimeNs === after.ctimeNs

const modeOf = ({ executable }: ScannedFile): number => (executable ? 0o555 : 0o444)

function changing(path: string, cause?: unknown): PathmeshError {
  return new PathmeshError('SOURCE_CHANGED', `${path} changed while it was copied: share it again when it is written`, {
    cause
  })
}
