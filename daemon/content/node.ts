// Owns the reading of one branch: dag-pb with a UnixFS node, into one of four kinds.
// Refuses (CORRUPT) whatever its own builders would not have written, to the byte: one meaning, one encoding.

import { type PBLink, type PBNode, decode, encode } from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import type { CID } from 'multiformats/cid'
import { PathmeshError } from '../../proto/errors.ts'
import { BLOCK_BYTES_MAX, BRANCH_LINKS, FILE_BYTES_MAX, LEAF_BYTES, SHARD_FANOUT } from '../../proto/limits.ts'
import { type DirectoryEntry, directoryData, shardData, symlinkData } from './directory.ts'
import { EXECUTABLE_MODE, fileData } from './file-dag.ts'
import { readFlatDirectory } from './flat-directory.ts'
import { SLOT_CHARS, bitField, slotOf } from './hamt.ts'
import { DAG_PB } from './multihash.ts'
import { decodeUtf8, nameFault, quoted, targetClimb } from './names.ts'
import { checkCid } from './verify.ts'

export interface FileChild {
  readonly cid: CID
  /** Bytes of the file below this child. */
  readonly size: number
  /** Bytes of the blocks below this child. */
  readonly tsize: number
}

/** A file, or a part of one; with `inline` bytes it is a wrapped leaf, else it has children. */
export interface FileNode {
  readonly kind: 'file'
  readonly size: number
  readonly executable: boolean
  readonly children: readonly FileChild[]
  readonly inline?: Uint8Array
}

export interface DirectoryNode {
  readonly kind: 'directory'
  readonly entries: readonly DirectoryEntry[]
}

/** One slot of a shard: an entry of the directory, or without a name a further shard. */
export interface ShardChild {
  readonly slot: number
  readonly name?: string
  readonly cid: CID
  readonly tsize: number
}

export interface ShardNode {
  readonly kind: 'shard'
  readonly children: readonly ShardChild[]
}

export interface SymlinkNode {
  readonly kind: 'symlink'
  readonly target: string
}

export type Node = FileNode | DirectoryNode | ShardNode | SymlinkNode

type Refuse = (rule: string) => never

/** UnixFS bytes of a branch of 1,024 links are under 10 KiB; reading more of them would only cost time. */
const LINKED_DATA_BYTES_MAX = 16 * 1024

/** The error for a block whose hash is right and whose content is not. */
export function corrupt(cid: CID, rule: string, cause?: unknown): PathmeshError {
  return new PathmeshError('CORRUPT', `${cid.toString()}: ${rule}`, { cause, details: { cid: cid.toString() } })
}

/** Reads a verified dag-pb block. CORRUPT, naming the CID and the rule it breaks; TypeError for a CID of a leaf. */
export function decodeNode(cid: CID, bytes: Uint8Array): Node {
  if (cid.code !== DAG_PB) throw new TypeError(`${cid.toString()} is not a branch`)
  const entries = readFlatDirectory(bytes)
  if (entries !== undefined && bytes.length <= BLOCK_BYTES_MAX) return { kind: 'directory', entries }
  const refuse: Refuse = rule => {
    throw corrupt(cid, rule)
  }
  if (bytes.length > BLOCK_BYTES_MAX) refuse(`a block of ${bytes.length} bytes is over ${BLOCK_BYTES_MAX}`)
  const { block, unixfs } = parse(cid, bytes)
  if (unixfs.mtime !== undefined) refuse('it carries a time')
  for (const { Hash } of block.Links) checkLink(Hash, refuse)
  const [node, data] = interpret(unixfs, block.Links, refuse)
  if (!isEncodingOf(bytes, { Data: data, Links: block.Links })) refuse('it is not in the one accepted encoding')
  return node
}

/** Links out of order, or sizes past 2^53, have no encoding at all. */
function isEncodingOf(bytes: Uint8Array, block: PBNode): boolean {
  try {
    return Buffer.compare(encode(block), bytes) === 0
  } catch {
    return false
  }
}

function parse(cid: CID, bytes: Uint8Array): { block: PBNode; unixfs: UnixFS } {
  try {
    const block = decode(bytes)
    const data = block.Data ?? new Uint8Array()
    if (block.Links.length > 0 && data.length > LINKED_DATA_BYTES_MAX)
      throw new RangeError('its UnixFS node is too long')
    return { block, unixfs: UnixFS.unmarshal(data) }
  } catch (cause) {
    throw corrupt(
      cid,
      `it is not a UnixFS node in dag-pb (${cause instanceof Error ? cause.message : String(cause)})`,
      cause
    )
  }
}

function checkLink(cid: CID, refuse: Refuse): void {
  try {
    checkCid(cid)
  } catch {
    refuse(`it links ${cid.toString()}, which no branch may`)
  }
}

/** What a block says, and the UnixFS bytes that say it. */
function interpret(unixfs: UnixFS, links: readonly PBLink[], refuse: Refuse): [Node, Uint8Array] {
  switch (unixfs.type) {
    case 'file':
      return file(unixfs, links, refuse)
    case 'directory':
      return directory(links, refuse)
    case 'hamt-sharded-directory':
      return shard(unixfs, links, refuse)
    case 'symlink':
      return symlink(unixfs, links, refuse)
    default:
      return refuse(`its type ${unixfs.type} is not used by pathmesh`)
  }
}

function file(unixfs: UnixFS, links: readonly PBLink[], refuse: Refuse): [Node, Uint8Array] {
  const sizes = unixfs.blockSizes.map(sizeOf)
  const executable = unixfs.mode === EXECUTABLE_MODE
  if (sizes.length !== links.length) refuse(`it states ${sizes.length} sizes for ${links.length} links`)
  if (links.length > BRANCH_LINKS) refuse(`it has ${links.length} links, over ${BRANCH_LINKS}`)
  if (links.length === 0) {
    const inline = unixfs.data ?? new Uint8Array()
    if (!executable) refuse('it wraps a leaf without being executable')
    if (inline.length > LEAF_BYTES) refuse(`it wraps a leaf of ${inline.length} bytes, over ${LEAF_BYTES}`)
    return [{ kind: 'file', size: inline.length, executable, children: [], inline }, fileData([], executable, inline)]
  }
  if (unixfs.data !== undefined) refuse('it has both bytes and links')
  const children = links.map(({ Hash, Name, Tsize }, index) => {
    if (Name !== '') refuse('a link of a file has a name')
    return { cid: Hash, size: sizes[index] ?? 0, tsize: tsizeOf(Tsize, refuse) }
  })
  const size = sizeOf(unixfs.fileSize())
  return [{ kind: 'file', size, executable, children }, fileData(sizes, executable)]
}

function directory(links: readonly PBLink[], refuse: Refuse): [Node, Uint8Array] {
  const entries = links.map(({ Hash, Name, Tsize }) => ({
    name: nameOf(Name ?? '', refuse),
    cid: Hash,
    tsize: tsizeOf(Tsize, refuse)
  }))
  for (const [index, { name }] of entries.entries()) {
    if (index > 0 && entries[index - 1]?.name === name) refuse(`the name ${quoted(name)} stands twice`)
  }
  return [{ kind: 'directory', entries }, directoryData()]
}

function shard(unixfs: UnixFS, links: readonly PBLink[], refuse: Refuse): [Node, Uint8Array] {
  if (unixfs.fanout !== BigInt(SHARD_FANOUT))
    refuse(`its fan-out is ${unixfs.fanout ?? 'missing'}, not ${SHARD_FANOUT}`)
  if (links.length === 0) refuse('it is a shard without entries')
  const children = links.map(({ Hash, Name, Tsize }) => {
    const label = Name ?? ''
    const slot = slotOf(label) ?? refuse(`the link ${quoted(label)} of a shard begins with no slot`)
    const base = { slot, cid: Hash, tsize: tsizeOf(Tsize, refuse) }
    if (label.length === SLOT_CHARS) return base
    return { ...base, name: nameOf(label.slice(SLOT_CHARS), refuse) }
  })
  let last = -1
  for (const { slot } of children) {
    if (slot <= last) refuse(`two links of a shard share slot ${slot}, or stand in the wrong order`)
    last = slot
  }
  const slots = children.map(({ slot }) => slot)
  if (Buffer.compare(unixfs.data ?? new Uint8Array(), bitField(slots)) !== 0) {
    refuse('the bit field of a shard does not match its links')
  }
  return [{ kind: 'shard', children }, shardData(slots)]
}

function symlink(unixfs: UnixFS, links: readonly PBLink[], refuse: Refuse): [Node, Uint8Array] {
  if (links.length > 0) refuse('a symbolic link has links')
  const target = decodeUtf8(unixfs.data ?? new Uint8Array()) ?? refuse('the target of a symbolic link is not UTF-8')
  const climb = targetClimb(target)
  if (typeof climb === 'string') refuse(`the target of a symbolic link ${climb}`)
  return [{ kind: 'symlink', target }, symlinkData(target)]
}

function nameOf(name: string, refuse: Refuse): string {
  const fault = nameFault(name)
  return fault === undefined ? name : refuse(`the name ${quoted(name)} ${fault}`)
}

function sizeOf(size: bigint): number {
  if (size <= BigInt(FILE_BYTES_MAX)) return Number(size)
  throw new PathmeshError('TOO_LARGE', `a file that states ${size} bytes is over ${FILE_BYTES_MAX}`)
}

function tsizeOf(tsize: number | undefined, refuse: Refuse): number {
  if (tsize === undefined || !Number.isSafeInteger(tsize))
    return refuse('a link states no size, or none that can be counted')
  return tsize
}
