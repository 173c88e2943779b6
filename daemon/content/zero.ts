// Owns the question whether a leaf holds nothing but zeros, so that the holes of sparse files are never sent.
// Refuses to look at bytes: the CID tells.

import type { CID } from 'multiformats/cid'
import { LEAF_BYTES } from '../../proto/limits.ts'
import { DIGEST_BYTES, RAW, digest } from './multihash.ts'

const zeros = new Uint8Array(LEAF_BYTES)
const fullLeaf = new Map<number, Uint8Array>()

/** Whether a raw leaf of `size` bytes is all zeros. Only the digest of a full leaf is remembered: the rest are last ones. */
export function isZeroLeaf(cid: CID, size: number): boolean {
  if (cid.code !== RAW || size < 1 || size > LEAF_BYTES) return false
  const { code, digest: expected } = cid.multihash
  return expected.length === DIGEST_BYTES && Buffer.compare(zeroDigest(code, size), expected) === 0
}

function zeroDigest(code: number, size: number): Uint8Array {
  if (size < LEAF_BYTES) return digest(code, zeros.subarray(0, size))
  const found = fullLeaf.get(code) ?? digest(code, zeros)
  fullLeaf.set(code, found)
  return found
}
