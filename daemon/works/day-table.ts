// What is noted under the ids of calls for a day, at most so much of it: it lies on the disk alone, and is read by key. A note outlives
// a kill of this process at once, and a crash of the machine a little later.

import { CALL_KEPT_MS } from '../../proto/limits.ts'
import type { Clock } from '../clock.ts'
import { type Database, del, lookUp, put } from '../store/database.ts'

/** Between two looks for what is past its day. */
const SWEEP_MS = CALL_KEPT_MS / 24
/** Notes that go at a time, so that the oldest need not be looked for with each new one. */
export const NOTES_SWEPT = 1_000

/** An id, and when it was noted, in ms since the epoch. */
export type Noted = readonly [id: string, at: number]

export interface DayRows<V> {
  get(id: string): Promise<V | undefined>
  put(id: string, at: number, value: V): Promise<void>
  /** From the oldest on. */
  byAge(): AsyncIterable<Noted>
  remove(old: readonly Noted[]): Promise<void>
}

export class DayTable<V> {
  readonly #rows: DayRows<V>
  readonly #clock: Pick<Clock, 'now'>
  readonly #max: number
  #size = 0
  #sweepAt = 0
  #sweeping: Promise<void> | undefined

  /** `max`: how many there may be; past that the oldest `NOTES_SWEPT` go. */
  constructor(rows: DayRows<V>, clock: Pick<Clock, 'now'>, max: number) {
    this.#rows = rows
    this.#clock = clock
    this.#max = max
  }

  /** Counts what is there, and removes what is past its day. */
  async open(): Promise<void> {
    const noted = this.#rows.byAge()[Symbol.asyncIterator]()
    this.#size = 0
    while ((await noted.next()).done !== true) this.#size++
    await this.#sweep()
  }

  get(id: string): Promise<V | undefined> {
    return this.#rows.get(id)
  }

  /**
   * Notes a value, and gives the note; nothing where something is noted under the id already, which stays. `at`: when its day
   * begins.
   */
  async note(id: string, value: V, at = this.#clock.now()): Promise<Noted | undefined> {
    if ((await this.#rows.get(id)) !== undefined) return undefined
    await this.#rows.put(id, at, value)
    this.#size++
    if (this.#size > this.#max || this.#clock.now() >= this.#sweepAt) {
      this.#sweeping ??= this.#sweep().finally(() => (this.#sweeping = undefined))
      await this.#sweeping
    }
    return [id, at]
  }

  /** Takes a note back. */
  async forget(noted: Noted): Promise<void> {
    await this.#rows.remove([noted])
    this.#size--
  }

  async #sweep(): Promise<void> {
    const now = this.#clock.now()
    for (let isOver = false; !isOver;) {
      const old = await this.#oldest(now - CALL_KEPT_MS)
      if (old.length > 0) await this.#rows.remove(old)
      this.#size -= old.length
      isOver = old.length < NOTES_SWEPT
    }
    this.#sweepAt = now + SWEEP_MS
  }

  async #oldest(before: number): Promise<Noted[]> {
    const old: Noted[] = []
    for await (const noted of this.#rows.byAge()) {
      if (old.length >= NOTES_SWEPT || (noted[1] >= before && this.#size <= this.#max)) break
      old.push(noted)
    }
    return old
  }
}

/** The rows in the store's database: a table by id, and one by age. */
export function dayRows<V>(database: Database, name: string): DayRows<V> {
  const rows = database.table<V>(name)
  const ages = database.table<number>(`${name}-ages`)
  return {
    get: id => lookUp(rows, id),
    put: (id, at, value) => database.note([put(rows, id, value), put(ages, ageKey(id, at), at)]),
    byAge: async function* () {
      for await (const [key, at] of ages.iterator()) yield [key.slice(AGE_DIGITS), at] as const
    },
    remove: old => database.note(old.flatMap(([id, at]) => [del(rows, id), del(ages, ageKey(id, at))]))
  }
}

/** Digits of a time in ms, so that text sorts as numbers do. */
const AGE_DIGITS = 16
const ageKey = (id: string, at: number): string => String(at).padStart(AGE_DIGITS, '0') + id
