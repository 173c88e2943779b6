// What became of names, in the order in which this node heard of it: for whoever watches, from a place on that may lie in an
// earlier process. Bounded by what is remembered, not by how slow a watcher is: one that is too far behind hears of a gap.

import { FEED_ROWS, RECORDS_ANSWER_MAX } from '../../proto/limits.ts'
import { startingWith, uint64 } from './keys.ts'
import type { Signed } from './record.ts'
import type { Records } from './records.ts'

export interface FeedChange {
  readonly type: 'change'
  readonly signed: Signed
  readonly position: number
}

/** Changes that are not remembered: so many, or, where nobody can say, null. */
export interface FeedGap {
  readonly type: 'gap'
  readonly missed: number | null
  /** Where they are all of one name; else they may be of any. */
  readonly name?: string
  readonly position: number
}

export class Feed<Write> {
  readonly #records: Records<Write>

  constructor(records: Records<Write>) {
    this.#records = records
  }

  /** Where the next change will come after. */
  get position(): number {
    return this.#records.position
  }

  /** Changes after a position, until the signal is aborted. */
  async *after(position: number, signal: AbortSignal): AsyncGenerator<FeedChange | FeedGap> {
    let at = position
    if (at > this.#records.position) {
      // A position of another life of this folder: it was restored from a backup.
      at = this.#records.position
      yield { type: 'gap', missed: null, position: at }
    }
    while (!signal.aborted) {
      const oldest = Math.max(0, this.#records.position - FEED_ROWS)
      if (at < oldest) {
        yield { type: 'gap', missed: oldest - at, position: oldest }
        at = oldest
      }
      const page = await this.#page(at)
      for (const { name, change, position: reached } of page) {
        at = reached
        if (signal.aborted) return
        if (change === undefined) yield { type: 'gap', missed: 1, name, position: at }
        else yield { type: 'change', signed: change, position: at }
      }
      if (page.length === 0) await this.#grown(at, signal)
    }
  }

  /** The next changes; undefined for one whose record is no longer remembered: newer ones of its name follow. */
  async #page(at: number): Promise<{ name: string; change: Signed | undefined; position: number }[]> {
    const { tables } = this.#records
    const page: { name: string; change: Signed | undefined; position: number }[] = []
    const range = { gte: uint64(at + 1), lt: startingWith(new Uint8Array(0)).lt, limit: RECORDS_ANSWER_MAX }
    for await (const [key, value] of tables.feed.iterator(range)) {
      const [name = '', origin = ''] = Buffer.from(value)
        .toString('utf8', 0, value.length - 9)
        .split('\0')
      const seq = Number(Buffer.from(value).readBigUInt64BE(value.length - 8))
      const found = await this.#records.version(name, origin, seq)
      const change = found?.record.seq === seq ? found : undefined
      page.push({ name, change, position: Number(Buffer.from(key).readBigUInt64BE(0)) })
    }
    return page
  }

  #grown(at: number, signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const end = (): void => {
        stop()
        signal.removeEventListener('abort', end)
        resolve()
      }
      const stop = this.#records.onChanges(() => {
        if (this.#records.position > at) end()
      })
      signal.addEventListener('abort', end, { once: true })
      if (signal.aborted || this.#records.position > at) end()
    })
  }
}
