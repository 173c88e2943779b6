// What must be so whatever happens, held against what is on the disks. It sees what was signed, what was acknowledged and
// what is written; it lives outside of the nodes, and shares no decision with them.

import type { CatalogueRecord } from '../../daemon/catalogue/record.ts'
import type { Content, Write } from './disk.ts'
import { textOf } from './disk.ts'

/** A promise was broken. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

/** A record that somebody signed. */
export interface Said {
  readonly record: CatalogueRecord
  readonly what: string
  /** Counts all that was signed by anybody. */
  readonly order: number
}

/** What whoever published was told is so. */
interface Acknowledged {
  readonly origin: string
  readonly name: string
  seq: number
  /** Signed no earlier than this. */
  order: number
}

export interface Watched {
  readonly id: string
  readonly isHonest: boolean
  readonly content: Content
  /** Its folder was a backup once. */
  readonly wasRestored: boolean
}

export class Oracle {
  readonly #said = new Map<string, Said>()
  readonly #numbers = new Map<string, string>()
  readonly #acknowledged = new Map<string, Acknowledged>()
  readonly #read = new Map<string, number>()

  /** Hears of each record that is signed, with what it says of its name. */
  signed(bytes: Uint8Array, record: CatalogueRecord): void {
    const key = textOf(bytes)
    if (!this.#said.has(key)) this.#said.set(key, { record, what: whatOf(record), order: this.#said.size })
  }

  /** Looks at what is about to be written to the disk of an honest node. */
  writes(node: Watched, writes: readonly Write[]): void {
    if (!node.isHonest) return
    for (const { table, key, value } of writes) {
      if (value === undefined || (table !== 'newest' && table !== 'history')) continue
      const said = this.#saidAs(node, value)
      if (table === 'newest') this.#newest(node, key, said, value)
    }
  }

  /** Hears of what a node told its own user is done. */
  acknowledged(node: Watched, { name, seq, number }: CatalogueRecord): void {
    if (!node.isHonest) return
    const key = `${name}\0${node.id}`
    const bytes = node.content.tables.newest.get(Buffer.from(key).toString('latin1'))
    const kept = bytes === undefined ? undefined : this.#saidAs(node, bytes)
    if (kept === undefined || kept.record.seq < seq)
      throw new Violation(`${node.id} acknowledged ${name} ${seq} (number ${number}), and it is not on its disk`)
    const before = this.#acknowledged.get(key)
    const order = kept.order
    this.#acknowledged.set(key, { origin: node.id, name, seq: Math.max(seq, before?.seq ?? 0), order })
  }

  /** Hears that a disk was rolled back: what is nowhere any more cannot be asked for. */
  rolledBack(disks: readonly Watched[]): void {
    for (const acknowledged of this.#acknowledged.values()) {
      const key = Buffer.from(`${acknowledged.name}\0${acknowledged.origin}`).toString('latin1')
      let [seq, order] = [0, 0]
      for (const node of disks) {
        const bytes = node.isHonest ? node.content.tables.newest.get(key) : undefined
        const said = bytes === undefined ? undefined : this.#saidAs(node, bytes)
        if (said === undefined || said.record.seq < seq) continue
        order = said.record.seq === seq ? Math.min(order, said.order) : said.order
        seq = said.record.seq
      }
      if (seq >= acknowledged.seq && order >= acknowledged.order) continue
      acknowledged.seq = Math.min(acknowledged.seq, seq)
      acknowledged.order = Math.min(acknowledged.order, order)
    }
    this.#read.clear()
  }

  /** Hears of what a reader of a node was told. */
  read(node: Watched, life: number, { name, origin, seq }: CatalogueRecord): void {
    if (!node.isHonest) return
    const key = `${node.id}\0${name}\0${origin}`
    const before = this.#read.get(key) ?? 0
    if (seq < before) throw new Violation(`${node.id} (life ${life}) read ${name} ${seq} after ${before}`)
    this.#read.set(key, seq)
  }

  /** What keeps the honest nodes from being the same; undefined if they are. */
  difference(nodes: readonly Watched[], origins: ReadonlySet<string>): string | undefined {
    const honest = nodes.filter(({ isHonest }) => isHonest)
    const [first, ...others] = honest
    if (first === undefined) return undefined
    for (const origin of origins) {
      const head = first.content.heads.get(origin)
      for (const { id, content } of others) {
        const other = content.heads.get(origin)
        if (
          head?.number === other?.number &&
          head?.names === other?.names &&
          head?.records === other?.records &&
          textOf(head?.digest ?? EMPTY) === textOf(other?.digest ?? EMPTY)
        )
          continue
        return `${first.id} is at ${head?.number} of ${origin} with ${head?.records} records, ${id} at ${other?.number} with ${other?.records}`
      }
    }
    return undefined
  }

  /** After all has become quiet: the same records everywhere, and every acknowledged one or a later one among them. */
  atRest(nodes: readonly Watched[], origins: ReadonlySet<string>): void {
    const honest = nodes.filter(({ isHonest }) => isHonest)
    const [first] = honest
    if (first === undefined) return
    const all = this.#newestOf(first, origins)
    for (const node of honest) {
      const own = this.#newestOf(node, origins)
      for (const [key, said] of all)
        if (own.get(key) !== said) throw new Violation(`${node.id} and ${first.id} differ in ${shown(key)}`)
      if (own.size !== all.size) throw new Violation(`${node.id} has ${own.size} names, ${first.id} ${all.size}`)
    }
    for (const [key, { seq, order }] of this.#acknowledged) {
      const said = all.get(Buffer.from(key).toString('latin1'))
      if (said === undefined) {
        if (seq > 0) throw new Violation(`${shown(key)} was acknowledged as ${seq}, and is nowhere`)
        continue
      }
      if (said.record.seq < seq)
        throw new Violation(`${shown(key)} was acknowledged as ${seq}, and is ${said.record.seq} everywhere`)
      if (said.order < order)
        throw new Violation(`${shown(key)} became what it was before the last acknowledged one: ${said.what}`)
    }
  }

  #newestOf({ content }: Watched, origins: ReadonlySet<string>): Map<string, Said | undefined> {
    const found = new Map<string, Said | undefined>()
    for (const [key, value] of content.tables.newest.entries()) {
      const said = this.#said.get(textOf(value))
      if (said !== undefined && origins.has(said.record.origin)) found.set(key, said)
    }
    return found
  }

  #saidAs(node: Watched, bytes: Uint8Array): Said {
    const said = this.#said.get(textOf(bytes))
    if (said === undefined) throw new Violation(`${node.id} keeps a record that nobody said`)
    return said
  }

  #newest(node: Watched, key: string, { record }: Said, value: Uint8Array): void {
    if (textOf(Buffer.from(`${record.name}\0${record.origin}`)) !== key)
      throw new Violation(`${node.id} keeps a record under the name of another: ${shown(key)}`)
    const before = node.content.tables.newest.get(key)
    const known = before === undefined ? undefined : this.#saidAs(node, before).record
    if (known !== undefined && known.seq > record.seq)
      throw new Violation(`${node.id} goes back from ${known.seq} to ${record.seq} of ${shown(key)}`)
    if (record.origin !== node.id || node.wasRestored) return
    const number = `${node.id} ${record.number}`
    const bytes = textOf(value)
    const taken = this.#numbers.get(number)
    if (taken !== undefined && taken !== bytes) throw new Violation(`${node.id} uses its number ${record.number} twice`)
    this.#numbers.set(number, bytes)
  }
}

const EMPTY = new Uint8Array(0)
const shown = (key: string): string => key.replace('\0', ' of ')

function whatOf(record: CatalogueRecord): string {
  return record.type === 'version' ? `${record.type} ${record.root.toString()}` : record.type
}
