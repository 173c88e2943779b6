// The places of a watched folder, found by path, and which of them are due for a look. Refuses more of them than the limit; it
// looks at nothing itself.

import type { Clock } from '../../clock.ts'
import type { NoticeKind } from './directory-watches.ts'
import { Entry } from './entry.ts'
import { ignoring, TEMPORARY_GLOBS } from './ignored.ts'

export interface WatchedTreeOptions {
  /** Whether the root's entries are published, and not the root. */
  readonly isContainer: boolean
  /** The one entry of the root that is watched. */
  readonly only: string | undefined
  readonly exclude: readonly string[]
  readonly entriesMax: number
  /** Until a container is read again, for what was not noticed. */
  readonly settleMs: number
  /** From something being written in a unit to the next look at it. */
  readonly writtenMs: number
  /** The same where entries came or went, and no more. */
  readonly quickMs: number
  /** Something is due sooner than anything was. */
  readonly onSooner: () => void
}

export class WatchedTree {
  readonly top = new Entry('')
  readonly #clock: Clock
  readonly #options: WatchedTreeOptions
  readonly #ignored: (path: string) => boolean
  readonly #waiting = new Set<Entry>()
  #entries = 1

  constructor(clock: Clock, options: WatchedTreeOptions) {
    this.#clock = clock
    this.#options = options
    this.#ignored = ignoring([...TEMPORARY_GLOBS, ...options.exclude])
    if (options.isContainer) this.top.children = new Map()
  }

  /** Of everything that is watched. */
  get entries(): number {
    return this.#entries
  }

  /** Entries that a look at `entry` may find. */
  allowance(entry: Entry): number {
    return this.#options.entriesMax - (this.#entries - entry.entries)
  }

  /** `entry` was found to have so many. */
  count(entry: Entry, entries: number): void {
    if (entry.isRemoved) return
    this.#entries += entries - entry.entries
    entry.entries = entries
  }

  /** False if there is no room for what was noticed. */
  noticed(kind: NoticeKind, path: string): boolean {
    const names = path === '' ? [] : path.split('/')
    let entry = this.top
    let depth = 0
    for (; entry.children !== undefined && depth < names.length; depth++) {
      // A container is read again too, since notices may be lost in a crowd.
      if (kind === 'rename' && depth === names.length - 1) this.dueWithin(entry, this.#options.settleMs)
      const name = names[depth] ?? ''
      if (!this.isWatched(entry, name)) return true
      const child = entry.children.get(name) ?? this.add(entry, name)
      if (child === undefined) return false
      entry = child
    }
    const inside = names.slice(depth).join('/')
    if (entry.children !== undefined || this.#ignored(inside)) return true
    entry.noticed(kind, inside, this.#clock.monotonic())
    this.dueIn(entry, entry.placed === undefined ? this.#options.writtenMs : this.#options.quickMs)
    return true
  }

  isWatched(container: Entry, name: string): boolean {
    const { only } = this.#options
    return container === this.top && only !== undefined ? name === only : !this.#ignored(pathIn(container, name))
  }

  /** The entry of a container; undefined if there are too many. */
  add(container: Entry, name: string): Entry | undefined {
    if (this.#entries >= this.#options.entriesMax) return undefined
    const entry = new Entry(pathIn(container, name), container)
    container.children?.set(name, entry)
    this.#entries++
    return entry
  }

  /** Takes a place out that is not there any more, unless something happened to it meanwhile. */
  remove(entry: Entry): void {
    const { parent } = entry
    entry.forget()
    if (parent === undefined || entry.dueAt !== Infinity) return
    parent.children?.delete(entry.path.slice(parent.path === '' ? 0 : parent.path.length + 1))
    this.count(entry, 0)
    entry.isRemoved = true
    // An empty container may itself be gone.
    if (parent.children?.size === 0 && parent !== this.top) this.dueIn(parent, 0)
  }

  /** Makes a unit a container, and the other way round. */
  divide(entry: Entry): void {
    if (entry.children !== undefined) return
    entry.children = new Map()
    entry.notPublished()
    entry.mounts = []
    this.count(entry, 1)
  }

  unite(entry: Entry): void {
    for (const child of entry.children?.values() ?? []) {
      for (const inside of child.below()) {
        this.count(inside, 0)
        this.#waiting.delete(inside)
        inside.isRemoved = true
      }
    }
    entry.children = undefined
  }

  /** Due after `ms`, whatever was said before. */
  dueIn(entry: Entry, ms: number): void {
    const dueAt = this.#clock.monotonic() + ms
    if (entry.isRemoved) return
    const isSooner = dueAt < entry.dueAt
    entry.dueAt = dueAt
    this.#waiting.add(entry)
    if (isSooner) this.#options.onSooner()
  }

  /** Due after `ms` at the latest. */
  dueWithin(entry: Entry, ms: number): void {
    if (this.#clock.monotonic() + ms < entry.dueAt) this.dueIn(entry, ms)
  }

  /** What waits for nothing else is due. */
  lookAtAll(): void {
    for (const entry of this.top.below()) if (entry.dueAt === Infinity) this.dueIn(entry, 0)
  }

  /** All that is due, the first at the end. */
  due(): Entry[] {
    const now = this.#clock.monotonic()
    return [...this.#waiting].filter(({ isBusy, dueAt }) => !isBusy && dueAt <= now).toReversed()
  }

  nextDueAt(): number {
    let next = Infinity
    for (const { isBusy, dueAt } of this.#waiting) if (!isBusy && dueAt < next) next = dueAt
    return next
  }

  /** Whether it is still due; it is in the caller's hands then, until it is given back. */
  take(entry: Entry): boolean {
    if (entry.isBusy || entry.dueAt > this.#clock.monotonic()) return false
    this.#waiting.delete(entry)
    entry.isBusy = true
    entry.dueAt = Infinity
    return true
  }

  giveBack(entry: Entry): void {
    entry.isBusy = false
  }

  /** Nothing was seen, so that nothing can be missed; only what was published is known still. */
  forget(): void {
    for (const entry of this.top.below()) {
      entry.forget()
      entry.dueAt = Infinity
    }
    this.#waiting.clear()
  }
}

export function pathIn(container: Entry, name: string): string {
  return container.path === '' ? name : `${container.path}/${name}`
}
