// The catalogue's tables in memory, with what a disk does to them: a commit that fails, a process that ends, a backup.
// Batches are whole or nothing, iterators see the table as it was when they began.

import type { OriginHead } from '../../daemon/catalogue/head.ts'
import type { KeyRange } from '../../daemon/catalogue/keys.ts'
import type { ByteTable, CatalogueTables, Cell } from '../../daemon/catalogue/tables.ts'

export type MemoryWrite = () => void

export class MemoryTable implements ByteTable<MemoryWrite> {
  readonly #rows: Map<string, Uint8Array>
  #sorted: string[] | undefined

  constructor(rows: Iterable<[string, Uint8Array]> = []) {
    this.#rows = new Map(rows)
  }

  get size(): number {
    return this.#rows.size
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#rows.get(text(key))
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return keys.map(key => this.#rows.get(text(key)))
  }

  async *iterator(
    range: KeyRange & { reverse?: boolean; limit?: number }
  ): AsyncGenerator<[Uint8Array, Uint8Array], void, undefined> {
    this.#sorted ??= [...this.#rows.keys()].sort(byUnits)
    const [from, to] = [this.#place(text(range.gte)), this.#place(text(range.lt))]
    const { limit = Infinity, reverse = false } = range
    const keys = reverse
      ? this.#sorted.slice(Math.max(from, to - limit), to).toReversed()
      : this.#sorted.slice(from, to)
    const rows = keys.slice(0, limit).map(key => [key, this.#rows.get(key)] as const)
    for (const [key, value] of rows) if (value !== undefined) yield [Buffer.from(key, 'latin1'), value]
  }

  put(key: Uint8Array, value: Uint8Array): MemoryWrite {
    return () => {
      if (!this.#rows.has(text(key))) this.#sorted = undefined
      this.#rows.set(text(key), Uint8Array.from(value))
    }
  }

  del(key: Uint8Array): MemoryWrite {
    return () => {
      if (this.#rows.delete(text(key))) this.#sorted = undefined
    }
  }

  copy(): MemoryTable {
    return new MemoryTable(this.#rows)
  }

  /** The first place whose key is not below this one. */
  #place(key: string): number {
    const sorted = this.#sorted ?? []
    let [low, high] = [0, sorted.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((sorted[middle] ?? '') < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

export class MemoryTables implements CatalogueTables<MemoryWrite> {
  readonly newest: MemoryTable
  readonly numbers: MemoryTable
  readonly history: MemoryTable
  readonly conflicts: MemoryTable
  readonly feed: MemoryTable
  readonly roots: MemoryTable
  readonly #heads: Map<string, OriginHead>
  #confirmed: number | undefined
  /** Writes of each commit so far. */
  readonly commits: number[] = []
  /** Writes that are not yet on the disk, of each time. */
  readonly notes: number[] = []
  /** Runs before a commit; where it throws, nothing is written. */
  beforeCommit: () => Promise<void> | void = () => undefined

  constructor(from?: MemoryTables) {
    this.newest = from?.newest.copy() ?? new MemoryTable()
    this.numbers = from?.numbers.copy() ?? new MemoryTable()
    this.history = from?.history.copy() ?? new MemoryTable()
    this.conflicts = from?.conflicts.copy() ?? new MemoryTable()
    this.feed = from?.feed.copy() ?? new MemoryTable()
    this.roots = from?.roots.copy() ?? new MemoryTable()
    this.#heads = new Map(from === undefined ? [] : from.#heads)
    this.#confirmed = from === undefined ? undefined : from.#confirmed
  }

  /** As they are now, for a backup, or for what a kill leaves. */
  copy(): MemoryTables {
    return new MemoryTables(this)
  }

  get heads(): CatalogueTables<MemoryWrite>['heads'] {
    const heads = this.#heads
    return {
      async *list() {
        yield* heads
      },
      put: (origin, head) => () => void heads.set(origin, head)
    }
  }

  get confirmed(): Cell<MemoryWrite, number> {
    return {
      get: async () => this.#confirmed,
      put: value => () => void (this.#confirmed = value)
    }
  }

  async commit(writes: readonly MemoryWrite[]): Promise<void> {
    await this.beforeCommit()
    this.commits.push(writes.length)
    for (const write of writes) write()
  }

  async note(writes: readonly MemoryWrite[]): Promise<void> {
    await this.beforeCommit()
    this.notes.push(writes.length)
    for (const write of writes) write()
  }
}

// One character a byte, so that text sorts as bytes do.
const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
const byUnits = (a: string, b: string): number => (a < b ? -1 : Number(a > b))
