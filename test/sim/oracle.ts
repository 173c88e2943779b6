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

/** What was asked of a node for a name, and is not known to have been done or refused. */
interface Wish {
  readonly life: number
  readonly what: string
}

/** What whoever published was told is so. */
interface Acknowledged {
  readonly origin: string
  readonly name: string
  seq: number
  /** The last that was acknowledged; undefined where a backup took it away. */
  what: string | undefined
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
  readonly #wishes = new Map<string, Map<number, Wish>>()
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

  /** Hears of what a node is asked to say of one of its names. */
  wished(node: Watched, life: number, name: string, wish: number, what: string): void {
    const key = `${name}\0${node.id}`
    const wishes = this.#wishes.get(key) ?? new Map<number, Wish>()
    wishes.set(wish, { life, what })
    this.#wishes.set(key, wishes)
  }

  refused(node: Watched, name: string, wish: number): void {
    this.#wishes.get(`${name}\0${node.id}`)?.delete(wish)
  }

  /** Hears of what a node told its own user is done. */
  acknowledged(node: Watched, life: number, { name, seq }: { name: string; seq: number }, wish: number): void {
    if (!node.isHonest) return
    const key = `${name}\0${node.id}`
    const bytes = node.content.tables.newest.get(textOf(Buffer.from(key)))
    const kept = bytes === undefined ? undefined : this.#saidAs(node, bytes)
    if (kept === undefined || kept.record.seq < seq)
      throw new Violation(`${node.id} acknowledged ${name} ${seq}, and it is not on its disk`)
    const before = this.#acknowledged.get(key)
    const what = this.#wishes.get(key)?.get(wish)?.what ?? kept.what
    this.#acknowledged.set(key, {
      origin: node.id,
      name,
      seq: Math.max(seq, before?.seq ?? 0),
      what,
      order: kept.order
    })
    const wishes = this.#wishes.get(key) ?? new Map<number, Wish>()
    for (const [other, { life: then }] of wishes) if (other === wish || then < life) wishes.delete(other)
  }

  /** Hears that a disk was rolled back: what is nowhere any more cannot be asked for. */
  rolledBack(disks: readonly Watched[]): void {
    for (const acknowledged of this.#acknowledged.values()) {
      const key = textOf(Buffer.from(`${acknowledged.name}\0${acknowledged.origin}`))
      const left = disks.flatMap(node => {
        const bytes = node.isHonest ? node.content.tables.newest.get(key) : undefined
        return bytes === undefined ? [] : [this.#saidAs(node, bytes)]
      })
      acknowledged.seq = Math.min(
        acknowledged.seq,
        left.reduce((most, { record }) => Math.max(most, record.seq), 0)
      )
      if (left.some(({ order }) => order >= acknowledged.order)) continue
      acknowledged.order = 0
      acknowledged.what = undefined
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
      const number = node.content.heads.get(node.id)?.number ?? 0
      for (const said of own.values())
        if (said?.record.origin === node.id && said.record.number > number)
          throw new Violation(`${node.id} counts on from ${number}, and ${said.record.number} is taken`)
      for (const [key, said] of all)
        if (own.get(key) !== said) throw new Violation(`${node.id} and ${first.id} differ in ${shown(key)}`)
      if (own.size !== all.size) throw new Violation(`${node.id} has ${own.size} names, ${first.id} ${all.size}`)
    }
    for (const [key, { seq, order, what }] of this.#acknowledged) {
      const said = all.get(textOf(Buffer.from(key)))
      if (said === undefined) {
        if (seq > 0) throw new Violation(`${shown(key)} was acknowledged as ${seq}, and is nowhere`)
        continue
      }
      if (said.record.seq < seq)
        throw new Violation(`${shown(key)} was acknowledged as ${seq}, and is ${said.record.seq} everywhere`)
      if (said.order < order)
        throw new Violation(`${shown(key)} became what it was before the last acknowledged one: ${said.what}`)
      const wished = [...(this.#wishes.get(key)?.values() ?? [])]
      if (what !== undefined && said.what !== what && !wished.some(wish => wish.what === said.what))
        throw new Violation(`${shown(key)} was acknowledged as ${what}, and is ${said.what}`)
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

/** What a record says, without its numbers. */
export function whatOf(record: CatalogueRecord): string {
  if (record.type === 'version') return `version ${record.root.toString()}`
  return record.type === 'claim' ? `claim ${record.epoch}` : record.type
}
