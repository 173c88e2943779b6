// Records on their way into the tables: which of them are newer than what is known, what becomes of those whose place they
// take, and what it makes of heads. Refuses numbers that nobody reaches by counting, and more names than an origin may have.

import { PathmeshError } from '../../proto/errors.ts'
import { CONFLICTS_MAX, FEED_ROWS, HISTORY_RECORDS, NUMBER_STEP_MAX, ORIGIN_NAMES_MAX } from '../../proto/limits.ts'
import { agrees, type OriginHead, toggled } from './head.ts'
import {
  nameKey,
  numberKey,
  numbersFrom,
  ofNumber,
  ofOriginsName,
  readNumberKey,
  readSeq,
  seqKey,
  startingWith,
  uint64
} from './keys.ts'
import { isNewer, isSame, type Signed, trustedRecord } from './record.ts'
import type { CatalogueTables } from './tables.ts'

/** To which number the records of an origin are complete; given a digest, only if it is that of the records then. */
export interface Raise {
  readonly origin: string
  readonly number: number
  readonly digest?: Uint8Array
}

/** One write of several records, each seen by the next as if it were there already. */
export class Batch<Write> {
  readonly #tables: CatalogueTables<Write>
  readonly #headBefore: (origin: string) => OriginHead
  readonly #known = new Map<string, Signed>()
  readonly #heads = new Map<string, OriginHead>()
  readonly #highest = new Map<string, number>()
  /** The highest number of an origin in the table. */
  readonly #last: Map<string, number>
  /** By number and origin. */
  readonly #numbered = new Map<string, Signed>()
  /** By name and origin, the numbers of earlier records, ascending. */
  readonly #histories = new Map<string, number[]>()
  /** By what they are kept under. */
  readonly #proofs = new Map<string, number>()
  readonly #writes: Write[] = []
  readonly #changes: Signed[] = []
  #position: number
  #proved = false

  /** `last`: what is known of the highest numbers; what is found out is added. */
  constructor(
    tables: CatalogueTables<Write>,
    headBefore: (origin: string) => OriginHead,
    { position, last }: { readonly position: number; readonly last: Map<string, number> }
  ) {
    this.#tables = tables
    this.#headBefore = headBefore
    this.#position = position
    this.#last = last
  }

  async load(incoming: readonly Signed[]): Promise<void> {
    const keys = incoming.map(({ record }) => nameKey(record.name, record.origin))
    for (const [i, bytes] of (await this.#tables.newest.getMany(keys)).entries()) {
      const key = keys[i]?.toString('latin1')
      if (bytes !== undefined && key !== undefined) this.#known.set(key, trustedRecord(bytes))
    }
  }

  async add(signed: Signed): Promise<void> {
    const { name, origin, number, seq } = signed.record
    const key = nameKey(name, origin).toString('latin1')
    const known = this.#known.get(key)
    const head = this.#head(origin)
    const highest = Math.max(head.number, this.#highest.get(origin) ?? 0)
    if (number > highest + NUMBER_STEP_MAX)
      throw new PathmeshError(
        'CORRUPT',
        `a record was refused: ${origin} is at ${head.number}, and it jumps to ${number}`
      )
    this.#highest.set(origin, Math.max(number, highest))
    if (known !== undefined && isSame(known, signed)) return
    await this.#contest(signed)
    if (known !== undefined && (known.record.seq === seq || known.record.number === number))
      await this.#prove(signed, known)
    if (known !== undefined && !isNewer(signed, known)) return
    if (known === undefined && head.records >= ORIGIN_NAMES_MAX)
      throw new PathmeshError('TOO_LARGE', `${origin} has ${ORIGIN_NAMES_MAX} names, and no more are kept`)
    await this.#replace(signed, known)
    this.#known.set(key, signed)
    this.#heads.set(origin, {
      number: head.number,
      digest: toggled(head.digest, signed.hash, ...(known === undefined ? [] : [known.hash])),
      records: head.records + (known === undefined ? 1 : 0),
      names: head.names + counts(signed) - (known === undefined ? 0 : counts(known))
    })
  }

  /** No further than a signed record reaches: what a peer merely says of a number is not believed. */
  async raise({ origin, number, digest }: Raise): Promise<void> {
    const head = this.#head(origin)
    if (number <= head.number || (digest !== undefined && !agrees(head, { number, digest }))) return
    const highest = Math.max(this.#highest.get(origin) ?? 0, await this.#lastNumber(origin))
    const reached = Math.min(number, highest)
    if (reached > head.number) this.#heads.set(origin, { ...head, number: reached })
  }

  end(): {
    writes: Write[]
    heads: Map<string, OriginHead>
    changes: Signed[]
    highest: ReadonlyMap<string, number>
    position: number
    proved: boolean
  } {
    for (const [origin, head] of this.#heads) this.#writes.push(this.#tables.heads.put(origin, head))
    return {
      writes: this.#writes,
      heads: this.#heads,
      changes: this.#changes,
      highest: this.#highest,
      position: this.#position,
      proved: this.#proved
    }
  }

  #head(origin: string): OriginHead {
    return this.#heads.get(origin) ?? this.#headBefore(origin)
  }

  async #replace(signed: Signed, known: Signed | undefined): Promise<void> {
    const { newest, numbers, feed } = this.#tables
    const { name, origin, number, seq, type } = signed.record
    this.#changes.push(signed)
    if (known !== undefined) {
      this.#writes.push(numbers.del(numberKey(origin, known.record.number, name)))
      if (type === 'version' || type === 'retirement') {
        await this.#remember(known)
      }
    }
    this.#writes.push(newest.put(nameKey(name, origin), signed.bytes))
    this.#writes.push(numbers.put(numberKey(origin, number, name), signed.hash))
    if (type !== 'version' && type !== 'retirement') return
    const position = ++this.#position
    this.#writes.push(feed.put(uint64(position), seqKey(name, origin, seq)))
    if (position > FEED_ROWS) this.#writes.push(feed.del(uint64(position - FEED_ROWS)))
  }

  /** Among the earlier records of its name, of which the oldest are let go. */
  async #remember({ record: { name, origin, seq }, bytes }: Signed): Promise<void> {
    const { history } = this.#tables
    const key = nameKey(name, origin).toString('latin1')
    const seqs = this.#histories.get(key) ?? []
    if (seqs.length === 0)
      for await (const [row] of history.iterator(ofOriginsName(name, origin))) seqs.push(readSeq(row))
    this.#histories.set(key, seqs)
    if (seqs.at(-1) !== seq) seqs.push(seq)
    this.#writes.push(history.put(seqKey(name, origin, seq), bytes))
    for (const old of seqs.splice(0, seqs.length - HISTORY_RECORDS))
      this.#writes.push(history.del(seqKey(name, origin, old)))
  }

  /** Another name that has this number; a number above all others is not looked for in the table. */
  async #contest(signed: Signed): Promise<void> {
    const { origin, number, name } = signed.record
    const twin = this.#numbered.get(`${number} ${origin}`)
    this.#numbered.set(`${number} ${origin}`, signed)
    if (twin !== undefined && twin.record.name !== name) await this.#prove(signed, twin)
    if (number > (await this.#lastNumber(origin))) return
    for await (const [key] of this.#tables.numbers.iterator({ ...ofNumber(origin, number), limit: CONFLICTS_MAX })) {
      const other = readNumberKey(key, origin).name
      const bytes = other === name ? undefined : await this.#tables.newest.get(nameKey(other, origin))
      const found = bytes === undefined ? undefined : trustedRecord(bytes)
      if (found?.record.number === number) await this.#prove(signed, found)
    }
  }

  async #lastNumber(origin: string): Promise<number> {
    let last = this.#last.get(origin)
    if (last !== undefined) return last
    last = 0
    for await (const [key] of this.#tables.numbers.iterator({ ...numbersFrom(origin, 0), reverse: true, limit: 1 }))
      last = readNumberKey(key, origin).number
    this.#last.set(origin, last)
    return last
  }

  /** Both are kept, under both names: a key that signs two records with one number is used twice. */
  async #prove(a: Signed, b: Signed): Promise<void> {
    const { conflicts } = this.#tables
    this.#proved = true
    for (const { record } of [a, b]) {
      const at = seqKey(record.name, record.origin, record.seq)
      let known = this.#proofs.get(at.toString('latin1')) ?? 0
      if (known === 0) for await (const _ of conflicts.iterator({ ...startingWith(at), limit: CONFLICTS_MAX })) known++
      if (known >= CONFLICTS_MAX) continue
      this.#proofs.set(at.toString('latin1'), known + 2)
      for (const { hash, bytes } of [a, b]) this.#writes.push(conflicts.put(Buffer.concat([at, hash]), bytes))
    }
  }
}

const counts = ({ record }: Signed): number => (record.type === 'version' ? 1 : 0)
