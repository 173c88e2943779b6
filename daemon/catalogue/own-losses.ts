// Own records that lose their place to others of this node, which it had lost or which somebody with its key has made: those
// that nobody may have heard of are to be said again. Refuses to do so for ever: two with one key would never agree.

import { isNewer, isSame, type NameRecord, type Signed } from './record.ts'
import type { Records } from './records.ts'

/** How often what was published under one name is said again, until it is published anew. */
const AGAIN_MAX = 8

export class OwnLosses<Write> {
  readonly #records: Records<Write>
  readonly #self: string
  readonly #again = new Map<string, number>()
  /** Own records above the one number were made in this life; above the other nobody may have heard of them. */
  #born = 0
  #unheard = 0

  constructor(records: Records<Write>, self: string) {
    this.#records = records
    this.#self = self
  }

  /** `heard`: up to this number somebody else has what was said in an earlier life. */
  open(heard: number): void {
    this.#unheard = heard
    this.#born = this.#records.head(this.#self).number
  }

  /** What was said here since, and `incoming` takes the place or the number of. */
  async of(incoming: readonly Signed[]): Promise<NameRecord[]> {
    const lost = new Map<string, NameRecord>()
    for (const signed of incoming) {
      const { name, number } = signed.record
      const own = await this.#records.get(name, this.#self)
      const rivals = own === undefined ? [] : [own]
      for await (const other of this.#records.withNumbers(this.#self, [number])) rivals.push(other)
      for (const rival of rivals) {
        const { record } = rival
        if (isSame(rival, signed) || !this.#isSince(rival, signed)) continue
        const loses = record.name === name ? this.#loses(rival, signed) : Buffer.compare(signed.hash, rival.hash) < 0
        // A node tells of itself again when it starts, and claims a work again when it is opened.
        if (loses && (record.type === 'version' || record.type === 'retirement')) lost.set(record.name, record)
      }
    }
    return [...lost.values()]
  }

  saidAgain(names: readonly NameRecord[]): void {
    for (const { name } of names) this.#again.set(name, (this.#again.get(name) ?? 0) + 1)
  }

  /** Something new was published under it. */
  saidAnew(name: string): void {
    this.#again.delete(name)
  }

  /** What an earlier life said and is later replaced has been heard of, and the note of it was lost. */
  #isSince({ record }: Signed, incoming: Signed): boolean {
    if (record.number > this.#born) return true
    return record.number > this.#unheard && record.time > incoming.record.time
  }

  #loses(own: Signed, incoming: Signed): boolean {
    return isNewer(incoming, own) && (this.#again.get(own.record.name) ?? 0) < AGAIN_MAX
  }
}
