// When what no own name stands for any more goes: at once, or as soon as nobody reads it. The list of such roots is on the
// disk, so that a restart forgets none; it is gone through after each publish, at the start, and from time to time.

import { CID } from 'multiformats/cid'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { type Database, del, put, type Table, type Write } from '../store/database.ts'
import type { Store } from '../store/store.ts'
import { hasCode } from '../../proto/errors.ts'
import { KEPT_SERVED_MS } from '../../proto/limits.ts'

/** Roots that one pass looks at; the next goes on behind them. */
const PASS_ROOTS_MAX = 1_000

export interface RetentionComponents {
  readonly store: Store
  /** Own names that keep a root. It must not wait for a publish: one waits for it. */
  readonly namesOf: (root: CID) => Promise<readonly string[]>
  readonly clock: Clock
  readonly log: Log
}

export class Retention {
  readonly #parts: RetentionComponents
  readonly #database: Database
  readonly #released: Table<string, true>
  #turn: Promise<unknown> = Promise.resolve()
  #pass: Promise<void> | undefined
  #again = false
  /** The last root that the last pass looked at, if it did not come to the end. */
  #after = ''
  #cancel: () => void = () => undefined
  #closed = false

  constructor(parts: RetentionComponents) {
    this.#parts = parts
    this.#database = parts.store.database
    this.#released = this.#database.table<true>('released')
  }

  /** Begins to go through what an earlier process left. */
  start(): void {
    this.wake()
  }

  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#closed = true
    this.#cancel()
    await this.#pass
  }

  /** The writes that put roots on the list. */
  release(roots: readonly CID[]): Write[] {
    return roots.map(root => put(this.#released, root.toString(), true))
  }

  /** Runs while nothing is removed from the list: what it finds held stays held meanwhile. */
  exclusive<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(run, run)
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** Goes through the list behind the caller's back. */
  wake(): void {
    void this.sweep()
  }

  /** Removes what may go by now; resolves when it has gone out of the way. */
  sweep(): Promise<void> {
    this.#again = true
    return (this.#pass ??= this.#passes().finally(() => (this.#pass = undefined)))
  }

  async #passes(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false
      this.#cancel()
      try {
        if (await this.#removeReleased()) this.#later()
      } catch (error) {
        this.#parts.log.error('versions that are no longer kept were not removed; it is tried again', { error })
        this.#later()
      }
    }
  }

  #later(): void {
    if (!this.#closed) this.#cancel = this.#parts.clock.after(KEPT_SERVED_MS, () => this.wake())
  }

  /** Whether some are left. */
  async #removeReleased(): Promise<boolean> {
    const keys = await this.#released.keys({ gt: this.#after, limit: PASS_ROOTS_MAX }).all()
    let isLeft = this.#after !== '' || keys.length === PASS_ROOTS_MAX
    this.#after = keys.length === PASS_ROOTS_MAX ? (keys.at(-1) ?? '') : ''
    for (const key of keys) {
      if (this.#closed) return true
      const isDone = await this.exclusive(() => this.#remove(CID.parse(key)))
      if (isDone) await this.#database.note([del(this.#released, key)])
      else isLeft = true
    }
    return isLeft
  }

  /** Whether nothing is left to do for a root. */
  async #remove(root: CID): Promise<boolean> {
    const { store, namesOf } = this.#parts
    if ((await namesOf(root)).length > 0) return true
    const all = await store.holdingsOf(root)
    // What was fetched is somebody's copy; unless it was made of what lies in the index, for a program that wanted a path.
    const isInline = all.some(({ class: kind }) => kind === 'inline')
    const holdings = all.filter(({ class: kind }) => isInline || kind !== 'managed')
    for (const holding of holdings) {
      if (await store.isWanted(holding)) return false
      try {
        await store.remove(holding)
      } catch (error) {
        if (!hasCode(error, 'IN_USE')) throw error
        return false
      }
    }
    return true
  }
}
