// The level database of a data folder: the only place that opens it, and every table in it. Level holds facts; the bytes
// of content lie in files. One process at a time: a second is refused.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { AbstractSublevel } from 'abstract-level'
import { Level } from 'level'
import { errno, PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { INDEX_BATCH_ROWS, LOOKED_UP_MAX, REOPEN_MS } from '../../proto/limits.ts'
import { Reserve } from './reserve.ts'

type Root = Level<Uint8Array, Uint8Array>
export type Table<K, V> = AbstractSublevel<Root, string | Buffer | Uint8Array, K, V>

/** A put or a del on some table, so that writes to several tables can be one batch. */
export type Write = () => readonly [key: Uint8Array, value: Uint8Array | undefined]

export const put =
  <K, V>(table: Table<K, V>, key: K, value: V): Write =>
  () => [keyBytes(table, key), bytesOf(table.valueEncoding().encode(value))]

export const del =
  <K, V>(table: Table<K, V>, key: K): Write =>
  () => [keyBytes(table, key), undefined]

/** With the prefix of its table. */
function keyBytes<K, V>(table: Table<K, V>, key: K): Uint8Array {
  const encoded = table.keyEncoding().encode(key)
  return typeof encoded === 'string'
    ? Buffer.from(table.prefixKey(encoded, 'utf8', true))
    : table.prefixKey(encoded, 'view', true)
}

const bytesOf = (encoded: string | Uint8Array): Uint8Array =>
  typeof encoded === 'string' ? Buffer.from(encoded) : encoded

/**
 * A row, read on this thread where that can be: it takes 3 µs for one that lies in memory, a thread of its own twenty times as long.
 * For rows that are small, and asked for by every call.
 */
export async function lookUp<K, V>(table: Table<K, V>, key: K): Promise<V | undefined> {
  return table.status === 'open' ? table.getSync(key) : table.get(key)
}

/** Several of them; many are left to a thread. */
export async function lookUpMany<K, V>(table: Table<K, V>, keys: readonly K[]): Promise<(V | undefined)[]> {
  if (table.status === 'open' && keys.length <= LOOKED_UP_MAX) return keys.map(key => table.getSync(key))
  return table.getMany([...keys])
}

const BYTES = { keyEncoding: 'view', valueEncoding: 'view' } as const
const TEXT = { keyEncoding: 'utf8', valueEncoding: 'json' } as const

export class Database {
  readonly #level: Root
  readonly #reserve: Reserve
  readonly #tables: { open(): Promise<void> }[] = []
  /** Why it is closed at the moment, and the way back. */
  #broken: PathmeshError | undefined
  #reopening: Promise<void> = Promise.resolve()
  #closing = false

  private constructor(level: Root, reserve: Reserve) {
    this.#level = level
    this.#reserve = reserve
  }

  /** Opens `<data>/db`, made if it is missing. IN_USE if another process has it; CORRUPT if level cannot read it. */
  static async open(data: string): Promise<Database> {
    await mkdir(data, { recursive: true, mode: 0o700 })
    const level: Root = new Level(join(data, 'db'), BYTES)
    const reserve = new Reserve(join(data, 'reserve'))
    try {
      await openWithReserve(level, reserve)
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined
      if (errno(cause) === 'LEVEL_LOCKED')
        throw new PathmeshError(
          'IN_USE',
          `another daemon runs on ${data}: stop it with \`pathmesh down --data ${data}\`, or choose another folder`,
          { cause: error, details: { data } }
        )
      if (errno(cause) === 'LEVEL_CORRUPTION')
        throw new PathmeshError('CORRUPT', `the index in ${join(data, 'db')} is damaged`, { cause: error })
      throw toPathmeshError(cause ?? error, `opening the index in ${data}`)
    }
    await reserve.take()
    return new Database(level, reserve)
  }

  /** A table with text keys and JSON values. */
  table<V>(name: string): Table<string, V> {
    return this.#listed(this.#level.sublevel<string, V>(name, TEXT))
  }

  /** A table with binary keys and values. */
  bytesTable(name: string): Table<Uint8Array, Uint8Array> {
    return this.#listed(this.#level.sublevel<Uint8Array, Uint8Array>(name, BYTES))
  }

  /** All of the writes or none, on the disk when it returns. NO_SPACE and IO errors leave the database as it was. */
  commit(writes: readonly Write[]): Promise<void> {
    return this.#write(writes, true)
  }

  /**
   * Facts that may be written in part, each being true alone: in batches, each on the disk before the next. (A synced write
   * does not sync what went to an earlier log file, so every batch is synced.) The next batch is gathered while one is written.
   */
  async commitInParts(writes: Iterable<Write> | AsyncIterable<Iterable<Write>>): Promise<void> {
    let writing: Promise<void> = Promise.resolve()
    let part: Write[] = []
    try {
      for await (const group of Symbol.iterator in writes ? [writes] : writes) {
        for (const write of group) {
          part.push(write)
          if (part.length < INDEX_BATCH_ROWS) continue
          await writing
          writing = this.commit(part)
          // Its failure is met where it is waited for: before the next one, or at the end.
          writing.catch(() => undefined)
          part = []
        }
      }
    } finally {
      await writing
    }
    if (part.length > 0) await this.commit(part)
  }

  /** Writes that a crash of the machine, not of the process, may lose. */
  note(writes: readonly Write[]): Promise<void> {
    return this.#write(writes, false)
  }

  async close(): Promise<void> {
    this.#closing = true
    await this.#reopening
    await this.#level.close()
  }

  async #write(writes: readonly Write[], sync: boolean): Promise<void> {
    if (this.#broken !== undefined) {
      await Promise.race([this.#reopening, wait(REOPEN_MS)])
      if (this.#broken !== undefined) throw this.#broken
    }
    try {
      if (writes.length > 0) await this.#batch(writes, sync)
      if (!this.#reserve.isHeld) await this.#reserve.take()
    } catch (error) {
      const failure = indexError(error)
      if (!this.#closing && this.#broken === undefined) {
        this.#broken = failure
        this.#reopening = this.#reopen()
      }
      throw failure
    }
  }

  /** `level.batch(array)` would copy each operation several times, and take seven times as long. */
  async #batch(writes: readonly Write[], sync: boolean): Promise<void> {
    const batch = this.#level.batch()
    try {
      for (const write of writes) {
        const [key, value] = write()
        if (value === undefined) batch.del(key)
        else batch.put(key, value)
      }
      await batch.write({ sync })
    } finally {
      await batch.close()
    }
  }

  /**
   * After a write that failed, LevelDB takes no more, or appends to a record that is torn: only opening it again makes it
   * whole. On a full disk that takes the reserve; where even that is not enough, it is tried again until there is room.
   */
  async #reopen(): Promise<void> {
    while (!this.#closing) {
      try {
        await this.#level.close()
        await this.#reserve.giveUp()
        await this.#level.open()
        for (const table of this.#tables) await table.open()
        break
      } catch {
        // Nothing to do but to wait for room; whoever writes meanwhile is told why it is not open.
        await wait(REOPEN_MS)
      }
    }
    this.#broken = undefined
  }

  #listed<T extends { open(): Promise<void> }>(table: T): T {
    this.#tables.push(table)
    return table
  }
}

/** On a full disk the reserve makes the room that opening takes. */
async function openWithReserve(level: Root, reserve: Reserve): Promise<void> {
  try {
    await level.open()
  } catch (error) {
    if (indexError(error instanceof Error && error.cause instanceof Error ? error.cause : error).code !== 'NO_SPACE')
      throw error
    await reserve.giveUp()
    await level.open()
  }
}

function indexError(error: unknown): PathmeshError {
  const message = error instanceof Error ? error.message : String(error)
  // LevelDB reports the system's text, not its number.
  if (message.includes('No space left'))
    return new PathmeshError('NO_SPACE', 'the disk of the data folder is full: make room there', { cause: error })
  return new PathmeshError('IO', `writing the index failed: ${message}`, { cause: error })
}
