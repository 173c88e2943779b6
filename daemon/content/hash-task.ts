// Owns the messages between the hasher and its worker threads: what to hash, and what came out.
// Refuses classes and functions: all of it survives a structured clone.

import type { Problem } from '../../proto/errors.ts'
import type { Fingerprint } from './fingerprint.ts'
import type { HashName } from './multihash.ts'

/** Leaves [from, to) of one file. */
export interface Segment {
  readonly absolute: string
  readonly fingerprint: Fingerprint
  readonly from: number
  readonly to: number
  /** Wrap the single leaf of an executable file as well. */
  readonly wrap: boolean
}

export interface HashTask {
  readonly hash: HashName
  readonly segments: readonly Segment[]
}

export interface WrappedDigest {
  readonly digest: Uint8Array
  /** Bytes of the block. */
  readonly size: number
}

export interface HashResult {
  /** 32 bytes a leaf, in the order of the segments. */
  readonly digests: Uint8Array
  /** One for each segment that asked for it, in their order. */
  readonly wrapped: readonly WrappedDigest[]
}

/** Errors cross threads as problems: a structured clone would lose their code. */
export type HashOutcome = HashResult | { readonly problem: Problem }
