// The calls that this node accepted, and how they ended, on disk: what makes an id mean one call, also after a kill. Ends are kept for
// a day, and so many of each caller; of those that go before, a note stays for the rest of it, so that none runs a second time. An
// index of the calls whose ends are kept, without what they brought, is in memory.

import { CALL_NOTES_MAX } from '../../proto/limits.ts'
import type { CallEvents, Outcome } from '../../proto/works-api.ts'
import type { Clock } from '../clock.ts'
import { type Database, del, lookUp, put, type Write } from '../store/database.ts'
import type { CallIdentity } from './call.ts'
import { type DayRows, dayRows, DayTable } from './day-table.ts'
import { EndedCalls } from './ended-calls.ts'

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
  /** The same, but that a crash of the machine may lose it. */
  note(writes: readonly W[]): Promise<void>
  /** Calls that ended, and whose ends are no longer kept. */
  readonly notes: DayRows<CallRow>
}

export interface KnownCall extends CallRow {
  readonly id: string
}

export class CallTable<W> {
  readonly #rows: CallRows<W>
  readonly #clock: Pick<Clock, 'now'>
  readonly #open = new Map<string, CallRow>()
  readonly #ended = new EndedCalls()
  readonly #notes: DayTable<CallRow>
  #lettingGo: Promise<void> = Promise.resolve()

  constructor(rows: CallRows<W>, clock: Pick<Clock, 'now'>) {
    this.#rows = rows
    this.#clock = clock
    this.#notes = new DayTable(rows.notes, clock, CALL_NOTES_MAX)
  }

  /** Reads the index, and removes what is past its time. The calls that had not ended. */
  async open(): Promise<KnownCall[]> {
    const ended: [number, string, CallRow][] = []
    for await (const [id, row] of this.#rows.calls()) {
      if (row.ended === null) this.#open.set(id, row)
      else ended.push([row.ended, id, row])
    }
    for (const [, id, row] of ended.sort(([a], [b]) => a - b)) this.#ended.add(id, row)
    await this.#notes.open()
    await this.#letGo()
    return [...this.#open].map(([id, row]) => ({ id, ...row }))
  }

  /** A call by its id, ended or not. One that ended, and that `endOf` does not know, is noted alone. */
  async find(id: string): Promise<CallRow | undefined> {
    return this.#open.get(id) ?? this.#ended.get(id) ?? (await this.#notes.get(id))
  }

  /** Writes down a call that is new; `began`: that it is about to be handed to its host. */
  async accept({ id, work, caller }: CallIdentity, at: number, began: boolean): Promise<void> {
    const row: CallRow = { work, caller, at, ended: null, began }
    await this.#rows.commit([this.#rows.putCall(id, row)])
    this.#open.set(id, row)
    await this.#letGoInTurn()
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
    await this.#rows.commit([this.#rows.putCall(id, ended), this.#rows.putEnd(id, { outcome, state })])
    this.#open.delete(id)
    this.#ended.add(id, ended)
    await this.#letGoInTurn()
  }

  /** How a call ended; undefined where it has not, is not known, or was let go of. */
  endOf(id: string): Promise<EndRow | undefined> {
    return this.#rows.end(id)
  }

  #letGoInTurn(): Promise<void> {
    // What was asked for is on the disk; where this fails, the next call tries it again.
    this.#lettingGo = this.#lettingGo.then(() => this.#letGo()).catch(() => undefined)
    return this.#lettingGo
  }

  /** Removes what is past its day, and leaves a note of what is too much. In memory last: until then it is found there. */
  async #letGo(): Promise<void> {
    const expired = this.#ended.expired(this.#clock.now())
    if (expired.length > 0) await this.#rows.note(expired.flatMap(([id]) => this.#rows.remove(id)))
    for (const [id] of expired) this.#ended.delete(id)
    for (let excess = this.#ended.excess(); excess !== undefined; excess = this.#ended.excess()) {
      const [id, row] = excess
      await this.#notes.note(id, row, row.ended ?? this.#clock.now())
      await this.#rows.note(this.#rows.remove(id))
      this.#ended.delete(id)
    }
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
    commit: writes => database.commit(writes),
    note: writes => database.note(writes),
    notes: dayRows(database, 'call-notes')
  }
}
