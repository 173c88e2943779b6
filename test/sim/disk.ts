// A disk in memory for the catalogue's tables. Batches are written one after the other, take time, and are there whole or not
// at all; a crash loses a tail of those that were not acknowledged. It can be copied, and put back as it was.

import type { CatalogueTables } from '../../daemon/catalogue/tables.ts'
import type { OriginHead } from '../../daemon/catalogue/head.ts'
import type { KeyRange } from '../../daemon/catalogue/keys.ts'
import type { Seeded } from '../helpers/seeded.ts'
import type { Schedule } from './schedule.ts'

type Row = [key: Uint8Array, value: Uint8Array]
export type TableName = 'newest' | 'numbers' | 'history' | 'conflicts' | 'feed' | 'roots'

/** One change; applying it is all that can be done with it. */
export interface Write {
  readonly table?: TableName
  readonly key: string
  readonly value: Uint8Array | undefined
  apply(content: Content): void
}

/** All that is on a disk. */
export class Content {
  readonly tables: Readonly<Record<TableName, SortedRows>>
  readonly heads: Map<string, OriginHead>
  confirmed: number | undefined

  constructor(from?: Content) {
    const table = (name: TableName): SortedRows => new SortedRows(from?.tables[name])
    this.tables = {
      newest: table('newest'),
      numbers: table('numbers'),
      history: table('history'),
      conflicts: table('conflicts'),
      feed: table('feed'),
      roots: table('roots')
    }
    this.heads = new Map(from?.heads)
    this.confirmed = from?.confirmed
  }
}

export interface DiskParts {
  readonly schedule: Schedule
  readonly random: Seeded
  /** The part of reads that take time. */
  readonly slowReads: number
  /** Sees each batch just before it is there. */
  onCommit(writes: readonly Write[], content: Content): void
}

export class Disk {
  content = new Content()
  readonly #parts: DiskParts
  #session: Session | undefined

  constructor(parts: DiskParts) {
    this.#parts = parts
  }

  /** The tables, for one life of a node. `hasty` acknowledges before anything is there, which no disk may. */
  open(hasty = false): Session {
    this.#session = new Session(this, this.#parts, hasty)
    return this.#session
  }

  /** Ends that life: nothing that it asked for is answered any more. */
  crash(): void {
    this.#session?.crash()
    this.#session = undefined
  }

  write(writes: readonly Write[]): void {
    this.#parts.onCommit(writes, this.content)
    for (const write of writes) write.apply(this.content)
  }
}

interface Pending {
  readonly writes: readonly Write[]
  readonly resolve: () => void
}

export class Session implements CatalogueTables<Write> {
  readonly newest = this.#table('newest')
  readonly numbers = this.#table('numbers')
  readonly history = this.#table('history')
  readonly conflicts = this.#table('conflicts')
  readonly feed = this.#table('feed')
  readonly roots = this.#table('roots')
  readonly heads: CatalogueTables<Write>['heads']
  readonly confirmed: CatalogueTables<Write>['confirmed']
  readonly #disk: Disk
  readonly #parts: DiskParts
  readonly #hasty: boolean
  readonly #pending: Pending[] = []
  #isOpen = true

  constructor(disk: Disk, parts: DiskParts, hasty: boolean) {
    this.#disk = disk
    this.#parts = parts
    this.#hasty = hasty
    this.heads = {
      list: () => this.#iterate(() => [...disk.content.heads]),
      put: (key, head) => ({ key, value: undefined, apply: content => void content.heads.set(key, head) })
    }
    this.confirmed = {
      get: () => this.#read(() => disk.content.confirmed),
      put: number => ({ key: '', value: undefined, apply: content => void (content.confirmed = number) })
    }
  }

  commit(writes: readonly Write[]): Promise<void> {
    const { random } = this.#parts
    return new Promise(resolve => {
      if (!this.#isOpen) return
      this.#pending.push({ writes, resolve })
      if (this.#hasty) resolve()
      if (this.#pending.length === 1) this.#next(random.between(1, 12))
    })
  }

  /** No machine crashes here, only processes. */
  note(writes: readonly Write[]): Promise<void> {
    return this.commit(writes)
  }

  crash(): void {
    this.#isOpen = false
    const reached = this.#parts.random.between(0, this.#pending.length + 1)
    for (const { writes } of this.#pending.splice(0).slice(0, this.#hasty ? 0 : reached)) this.#disk.write(writes)
  }

  #next(ms: number): void {
    const { schedule, random } = this.#parts
    schedule.after(this.#hasty ? 50 * ms : ms, () => {
      const pending = this.#isOpen ? this.#pending.shift() : undefined
      if (pending === undefined) return
      this.#disk.write(pending.writes)
      // It is there before it is acknowledged.
      schedule.after(random.between(0, 3), () => this.#isOpen && pending.resolve())
      if (this.#pending.length > 0) this.#next(random.between(1, 12))
    })
  }

  #table(name: TableName): CatalogueTables<Write>['newest'] {
    const rows = (): SortedRows => this.#disk.content.tables[name]
    return {
      get: key => this.#read(() => rows().get(textOf(key))),
      getMany: keys => this.#read(() => keys.map(key => rows().get(textOf(key)))),
      iterator: range => this.#iterate(() => rows().range(range)),
      put: (bytes, value) => {
        const key = textOf(bytes)
        return { table: name, key, value, apply: content => content.tables[name].set(key, value) }
      },
      del: bytes => {
        const key = textOf(bytes)
        return { table: name, key, value: undefined, apply: content => content.tables[name].delete(key) }
      }
    }
  }

  /** What was there when it was asked for. */
  #read<T>(read: () => T): Promise<T> {
    const { schedule, random, slowReads } = this.#parts
    if (!this.#isOpen) return new Promise(() => undefined)
    const result = read()
    if (slowReads === 0 || !random.chance(slowReads)) return Promise.resolve(result)
    return new Promise(resolve => void schedule.after(random.next(), () => this.#isOpen && resolve(result)))
  }

  #iterate<T>(list: () => readonly T[]): AsyncIterable<T> {
    const all = list()
    let at = 0
    const next = (): Promise<IteratorResult<T>> =>
      this.#read(() => {
        const value = all[at++]
        return value === undefined ? { done: true, value } : { done: false, value }
      })
    return { [Symbol.asyncIterator]: () => ({ next }) }
  }
}

/** Rows by key, and the keys sorted by their bytes. */
export class SortedRows {
  readonly #values: Map<string, Uint8Array>
  readonly #keys: string[]

  constructor(from?: SortedRows) {
    this.#values = new Map(from === undefined ? [] : from.#values)
    this.#keys = from === undefined ? [] : [...from.#keys]
  }

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key)
  }

  entries(): IterableIterator<[string, Uint8Array]> {
    return this.#values.entries()
  }

  set(key: string, value: Uint8Array): void {
    if (!this.#values.has(key)) this.#keys.splice(this.#find(key), 0, key)
    this.#values.set(key, value)
  }

  delete(key: string): void {
    if (this.#values.delete(key)) this.#keys.splice(this.#find(key), 1)
  }

  range({ gte, lt, reverse = false, limit = Infinity }: KeyRange & { reverse?: boolean; limit?: number }): Row[] {
    const [from, to] = [this.#find(textOf(gte)), this.#find(textOf(lt))]
    const keys = reverse
      ? this.#keys.slice(Math.max(from, to - limit), to).toReversed()
      : this.#keys.slice(from, Math.min(to, from + limit))
    return keys.flatMap(key => {
      const value = this.#values.get(key)
      return value === undefined ? [] : [[Buffer.from(key, 'latin1'), value] satisfies Row]
    })
  }

  /** The place of the first key that is not below this one. */
  #find(key: string): number {
    let [from, to] = [0, this.#keys.length]
    while (from < to) {
      const middle = (from + to) >> 1
      if ((this.#keys[middle] ?? '') < key) from = middle + 1
      else to = middle
    }
    return from
  }
}

/** One character a byte: sorts as the bytes do. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
