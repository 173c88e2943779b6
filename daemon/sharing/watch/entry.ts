// What a watch knows of one place in its folder: a unit, which is published as a whole, or a container, whose entries are units or
// containers in turn. It decides when a unit has settled; it touches no file and publishes nothing.
//
//   event, or first sight ──> due ──look──> the same as published ─> quiet
//                              ^  └──────> changed too lately ─────> due again when it would have been still for long enough
//                              │  └──────> settled ──> published, or failed ─> quiet
//                              │  └──────> missing ──> due again; missing for as long: retired
//                              └── whatever happens in it, meanwhile too

import type { Look } from './look.ts'
import type { NoticeKind } from './directory-watches.ts'

/** Entries that came or went and are looked at one by one; where there are more, the unit waits as if they were written. */
const PLACED_MAX = 64

/** When a look began. */
export interface Moment {
  readonly monotonicMs: number
  readonly wallMs: number
}

export class Entry {
  /** Relative to the root of the watch, '' for the root itself. */
  readonly path: string
  readonly parent: Entry | undefined
  /** Of a container; undefined for a unit, and for what has not been looked at. */
  children: Map<string, Entry> | undefined
  /** When it is to be looked at, on the monotonic clock. */
  dueAt = Infinity
  isBusy = false
  /** It has no place any more. */
  isRemoved = false
  /** Whether it was there while it was watched, be it as a link that leads nowhere: only then is its absence a deletion. */
  wasSeen = false
  missingAt: number | undefined
  /** What it counts of all that is watched. */
  entries = 1
  /** Paths of the directories that are watched for it. */
  directories: ReadonlySet<string> | undefined
  /** Of a directory: the device it lies on. */
  dev: bigint | undefined
  /** Devices mounted in it. */
  mounts: readonly bigint[] = []
  /** Of the last failure, which is told once. */
  failure: string | undefined
  /** Of the marker at the last publication. */
  marker: string | undefined

  #published: string | undefined
  #noticedAt = -Infinity
  #isWritten = false
  #placed: Set<string> | undefined
  #digest: string | undefined
  #sameSince = Infinity
  #lookedAt = -Infinity

  constructor(path: string, parent?: Entry) {
    this.path = path
    this.parent = parent
  }

  /** Paths inside it that came or went, if nothing else happened since it was published or found quiet. */
  get placed(): ReadonlySet<string> | undefined {
    return this.#isWritten ? undefined : this.#placed
  }

  /** Whether anything happened in it while it was watched. */
  get wasNoticed(): boolean {
    return this.#noticedAt !== -Infinity
  }

  noticed(kind: NoticeKind, inside: string, now: number): void {
    this.#noticedAt = now
    if (kind === 'change' || (this.#placed?.size ?? 0) >= PLACED_MAX) this.#isWritten = true
    else (this.#placed ??= new Set()).add(inside)
  }

  isPublished({ digest }: Look): boolean {
    return digest === this.#published
  }

  /**
   * Milliseconds until what a look found has been still for `quietMs`; 0 if it has. It has if nothing was noticed for so long
   * before the look, and the newest change is so old, or an earlier look found the same.
   */
  unsettledMs(look: Look, quietMs: number, at: Moment): number {
    if (look.digest !== this.#digest) {
      // A change that nobody noticed was made elsewhere, on a network file system: its times are another clock's.
      if (this.#digest !== undefined && this.#noticedAt < this.#lookedAt) this.#noticedAt = at.monotonicMs
      this.#digest = look.digest
      this.#sameSince = at.monotonicMs
    }
    this.#lookedAt = at.monotonicMs
    const age = at.wallMs - Number(look.changedNs / 1_000_000n)
    const still = Math.min(at.monotonicMs - this.#noticedAt, Math.max(age, at.monotonicMs - this.#sameSince))
    return Math.max(0, quietMs - still)
  }

  /** What was found is being published. */
  publishing({ digest }: Look, marker: string | undefined): void {
    this.#published = digest
    this.marker = marker
    this.quiet()
  }

  /** It was not published after all, and is not done until it is. */
  notPublished(): void {
    this.#published = undefined
    this.marker = undefined
  }

  /** What happened up to now is dealt with. */
  quiet(): void {
    this.#isWritten = false
    this.#placed = undefined
  }

  here(): void {
    this.wasSeen = true
    this.missingAt = undefined
  }

  /** It may be another one when it is met again, and its absence says nothing. */
  forget(): void {
    this.wasSeen = false
    this.missingAt = undefined
    this.directories = undefined
    this.notPublished()
  }

  *below(): Generator<Entry> {
    yield this
    for (const child of this.children?.values() ?? []) yield* child.below()
  }
}
