// Owns the way from a file to its leaves: a range of them, opening only the branches above that range.
// Refuses nothing by itself: shapes and sizes were checked by `checkTree`.

import type { CID } from 'multiformats/cid'
import { type Branches, openBranch } from './branches.ts'
import { leafCount } from './file-dag.ts'
import { RAW } from './multihash.ts'
import { type FileChild, corrupt } from './node.ts'

export interface Leaf {
  /** Position in the file: its bytes begin at `index * LEAF_BYTES`. */
  readonly index: number
  readonly cid: CID
  readonly size: number
}

export interface LeavesOptions {
  /** First leaf, from 0. */
  readonly from?: number | undefined
  /** One past the last leaf; without it, to the end. */
  readonly to?: number | undefined
  /** Bytes of a file that is a raw leaf itself, which no branch states. */
  readonly size?: number | undefined
  readonly signal?: AbortSignal | undefined
}

interface Level {
  readonly children: readonly FileChild[]
  next: number
}

/**
 * The leaves [from, to) of a file, in order. One branch of each level is held at a time. A wrapped leaf has no leaves:
 * its bytes are in the branch. NOT_FOUND for a missing branch, CORRUPT for one that is no file.
 */
export async function* leaves(file: CID, branches: Branches, options: LeavesOptions = {}): AsyncGenerator<Leaf> {
  const { from = 0, to = Infinity, size, signal } = options
  const stack: Level[] = [await levelOf(file, size, branches)]
  let index = 0
  for (let level = stack.at(-1); level !== undefined && index < to; level = stack.at(-1)) {
    signal?.throwIfAborted()
    const child = level.children[level.next++]
    if (child === undefined) {
      stack.pop()
      continue
    }
    const count = leafCount(child.size)
    if (index + count <= from) index += count
    else if (child.cid.code !== RAW) stack.push(await levelOf(child.cid, undefined, branches))
    else yield { index: index++, cid: child.cid, size: child.size }
  }
}

/** One leaf of a file, or undefined past its end. */
export async function leafAt(
  file: CID,
  index: number,
  branches: Branches,
  options: LeavesOptions = {}
): Promise<Leaf | undefined> {
  for await (const leaf of leaves(file, branches, { ...options, from: index, to: index + 1 })) return leaf
  return undefined
}

async function levelOf(cid: CID, size: number | undefined, branches: Branches): Promise<Level> {
  if (cid.code === RAW) {
    if (size === undefined) throw new TypeError('a file that is a leaf needs its size')
    return { children: [{ cid, size, tsize: size }], next: 0 }
  }
  const { node } = await openBranch(cid, branches)
  if (node.kind !== 'file') throw corrupt(cid, `it is a ${node.kind}, not a file`)
  return { children: node.children, next: 0 }
}
