// What transfers of other roots wrote and did not finish: where an older version was cancelled, much of the next one lies there. It is
// found by file, so that it takes memory for the files of a tree and not for their leaves: one of the same content, or else the
// one at the same path, leaf by leaf. It believes no note: what it hands out was hashed.

import type { CID } from 'multiformats/cid'
import { type Branches, OpenedBranches } from '../content/branches.ts'
import { leafCount } from '../content/file-dag.ts'
import { leafAt } from '../content/leaves.ts'
import { cidKey, RAW } from '../content/multihash.ts'
import { verify } from '../content/verify.ts'
import { walkTree } from '../content/walk.ts'
import { hasCode } from '../../proto/errors.ts'
import { LEAF_BYTES, UNFINISHED_FILES_MAX } from '../../proto/limits.ts'
import type { PartialTree } from './partial-tree.ts'

/** A file that is wanted. `path` is inside its root. */
export interface WantedFile {
  readonly cid: CID
  readonly path: string
}

interface Known {
  readonly partial: PartialTree
  readonly path: string
  readonly cid: CID
  readonly size: number
  /** The place of its first leaf in the ledger. */
  readonly first: number
}

export class Unfinished {
  readonly #branches: Branches
  readonly #byContent = new Map<string, Known>()
  readonly #byPath = new Map<string, Known>()

  private constructor(branches: Branches) {
    this.#branches = { get: cid => branches.get(cid), opened: new OpenedBranches() }
  }

  /** Of all files the first UNFINISHED_FILES_MAX. An abort rethrows `signal.reason`. */
  static async of(partials: AsyncIterable<PartialTree>, branches: Branches, signal: AbortSignal): Promise<Unfinished> {
    const unfinished = new Unfinished(branches)
    for await (const partial of partials) {
      try {
        await unfinished.#add(partial, signal)
      } catch (error) {
        signal.throwIfAborted()
        // Without all of its branches nobody can tell what it wrote where; that is only a pity.
        if (!hasCode(error, 'NOT_FOUND', 'CORRUPT')) throw error
      }
    }
    return unfinished
  }

  /** A leaf that is a file. */
  async small(cid: CID): Promise<Uint8Array | undefined> {
    const known = this.#byContent.get(cidKey(cid))
    return known?.partial.ledger.has(known.first) === true ? read(known, 0, known.size, cid) : undefined
  }

  /** A leaf of a file that has several, `size` bytes long. */
  async leaf(file: WantedFile, index: number, size: number, cid: CID): Promise<Uint8Array | undefined> {
    const known = this.#byContent.get(cidKey(file.cid)) ?? this.#byPath.get(file.path)
    if (known?.cid.code === RAW || known?.partial.ledger.has(known.first + index) !== true) return undefined
    const lies =
      known.cid.equals(file.cid) || (await leafAt(known.cid, index, this.#branches))?.cid.equals(cid) === true
    return lies ? read(known, index * LEAF_BYTES, size, cid) : undefined
  }

  async #add(partial: PartialTree, signal: AbortSignal): Promise<void> {
    // One leaf alone is there or not.
    if (partial.root.code === RAW) return
    let first = 0
    for await (const { kind, cid, path, size, inline } of walkTree(partial.root, this.#branches, { signal })) {
      if (kind !== 'file') continue
      if (this.#byContent.size >= UNFINISHED_FILES_MAX) return
      const known = { partial, path, cid, size, first }
      first += cid.code === RAW || inline !== undefined ? 1 : leafCount(size)
      this.#byContent.set(cidKey(cid), known)
      if (cid.code !== RAW) this.#byPath.set(path, known)
    }
  }
}

async function read({ partial, path }: Known, offset: number, size: number, cid: CID): Promise<Uint8Array | undefined> {
  try {
    const bytes = await partial.read(path, offset, size)
    if (bytes !== undefined) verify(cid, bytes)
    return bytes
  } catch (error) {
    if (hasCode(error, 'CORRUPT')) return undefined
    throw error
  }
}
