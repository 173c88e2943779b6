// Owns the blocks of directories, flat or sharded, and of symbolic links (unixfs-v1-2025).
// Refuses names that could not be written safely elsewhere, two entries of one name, and a target it could not decode.

import { encode } from '@ipld/dag-pb'
import type { CID } from 'multiformats/cid'
import { PathmeshError } from '../../proto/errors.ts'
import { SHARD_FANOUT, SHARD_THRESHOLD_BYTES } from '../../proto/limits.ts'
import type { Branch, Built } from './file-dag.ts'
import { writeFlatDirectory } from './flat-directory.ts'
import { MURMUR3, SHARD_LEVELS_MAX, bitField, hashPath, slotPrefix } from './hamt.ts'
import { DAG_PB, type HashName, cidOf } from './multihash.ts'
import { compareNames, nameFault, quoted, targetClimb } from './names.ts'
import { UNIXFS_DIRECTORY, UNIXFS_SHARD, UNIXFS_SYMLINK, encodeUnixfs, utf8 } from './unixfs.ts'

export interface DirectoryEntry {
  readonly name: string
  readonly cid: CID
  /** Bytes of all blocks below the entry, which for a raw leaf is its size. */
  readonly tsize: number
}

interface Link {
  readonly Name: string
  readonly Hash: CID
  readonly Tsize: number
}

interface Placed {
  readonly entry: DirectoryEntry
  readonly path: Uint8Array
}

/** Bytes of the shortest link: tags and lengths, a CID, one character, a size below 128. */
const LINK_BYTES_MIN = 45

/** The directory of these entries, in whatever order they come. UNSAFE_NAME for a name that `nameFault` refuses. */
export function buildDirectory(entries: readonly DirectoryEntry[], hash: HashName): Built {
  const sorted = entries.toSorted((a, b) => compareNames(a.name, b.name))
  checkNames(sorted)
  if (sorted.length * LINK_BYTES_MIN <= SHARD_THRESHOLD_BYTES) {
    const bytes = writeFlatDirectory(sorted)
    if (bytes.length <= SHARD_THRESHOLD_BYTES) return close(bytes, sorted, hash, [])
  }
  return buildShard(
    sorted.map(entry => ({ entry, path: hashPath(entry.name) })),
    0,
    hash,
    []
  )
}

/** The block of a symbolic link. UNSAFE_NAME for a target that no tree could hold. */
export function buildSymlink(target: string, hash: HashName): Built {
  const climb = targetClimb(target)
  if (typeof climb === 'string') {
    throw new PathmeshError('UNSAFE_NAME', `the target ${quoted(target)} of a symbolic link ${climb}`)
  }
  return close(encode({ Data: symlinkData(target), Links: [] }), [], hash, [])
}

/** The UnixFS node of a flat directory, in its only accepted encoding. */
export function directoryData(): Uint8Array {
  return encodeUnixfs({ type: UNIXFS_DIRECTORY })
}

/** The UnixFS node of a shard that uses these slots, in its only accepted encoding. */
export function shardData(slots: Iterable<number>): Uint8Array {
  return encodeUnixfs({ type: UNIXFS_SHARD, data: bitField(slots), hashType: MURMUR3, fanout: SHARD_FANOUT })
}

/** The UnixFS node of a symbolic link, in its only accepted encoding. */
export function symlinkData(target: string): Uint8Array {
  return encodeUnixfs({ type: UNIXFS_SYMLINK, data: utf8(target) })
}

function checkNames(sorted: readonly DirectoryEntry[]): void {
  let previous: string | undefined
  for (const { name } of sorted) {
    const fault = name === previous ? 'stands twice in one directory' : nameFault(name)
    if (fault !== undefined) throw new PathmeshError('UNSAFE_NAME', `the name ${quoted(name)} ${fault}`)
    previous = name
  }
}

function link(name: string, { cid, tsize }: { readonly cid: CID; readonly tsize: number }): Link {
  return { Name: name, Hash: cid, Tsize: tsize }
}

function close(
  bytes: Uint8Array,
  below: readonly { readonly tsize: number }[],
  hash: HashName,
  branches: Branch[]
): Built {
  const cid = cidOf(DAG_PB, hash, bytes)
  branches.push({ cid, bytes })
  return { cid, tsize: below.reduce((total, { tsize }) => total + tsize, bytes.length), branches }
}

/** A shard of names that agree in their first `level` slots; recursion ends with the 64 bits of the hash. */
function buildShard(placed: readonly Placed[], level: number, hash: HashName, branches: Branch[]): Built {
  if (level === SHARD_LEVELS_MAX) {
    const names = placed.map(({ entry }) => quoted(entry.name)).join(' and ')
    throw new PathmeshError('UNSAFE_NAME', `the names ${names} have one hash: rename one of them`)
  }
  const slots = new Map<number, Placed[]>()
  for (const item of placed) {
    const slot = item.path[level] ?? 0
    const others = slots.get(slot)
    if (others === undefined) slots.set(slot, [item])
    else others.push(item)
  }
  const used = [...slots.keys()].sort((a, b) => a - b)
  const links = used.map(slot => {
    const items = slots.get(slot) ?? []
    const [only] = items
    const prefix = slotPrefix(slot)
    if (items.length === 1 && only !== undefined) return link(prefix + only.entry.name, only.entry)
    return link(prefix, buildShard(items, level + 1, hash, branches))
  })
  const below = links.map(({ Tsize: tsize }) => ({ tsize }))
  return close(encode({ Data: shardData(used), Links: links }), below, hash, branches)
}
