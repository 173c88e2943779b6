// What lies on this node, and the order in which it comes to lie there: noted as partial, written, synced, renamed into
// `content/`, indexed, and at last held. Refuses to hold what it has not got whole, and to remove what somebody reads.
//
//   (nothing) ── startPartial ──> partial ── finish: sync, rename, index ──> held ── drop ──> trash ──> (nothing)
//                                    └────────────── a start after a crash ──────┘ (moved back; `finish` is done again)

import { chmod, mkdir, rename, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import type { Branches } from '../content/branches.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Random } from '../random.ts'
import { errno, PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { DISK_RESERVE_BYTES } from '../../proto/limits.ts'
import { bootId } from './boot.ts'
import { BranchTable } from './branch-table.ts'
import { ContentReader } from './content-reader.ts'
import { type Copier, diskCopier } from './copy-file.ts'
import { Database, del, put, type Table } from './database.ts'
import { Disposal, makeWritable } from './disposal.ts'
import { FilePool } from './file-pool.ts'
import { FileTable } from './file-table.ts'
import { type Holding, HoldingTable } from './holding-table.ts'
import { InlineTable } from './inline-table.ts'
import { KeptFolder } from './kept-folder.ts'
import { Leases } from './leases.ts'
import { Ledger } from './ledger.ts'
import { materialise } from './materialise.ts'
import { safeBasename } from './named.ts'
import { PartialTree } from './partial-tree.ts'
import { Unfinished } from './unfinished.ts'
import { Removals } from './removals.ts'
import { SourceTable } from './source-table.ts'

export interface StoreComponents {
  readonly data: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly copier?: Copier
}

/** What a transfer knows when it begins to write. */
export interface PartialOptions {
  /** What the file or directory is to be called; a person and a loader go by it. */
  readonly basename: string
  /** What it is a version of, in the words of the caller. */
  readonly of?: string | undefined
}

export interface Usage {
  readonly roots: number
  readonly inPlaceBytes: number
  readonly storedBytes: number
  readonly partialBytes: number
  readonly freeBytes: number
}

interface PartialRow {
  readonly basename: string
  readonly of?: string | undefined
  readonly boot: string
  readonly bytes: number
}

export class Store {
  readonly data: string
  readonly database: Database
  readonly branches: BranchTable
  readonly files: FileTable
  readonly sources: SourceTable
  readonly holdings: HoldingTable
  /** Small content that has no file. */
  readonly inline: InlineTable
  readonly leases: Leases
  /** Where versions of own content are kept. */
  readonly kept: KeptFolder
  readonly reader: ContentReader
  readonly pool = new FilePool()
  /** Every branch that is here, wrapped leaves included. */
  readonly blocks: Branches = { get: cid => this.reader.block(cid) }
  readonly #disposal: Disposal
  readonly #partials: Table<string, PartialRow>
  readonly #ledgers: Table<Uint8Array, Uint8Array>
  readonly #removals: Removals
  readonly #log: Log
  readonly #boot = bootId()

  private constructor(database: Database, { data, clock, random, log, copier = diskCopier }: StoreComponents) {
    this.data = data
    this.database = database
    this.#log = log
    this.branches = new BranchTable(database)
    this.files = new FileTable(database)
    this.sources = new SourceTable(database, this.files)
    this.holdings = new HoldingTable(database)
    this.inline = new InlineTable(database)
    this.leases = new Leases(database, clock, random)
    this.#disposal = new Disposal(database, data)
    this.#partials = database.table<PartialRow>('partials')
    this.#ledgers = database.bytesTable('ledgers')
    this.reader = new ContentReader({
      database,
      branches: this.branches,
      inline: this.inline,
      files: this.files,
      pool: this.pool,
      isHeld: path => this.holdings.covers(path),
      onRead: facts => {
        if (facts.class === 'kept') this.kept.read(facts.path)
      },
      onWithdrawn: facts =>
        log.warn('file withdrawn: it changed since it was shared', { path: facts.path, cid: facts.cid.toString() })
    })
    const { branches, blocks, files, sources, holdings, inline, leases } = this
    const tables = { database, branches, blocks, files, sources, holdings, inline, leases }
    this.#removals = new Removals({ ...tables, disposal: this.#disposal, log })
    const discard: Removals['discard'] = (folder, writes) => this.#removals.discard(folder, writes)
    this.kept = new KeptFolder({ database, data, clock, random, copier, discard })
  }

  /** Opens the data folder and finishes or undoes what a crash interrupted. IN_USE if another daemon has it. */
  static async open(components: StoreComponents): Promise<Store> {
    const { data } = components
    await mkdir(data, { recursive: true, mode: 0o700 })
    await chmod(data, 0o700)
    const store = new Store(await Database.open(data), components)
    await Promise.all([
      mkdir(join(data, 'content'), { recursive: true }),
      mkdir(join(data, 'partial'), { recursive: true })
    ])
    await store.files.open()
    await store.holdings.open()
    await store.#disposal.open()
    await store.kept.open()
    await store.#recover()
    return store
  }

  async close(): Promise<void> {
    await this.#removals.settled()
    await this.pool.close()
    await this.database.close()
  }

  // --- what is here ------------------------------------------------------------------------------------------------

  /** A holding of `root`, of those wanted, that can be reached now; one whose path is missing is unavailable, not gone. */
  async findHolding(root: CID, isWanted: (holding: Holding) => boolean = () => true): Promise<Holding | undefined> {
    for (const holding of this.holdings.of(root)) {
      if (!isWanted(holding)) continue
      const stats = await stat(holding.path).catch((error: unknown) => {
        const code = errno(error)
        if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return undefined
        throw toPathmeshError(error, `looking at ${holding.path}`)
      })
      if (stats !== undefined && stats.isDirectory() === (holding.kind === 'directory')) return holding
    }
    const inline = await this.#inlineHolding(root)
    return inline !== undefined && isWanted(inline) ? inline : undefined
  }

  /** Every holding of `root`, whether or not it can be reached now. */
  async holdingsOf(root: CID): Promise<Holding[]> {
    const inline = await this.#inlineHolding(root)
    return [...this.holdings.of(root), ...(inline === undefined ? [] : [inline])]
  }

  /** Whether somebody needs it for now: a program, a command that was given its path, or a peer that fetches it. */
  async isWanted({ root, class: kind, path }: Holding): Promise<boolean> {
    return (
      (await this.leases.isLeased(root)) || this.leases.isServed(root) || (kind === 'kept' && this.kept.isRead(path))
    )
  }

  async usage(): Promise<Usage> {
    let [inPlaceBytes, storedBytes, partialBytes] = [0, 0, 0]
    for (const holding of this.holdings.all()) {
      if (holding.class === 'in-place') inPlaceBytes += holding.size
      else storedBytes += holding.size
    }
    for await (const row of this.#partials.values()) partialBytes += row.bytes
    return { roots: this.holdings.size, inPlaceBytes, storedBytes, partialBytes, freeBytes: await this.freeBytes() }
  }

  /** Bytes that can still be written to the data folder. */
  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.data)
    return Math.max(0, bavail * bsize - DISK_RESERVE_BYTES)
  }

  /** NO_SPACE unless `bytes` can be written and the index still has room. */
  async needSpace(bytes: number): Promise<void> {
    const free = await this.freeBytes()
    if (bytes > free || free === 0) {
      throw new PathmeshError(
        'NO_SPACE',
        `${bytes} bytes are needed in ${this.data}, and ${free} are free: make room and run it again`,
        { details: { needed: bytes, free } }
      )
    }
  }

  // --- fetched content ---------------------------------------------------------------------------------------------

  /** Where a root is put together; one that was begun before is gone on with, under the name it had. */
  async startPartial(root: CID, { basename, of }: PartialOptions): Promise<PartialTree> {
    const key = root.toString()
    const begun = await this.#partials.get(key)
    const row = begun ?? { basename: safeBasename(basename, key), of, boot: this.#boot, bytes: 0 }
    // It keeps the start of the machine that it was begun in: what was not hashed again in this attempt is suspect in the next.
    await this.database.commit([put(this.#partials, key, row)])
    await mkdir(this.#partialFolder(root), { recursive: true })
    return this.#partial(root, row)
  }

  /** What transfers of other roots than this one wrote and did not finish. */
  unfinished(root: CID, signal: AbortSignal): Promise<Unfinished> {
    return Unfinished.of(this.#partialsBeside(root), this.blocks, signal)
  }

  async *#partialsBeside(root: CID): AsyncGenerator<PartialTree> {
    for await (const [key, row] of this.#partials.iterator()) {
      const other = CID.parse(key)
      if (!other.equals(root)) yield await this.#partial(other, row)
    }
  }

  async #partial(root: CID, row: PartialRow): Promise<PartialTree> {
    const ledger = new Ledger(await this.#ledgers.get(root.bytes))
    return new PartialTree(root, join(this.#partialFolder(root), row.basename), ledger, {
      pool: this.pool,
      suspect: row.boot !== this.#boot,
      bytes: row.bytes,
      note: async (bits, bytes) =>
        this.database.note([
          put(this.#ledgers, root.bytes, bits.toBytes()),
          put(this.#partials, root.toString(), { ...row, bytes })
        ])
    })
  }

  /** Makes a partial root, all of whose leaves have been written, into content that is held. See materialise.ts. */
  async finish(
    partial: PartialTree,
    size: number,
    signal?: AbortSignal,
    blocks: Branches = this.blocks
  ): Promise<Holding> {
    const { root } = partial
    const { branches, files, pool, database } = this
    const parts = { branches, blocks, files, pool, database }
    const { holding, obsolete } = await materialise(
      partial,
      this.#partialFolder(root),
      this.#contentFolder(root),
      parts,
      {
        size,
        signal
      }
    )
    const done = [del(this.#partials, root.toString()), del(this.#ledgers, root.bytes)]
    await database.commit([this.holdings.put(holding), ...done])
    this.holdings.remember(holding)
    if (obsolete.length > 0) await database.note(obsolete)
    return holding
  }

  /** Bytes of a root that an unfinished transfer has written. */
  async partialBytes(root: CID): Promise<number> {
    return (await this.#partials.get(root.toString()))?.bytes ?? 0
  }

  /** Forgets a transfer and what it wrote: so many bytes. Undefined if there is none. */
  async discardPartial(root: CID): Promise<number | undefined> {
    const row = await this.#partials.get(root.toString())
    if (row === undefined) return undefined
    await this.#removals.discard(this.#partialFolder(root), [
      del(this.#partials, root.toString()),
      del(this.#ledgers, root.bytes)
    ])
    return row.bytes
  }

  /**
   * Forgets what other versions of the same thing have written, but for those that `isWanted`: one of them is here now. Never rejects:
   * whoever wanted that one has it.
   */
  async discardOthers(root: CID, of: string, isWanted: (root: CID) => boolean): Promise<void> {
    try {
      for await (const [key, row] of this.#partials.iterator()) {
        const other = CID.parse(key)
        if (row.of === of && !other.equals(root) && !isWanted(other)) await this.discardPartial(other)
      }
    } catch (error) {
      this.#log.warn('what an earlier version left is not removed', { of, error })
    }
  }

  /**
   * Takes a root out: a managed or kept one is deleted, an in-place one is served no more (its files are not touched). What was
   * known of its files stays known, so that sharing them again need not read them, but only what is held is served.
   * IN_USE while a connected program reads it.
   */
  async remove(holding: Holding): Promise<void> {
    await this.#removals.remove(holding)
    if (holding.class === 'kept') this.kept.forget(holding.path)
  }

  /** A crash between the rename and the last row leaves content that nobody knows: it is partial again, and finished on demand. */
  async #recover(): Promise<void> {
    for await (const key of this.#partials.keys()) {
      const root = CID.parse(key)
      if (this.holdings.of(root).some(holding => holding.class === 'managed')) continue
      try {
        await rename(this.#contentFolder(root), this.#partialFolder(root))
        // An ordinary user cannot go on in directories that were made read-only.
        await makeWritable(this.#partialFolder(root))
      } catch (error) {
        if (errno(error) !== 'ENOENT') throw toPathmeshError(error, `going on with ${key}`)
      }
    }
  }

  async #inlineHolding(root: CID): Promise<Holding | undefined> {
    const size = (await this.inline.get(root))?.length
    return size === undefined ? undefined : { root, kind: 'file', size, entries: 1, class: 'inline', path: '' }
  }

  #partialFolder(root: CID): string {
    return join(this.data, 'partial', root.toString())
  }

  #contentFolder(root: CID): string {
    return join(this.data, 'content', root.toString())
  }
}
