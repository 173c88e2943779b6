// Owns the messages between the hasher and its worker threads: what to hash, and what came out.
// Refuses classes and functions: all of it survives a structured clone.

import type { Problem } from '../../proto/errors.ts'
import type { HashName } from './multihash.ts'

/** Some files, each with its leaves [from, to). Numbers travel in arrays: an object for each file would cost more than hashing it. */
export interface HashTask {
  readonly hash: HashName
  readonly paths: readonly string[]
  /** STAMP_NUMBERS of each file: device, inode, size, time of writing. */
  readonly stamps: BigInt64Array
  /** From and to of each file. */
  readonly ranges: Float64Array
  /** 1 for an executable file whose single leaf is wrapped as well. */
  readonly wraps: Uint8Array
}

export const STAMP_NUMBERS = 4

export interface WrappedDigest {
  readonly digest: Uint8Array
  /** Bytes of the block. */
  readonly size: number
}

export interface HashResult {
  /** 32 bytes a leaf, in the order of the files. */
  readonly digests: Uint8Array
  /** One for each file that asked for it, in their order. */
  readonly wrapped: readonly WrappedDigest[]
}

/** Errors cross threads as problems: a structured clone would lose their code. */
export type HashOutcome = HashResult | { readonly problem: Problem }
