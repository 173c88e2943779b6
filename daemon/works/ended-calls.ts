// The index of calls that ended and whose outcomes are kept, in the order in which they ended: which of them are past their day, and
// which are too many. No caller costs another its outcomes before it has more of them than that one.

import { CALL_KEPT_MS, CALLS_KEPT_ALL_MAX, CALLS_KEPT_MAX } from '../../proto/limits.ts'
import type { CallRow } from './call-table.ts'

export type EndedCall = readonly [id: string, row: CallRow]

export class EndedCalls {
  readonly #rows = new Map<string, CallRow>()
  /** By caller, in the same order. */
  readonly #ids = new Map<string, Set<string>>()

  get(id: string): CallRow | undefined {
    return this.#rows.get(id)
  }

  add(id: string, row: CallRow): void {
    this.#rows.set(id, row)
    const ids = this.#ids.get(row.caller) ?? new Set<string>()
    this.#ids.set(row.caller, ids.add(id))
  }

  delete(id: string): void {
    const caller = this.#rows.get(id)?.caller ?? ''
    const ids = this.#ids.get(caller)
    this.#rows.delete(id)
    ids?.delete(id)
    if (ids?.size === 0) this.#ids.delete(caller)
  }

  /** Those that are past their day. */
  expired(now: number): EndedCall[] {
    const expired: EndedCall[] = []
    for (const [id, row] of this.#rows) {
      if ((row.ended ?? 0) >= now - CALL_KEPT_MS) break
      expired.push([id, row])
    }
    return expired
  }

  /** One that is too many: the oldest of a caller that has too many, or, where all together have, of who has the most. */
  excess(): EndedCall | undefined {
    const isFull = this.#rows.size > CALLS_KEPT_ALL_MAX
    let most: ReadonlySet<string> = new Set()
    for (const ids of this.#ids.values()) if (ids.size > most.size) most = ids
    if (!isFull && most.size <= CALLS_KEPT_MAX) return undefined
    const [id = ''] = most
    const row = this.#rows.get(id)
    return row === undefined ? undefined : [id, row]
  }
}
