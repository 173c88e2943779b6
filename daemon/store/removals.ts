// How what is held goes: out of the index at once, out of the way by a rename, its files and rows piece by piece behind.
// Refuses what a connected program reads.

import { dirname, join } from 'node:path'
import type { CID } from 'multiformats/cid'
import type { Branches } from '../content/branches.ts'
import { walkTree } from '../content/walk.ts'
import type { Log } from '../log.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { INDEX_LOOKUPS } from '../../proto/limits.ts'
import type { BranchTable } from './branch-table.ts'
import type { Database, Write } from './database.ts'
import type { Disposal } from './disposal.ts'
import type { FileTable } from './file-table.ts'
import type { Holding, HoldingTable } from './holding-table.ts'
import type { InlineTable } from './inline-table.ts'
import type { Leases } from './leases.ts'
import { digestsOf } from './materialise.ts'
import type { SourceTable } from './source-table.ts'

export interface RemovalsComponents {
  readonly database: Database
  readonly branches: BranchTable
  /** Branches that are made from files as well. */
  readonly blocks: Branches
  readonly files: FileTable
  readonly sources: SourceTable
  readonly holdings: HoldingTable
  readonly inline: InlineTable
  readonly leases: Leases
  readonly disposal: Disposal
  readonly log: Log
}

interface HeldFile {
  readonly path: string
  /** Of a kept file: what it is a version of. */
  readonly source: string | undefined
  readonly cid: CID
}

export class Removals {
  readonly #parts: RemovalsComponents
  /** Removals whose files are still being deleted. */
  readonly #clearing = new Set<Promise<void>>()

  constructor(parts: RemovalsComponents) {
    this.#parts = parts
  }

  /** See `Store.remove`. */
  async remove(holding: Holding): Promise<void> {
    const { database, holdings, inline, leases, files, disposal } = this.#parts
    if (leases.isRead(holding.root))
      throw new PathmeshError('IN_USE', `a program reads ${holding.path}: it is kept until that releases it`)
    if (holding.class === 'inline') return database.commit([inline.delete(holding.root)])
    const writes = [holdings.delete(holding)]
    if (holding.class === 'in-place') {
      await database.commit(writes)
      holdings.forget(holding)
      return
    }
    // Asked now, while wrapped leaves can still be read.
    const held = await this.#filesOf(holding)
    const { nextId } = files
    holdings.forget(holding)
    const { done } = await disposal.dispose(dirname(holding.path), writes).catch((error: unknown) => {
      holdings.remember(holding)
      throw error
    })
    this.#behind(holding.path, Promise.all([done, this.#forgetFiles(held, nextId)]))
  }

  /** Removes a folder that nothing holds; `writes` go in the batch that notes it. Resolves once it is out of the way. */
  async discard(folder: string, writes: readonly Write[]): Promise<void> {
    const { done } = await this.#parts.disposal.dispose(folder, writes)
    this.#behind(folder, done)
  }

  /** Resolves when nothing is being deleted any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#clearing)
  }

  #behind(path: string, done: Promise<unknown>): void {
    const cleared = done.then(
      () => undefined,
      (error: unknown) => this.#parts.log.error('removal is not finished', { path, error })
    )
    this.#clearing.add(cleared)
    void cleared.then(() => this.#clearing.delete(cleared))
  }

  async #filesOf({ root, size, path: base, source }: Holding): Promise<HeldFile[]> {
    const files: HeldFile[] = []
    const at = (folder: string, path: string) => (path === '' ? folder : join(folder, path))
    try {
      for await (const { kind, path, cid } of walkTree(root, this.#parts.blocks, { size })) {
        if (kind !== 'file') continue
        files.push({ path: at(base, path), source: source === undefined ? undefined : at(source, path), cid })
      }
    } catch (error) {
      // It is damaged, and removed all the same; rows of what cannot be listed stay, and are skipped.
      this.#parts.log.warn('what is removed is damaged', { path: base, error })
    }
    return files
  }

  /** Forgets files that were known before `nextId`: the same root may be on its way here again. */
  async #forgetFiles(held: readonly HeldFile[], nextId: number): Promise<void> {
    const { database, sources } = this.#parts
    const gone = new Set<number>()
    await database.commitInParts(this.#forgetRows(held, nextId, gone))
    for (let at = 0; at < held.length; at += INDEX_LOOKUPS) {
      const some = held.slice(at, at + INDEX_LOOKUPS)
      const paths = some.flatMap(({ source }) => (source === undefined ? [] : [source]))
      await database.note(await sources.forget(paths, gone))
    }
  }

  async *#forgetRows(held: readonly HeldFile[], nextId: number, gone: Set<number>): AsyncGenerator<Iterable<Write>> {
    const { files, branches } = this.#parts
    for (const { path, cid } of held) {
      for await (const place of files.places(cid)) {
        if (place.facts.path !== path || place.fileId >= nextId) continue
        gone.add(place.fileId)
        const digests = place.index === 'wrapped' ? new Uint8Array(0) : await digestsOf(cid, branches)
        yield files.forget(place, digests)
        yield await files.forgetNewest(cid, digests, new Set([place.fileId]))
      }
    }
  }
}
