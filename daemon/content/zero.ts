// Owns the question whether a leaf holds nothing but zeros, so that the holes of sparse files are never sent.
// Refuses to look at bytes: the CID tells.

import type { CID } from 'multiformats/cid'
import { LEAF_BYTES, ZERO_DIGESTS_KEPT } from '../../proto/limits.ts'
import { DIGEST_BYTES, RAW, digest } from './multihash.ts'

const zeros = new Uint8Array(LEAF_BYTES)
/** Of some sizes, for each hash: trees have many files of one. */
const known = new Map<string, Uint8Array>()

/** Whether a raw leaf of `size` bytes is all zeros. */
export function isZeroLeaf(cid: CID, size: number): boolean {
  if (cid.code !== RAW || size < 1 || size > LEAF_BYTES) return false
  const { code, digest: expected } = cid.multihash
  return expected.length === DIGEST_BYTES && Buffer.compare(zeroDigest(code, size), expected) === 0
}

function zeroDigest(code: number, size: number): Uint8Array {
  const key = `${code} ${size}`
  const found = known.get(key) ?? digest(code, zeros.subarray(0, size))
  // The one that was wanted last goes last.
  known.delete(key)
  known.set(key, found)
  for (const oldest of known.keys()) {
    if (known.size <= ZERO_DIGESTS_KEPT) break
    known.delete(oldest)
  }
  return found
}
