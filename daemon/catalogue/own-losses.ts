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
  /** Numbers that were given in this life, from the one to the other. Those between them were shown by others. */
  readonly #given: { readonly from: number; to: number }[] = []
  /** Hashes of records that were shown by others, and have such a number. */
  readonly #shown = new Set<string>()
  /** Above this number nobody may have heard of what an earlier life has said. */
  #unheard = 0

  constructor(records: Records<Write>, self: string) {
    this.#records = records
    this.#self = self
  }

  /** `heard`: up to this number somebody else has what was said in an earlier life. */
  open(heard: number): void {
    this.#unheard = heard
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

  /** What has changed because others have shown it; and, among that, what was said again because of it. */
  adopted(changes: readonly Signed[], again: readonly Signed[]): void {
    for (const { record, hash } of changes)
      if (this.#isGiven(record.number)) this.#shown.add(Buffer.from(hash).toString('latin1'))
    for (const { record } of again) {
      this.#give(record.number)
      this.#again.set(record.name, (this.#again.get(record.name) ?? 0) + 1)
    }
  }

  /** Something new is published. */
  saidAnew(said: readonly Signed[]): void {
    for (const { record } of said) {
      this.#give(record.number)
      this.#again.delete(record.name)
    }
  }

  #give(number: number): void {
    const last = this.#given.at(-1)
    if (last !== undefined && number >= last.from && number <= last.to + 1) last.to = Math.max(last.to, number)
    else this.#given.push({ from: number, to: number })
  }

  #isGiven(number: number): boolean {
    return this.#given.some(({ from, to }) => number >= from && number <= to)
  }

  /** What an earlier life said and is later replaced has been heard of, and the note of it was lost. */
  #isSince({ record, hash }: Signed, incoming: Signed): boolean {
    if (this.#isGiven(record.number)) return !this.#shown.has(Buffer.from(hash).toString('latin1'))
    return record.number > this.#unheard && record.time > incoming.record.time
  }

  #loses(own: Signed, incoming: Signed): boolean {
    return isNewer(incoming, own) && (this.#again.get(own.record.name) ?? 0) < AGAIN_MAX
  }
}
