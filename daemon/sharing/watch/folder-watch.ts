// A watched folder: what changes in it is published once it has settled, and what is deleted is retired. It owns the order of
// things: what is due, how much at a time, the pause while the folder is away. Best effort by nature: it sees files, not intentions.

import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import { type PathmeshError, toPathmeshError } from '../../../proto/errors.ts'
import type { FolderEvent, Progress, ShareDone, Unshared } from '../../../proto/api.ts'
import { RENAMED_MS, VANISHED_MS, WATCHED_ENTRIES_MAX } from '../../../proto/limits.ts'
import { Alarm } from './alarm.ts'
import { Attendant } from './attendant.ts'
import { DirectoryWatches, type NoticeKind } from './directory-watches.ts'
import type { Entry } from './entry.ts'
import { tooMany } from './look.ts'
import { Outbox } from './outbox.ts'
import { WatchedRoot } from './root.ts'
import { WatchedTree } from './tree.ts'

/** What is published under one name. */
export interface WatchUnit {
  /** Absolute. */
  readonly path: string
  /** `work/path`. */
  readonly name: string
}

export interface FolderWatchParts {
  readonly clock: Clock
  readonly log: Log
  /**
   * Publishes what lies at the unit's path under its name; unchanged content publishes nothing new. Must leave out
   * TEMPORARY_GLOBS and what the watch excludes. A rejection with SOURCE_CHANGED is tried again once it has settled.
   */
  publish(unit: WatchUnit, signal: AbortSignal, onProgress: (progress: Progress) => void): Promise<ShareDone>
  /** Retires an own name; undefined if it is not published. */
  retire(name: string): Promise<Unshared | undefined>
  /** Own published names at or below `name`: the name itself, and those inside it. */
  published(name: string): Promise<readonly string[]>
}

export interface FolderWatchOptions {
  /** One file or directory under one name; or a work's folder, each entry of which has a name of its own. */
  readonly target: { readonly unit: WatchUnit } | { readonly folder: string; readonly work: string }
  /** How long nothing may change in a unit before it is published, and how long a file stays away before it is retired. */
  readonly settleMs: number
  /**
   * The name of a file in a directory that says that the directory is done. With it a directory is published when the marker has
   * appeared, or changed, since the last publication, and at no other time; a marker that is there at the start has appeared.
   */
  readonly marker?: string | undefined
  /** Globs as for `share`: relative to a unit, and to the work's folder. */
  readonly exclude?: readonly string[] | undefined
  /** As for `share`. Changes of linked files are found by the look each minute only. */
  readonly dereference?: boolean | undefined
  readonly signal: AbortSignal
  /** WATCHED_ENTRIES_MAX by default. */
  readonly entriesMax?: number | undefined
  /** Between two looks at everything, which find what was not noticed: a minute by default, longer above 30,000 entries. */
  readonly fullLookMs?: number | undefined
}

/** For changes that nobody was told of: made on another machine, or lost when the system's queue overflowed. */
const FULL_LOOK_MS = 60_000
/** The same for each entry: looking at one costs some 50 µs, so this keeps a large folder below some percent of a core. */
const FULL_LOOK_ENTRY_MS = 2
/** Units looked at and published at a time: small ones do not wait for a large one. */
const UNITS_AT_ONCE = 8

/**
 * Publishes what lies at the target and what becomes of it, until the signal is aborted; then it returns. What is there at the
 * start is published too. What is missing at the start, or after a pause, is not retired: only a deletion that was seen is. Rejects
 * with NOT_FOUND, DENIED and so on if the target cannot be reached at the start; later failures are events.
 */
export async function* watchFolder(
  parts: FolderWatchParts,
  options: FolderWatchOptions
): AsyncGenerator<FolderEvent, void> {
  const { target } = options
  const path = 'unit' in target ? target.unit.path : target.folder
  const isDirectory = await isDirectoryAt(path)
  const root = await WatchedRoot.open(isDirectory ? path : dirname(path))
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const outbox = new Outbox(parts.clock)
  const watch = new FolderWatch(parts, { ...options, signal }, root, isDirectory ? undefined : basename(path), outbox)
  outbox.put('root', { event: 'watching', path })
  const work = watch.run().finally(() => stop.abort())
  // Awaited below; until then a fault only ends the stream.
  work.catch(() => undefined)
  try {
    yield* outbox.drain(signal)
  } finally {
    stop.abort()
    await work
  }
}

class FolderWatch {
  readonly #parts: FolderWatchParts
  readonly #signal: AbortSignal
  readonly #fullLookMs: number
  readonly #root: WatchedRoot
  readonly #outbox: Outbox
  readonly #watches: DirectoryWatches
  readonly #tree: WatchedTree
  readonly #attendant: Attendant
  readonly #alarm = new Alarm()
  readonly #running = new Set<Promise<void>>()
  readonly #told = new Set<string>()
  #ready: Entry[] = []
  #fullLookAt: number

  constructor(
    parts: FolderWatchParts,
    options: FolderWatchOptions,
    root: WatchedRoot,
    only: string | undefined,
    outbox: Outbox
  ) {
    const { target, settleMs, marker, signal, exclude = [], entriesMax = WATCHED_ENTRIES_MAX } = options
    const quickMs = Math.min(RENAMED_MS, settleMs)
    this.#parts = parts
    this.#signal = signal
    this.#fullLookMs = options.fullLookMs ?? FULL_LOOK_MS
    this.#fullLookAt = parts.clock.monotonic() + this.#fullLookMs
    this.#root = root
    this.#outbox = outbox
    this.#watches = new DirectoryWatches({
      onNotice: (kind, path) => this.#noticed(kind, path),
      onFault: error => this.#failedOnce(error)
    })
    this.#tree = new WatchedTree(parts.clock, {
      isContainer: only !== undefined || 'work' in target,
      only,
      exclude,
      entriesMax,
      settleMs,
      // Where a marker decides, a look costs little until it is there.
      writtenMs: marker === undefined ? settleMs : quickMs,
      quickMs,
      onSooner: () => this.#alarm.ring()
    })
    this.#attendant = new Attendant({
      clock: parts.clock,
      sharing: parts,
      root,
      tree: this.#tree,
      watches: this.#watches,
      options: { ...options, quickMs },
      emit: (subject, event) => outbox.put(subject, event),
      onFailed: (path, error) => this.#failed(path, error)
    })
  }

  async run(): Promise<void> {
    this.#tree.lookAtAll()
    try {
      while (!this.#signal.aborted) {
        const fault = await this.#root.fault()
        if (fault !== undefined) await this.#pause(fault)
        this.#lookAtAllInTime()
        this.#startDue()
        await this.#alarm.wait(this.#parts.clock, this.#idleMs(), this.#signal)
      }
      await Promise.allSettled(this.#running)
    } finally {
      this.#watches.closeAll()
    }
  }

  #noticed(kind: NoticeKind, path: string): void {
    if (!this.#tree.noticed(kind, path)) this.#failedOnce(tooMany(this.#root.directory))
    // What happens at the top may be the end of the root: the next turn looks.
    if (kind === 'rename' && !path.includes('/')) this.#alarm.ring()
  }

  #startDue(): void {
    if (this.#ready.length === 0) this.#ready = this.#tree.due()
    while (this.#running.size < UNITS_AT_ONCE) {
      const entry = this.#ready.pop()
      if (entry === undefined) return
      if (!this.#tree.take(entry)) continue
      const task = this.#attendant.attend(entry).finally(() => {
        this.#tree.giveBack(entry)
        this.#running.delete(task)
        this.#alarm.ring()
      })
      this.#running.add(task)
    }
  }

  /** Until something is due, or all is to be looked at; the end of a task wakes the loop by itself. */
  #idleMs(): number {
    const now = this.#parts.clock.monotonic()
    const isFull = this.#running.size >= UNITS_AT_ONCE || this.#ready.length > 0
    const next = isFull ? this.#fullLookAt : Math.min(this.#fullLookAt, this.#tree.nextDueAt())
    return Math.max(0, next - now)
  }

  #lookAtAllInTime(): void {
    const now = this.#parts.clock.monotonic()
    if (now < this.#fullLookAt) return
    this.#fullLookAt = now + Math.max(this.#fullLookMs, this.#tree.entries * FULL_LOOK_ENTRY_MS)
    this.#tree.lookAtAll()
  }

  async #pause(fault: PathmeshError): Promise<void> {
    const { directory } = this.#root
    this.#parts.log.warn('watched folder paused', { directory, error: fault })
    this.#outbox.put('root', { event: 'paused', path: directory, error: fault.toProblem() })
    await Promise.allSettled(this.#running)
    this.#ready = []
    this.#watches.closeAll()
    this.#tree.forget()
    this.#told.clear()
    do {
      await new Alarm().wait(this.#parts.clock, VANISHED_MS, this.#signal)
      if (this.#signal.aborted) return
    } while (!(await this.#root.isBack()))
    this.#parts.log.info('watched folder resumed', { directory })
    this.#outbox.put('root', { event: 'resumed', path: directory })
    this.#tree.lookAtAll()
  }

  /** What concerns the watch as a whole would be told for each directory. */
  #failedOnce(error: PathmeshError): void {
    if (!this.#told.has(error.code)) this.#failed(this.#root.directory, error)
    this.#told.add(error.code)
  }

  #failed(path: string, error: PathmeshError): void {
    this.#parts.log.warn('watched folder', { path, error })
    this.#outbox.put(`failed ${path}`, { event: 'failed', path, error: error.toProblem() })
  }
}

async function isDirectoryAt(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    throw toPathmeshError(error, `watching ${path}`)
  }
}
