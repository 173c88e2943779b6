// Owns the rules that join a branch with what lies below it: shapes of files, sizes, and the totals of a tree.
// Refuses every size that is not the one its children add up to, and every file that is not the balanced one.

import type { CID } from 'multiformats/cid'
import { PathmeshError } from '../../proto/errors.ts'
import {
  BRANCH_LINKS,
  FILE_BYTES_MAX,
  LEAF_BYTES,
  TREE_DEPTH_MAX,
  TREE_ENTRIES_MAX,
  TREE_PATH_BYTES_MAX
} from '../../proto/limits.ts'
import type { DirectoryEntry } from './directory.ts'
import { RAW } from './multihash.ts'
import { quoted, targetClimb, utf8Length } from './names.ts'
import { type FileChild, type FileNode, type ShardChild, corrupt } from './node.ts'

/** What is known of a branch once everything below it has been checked. */
export interface Summary {
  readonly kind: 'file' | 'directory' | 'shard' | 'symlink'
  /** Bytes of all blocks, as a link to this one must state them. */
  readonly tsize: number
  /** Logical bytes of the files. */
  readonly size: number
  /** Files, directories and symbolic links, this one included (of a shard: those below it). */
  readonly entries: number
  /** Of them, files. */
  readonly files: number
  /** Slots of raw leaves. */
  readonly leaves: number
  /** Levels of directories, this one included. */
  readonly depth: number
  /** Bytes of the longest path below. */
  readonly pathBytes: number
  /** Directories that must lie above this one for no link to leave the tree, and the target that needs them. */
  readonly climb: number
  readonly target?: string | undefined
  /** Of a file: levels of branches, 0 for a wrapped leaf; and whether it is a whole file rather than a part. */
  readonly height: number
  readonly whole: boolean
  readonly executable: boolean
}

export type SummaryOf = (child: { readonly cid: CID; readonly slot?: number | undefined }) => Summary

const NOTHING: Omit<Summary, 'kind' | 'tsize'> = {
  size: 0,
  entries: 0,
  files: 0,
  leaves: 0,
  depth: 0,
  pathBytes: 0,
  climb: 0,
  height: 0,
  whole: true,
  executable: false
}

/** A raw leaf that is a file by itself: its size is what the link to it states. */
export function summariseLeaf(size: number): Summary {
  // Most entries of most trees: each field is named, since copying NOTHING takes several times as long.
  return {
    kind: 'file',
    tsize: size,
    size,
    entries: 1,
    files: 1,
    leaves: 1,
    depth: 0,
    pathBytes: 0,
    climb: 0,
    height: 0,
    whole: true,
    executable: false
  }
}

export function summariseSymlink(target: string, blockBytes: number): Summary {
  const climb = targetClimb(target)
  if (typeof climb === 'string') throw new TypeError(`the target of a decoded link ${climb}`)
  return { ...NOTHING, kind: 'symlink', tsize: blockBytes, entries: 1, climb, target }
}

/** Joins a file's branch with its children: each full but the last, all of one height, of one hash, of one mode. */
export function summariseFile(cid: CID, node: FileNode, blockBytes: number, of: SummaryOf): Summary {
  const { size, executable, children } = node
  const base = { ...NOTHING, kind: 'file' as const, size, entries: 1, files: 1, executable }
  const [first] = children
  if (first === undefined) return { ...base, tsize: blockBytes }
  const height = first.cid.code === RAW ? 1 : of(first).height + 1
  const full = LEAF_BYTES * BRANCH_LINKS ** (height - 1)
  if (height > 1 && full > FILE_BYTES_MAX)
    throw new PathmeshError('TOO_LARGE', `${cid.toString()}: a file of too many levels`)
  let leaves = 0
  let tsize = blockBytes
  for (const [index, child] of children.entries()) {
    const last = index === children.length - 1
    if (last ? child.size < 1 || child.size > full : child.size !== full) {
      throw corrupt(cid, `part ${index} of a file has ${child.size} bytes where the balanced layout has ${full}`)
    }
    if (child.cid.multihash.code !== cid.multihash.code) throw corrupt(cid, 'a file mixes hash functions')
    leaves += height === 1 ? rawPart(cid, child) : branchPart(cid, child, of, height - 1, executable)
    tsize += child.tsize
  }
  return { ...base, tsize, leaves, height, whole: children.length > 1 }
}

function rawPart(cid: CID, child: FileChild): number {
  if (child.cid.code !== RAW) throw corrupt(cid, 'a file mixes leaves and branches')
  if (child.tsize !== child.size) throw corrupt(cid, `a link states ${child.tsize} bytes for a leaf of ${child.size}`)
  return 1
}

function branchPart(cid: CID, child: FileChild, of: SummaryOf, height: number, executable: boolean): number {
  if (child.cid.code === RAW) throw corrupt(cid, 'a file mixes leaves and branches')
  const below = of(child)
  if (below.kind !== 'file' || below.height !== height || height === 0) {
    throw corrupt(cid, 'a part of a file is not a branch of the right level')
  }
  if (below.executable !== executable) throw corrupt(cid, 'a part of a file has another mode')
  if (below.size !== child.size) throw corrupt(cid, `a part states ${child.size} bytes and has ${below.size}`)
  if (below.tsize !== child.tsize)
    throw corrupt(cid, `a link states ${child.tsize} bytes of blocks, not ${below.tsize}`)
  return below.leaves
}

/** Joins a directory, or one shard of it (`path` not empty: a shard below another), with its children. */
export function summariseDirectory(
  cid: CID,
  children: readonly (DirectoryEntry | ShardChild)[],
  blockBytes: number,
  of: SummaryOf,
  inner: boolean
): Summary {
  const total = { ...NOTHING, kind: inner ? ('shard' as const) : ('directory' as const), tsize: blockBytes, target: '' }
  for (const child of children) {
    const below = child.name === undefined ? shardBelow(cid, child, of) : entryBelow(cid, child, of)
    const nameBytes = child.name === undefined ? 0 : utf8Length(child.name)
    const climb = below.kind === 'directory' ? below.climb - 1 : below.climb
    total.tsize += child.tsize
    total.size += below.size
    total.entries += below.entries
    total.files += below.files
    total.leaves += below.leaves
    total.depth = Math.max(total.depth, below.depth)
    total.pathBytes = Math.max(
      total.pathBytes,
      nameBytes + (nameBytes > 0 && below.pathBytes > 0 ? 1 : 0) + below.pathBytes
    )
    if (climb > total.climb) Object.assign(total, { climb, target: below.target ?? '' })
  }
  if (inner && total.entries < 2) throw corrupt(cid, 'a shard below another has fewer than two entries')
  if (!inner) {
    total.entries++
    total.depth++
  }
  return withinLimits(cid, total)
}

function shardBelow(cid: CID, child: DirectoryEntry | ShardChild, of: SummaryOf): Summary {
  const below = of(child)
  if (below.kind !== 'shard') throw corrupt(cid, 'a shard links something else where a shard belongs')
  if (below.tsize !== child.tsize)
    throw corrupt(cid, `a link states ${child.tsize} bytes of blocks, not ${below.tsize}`)
  return below
}

function entryBelow(cid: CID, child: DirectoryEntry | ShardChild, of: SummaryOf): Summary {
  const refuse = (rule: string): Error => corrupt(cid, `${quoted(child.name ?? '')} ${rule}`)
  if (child.cid.code === RAW) {
    if (child.tsize > LEAF_BYTES) throw refuse(`is a leaf of ${child.tsize} bytes, over ${LEAF_BYTES}`)
    return summariseLeaf(child.tsize)
  }
  const below = of({ cid: child.cid })
  if (!below.whole) throw refuse('is a part of a file, not a file')
  if (below.tsize !== child.tsize) throw refuse(`states ${child.tsize} bytes of blocks, not ${below.tsize}`)
  return below
}

function withinLimits(cid: CID, summary: Summary): Summary {
  const over = (what: string): PathmeshError => new PathmeshError('TOO_LARGE', `${cid.toString()}: ${what}`)
  if (summary.entries > TREE_ENTRIES_MAX) throw over(`a tree of more than ${TREE_ENTRIES_MAX} entries`)
  if (summary.depth > TREE_DEPTH_MAX) throw over(`directories more than ${TREE_DEPTH_MAX} deep`)
  if (summary.pathBytes > TREE_PATH_BYTES_MAX) throw over(`a path of more than ${TREE_PATH_BYTES_MAX} bytes`)
  if (summary.size > Number.MAX_SAFE_INTEGER) throw over('a tree of more bytes than can be counted')
  return summary
}
