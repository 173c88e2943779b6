// Owns the shape of a file: which leaves it has, and the branches above them (balanced, unixfs-v1-2025).
// Refuses to read anything: it is given digests, and gives back blocks.

import { encode } from '@ipld/dag-pb'
import type { CID } from 'multiformats/cid'
import { PathmeshError } from '../../proto/errors.ts'
import { BRANCH_LINKS, FILE_BYTES_MAX, LEAF_BYTES } from '../../proto/limits.ts'
import { DAG_PB, DIGEST_BYTES, RAW, type HashName, cidFromDigest, cidOf } from './multihash.ts'
import { UNIXFS_FILE, encodeUnixfs } from './unixfs.ts'

/** UnixFS mode of an executable file; no other mode is ever written. */
export const EXECUTABLE_MODE = 0o755

/** A block that links others, or holds a directory, a symbolic link or a wrapped leaf. */
export interface Branch {
  readonly cid: CID
  readonly bytes: Uint8Array
}

/** A root and the blocks that its making brought forth, children before parents, the root last. */
export interface Built {
  readonly cid: CID
  /** Bytes of all blocks below and including the root, as a link to it states them. */
  readonly tsize: number
  readonly branches: Branch[]
}

/** The one block of an executable file of a single leaf; `size` is that of the block, not of the file. */
export interface Wrapped {
  readonly cid: CID
  readonly size: number
}

export interface FileParts {
  /** Digests of the raw leaves in order, 32 bytes each, without gaps. */
  readonly leaves: Uint8Array
  readonly size: number
  readonly executable: boolean
  readonly hash: HashName
  /** What `wrapLeaf` gave; needed for an executable file of a single leaf. */
  readonly wrapped?: Wrapped | undefined
}

/** Number of leaves of a file; an empty one has one empty leaf. */
export function leafCount(size: number): number {
  return Math.max(1, Math.ceil(size / LEAF_BYTES))
}

/** Where leaf `index` of a file lies, in bytes. RangeError if it has no such leaf. */
export function leafRange(size: number, index: number): { offset: number; length: number } {
  if (!Number.isInteger(index) || index < 0 || index >= leafCount(size)) {
    throw new RangeError(`a file of ${size} bytes has no leaf ${index}`)
  }
  const offset = index * LEAF_BYTES
  return { offset, length: Math.min(LEAF_BYTES, size - offset) }
}

/** The block of an executable file of a single leaf: its bytes inside a branch, since a raw leaf has no room for a mode. */
export function wrapLeaf(bytes: Uint8Array, hash: HashName): { cid: CID; block: Uint8Array } {
  if (bytes.length > LEAF_BYTES) throw new RangeError(`a leaf has at most ${LEAF_BYTES} bytes, not ${bytes.length}`)
  const block = encode({ Data: fileData([], true, bytes), Links: [] })
  return { cid: cidOf(DAG_PB, hash, block), block }
}

/** The UnixFS node of a file or of a part of one, in its only accepted encoding. */
export function fileData(sizes: readonly number[], executable: boolean, inline?: Uint8Array): Uint8Array {
  return encodeUnixfs({
    type: UNIXFS_FILE,
    data: inline,
    fileSize: sizes.reduce((total, size) => total + size, inline?.length ?? 0),
    blockSizes: sizes,
    mode: executable ? EXECUTABLE_MODE : undefined
  })
}

interface Child {
  readonly cid: CID
  readonly size: number
  readonly tsize: number
}

/** The DAG over the leaves of a file. A file of a single leaf has no branches: it is its raw, or its wrapped, leaf. */
export function buildFile(parts: FileParts): Built {
  const { leaves, size, executable, wrapped } = parts
  const count = leafCount(size)
  if (size > FILE_BYTES_MAX) throw new PathmeshError('TOO_LARGE', `a file of ${size} bytes is over ${FILE_BYTES_MAX}`)
  if (leaves.length !== count * DIGEST_BYTES) {
    throw new RangeError(`a file of ${size} bytes has ${count} leaves, not ${leaves.length / DIGEST_BYTES} digests`)
  }
  if (count === 1 && executable) {
    if (wrapped === undefined) throw new TypeError('an executable file of a single leaf is built from its wrapped leaf')
    return { cid: wrapped.cid, tsize: wrapped.size, branches: [] }
  }
  const branches: Branch[] = []
  // Leaves are taken from the digests one branch at a time: a million objects would weigh far more than these do.
  const leaf = (index: number): Child => leafChild(parts, index)
  let level = count === 1 ? [leaf(0)] : branchLevel(count, leaf, parts, branches)
  while (level.length > 1) {
    const below = level
    level = branchLevel(below.length, index => at(below, index), parts, branches)
  }
  const root = at(level, 0)
  return { cid: root.cid, tsize: root.tsize, branches }
}

function at(level: readonly Child[], index: number): Child {
  const child = level[index]
  if (child === undefined) throw new RangeError(`there is no child ${index}`)
  return child
}

function leafChild({ leaves, size, hash }: FileParts, index: number): Child {
  const { length } = leafRange(size, index)
  const digest = leaves.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES)
  return { cid: cidFromDigest(RAW, hash, digest), size: length, tsize: length }
}

function branchLevel(count: number, below: (index: number) => Child, parts: FileParts, branches: Branch[]): Child[] {
  const level: Child[] = []
  for (let start = 0; start < count; start += BRANCH_LINKS) {
    const width = Math.min(BRANCH_LINKS, count - start)
    const children = Array.from({ length: width }, (_, index) => below(start + index))
    const bytes = encode({
      Data: fileData(
        children.map(child => child.size),
        parts.executable
      ),
      Links: children.map(child => ({ Hash: child.cid, Name: '', Tsize: child.tsize }))
    })
    const cid = cidOf(DAG_PB, parts.hash, bytes)
    branches.push({ cid, bytes })
    level.push({
      cid,
      size: sum(children, child => child.size),
      tsize: bytes.length + sum(children, child => child.tsize)
    })
  }
  return level
}

function sum(children: readonly Child[], of: (child: Child) => number): number {
  return children.reduce((total, child) => total + of(child), 0)
}
