// Owns the check of a whole tree: every rule that holds between its blocks, each distinct block opened once.
// Refuses a tree that breaks one, or that is larger than its limits, before anything is allocated for what it states.

import type { CID } from 'multiformats/cid'
import { PathmeshError } from '../../proto/errors.ts'
import { LEAF_BYTES, TREE_BRANCHES_MAX, TREE_DEPTH_MAX } from '../../proto/limits.ts'
import { type Branches, type Opened, checkShard, openBranch } from './branches.ts'
import { RAW, cidKey } from './multihash.ts'
import { quoted } from './names.ts'
import { corrupt } from './node.ts'
import {
  type Summary,
  type SummaryOf,
  summariseDirectory,
  summariseFile,
  summariseLeaf,
  summariseSymlink
} from './summary.ts'
import { checkCid } from './verify.ts'

export interface CheckTreeOptions {
  readonly signal?: AbortSignal | undefined
  /** Bytes of a root that is a raw leaf, which no branch states. */
  readonly size?: number | undefined
}

export interface CheckedTree {
  readonly kind: 'file' | 'directory'
  /** Logical bytes of all files. */
  readonly size: number
  /** Files, directories and symbolic links, the root included. */
  readonly entries: number
  /** Of them, files. */
  readonly files: number
  /** Slots of raw leaves; a wrapped leaf has none. */
  readonly leaves: number
  /** Levels of directories: 0 for a file. */
  readonly depth: number
}

/** Branches of a file one inside the other, past any that FILE_BYTES_MAX allows. */
const FILE_LEVELS_MAX = 4

/** A reference to a branch: of a shard below another it has the slots that lead there from the root shard. */
interface Reference {
  readonly cid: CID
  readonly path: readonly number[]
  readonly depth: number
  readonly fileLevel: number
}

interface Frame extends Reference, Opened {
  /** Branches below that are still to be checked. */
  readonly pending: Reference[]
}

/**
 * Checks the tree of `root`, iteratively and in time linear in its distinct blocks. CORRUPT where a block breaks a
 * rule, UNSAFE_NAME for a link that leaves the tree, TOO_LARGE past a limit, NOT_FOUND for a missing branch;
 * an abort rethrows `signal.reason`. Bytes of leaves are not looked at.
 */
export async function checkTree(root: CID, branches: Branches, options: CheckTreeOptions = {}): Promise<CheckedTree> {
  checkCid(root)
  const summary = root.code === RAW ? leafRoot(root, options.size) : await checkBranches(root, branches, options.signal)
  const { kind, size, entries, files, leaves, depth } = summary
  if (kind === 'symlink')
    throw new PathmeshError('UNSAFE_NAME', `${root.toString()}: a symbolic link by itself is no tree`)
  if (kind === 'shard' || !summary.whole) throw corrupt(root, 'it is a part, not a whole')
  if (summary.climb > 0) {
    const target = quoted(summary.target ?? '')
    throw new PathmeshError('UNSAFE_NAME', `${root.toString()}: a symbolic link to ${target} leaves the tree`)
  }
  return { kind, size, entries, files, leaves, depth }
}

function leafRoot(root: CID, size: number | undefined): Summary {
  if (size === undefined) throw new TypeError('a root that is a leaf needs its size')
  if (size > LEAF_BYTES) throw corrupt(root, `a leaf of ${size} bytes is over ${LEAF_BYTES}`)
  return summariseLeaf(size)
}

async function checkBranches(root: CID, branches: Branches, signal: AbortSignal | undefined): Promise<Summary> {
  const known = new Map<string, Summary>()
  const start = { cid: root, path: [], depth: 1, fileLevel: 1 }
  const stack = [await open(start, branches)]
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    signal?.throwIfAborted()
    const next = frame.pending.pop()
    if (next === undefined) {
      stack.pop()
      known.set(keyOf(frame), summarise(frame, known))
      if (known.size > TREE_BRANCHES_MAX) {
        throw new PathmeshError('TOO_LARGE', `${root.toString()}: a tree of more than ${TREE_BRANCHES_MAX} branches`)
      }
    } else if (!known.has(keyOf(next))) {
      stack.push(await open(next, branches))
    }
  }
  return summaryAt(known, start)
}

/** One shard may stand below another only where its names are at home, so its path is part of what it is. */
function keyOf({ cid, path }: Pick<Reference, 'cid' | 'path'>): string {
  return cidKey(cid) + String.fromCharCode(...path)
}

async function open(reference: Reference, branches: Branches): Promise<Frame> {
  const { cid, path, depth, fileLevel } = reference
  if (depth > TREE_DEPTH_MAX + 1) {
    throw new PathmeshError('TOO_LARGE', `${cid.toString()}: directories more than ${TREE_DEPTH_MAX} deep`)
  }
  if (fileLevel > FILE_LEVELS_MAX) throw new PathmeshError('TOO_LARGE', `${cid.toString()}: a file of too many levels`)
  const opened = await openBranch(cid, branches)
  if (opened.node.kind === 'shard') checkShard(cid, opened.node, path)
  return { ...reference, ...opened, pending: referencesOf({ ...reference, ...opened }) }
}

function referencesOf({ node, path, depth, fileLevel }: Reference & Opened): Reference[] {
  const branch = ({ cid }: { readonly cid: CID }): boolean => cid.code !== RAW
  const entry = ({ cid }: { readonly cid: CID }): Reference => ({ cid, path: [], depth: depth + 1, fileLevel: 1 })
  if (node.kind === 'symlink') return []
  if (node.kind === 'directory') return node.entries.filter(branch).map(entry)
  if (node.kind === 'file') {
    return node.children.filter(branch).map(({ cid }) => ({ cid, path: [], depth, fileLevel: fileLevel + 1 }))
  }
  return node.children.filter(branch).map(child => {
    if (child.name !== undefined) return entry(child)
    return { cid: child.cid, path: [...path, child.slot], depth, fileLevel: 1 }
  })
}

function summaryAt(known: Map<string, Summary>, reference: Pick<Reference, 'cid' | 'path'>): Summary {
  const summary = known.get(keyOf(reference))
  if (summary === undefined) throw corrupt(reference.cid, 'it is linked where no branch belongs')
  return summary
}

function summarise({ cid, node, length, path }: Frame, known: Map<string, Summary>): Summary {
  const of: SummaryOf = ({ cid, slot }) => summaryAt(known, { cid, path: slot === undefined ? [] : [...path, slot] })
  if (node.kind === 'symlink') return summariseSymlink(node.target, length)
  if (node.kind === 'file') return summariseFile(cid, node, length, of)
  if (node.kind === 'directory') return summariseDirectory(cid, node.entries, length, of, false)
  return summariseDirectory(cid, node.children, length, of, path.length > 0)
}
