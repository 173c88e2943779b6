// Owns the ways through a tree: the branches below a block, a listing, a walk in order, and one path.
// Refuses a link that leaves the tree and a tree past its limits, even when nobody checked it before.

import type { CID } from 'multiformats/cid'
import { PathmeshError } from '../../proto/errors.ts'
import { TREE_DEPTH_MAX, TREE_ENTRIES_MAX, TREE_PATH_BYTES_MAX } from '../../proto/limits.ts'
import { type Branches, checkShard, openBranch } from './branches.ts'
import type { DirectoryEntry } from './directory.ts'
import { SHARD_LEVELS_MAX, hashPath } from './hamt.ts'
import { RAW } from './multihash.ts'
import { compareNames, quoted, targetFault, utf8Length } from './names.ts'
import { type Node, type ShardNode, corrupt, decodeNode } from './node.ts'

export interface TreeEntry {
  readonly kind: 'file' | 'directory' | 'symlink'
  readonly cid: CID
  /** Logical bytes of a file, else 0. */
  readonly size: number
  readonly executable: boolean
  /** Of a symbolic link. */
  readonly target?: string
  /** The bytes of a file that is a wrapped leaf. */
  readonly inline?: Uint8Array
}

/** An entry and where it lies: posix, '' for the root. */
export interface WalkedEntry extends TreeEntry {
  readonly path: string
}

export interface WalkOptions {
  readonly signal?: AbortSignal | undefined
  /** Bytes of a root that is a raw leaf, which no branch states. */
  readonly size?: number | undefined
}

interface Place {
  readonly entry: TreeEntry
  /** Of a directory: its branch. */
  readonly node?: Node
}

/** The branches that a verified block links, in order; none of a leaf. CORRUPT as `decodeNode`. */
export function expand(cid: CID, bytes: Uint8Array): CID[] {
  return cid.code === RAW ? [] : branchesOf(decodeNode(cid, bytes))
}

/** The branches that an opened one links, in order. */
export function branchesOf(node: Node): CID[] {
  if (node.kind === 'symlink') return []
  const links = node.kind === 'directory' ? node.entries : node.children
  return links.map(link => link.cid).filter(child => child.code !== RAW)
}

/** The entries of a directory, flat or sharded, by the bytes of their names. CORRUPT where `cid` is none. */
export async function listDirectory(cid: CID, branches: Branches): Promise<DirectoryEntry[]> {
  const { node } = await place(cid, undefined, branches)
  if (node === undefined) throw corrupt(cid, 'it is not a directory')
  return entriesOf(cid, node, branches)
}

interface Level {
  /** Path of the directory with a slash behind it, '' for the root. */
  readonly prefix: string
  readonly entries: readonly DirectoryEntry[]
  next: number
}

/**
 * Every entry of a tree, directories before what they hold, by the bytes of names. Holds one list of entries a level.
 * UNSAFE_NAME for a link that leaves the tree, TOO_LARGE past a limit; an abort rethrows `signal.reason`.
 */
export async function* walkTree(root: CID, branches: Branches, options: WalkOptions = {}): AsyncGenerator<WalkedEntry> {
  const { signal, size } = options
  const top = await place(root, size, branches)
  yield walked('', top.entry, 0)
  if (top.node === undefined) return
  const stack: Level[] = [{ prefix: '', entries: await entriesOf(root, top.node, branches), next: 0 }]
  let count = 1
  for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
    signal?.throwIfAborted()
    const child = level.entries[level.next++]
    if (child === undefined) {
      stack.pop()
      continue
    }
    if (++count > TREE_ENTRIES_MAX) throw tooLarge(root, `a tree of more than ${TREE_ENTRIES_MAX} entries`)
    const path = level.prefix + child.name
    // Most entries are leaves, which need not be waited for.
    const { entry, node } = child.cid.code === RAW ? leafPlace(child) : await place(child.cid, child.tsize, branches)
    yield walked(path, entry, stack.length - 1)
    if (node === undefined) continue
    if (stack.length >= TREE_DEPTH_MAX) throw tooLarge(root, `directories more than ${TREE_DEPTH_MAX} deep`)
    stack.push({ prefix: `${path}/`, entries: await entriesOf(child.cid, node, branches), next: 0 })
  }
}

/** The entry at a path below `root`, opening only the blocks on the way; undefined where there is none. */
export async function resolvePath(
  root: CID,
  segments: readonly string[],
  branches: Branches,
  options: WalkOptions = {}
): Promise<TreeEntry | undefined> {
  let here = await place(root, options.size, branches)
  for (const name of segments) {
    options.signal?.throwIfAborted()
    if (here.node === undefined) return undefined
    const child = await lookUp(here.entry.cid, here.node, name, branches)
    if (child === undefined) return undefined
    here = await place(child.cid, child.tsize, branches)
  }
  return here.entry
}

function walked(path: string, entry: TreeEntry, depth: number): WalkedEntry {
  if (utf8Length(path) > TREE_PATH_BYTES_MAX)
    throw tooLarge(entry.cid, `a path of more than ${TREE_PATH_BYTES_MAX} bytes`)
  const fault = entry.target === undefined ? undefined : targetFault(entry.target, depth)
  if (fault === undefined) return { path, ...entry }
  const target = quoted(entry.target ?? '')
  throw new PathmeshError('UNSAFE_NAME', `the symbolic link ${quoted(path)} to ${target} ${fault}`)
}

function tooLarge(cid: CID, what: string): PathmeshError {
  return new PathmeshError('TOO_LARGE', `${cid.toString()}: ${what}`)
}

async function place(cid: CID, size: number | undefined, branches: Branches): Promise<Place> {
  if (cid.code === RAW) {
    if (size === undefined) throw new TypeError('a root that is a leaf needs its size')
    return leafPlace({ cid, tsize: size })
  }
  const { node } = await openBranch(cid, branches)
  if (node.kind === 'file') {
    const entry = { kind: node.kind, cid, size: node.size, executable: node.executable }
    return { entry: node.inline === undefined ? entry : { ...entry, inline: node.inline } }
  }
  if (node.kind === 'symlink')
    return { entry: { kind: node.kind, cid, size: 0, executable: false, target: node.target } }
  return { entry: { kind: 'directory', cid, size: 0, executable: false }, node }
}

const leafPlace = ({ cid, tsize }: Pick<DirectoryEntry, 'cid' | 'tsize'>): Place => ({
  entry: { kind: 'file', cid, size: tsize, executable: false }
})

async function entriesOf(cid: CID, node: Node, branches: Branches): Promise<DirectoryEntry[]> {
  if (node.kind === 'directory') return [...node.entries]
  if (node.kind !== 'shard') throw corrupt(cid, 'it is not a directory')
  const entries: DirectoryEntry[] = []
  const shards: { cid: CID; node: ShardNode; path: number[] }[] = [{ cid, node, path: [] }]
  for (let shard = shards.pop(); shard !== undefined; shard = shards.pop()) {
    checkShard(shard.cid, shard.node, shard.path)
    for (const { name, slot, cid: child, tsize } of shard.node.children) {
      if (name !== undefined) entries.push({ name, cid: child, tsize })
      else shards.push({ cid: child, node: await openShard(child, branches), path: [...shard.path, slot] })
    }
    if (entries.length > TREE_ENTRIES_MAX) throw tooLarge(cid, `a directory of more than ${TREE_ENTRIES_MAX} entries`)
  }
  return entries.sort((a, b) => compareNames(a.name, b.name))
}

async function openShard(cid: CID, branches: Branches): Promise<ShardNode> {
  if (cid.code === RAW) throw corrupt(cid, 'a leaf stands where a shard belongs')
  const { node } = await openBranch(cid, branches)
  if (node.kind !== 'shard') throw corrupt(cid, `it is a ${node.kind} where a shard belongs`)
  return node
}

async function lookUp(
  cid: CID,
  node: Node,
  name: string,
  branches: Branches
): Promise<{ cid: CID; tsize: number } | undefined> {
  if (node.kind === 'directory') return node.entries.find(entry => entry.name === name)
  if (node.kind !== 'shard') return undefined
  const hash = hashPath(name)
  let here = { cid, node }
  for (let level = 0; level < SHARD_LEVELS_MAX; level++) {
    checkShard(here.cid, here.node, [...hash.subarray(0, level)])
    const child = here.node.children.find(({ slot }) => slot === hash[level])
    if (child === undefined || child.name !== undefined) return child?.name === name ? child : undefined
    here = { cid: child.cid, node: await openShard(child.cid, branches) }
  }
  return undefined
}
