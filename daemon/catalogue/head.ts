// How far the records of one origin are known: up to which number without a gap, and a digest of the newest record of every
// name. Two nodes whose digests are equal know the same.

import { DIGEST_BYTES } from '../content/multihash.ts'

export interface Head {
  /** Every newest record up to this number is here. */
  readonly number: number
  /** XOR of the hashes of all newest records. */
  readonly digest: Uint8Array
}

/** What a node keeps of an origin beside its records. */
export interface OriginHead extends Head {
  /** Newest records, of names, works and the origin itself. */
  readonly records: number
  /** Names among them that are not retired. */
  readonly names: number
}

export const EMPTY_HEAD: OriginHead = { number: 0, digest: new Uint8Array(DIGEST_BYTES), records: 0, names: 0 }

export const agrees = (a: Head, b: Head): boolean => Buffer.compare(a.digest, b.digest) === 0

/** `digest` with the records of these hashes added, or, the same, taken out. */
export function toggled(digest: Uint8Array, ...hashes: readonly Uint8Array[]): Uint8Array {
  const next = Uint8Array.from(digest)
  for (const hash of hashes) for (let i = 0; i < DIGEST_BYTES; i++) next[i] = (next[i] ?? 0) ^ (hash[i] ?? 0)
  return next
}
