// Every record that this node knows: of each name and origin the newest, and some earlier ones. It decides what is newer,
// keeps heads in step with records (they are written together), and tells what changed. An older record never takes the
// place of a newer one; retirements are kept, so that a name stays retired.

import { LOOKED_UP_MAX, RECORDS_ANSWER_MAX } from '../../proto/limits.ts'
import { Batch, type Raise } from './batch.ts'
import { EMPTY_HEAD, type OriginHead } from './head.ts'
import { nameKey, numbersFrom, ofName, ofNumber, ofOriginsName, readNumberKey, seqKey, startingWith } from './keys.ts'
import { type Signed, trustedRecord } from './record.ts'
import type { CatalogueTables } from './tables.ts'

export type { Raise } from './batch.ts'

/** What is to be written, and what it changes. */
export interface Staged<Write> {
  readonly writes: readonly Write[]
  /** New newest records, in the order in which they came. */
  readonly changes: readonly Signed[]
  /** Makes it known, once the writes are on the disk. */
  apply(): void
}

/** Called with what changed, after it is on the disk. Must not throw. */
export type OnChanges = (changes: readonly Signed[]) => void

export class Records<Write> {
  readonly tables: CatalogueTables<Write>
  readonly #heads = new Map<string, OriginHead>()
  readonly #listeners = new Set<OnChanges>()
  /** Of each origin whose records came lately, the highest number in the table, or above. */
  readonly #last = new Map<string, number>()
  #position = 0
  /** There hardly ever are any, and every name that is listed asks. */
  #hasConflicts = false
  #turn: Promise<unknown> = Promise.resolve()
  /** An origin of which something was kept since all was on the disk. */
  #unsynced: string | undefined

  constructor(tables: CatalogueTables<Write>) {
    this.tables = tables
  }

  async open(): Promise<void> {
    for await (const [origin, head] of this.tables.heads.list()) this.#heads.set(origin, head)
    const all = { ...startingWith(new Uint8Array(0)), reverse: true, limit: 1 }
    for await (const [key] of this.tables.feed.iterator(all)) this.#position = positionOf(key)
    for await (const _ of this.tables.conflicts.iterator({ ...all, limit: 1 })) this.#hasConflicts = true
  }

  get heads(): ReadonlyMap<string, OriginHead> {
    return this.#heads
  }

  head(origin: string): OriginHead {
    return this.#heads.get(origin) ?? EMPTY_HEAD
  }

  /** Counts the changes of names that this node has seen. */
  get position(): number {
    return this.#position
  }

  onChanges(listener: OnChanges): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  // --- reading -----------------------------------------------------------------------------------------------------

  async get(name: string, origin: string): Promise<Signed | undefined> {
    const bytes = await this.tables.newest.get(nameKey(name, origin))
    return bytes === undefined ? undefined : trustedRecord(bytes)
  }

  /** Newest records of exactly this name, one an origin. */
  async *named(name: string): AsyncGenerator<Signed> {
    if (this.#heads.size > LOOKED_UP_MAX) {
      for await (const [, bytes] of this.tables.newest.iterator(ofName(name))) yield trustedRecord(bytes)
      return
    }
    // Of few origins each is looked up: an iterator goes through a thread three times.
    const keys = [...this.#heads.keys()].toSorted(byBytes).map(origin => nameKey(name, origin))
    for (const bytes of await this.tables.newest.getMany(keys)) if (bytes !== undefined) yield trustedRecord(bytes)
  }

  /** Newest records of names that begin with `prefix`, by name and origin. */
  async *list(prefix: string): AsyncGenerator<Signed> {
    for await (const [, bytes] of this.tables.newest.iterator(startingWith(Buffer.from(prefix))))
      yield trustedRecord(bytes)
  }

  /** Earlier records of a name, the latest first. */
  async *history(name: string, origin: string): AsyncGenerator<Signed> {
    const range = { ...ofOriginsName(name, origin), reverse: true }
    for await (const [, bytes] of this.tables.history.iterator(range)) yield trustedRecord(bytes)
  }

  /** One record of a name, if it is still known. */
  async version(name: string, origin: string, seq: number): Promise<Signed | undefined> {
    const newest = await this.get(name, origin)
    if (newest === undefined || newest.record.seq === seq) return newest
    const bytes = await this.tables.history.get(seqKey(name, origin, seq))
    return bytes === undefined ? undefined : trustedRecord(bytes)
  }

  /** Whether there is proof of another record in the place of this one. */
  async isContested({ record }: Signed): Promise<boolean> {
    if (!this.#hasConflicts) return false
    const { name, origin, seq } = record
    for await (const _ of this.tables.conflicts.iterator({ ...startingWith(seqKey(name, origin, seq)), limit: 1 }))
      return true
    return false
  }

  /** Newest records of an origin above a number, ascending, as they were when this began. */
  async *since(origin: string, number: number): AsyncGenerator<Signed[]> {
    let page: { number: number; name: string }[] = []
    for await (const [key] of this.tables.numbers.iterator(numbersFrom(origin, number + 1))) {
      page.push(readNumberKey(key, origin))
      if (page.length < RECORDS_ANSWER_MAX) continue
      yield await this.#stillNewest(origin, page)
      page = []
    }
    if (page.length > 0) yield await this.#stillNewest(origin, page)
  }

  /** Number and hash of the newest records of an origin above a number, ascending. */
  async *entries(origin: string, number: number): AsyncGenerator<{ number: number; hash: Uint8Array }> {
    for await (const [key, hash] of this.tables.numbers.iterator(numbersFrom(origin, number + 1)))
      yield { number: readNumberKey(key, origin).number, hash }
  }

  /** Newest records of an origin that have these numbers. */
  async *withNumbers(origin: string, numbers: readonly number[]): AsyncGenerator<Signed> {
    for (const number of numbers) {
      for await (const [key] of this.tables.numbers.iterator(ofNumber(origin, number)))
        yield* await this.#stillNewest(origin, [readNumberKey(key, origin)])
    }
  }

  // --- writing -----------------------------------------------------------------------------------------------------

  /** One writer at a time: between looking at what is known and writing, nothing else comes in. */
  exclusively<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(run, run)
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /**
   * Keeps those of others that are newer than what is known, and raises the head of `origin` as far as its records reach. A crash of
   * the machine loses them until `sync`, with the head that says so: who told them tells them again.
   */
  keep(incoming: readonly Signed[], raise?: Raise): Promise<readonly Signed[]> {
    return this.exclusively(async () => {
      const staged = await this.stage(incoming, raise)
      if (staged.writes.length > 0) await this.tables.note(staged.writes)
      staged.apply()
      if (staged.writes.length > 0) this.#unsynced = raise?.origin ?? incoming[0]?.record.origin
      return staged.changes
    })
  }

  /** Resolves when all that was kept is on the disk. */
  async sync(): Promise<void> {
    if (this.#unsynced === undefined) return
    await this.exclusively(async () => {
      const origin = this.#unsynced
      if (origin === undefined) return
      // A write that changes nothing: with it, those before it go to the disk.
      await this.tables.commit([this.tables.heads.put(origin, this.head(origin))])
      this.#unsynced = undefined
    })
  }

  /** What it takes to keep records; to be called, committed and applied within one `exclusively`. */
  async stage(incoming: readonly Signed[], raise?: Raise): Promise<Staged<Write>> {
    const batch = new Batch(this.tables, origin => this.head(origin), { position: this.#position, last: this.#last })
    await batch.load(incoming)
    for (const signed of incoming) await batch.add(signed)
    if (raise !== undefined) await batch.raise(raise)
    const { writes, heads, changes, highest, position, proved } = batch.end()
    return {
      writes,
      changes,
      apply: () => {
        for (const [origin, head] of heads) this.#heads.set(origin, head)
        this.#position = position
        for (const [origin, number] of highest) this.#last.set(origin, Math.max(number, this.#last.get(origin) ?? 0))
        this.#hasConflicts ||= proved
        if (heads.size > 0) for (const listener of this.#listeners) listener(changes)
      }
    }
  }

  /** Of what an index listed, what is so still: a newer one has a number that lies beyond what the index showed. */
  async #stillNewest(origin: string, page: readonly { number: number; name: string }[]): Promise<Signed[]> {
    const rows = await this.tables.newest.getMany(page.map(({ name }) => nameKey(name, origin)))
    return rows.flatMap((bytes, i) => {
      const signed = bytes === undefined ? undefined : trustedRecord(bytes)
      return signed !== undefined && signed.record.number === page[i]?.number ? [signed] : []
    })
  }
}

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

function positionOf(key: Uint8Array): number {
  return Number(Buffer.from(key.buffer, key.byteOffset, key.byteLength).readBigUInt64BE(0))
}
