// Small content that goes out with the record that names it, to peers that fetched from here of late: they would ask for it next. What
// came so stays in memory, up to a bound, until it is read; nobody counts on it, and what is gone is asked for as ever.

import type { CID } from 'multiformats/cid'
import type { CatalogueRecord, Signed, VersionRecord } from '../catalogue/record.ts'
import type { Clock } from '../clock.ts'
import { cidOf, RAW } from '../content/multihash.ts'
import type { InlineTable } from '../store/inline-table.ts'
import { EAGER_CONTENT_BYTES, EAGER_HELD_BYTES, EAGER_MESSAGE_BYTES, EAGER_MS, PEERS_MAX } from '../../proto/limits.ts'

export interface EagerParts {
  readonly inline: Pick<InlineTable, 'get'>
  readonly clock: Pick<Clock, 'monotonic'>
}

interface Came {
  readonly bytes: Uint8Array
  readonly from: string
}

export class Eager {
  readonly #parts: EagerParts
  /** By peer, when it last fetched something; the latest last. */
  readonly #fetchedAt = new Map<string, number>()
  /** By CID, in the order in which it came. */
  readonly #came = new Map<string, Came>()
  #cameBytes = 0

  constructor(parts: EagerParts) {
    this.#parts = parts
  }

  /** A peer has fetched from here. */
  fetched(peer: string): void {
    this.#fetchedAt.delete(peer)
    this.#fetchedAt.set(peer, this.#parts.clock.monotonic())
    const [longestAgo] = this.#fetchedAt.keys()
    if (this.#fetchedAt.size > PEERS_MAX && longestAgo !== undefined) this.#fetchedAt.delete(longestAgo)
  }

  /** What goes to a peer with these records. */
  async contentsFor(peer: string, records: readonly Signed[]): Promise<Uint8Array[]> {
    const at = this.#fetchedAt.get(peer)
    if (at === undefined || this.#parts.clock.monotonic() - at > EAGER_MS) return []
    const contents: Uint8Array[] = []
    let left = EAGER_MESSAGE_BYTES
    for (const { record } of records) {
      const bytes = isSmall(record) && record.size <= left ? await this.#parts.inline.get(record.root) : undefined
      if (bytes === undefined) continue
      left -= bytes.length
      contents.push(bytes)
    }
    return contents
  }

  /** Keeps what came with records, if it is what they name. */
  came(from: string, records: readonly Signed[], contents: readonly Uint8Array[]): void {
    const named = new Set(records.flatMap(({ record }) => (isSmall(record) ? [record.root.toString()] : [])))
    for (const content of contents.slice(0, named.size)) {
      if (content.length > EAGER_CONTENT_BYTES) continue
      const key = cidOf(RAW, 'blake3', content).toString()
      if (!named.has(key) || this.#came.has(key)) continue
      // A copy: what came is a part of something larger.
      this.#came.set(key, { bytes: Uint8Array.from(content), from })
      this.#cameBytes += content.length
    }
    for (const key of this.#came.keys()) {
      if (this.#cameBytes <= EAGER_HELD_BYTES) break
      this.#forget(key)
    }
  }

  /** What came of it, and from whom; whoever takes it keeps it. */
  take(cid: CID): Came | undefined {
    const key = cid.toString()
    const came = this.#came.get(key)
    this.#forget(key)
    return came
  }

  #forget(key: string): void {
    this.#cameBytes -= this.#came.get(key)?.bytes.length ?? 0
    this.#came.delete(key)
  }
}

const isSmall = (record: CatalogueRecord): record is VersionRecord =>
  record.type === 'version' && record.root.code === RAW && record.size <= EAGER_CONTENT_BYTES
