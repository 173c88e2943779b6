// Which roots lie here whole, and where. A holding is the promise behind "acknowledged": its row is written last.

import { dirname } from 'node:path'
import { CID } from 'multiformats/cid'
import type { Database, Table, Write } from './database.ts'
import { del, put } from './database.ts'
import type { FileClass } from './file-table.ts'

export interface Holding {
  readonly root: CID
  readonly kind: 'file' | 'directory'
  /** Logical bytes of all its files. */
  readonly size: number
  /** Files, directories and links, the root included. */
  readonly entries: number
  /** `inline`: it lies in the index itself, at no path, and has no row here. */
  readonly class: FileClass | 'inline'
  /** The file or directory itself; '' of an inline one. */
  readonly path: string
  /** Of a kept one: what it is a version of. */
  readonly source?: string
}

interface HoldingRow extends Omit<Holding, 'root'> {
  readonly root: string
}

export class HoldingTable {
  readonly #holdings: Table<string, HoldingRow>
  /** Kept in memory as well: a row costs some 200 bytes, and every question of a peer asks here. */
  readonly #known = new Map<string, Map<string, Holding>>()
  /** Those that lie at each path. */
  readonly #paths = new Map<string, Set<Holding>>()
  #size = 0

  constructor(database: Database) {
    this.#holdings = database.table<HoldingRow>('holdings')
  }

  async open(): Promise<void> {
    for await (const row of this.#holdings.values()) this.#remember({ ...row, root: CID.parse(row.root) })
  }

  /** Holdings of one root: several where the same content is shared from several places. */
  of(root: CID): Holding[] {
    return [...(this.#known.get(root.toString())?.values() ?? [])]
  }

  /** Holdings at one path: several where it is shared in several ways, or was overwritten. */
  at(path: string): Holding[] {
    return [...(this.#paths.get(path) ?? [])]
  }

  *all(): Generator<Holding> {
    for (const holdings of this.#known.values()) yield* holdings.values()
  }

  /** Whether a file lies in something that is held: only then is it served. */
  covers(path: string): boolean {
    for (let at = path; ; at = dirname(at)) {
      if (this.#paths.has(at)) return true
      if (at === dirname(at)) return false
    }
  }

  get size(): number {
    return this.#size
  }

  /** The write of a new holding; call `remember` once it is on the disk. */
  put(holding: Holding): Write {
    return put(this.#holdings, rowKey(holding), { ...holding, root: holding.root.toString() })
  }

  delete(holding: Holding): Write {
    return del(this.#holdings, rowKey(holding))
  }

  remember(holding: Holding): void {
    this.#remember(holding)
  }

  forget(holding: Holding): void {
    const root = holding.root.toString()
    const holdings = this.#known.get(root)
    const known = holdings?.get(holding.path)
    if (known !== undefined) {
      this.#size--
      holdings?.delete(holding.path)
      this.#leave(known)
    }
    if (holdings?.size === 0) this.#known.delete(root)
  }

  #remember(holding: Holding): void {
    const root = holding.root.toString()
    const holdings = this.#known.get(root) ?? new Map<string, Holding>()
    const before = holdings.get(holding.path)
    if (before === undefined) this.#size++
    else this.#leave(before)
    const beside = this.#paths.get(holding.path) ?? new Set<Holding>()
    this.#paths.set(holding.path, beside.add(holding))
    holdings.set(holding.path, holding)
    this.#known.set(root, holdings)
  }

  #leave(holding: Holding): void {
    const beside = this.#paths.get(holding.path)
    beside?.delete(holding)
    if (beside?.size === 0) this.#paths.delete(holding.path)
  }
}

const rowKey = ({ root, path }: Holding): string => `${root.toString()} ${path}`
