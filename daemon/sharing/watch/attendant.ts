// What is done about one place of a watched folder when it is due: a container is listed, a unit looked at and, once it has
// settled, published; what stays away is retired. Refuses to take for deleted what vanished with a directory or file system.

import type { BigIntStats } from 'node:fs'
import { readdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../clock.ts'
import { decodeUtf8, quoted } from '../../content/names.ts'
import { PathmeshError, toPathmeshError } from '../../../proto/errors.ts'
import type { FolderEvent } from '../../../proto/api.ts'
import type { DirectoryWatches } from './directory-watches.ts'
import type { Entry } from './entry.ts'
import type { FolderWatchOptions, FolderWatchParts } from './folder-watch.ts'
import { TEMPORARY_GLOBS } from './ignored.ts'
import { arePlaced, endOf, followedStatsAt, linkStatsAt, type Look, lookAt, statsAt, tooMany } from './look.ts'
import type { WatchedRoot } from './root.ts'
import { pathIn, type WatchedTree } from './tree.ts'

export interface AttendantParts {
  readonly sharing: Pick<FolderWatchParts, 'publish' | 'retire' | 'published'>
  readonly clock: Clock
  readonly root: WatchedRoot
  readonly tree: WatchedTree
  readonly watches: DirectoryWatches
  readonly options: FolderWatchOptions & { readonly quickMs: number }
  /** A later event about the same subject may take the place of an earlier. */
  readonly emit: (subject: string, event: FolderEvent) => void
  readonly onFailed: (path: string, error: PathmeshError) => void
}

export class Attendant {
  readonly #parts: AttendantParts

  constructor(parts: AttendantParts) {
    this.#parts = parts
  }

  /** Never rejects: what fails is told once, and tried again at the next change. */
  async attend(entry: Entry): Promise<void> {
    const { options, tree, onFailed } = this.#parts
    try {
      await this.#attend(entry)
    } catch (error) {
      if (options.signal.aborted) return
      const path = this.#pathOf(entry)
      const problem = toPathmeshError(error, `publishing ${path}`)
      // It changed, or went, while it was read: that is no failure, only too early.
      const { code } = problem
      const isGone = code === 'NOT_FOUND' && (await linkStatsAt(path).catch(() => undefined)) === undefined
      if (isGone || code === 'SOURCE_CHANGED') {
        entry.notPublished()
        tree.dueIn(entry, options.settleMs)
        return
      }
      // Left alone until it changes, or until everything is looked at if waiting alone may help.
      if (problem.retryable) entry.notPublished()
      if (entry.failure !== problem.message) onFailed(path, problem)
      entry.failure = problem.message
    }
  }

  async #attend(entry: Entry): Promise<void> {
    const { tree } = this.#parts
    const path = this.#pathOf(entry)
    const isLink = (await linkStatsAt(path))?.isSymbolicLink() === true
    // Wherever it leads to: its own end is a deletion.
    if (isLink) entry.here()
    if (isLink || entry.parent !== tree.top) await this.#checkInside(entry, path)
    const stats = await statsAt(path)
    if (stats === undefined) return this.#missing(entry)
    this.#checkDevice(entry, stats)
    entry.here()
    if (stats.isDirectory() && (await this.#isContainer(entry))) {
      tree.divide(entry)
      return this.#list(entry, stats)
    }
    if (entry !== tree.top) tree.unite(entry)
    await this.#unit(entry, stats)
  }

  /** A directory inside which names are published cannot be published itself without ending them. */
  async #isContainer(entry: Entry): Promise<boolean> {
    const { options, sharing, tree } = this.#parts
    if (entry === tree.top) return entry.children !== undefined
    if (!('work' in options.target)) return false
    const name = this.#nameOf(entry)
    const names = await sharing.published(name)
    return !names.includes(name) && (names.length > 0 || entry.children !== undefined)
  }

  async #list(container: Entry, { ino }: BigIntStats): Promise<void> {
    const { options, tree, watches } = this.#parts
    const directory = this.#pathOf(container)
    watches.watch(container.path, directory, ino)
    this.#watching(container, new Set([container.path]))
    const { names, fault } = await namesIn(directory)
    for (const name of names) {
      if (container.children?.has(name) === true || !tree.isWatched(container, name)) continue
      const child = tree.add(container, name)
      if (child === undefined) throw tooMany(directory)
      child.here()
      tree.dueIn(child, 0)
    }
    for (const [name, child] of container.children ?? []) if (!names.has(name)) tree.dueWithin(child, 0)
    // The others are published all the same.
    if (fault !== undefined && 'work' in options.target) throw fault
    container.failure = undefined
  }

  async #unit(entry: Entry, stats: BigIntStats): Promise<void> {
    const { clock, options, root, tree } = this.#parts
    const { marker, settleMs, quickMs } = options
    const isMarked = marker !== undefined && stats.isDirectory()
    const mark = isMarked ? await this.#markOf(entry, stats, marker) : undefined
    if (isMarked && (mark === undefined || mark === entry.marker)) return
    const lookedAt = { monotonicMs: clock.monotonic(), wallMs: clock.now() }
    const look = await this.#look(entry)
    this.#checkMounts(entry, look)
    if (entry.isPublished(look)) {
      entry.marker = mark
      entry.failure = undefined
      return entry.quiet()
    }
    // A marker that appeared while it was watched says more than the times of the files; one that was there says less.
    const isQuick = isMarked ? entry.wasNoticed : await arePlaced(this.#pathOf(entry), entry.placed ?? [], look)
    const unsettledMs = entry.unsettledMs(look, isQuick ? quickMs : settleMs, lookedAt)
    if (unsettledMs > 0) return tree.dueIn(entry, unsettledMs)
    // What vanished with the root changed nothing; the pause that follows looks at everything again.
    if ((await root.fault()) !== undefined) return tree.dueIn(entry, settleMs)
    entry.publishing(look, mark)
    await this.#publish(entry)
  }

  async #publish(entry: Entry): Promise<void> {
    const { emit, options, sharing } = this.#parts
    const unit = { path: this.#pathOf(entry), name: this.#nameOf(entry) }
    const done = await sharing.publish(unit, options.signal, progress => emit('progress', progress))
    entry.failure = undefined
    emit(unit.path, { ...done, event: 'published' })
  }

  async #look(entry: Entry): Promise<Look> {
    const { options, tree, watches } = this.#parts
    const { exclude = [], dereference = false, signal } = options
    const directories = new Set<string>()
    const look = await lookAt(this.#pathOf(entry), {
      exclude: [...TEMPORARY_GLOBS, ...exclude],
      dereference,
      entriesMax: tree.allowance(entry),
      signal,
      onDirectory: (inside, absolute, ino) => {
        const path = inside === '' ? entry.path : pathIn(entry, inside)
        watches.watch(path, absolute, ino)
        directories.add(path)
      }
    })
    this.#watching(entry, directories)
    tree.count(entry, look.entries)
    return look
  }

  /** Those that were watched for the entry, and are none of these, are there no more. */
  #watching(entry: Entry, directories: ReadonlySet<string>): void {
    for (const path of entry.directories ?? []) if (!directories.has(path)) this.#parts.watches.close(path)
    entry.directories = directories.size > 0 ? directories : undefined
  }

  /** What tells one marker from the next; undefined where there is none. */
  async #markOf(entry: Entry, directory: BigIntStats, marker: string): Promise<string | undefined> {
    const path = this.#pathOf(entry)
    this.#parts.watches.watch(entry.path, path, directory.ino)
    if (entry.directories === undefined) this.#watching(entry, new Set([entry.path]))
    const stats = await linkStatsAt(join(path, marker))
    return stats && `${stats.ino}:${stats.size}:${stats.mtimeNs}`
  }

  /** In a work's folder a link would publish what lies anywhere; elsewhere the user named it. */
  async #checkInside(entry: Entry, path: string): Promise<void> {
    const { options, root, tree } = this.#parts
    if (!('work' in options.target) || options.dereference === true || entry === tree.top) return
    const end = await endOf(path)
    if (end === undefined || `${end}/`.startsWith(`${await realpath(root.directory)}/`)) return
    const advice = 'put there what it points to, watch with `dereference`, or leave it out with `exclude`'
    throw new PathmeshError('UNSAFE_NAME', `${path} is a link out of the work's folder, to ${quoted(end)}: ${advice}`)
  }

  /** A file system that came or went hides or takes files; they were not deleted. */
  #checkDevice(entry: Entry, stats: BigIntStats): void {
    const dev = stats.isDirectory() ? stats.dev : undefined
    if (entry.dev !== undefined && dev !== undefined && dev !== entry.dev) {
      const path = this.#pathOf(entry)
      const advice = 'put back the one that was there, or start the watch anew to publish what is there now'
      throw new PathmeshError('NOT_FOUND', `${path} lies on another file system than before: ${advice}`)
    }
    entry.dev = dev
  }

  /** The same for what is mounted inside a unit. */
  #checkMounts(entry: Entry, { devices }: Look): void {
    if (entry.mounts.some(device => !devices.has(device))) {
      const path = this.#pathOf(entry)
      const advice = 'mount it again, or start the watch anew to publish what is left'
      throw new PathmeshError('NOT_FOUND', `a file system that was mounted below ${path} is gone: ${advice}`)
    }
    entry.mounts = [...devices].filter(device => device !== this.#parts.root.dev)
  }

  async #missing(entry: Entry): Promise<void> {
    const { clock, emit, options, sharing, tree } = this.#parts
    // The root's own end is a pause.
    if (entry === tree.top) return
    for (const child of entry.children?.values() ?? []) tree.dueWithin(child, 0)
    if ((entry.children?.size ?? 0) > 0) return
    if (!entry.wasSeen || entry.children !== undefined) return this.#gone(entry)
    const now = clock.monotonic()
    entry.missingAt ??= now
    const leftMs = entry.missingAt + options.settleMs - now
    if (leftMs > 0) return tree.dueIn(entry, leftMs)
    if (!(await this.#isDeleted(entry))) return this.#gone(entry)
    const unshared = await sharing.retire(this.#nameOf(entry))
    if (unshared !== undefined) emit(this.#pathOf(entry), { event: 'retired', url: unshared.url, seq: unshared.seq })
    this.#gone(entry)
  }

  #gone(entry: Entry): void {
    this.#watching(entry, new Set())
    this.#parts.tree.remove(entry)
  }

  /** Whether it is missing from the directory that it was in, on the file system that it was on. */
  async #isDeleted(entry: Entry): Promise<boolean> {
    const { root, tree } = this.#parts
    if (entry.dev !== undefined && entry.dev !== root.dev) return false
    for (let above = entry.parent; above !== undefined && above !== tree.top; above = above.parent) {
      const stats = await followedStatsAt(this.#pathOf(above))
      if ((stats?.dev ?? root.dev) !== above.dev) return false
    }
    return (await linkStatsAt(this.#pathOf(entry))) === undefined && (await root.fault()) === undefined
  }

  #pathOf({ path }: Entry): string {
    return path === '' ? this.#parts.root.directory : join(this.#parts.root.directory, path)
  }

  #nameOf({ path }: Entry): string {
    const { target } = this.#parts.options
    return 'unit' in target ? target.unit.name : `${target.work}/${path}`
  }
}

/** The names that can be published, and what is wrong with one that cannot. */
async function namesIn(directory: string): Promise<{ names: ReadonlySet<string>; fault: PathmeshError | undefined }> {
  const names = new Set<string>()
  let fault: PathmeshError | undefined
  for (const bytes of await readdir(directory, { encoding: 'buffer' })) {
    const name = decodeUtf8(bytes)
    const shown = quoted(bytes.toString('latin1'))
    if (name !== undefined) names.add(name)
    else fault = new PathmeshError('UNSAFE_NAME', `the name ${shown} in ${directory} is not UTF-8: rename it`)
  }
  return { names, fault }
}
