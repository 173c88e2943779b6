// The newest record of every name of every origin that this node knows, in order of names. An older record never takes
// the place of a newer one; retirements are kept, so that a name stays retired.

import { PathmeshError } from '../../proto/errors.ts'
import { type NameRecord, trustedRecord } from './record.ts'

/** A table of the store's database, as far as it is needed here. */
export interface ByteTable<Write> {
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  iterator(range: { gte: Uint8Array; lt: Uint8Array; limit?: number }): AsyncIterable<[Uint8Array, Uint8Array]>
  put(key: Uint8Array, value: Uint8Array): Write
}

export interface Kept {
  readonly record: NameRecord
  /** The signed record, as it goes to others. */
  readonly bytes: Uint8Array
}

export class RecordTable<Write> {
  readonly #table: ByteTable<Write>

  constructor(table: ByteTable<Write>) {
    this.#table = table
  }

  async get(name: string, origin: string): Promise<Kept | undefined> {
    const bytes = await this.#table.get(keyOf(name, origin))
    return bytes === undefined ? undefined : { record: trustedRecord(bytes), bytes }
  }

  put({ record, bytes }: Kept): Write {
    return this.#table.put(keyOf(record.name, record.origin), bytes)
  }

  /** Records of exactly this name, one an origin. */
  named(name: string): AsyncGenerator<Kept> {
    return this.#range(keyOf(name, ''), after(keyOf(name, '')))
  }

  /** Records of names that begin with `prefix`, in order, after one of them. */
  list(prefix: string, from?: { name: string; origin: string }): AsyncGenerator<Kept> {
    const start = Buffer.from(prefix)
    const resume =
      from === undefined || from.name === '' ? start : Buffer.concat([keyOf(from.name, from.origin), Buffer.of(0)])
    return this.#range(Buffer.compare(resume, start) > 0 ? resume : start, after(start))
  }

  async *#range(gte: Uint8Array, lt: Uint8Array): AsyncGenerator<Kept> {
    for await (const [, bytes] of this.#table.iterator({ gte, lt })) yield { record: trustedRecord(bytes), bytes }
  }
}

/** Names hold no NUL, so this sorts by name, then by origin. */
function keyOf(name: string, origin: string): Uint8Array {
  if (name.includes('\0')) throw new PathmeshError('INVALID_ARGUMENT', 'a name holds no NUL')
  return Buffer.from(`${name}\0${origin}`)
}

/** The first key after all that begin with `prefix`. */
function after(prefix: Uint8Array): Uint8Array {
  let end = prefix.length
  while (end > 0 && prefix[end - 1] === 0xff) end--
  if (end === 0) return Buffer.alloc(64, 0xff)
  const next = Buffer.from(prefix.subarray(0, end))
  next[end - 1] = (next[end - 1] ?? 0) + 1
  return next
}
