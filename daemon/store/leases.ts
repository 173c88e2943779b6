// Who uses which bytes: a path that was handed out stays while its program's session lives, or for days when a command
// was given it. Refuses nothing itself: whoever removes asks here first.

import type { CID } from 'multiformats/cid'
import type { Clock } from '../clock.ts'
import type { Random } from '../random.ts'
import { COMMAND_LEASE_MS, KEPT_SERVED_MS } from '../../proto/limits.ts'
import { type Database, del, put, type Table } from './database.ts'

/** Leases that were given back before they were taken, remembered until they are. */
const GIVEN_BACK_MAX = 1_024
/** How long whoever removes waits for somebody who looks: what was cancelled ends within. */
const LOOK_MS = 2_000
/** Roots of which it is remembered that a peer asked for them: as many as nodes fetch within a minute. */
const SERVED_ROOTS_MAX = 4_096

interface Lease {
  readonly root: string
  readonly session: string
}

export class Leases {
  readonly #database: Database
  readonly #until: Table<string, number>
  readonly #clock: Clock
  readonly #newId: () => string
  readonly #sessions = new Set<string>()
  readonly #leases = new Map<string, Lease>()
  readonly #givenBack = new Set<string>()
  /** By root, those of this daemon that look at it. */
  readonly #looks = new Map<string, Set<Promise<unknown>>>()
  /** When a peer last asked for a root, the longest ago first. */
  readonly #served = new Map<string, number>()

  constructor(database: Database, clock: Clock, random: Random) {
    this.#database = database
    this.#until = database.table<number>('leases')
    this.#clock = clock
    this.#newId = () => Array.from({ length: 4 }, () => Math.floor(random() * 2 ** 32).toString(36)).join('-')
  }

  /** A program that is connected; what it is given stays until `closeSession`. */
  openSession(): string {
    const session = this.#newId()
    this.#sessions.add(session)
    return session
  }

  closeSession(session: string): void {
    this.#sessions.delete(session)
    for (const [id, lease] of this.#leases) if (lease.session === session) this.#leases.delete(id)
  }

  /**
   * A lease for a session, by its id, which the program may have chosen; undefined if there is no such session any more, null if
   * the program has given it back already.
   */
  take(root: CID, session: string, id = this.#newId()): string | null | undefined {
    if (!this.#sessions.has(session)) return undefined
    if (this.#givenBack.delete(id)) return null
    this.#leases.set(id, { root: root.toString(), session })
    return id
  }

  /** Runs what looks at roots, or copies them, for a caller of this daemon: nothing of them is removed meanwhile. */
  async looking<T>(roots: readonly CID[], run: () => Promise<T>): Promise<T> {
    const look = run()
    const keys = new Set(roots.map(root => root.toString()))
    for (const key of keys) this.#looks.set(key, (this.#looks.get(key) ?? new Set<Promise<unknown>>()).add(look))
    try {
      return await look
    } finally {
      for (const key of keys) {
        const others = this.#looks.get(key)
        others?.delete(look)
        if (others?.size === 0) this.#looks.delete(key)
      }
    }
  }

  /** Resolves when nobody looks at it any more, or after a moment: it is looked at for long then, as to copy it. */
  unlooked(root: CID): Promise<void> {
    return new Promise(resolve => {
      const cancel = this.#clock.after(LOOK_MS, resolve)
      const looks = [...(this.#looks.get(root.toString()) ?? [])]
      void Promise.allSettled(looks).finally(() => {
        cancel()
        resolve()
      })
    })
  }

  /** For a command, which is gone before its user looks at the path. */
  async takeForDays(root: CID): Promise<void> {
    await this.#database.note([put(this.#until, root.toString(), this.#clock.now() + COMMAND_LEASE_MS)])
  }

  /** Gives one back. One that was not taken yet never will be: whoever asked for it has gone on. */
  release(id: string): void {
    if (this.#leases.delete(id)) return
    this.#givenBack.add(id)
    const [oldest] = this.#givenBack
    if (this.#givenBack.size > GIVEN_BACK_MAX && oldest !== undefined) this.#givenBack.delete(oldest)
  }

  /** Whether a connected program reads it now, or something is done with it for one. */
  isRead(root: CID): boolean {
    const text = root.toString()
    if (this.#looks.has(text)) return true
    for (const lease of this.#leases.values()) if (lease.root === text) return true
    return false
  }

  /** Whether a connected program reads it, or a command was given it not long ago. */
  async isLeased(root: CID): Promise<boolean> {
    if (this.isRead(root)) return true
    const until = await this.#until.get(root.toString())
    if (until === undefined) return false
    if (until > this.#clock.now()) return true
    await this.#database.note([del(this.#until, root.toString())])
    return false
  }

  /** A peer asked for it. */
  served(root: CID): void {
    const text = root.toString()
    this.#served.delete(text)
    this.#served.set(text, this.#clock.monotonic())
    const [oldest] = this.#served.keys()
    if (this.#served.size > SERVED_ROOTS_MAX && oldest !== undefined) this.#served.delete(oldest)
  }

  /** Whether a peer asked for it within KEPT_SERVED_MS. */
  isServed(root: CID): boolean {
    const at = this.#served.get(root.toString())
    return at !== undefined && this.#clock.monotonic() - at < KEPT_SERVED_MS
  }
}
