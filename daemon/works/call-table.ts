// The calls that this node accepted, and how they ended, on disk: what makes an id mean one call, also after a kill. Ends are kept
// for a day and so many of them; then the oldest go. An index of all calls, without what they brought, is in memory.

import { CALL_KEPT_MS, CALLS_KEPT_MAX } from '../../proto/limits.ts'
import type { CallEvents, Outcome } from '../../proto/works-api.ts'
import type { Clock } from '../clock.ts'
import { type Database, del, lookUp, put, type Write } from '../store/database.ts'
import type { CallIdentity } from './call.ts'

export interface CallRow {
  readonly work: string
  /** PeerId of the node that began it. */
  readonly caller: string
  /** When it was accepted, and when it ended, in ms since the epoch. */
  readonly at: number
  readonly ended: number | null
  /** Whether it may have been handed to its host. */
  readonly began: boolean
}

export interface EndRow {
  readonly outcome: Outcome
  readonly state: CallEvents['state']
}

/** What the table is made of; a commit is all of its writes or none, and on the disk when it returns. */
export interface CallRows<W> {
  calls(): AsyncIterable<[id: string, row: CallRow]>
  putCall(id: string, row: CallRow): W
  end(id: string): Promise<EndRow | undefined>
  putEnd(id: string, row: EndRow): W
  /** Removes both rows of a call. */
  remove(id: string): W[]
  commit(writes: readonly W[]): Promise<void>
}

export interface KnownCall extends CallRow {
  readonly id: string
}

export class CallTable<W> {
  readonly #rows: CallRows<W>
  readonly #clock: Pick<Clock, 'now'>
  readonly #open = new Map<string, CallRow>()
  /** In the order in which they ended. */
  readonly #ended = new Map<string, CallRow>()
  /** Ends that are being written. */
  #ending = 0

  constructor(rows: CallRows<W>, clock: Pick<Clock, 'now'>) {
    this.#rows = rows
    this.#clock = clock
  }

  /** Reads the index, and removes what is past its time. The calls that had not ended. */
  async open(): Promise<KnownCall[]> {
    const ended: [number, string, CallRow][] = []
    for await (const [id, row] of this.#rows.calls()) {
      if (row.ended === null) this.#open.set(id, row)
      else ended.push([row.ended, id, row])
    }
    for (const [, id, row] of ended.sort(([a], [b]) => a - b)) this.#ended.set(id, row)
    const expired = this.#expired(0)
    await this.#remove(expired)
    return [...this.#open].map(([id, row]) => ({ id, ...row }))
  }

  get(id: string): CallRow | undefined {
    return this.#open.get(id) ?? this.#ended.get(id)
  }

  /** Writes down a call that is new; `began`: that it is about to be handed to its host. */
  async accept({ id, work, caller }: CallIdentity, at: number, began: boolean): Promise<void> {
    const row: CallRow = { work, caller, at, ended: null, began }
    const expired = this.#expired(0)
    await this.#rows.commit([this.#rows.putCall(id, row), ...expired.flatMap(old => this.#rows.remove(old))])
    for (const old of expired) this.#ended.delete(old)
    this.#open.set(id, row)
  }

  /** Writes down that a call which waited is about to be handed to its host. */
  async begin(id: string): Promise<void> {
    const row = this.#open.get(id)
    if (row === undefined || row.began) return
    const begun = { ...row, began: true }
    await this.#rows.commit([this.#rows.putCall(id, begun)])
    this.#open.set(id, begun)
  }

  /** Writes down how a call ended. */
  async end(id: string, outcome: Outcome, state: CallEvents['state']): Promise<void> {
    const row = this.#open.get(id)
    if (row === undefined) return
    const ended = { ...row, ended: this.#clock.now() }
    this.#ending++
    const expired = this.#expired(this.#ending)
    try {
      await this.#rows.commit([
        this.#rows.putCall(id, ended),
        this.#rows.putEnd(id, { outcome, state }),
        ...expired.flatMap(old => this.#rows.remove(old))
      ])
    } finally {
      this.#ending--
    }
    for (const old of expired) this.#ended.delete(old)
    this.#open.delete(id)
    this.#ended.set(id, ended)
  }

  /** How a call ended; undefined where it has not, or is not known. */
  endOf(id: string): Promise<EndRow | undefined> {
    return this.#rows.end(id)
  }

  /** What is past its time, or too many beside so many more. */
  #expired(more: number): string[] {
    const oldest = this.#clock.now() - CALL_KEPT_MS
    let tooMany = this.#ended.size + more - CALLS_KEPT_MAX
    const expired: string[] = []
    for (const [id, { ended }] of this.#ended) {
      if (tooMany <= 0 && (ended ?? 0) >= oldest) break
      expired.push(id)
      tooMany--
    }
    return expired
  }

  async #remove(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return
    await this.#rows.commit(ids.flatMap(id => this.#rows.remove(id)))
    for (const id of ids) this.#ended.delete(id)
  }
}

/** The rows in the store's database. */
export function callRows(database: Database): CallRows<Write> {
  const calls = database.table<CallRow>('calls')
  const ends = database.table<EndRow>('call-ends')
  return {
    calls: () => calls.iterator(),
    putCall: (id, row) => put(calls, id, row),
    end: id => lookUp(ends, id),
    putEnd: (id, row) => put(ends, id, row),
    remove: id => [del(calls, id), del(ends, id)],
    commit: writes => database.commit(writes)
  }
}
