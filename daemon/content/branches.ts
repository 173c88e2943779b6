// Owns the opening of one branch from wherever branches are kept.
// Refuses to go on without one: a missing branch is an error that names it, never an empty node.

import type { CID } from 'multiformats/cid'
import { PathmeshError } from '../../proto/errors.ts'
import { hashPath, SHARD_LEVELS_MAX } from './hamt.ts'
import { quoted } from './names.ts'
import { type Node, type ShardNode, corrupt, decodeNode } from './node.ts'

/** Where verified branches come from: a store, or a peer. */
export interface Branches {
  /** The bytes of a branch, verified against its CID, or undefined where it is not to be had. */
  get(cid: CID): Promise<Uint8Array | undefined>
}

export interface Opened {
  readonly node: Node
  /** Bytes of the block. */
  readonly length: number
}

/** Reads a branch. NOT_FOUND, with the CID in its details, when it is missing; CORRUPT as `decodeNode`. */
export async function openBranch(cid: CID, branches: Branches): Promise<Opened> {
  const bytes = await branches.get(cid)
  if (bytes === undefined) {
    const text = cid.toString()
    throw new PathmeshError('NOT_FOUND', `the branch ${text} is missing`, { details: { cid: text } })
  }
  return { node: decodeNode(cid, bytes), length: bytes.length }
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
