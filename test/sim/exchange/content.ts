// What simulated nodes fetch: a directory with one large file and some small ones. Its leaves are few different ones, over and
// over, so that much content costs little memory and is hashed once.

import type { CID } from 'multiformats/cid'
import { buildDirectory } from '../../../daemon/content/directory.ts'
import { buildFile } from '../../../daemon/content/file-dag.ts'
import { cidOf, digest, hashCode, RAW } from '../../../daemon/content/multihash.ts'
import { walkTree } from '../../../daemon/content/walk.ts'
import { LEAF_BYTES } from '../../../proto/limits.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { MemoryBranches } from '../../helpers/trees.ts'

const DIFFERENT = 3
const random = new Seeded('simulated content')
const LEAVES = Array.from({ length: DIFFERENT }, () =>
  random.bytes(DIFFERENT * LEAF_BYTES).subarray(LEAF_BYTES, 2 * LEAF_BYTES)
)
const DIGESTS = LEAVES.map(bytes => digest(hashCode('blake3'), bytes))

export interface SmallContent {
  readonly bytes: Uint8Array
  readonly ordinal: number
}

export interface SimContent {
  readonly root: CID
  readonly file: CID
  readonly branches: MemoryBranches
  readonly size: number
  /** Of the large file. */
  readonly leaves: readonly Uint8Array[]
  /** Ordinal of its first leaf. */
  readonly first: number
  readonly small: ReadonlyMap<string, SmallContent>
  /** What lies at each place in the order of the walk. */
  readonly byOrdinal: readonly Uint8Array[]
}

const made = new Map<string, Promise<SimContent>>()

/** A large file of so many leaves, at least two, and so many small ones. */
export function contentOf(leaves: number, small: number): Promise<SimContent> {
  const key = `${leaves} ${small}`
  const known = made.get(key) ?? make(leaves, small)
  made.set(key, known)
  return known
}

async function make(count: number, smallFiles: number): Promise<SimContent> {
  const pick = (index: number): number => (index * 7 + (index >> 2)) % DIFFERENT
  const leaves = Array.from({ length: count }, (_, index) => LEAVES[pick(index)] ?? LEAVES[0] ?? random.bytes(0))
  const digests = Buffer.concat(leaves.map((_, index) => DIGESTS[pick(index)] ?? Buffer.alloc(0)))
  const built = buildFile({ leaves: digests, size: count * LEAF_BYTES, executable: false, hash: 'blake3' })
  const texts = Array.from({ length: smallFiles }, (_, n) => Buffer.from(`small file ${n}`))
  const entries = [
    { name: 'large', cid: built.cid, tsize: built.tsize },
    ...texts.map((bytes, n) => ({ name: `s${n}`, cid: cidOf(RAW, 'blake3', bytes), tsize: bytes.length }))
  ]
  const directory = buildDirectory(entries, 'blake3')
  const branches = new MemoryBranches().add(...built.branches, ...directory.branches)
  const small = new Map<string, SmallContent>()
  const byOrdinal: Uint8Array[] = []
  let first = 0
  for await (const entry of walkTree(directory.cid, branches)) {
    if (entry.kind !== 'file') continue
    if (entry.path === 'large') {
      first = byOrdinal.length
      byOrdinal.push(...leaves)
      continue
    }
    const bytes = texts.find(text => cidOf(RAW, 'blake3', text).equals(entry.cid)) ?? Buffer.alloc(0)
    small.set(entry.cid.toString(), { bytes, ordinal: byOrdinal.length })
    byOrdinal.push(bytes)
  }
  const size = byOrdinal.reduce((sum, { length }) => sum + length, 0)
  return { root: directory.cid, file: built.cid, branches, size, leaves, first, small, byOrdinal }
}
