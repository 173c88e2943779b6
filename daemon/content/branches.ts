// Owns the opening of one branch from wherever branches are kept, and the remembering of those of one tree that were opened.
// Refuses to go on without one: a missing branch is an error that names it, never an empty node.

import type { CID } from 'multiformats/cid'
import { PathmeshError } from '../../proto/errors.ts'
import { OPENED_BYTES_MAX } from '../../proto/limits.ts'
import { hashPath, SHARD_LEVELS_MAX } from './hamt.ts'
import { cidKey } from './multihash.ts'
import { quoted } from './names.ts'
import { type Node, type ShardNode, corrupt, decodeNode } from './node.ts'

/** Where verified branches come from: a store, or a peer. */
export interface Branches {
  /** The bytes of a branch, verified against its CID, or undefined where it is not to be had. */
  get(cid: CID): Promise<Uint8Array | undefined>
  /** Those that were opened before, where somebody goes through a tree several times. */
  readonly opened?: OpenedBranches
}

export interface Opened {
  readonly node: Node
  /** Bytes of the block. */
  readonly length: number
}

/**
 * The first branches of a tree that were opened, up to OPENED_BYTES_MAX of blocks: of a larger tree the others are opened each
 * time. None makes way for another, since whoever goes through it again meets them in the same order.
 */
export class OpenedBranches {
  readonly #opened = new Map<string, Opened>()
  #bytes = 0

  get(cid: CID): Opened | undefined {
    return this.#opened.get(cidKey(cid))
  }

  put(cid: CID, opened: Opened): void {
    if (this.#bytes + opened.length > OPENED_BYTES_MAX) return
    this.#bytes += opened.length
    this.#opened.set(cidKey(cid), opened)
  }
}

/** Reads a branch. NOT_FOUND, with the CID in its details, when it is missing; CORRUPT as `decodeNode`. */
export async function openBranch(cid: CID, branches: Branches): Promise<Opened> {
  const known = branches.opened?.get(cid)
  if (known !== undefined) return known
  const bytes = await branches.get(cid)
  if (bytes === undefined) {
    const text = cid.toString()
    throw new PathmeshError('NOT_FOUND', `the branch ${text} is missing`, { details: { cid: text } })
  }
  return openBlock(cid, bytes, branches)
}

/** The same of a verified block that is at hand, and may not be kept yet. CORRUPT as `decodeNode`. */
export function openBlock(cid: CID, bytes: Uint8Array, { opened }: Pick<Branches, 'opened'>): Opened {
  const branch = { node: decodeNode(cid, bytes), length: bytes.length }
  opened?.put(cid, branch)
  return branch
}

/**
 * Refuses a shard that holds a name at home elsewhere, so that listing and looking up agree. `path` is the slots from
 * the root shard to this one.
 */
export function checkShard(cid: CID, shard: ShardNode, path: readonly number[]): void {
  if (path.length >= SHARD_LEVELS_MAX) throw corrupt(cid, `it is a shard below ${SHARD_LEVELS_MAX} others`)
  for (const { slot, name } of shard.children) {
    if (name === undefined) continue
    const hash = hashPath(name)
    if (hash[path.length] === slot && path.every((at, level) => hash[level] === at)) continue
    throw corrupt(cid, `the name ${quoted(name)} lies in the wrong slot of a shard`)
  }
}
