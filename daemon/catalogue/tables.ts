// What the catalogue needs of a database: tables of bytes that sort by key, and batches that are written whole or not at all.

import type { KeyRange } from './keys.ts'
import type { OriginHead } from './head.ts'

/** Rows sorted by the bytes of their keys. An iterator sees the table as it was when it began. */
export interface ByteTable<Write> {
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>
  iterator(range: KeyRange & { reverse?: boolean; limit?: number }): AsyncIterable<[Uint8Array, Uint8Array]>
  put(key: Uint8Array, value: Uint8Array): Write
  del(key: Uint8Array): Write
}

/** A row that is read once, at the start. */
export interface Cell<Write, V> {
  get(): Promise<V | undefined>
  put(value: V): Write
}

export interface CatalogueTables<Write> {
  /** Name and origin -> its newest record. */
  readonly newest: ByteTable<Write>
  /** Origin, number and name -> hash of the newest record. */
  readonly numbers: ByteTable<Write>
  /** Name, origin and seq -> an earlier record. */
  readonly history: ByteTable<Write>
  /** Name, origin, seq and hash -> records that contradict each other. */
  readonly conflicts: ByteTable<Write>
  /** Position -> name, origin and seq of what changed then. */
  readonly feed: ByteTable<Write>
  /** Root, name and seq of own versions that are kept. */
  readonly roots: ByteTable<Write>
  readonly heads: {
    list(): AsyncIterable<[origin: string, head: OriginHead]>
    put(origin: string, head: OriginHead): Write
  }
  /** The highest own number that was known when this node was last sure that others have all of them. */
  readonly confirmed: Cell<Write, number>
  /** All of the writes or none, on the disk when it resolves. */
  commit(writes: readonly Write[]): Promise<void>
  /** The same, but for a crash of the machine, which loses them until something later is committed. */
  note(writes: readonly Write[]): Promise<void>
}
