// From a partial root to an ordinary read-only file or tree, in the order that survives a power cut: files and directories
// synced, renamed, made read-only, indexed. The row that says it is held is written by the caller, last.

import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { leaves } from '../content/leaves.ts'
import { DAG_PB, RAW } from '../content/multihash.ts'
import { walkTree } from '../content/walk.ts'
import { FILES_IN_A_TASK } from '../../proto/limits.ts'
import type { Branches } from '../content/branches.ts'
import type { BranchTable } from './branch-table.ts'
import type { Database, Write } from './database.ts'
import { removeTree } from './disposal.ts'
import { renameDurably, syncTree } from './durable.ts'
import type { FilePool } from './file-pool.ts'
import type { FileTable } from './file-table.ts'
import type { Holding } from './holding-table.ts'
import type { PartialTree } from './partial-tree.ts'

export interface MaterialiseParts {
  readonly branches: BranchTable
  /** Branches that are made from files as well: a wrapped leaf that another root holds is kept nowhere else. */
  readonly blocks: Branches
  readonly files: FileTable
  readonly pool: FilePool
  readonly database: Database
}

interface ListedFile {
  readonly path: string
  readonly cid: CID
  readonly size: number
  readonly executable: boolean
  /** Its bytes came inside its block. */
  readonly wrapped: boolean
}

export interface Materialised {
  readonly holding: Holding
  /** To be written once it is held: blocks that are made from its files from then on. */
  readonly obsolete: readonly Write[]
}

/** `size`: bytes of a root that is a leaf. */
export async function materialise(
  partial: PartialTree,
  from: string,
  to: string,
  parts: MaterialiseParts,
  { size, signal }: { size: number; signal?: AbortSignal | undefined }
): Promise<Materialised> {
  const files: ListedFile[] = []
  const directories: string[] = []
  let entries = 0
  for await (const { kind, path, cid, size: bytes, executable, inline, target } of walkTree(
    partial.root,
    parts.blocks,
    { signal, size }
  )) {
    entries++
    if (kind === 'file') files.push({ path, cid, size: bytes, executable, wrapped: inline !== undefined })
    else if (kind === 'directory') directories.push(path)
    else if (target !== undefined) await partial.makeLink(path, target)
  }
  await partial.close()
  const deepestFirst = directories.toReversed()
  const path = join(to, partial.basename)
  const at = (sub: string): string => (sub === '' ? path : `${path}/${sub}`)
  // Rows of files that are not there yet are skipped, as those of files that are gone; so the disk is not waited for.
  const indexing = parts.database.commitInParts(indexRows(files, at, partial, parts))
  indexing.catch(() => undefined)
  try {
    const made = [...files.map(file => partial.at(file.path)), ...deepestFirst.map(sub => partial.at(sub)), from]
    await syncTree(from, made, signal)
  } finally {
    await indexing
  }
  signal?.throwIfAborted()

  await removeTree(to)
  await renameDurably(from, to)
  for (const directory of deepestFirst) await chmod(at(directory), 0o555)
  const total = files.reduce((sum, file) => sum + file.size, 0)
  return {
    holding: {
      root: partial.root,
      kind: directories.length > 0 ? 'directory' : 'file',
      size: total,
      entries,
      class: 'managed',
      path
    },
    obsolete: files.filter(({ wrapped }) => wrapped).map(({ cid }) => parts.branches.delete(cid))
  }
}

async function* indexRows(
  files: readonly ListedFile[],
  at: (path: string) => string,
  partial: PartialTree,
  parts: MaterialiseParts
): AsyncGenerator<Iterable<Write>> {
  for (let start = 0; start < files.length; start += FILES_IN_A_TASK) {
    const some = files.slice(start, start + FILES_IN_A_TASK)
    const unknown = some.filter(({ path }) => partial.lookOf(path) === undefined)
    const looks = await parts.pool.look(unknown.map(({ path }) => partial.at(path)))
    for (const { path, cid, executable, wrapped } of some) {
      const fingerprint = partial.lookOf(path) ?? looks.shift()
      if (fingerprint === undefined) continue
      const facts = { path: at(path), fingerprint, cid, tsize: 0, executable, stampedAt: 0, class: 'managed' as const }
      const digests = wrapped
        ? new Uint8Array(0)
        : cid.code === RAW
          ? cid.multihash.digest
          : await digestsOf(cid, parts.branches)
      yield parts.files.add(facts, digests, wrapped).writes
    }
  }
}

/** Digests of the leaves of a file, in order, 32 bytes each. */
export async function digestsOf(cid: CID, branches: Branches): Promise<Uint8Array> {
  if (cid.code !== DAG_PB) return cid.multihash.digest
  const digests: Uint8Array[] = []
  for await (const leaf of leaves(cid, branches)) digests.push(leaf.cid.multihash.digest)
  return Buffer.concat(digests)
}
