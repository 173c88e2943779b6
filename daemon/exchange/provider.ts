// The face of one peer that may hold content: what a session can ask of it, however the bytes travel. Everything that it
// hands out or writes has been verified against the CID that was asked for; a peer that sends anything else is CORRUPT.

import type { CID } from 'multiformats/cid'
import type { Branch } from '../content/file-dag.ts'
import type { Fingerprint } from '../content/fingerprint.ts'

export interface WaitOptions {
  readonly signal?: AbortSignal
}

export interface BulkOptions extends WaitOptions {
  /** Told of bytes as they come in, verified or not. */
  readonly onBytes?: ((bytes: number) => void) | undefined
}

export interface TreeAnswer {
  /** Branches, the asked ones and what lies below them, parents before children. */
  readonly blocks: readonly Branch[]
  /** Asked for, and not there. */
  readonly missing: readonly CID[]
}

/** From `from` up to, but not including, `to`. */
export interface Span {
  readonly from: number
  readonly to: number
}

export interface WantedLeaf {
  readonly index: number
  readonly cid: CID
  readonly size: number
}

/** Leaves of one file, ascending. */
export interface LeavesOrder {
  readonly file: CID
  readonly leaves: readonly WantedLeaf[]
  /** A file of its final size that they may be written into, at their places; without it they are handed over. */
  readonly into?: string | undefined
}

export interface CameLeaf {
  readonly index: number
  /** Undefined where it has been written into `into`. */
  readonly bytes: Uint8Array | undefined
}

/** A small file that may be made. */
export interface SmallTarget {
  readonly path: string
  readonly mode: number
}

export interface WantedSmall {
  readonly cid: CID
  /** Bytes that it has, where that is known: another size is CORRUPT. */
  readonly size: number | undefined
  /** Files that it may be written to; without any it is handed over. */
  readonly into: readonly SmallTarget[]
}

export interface CameSmall {
  readonly cid: CID
  /** Undefined where it has been written to all of `into`, or is not there. */
  readonly bytes: Uint8Array | undefined
  readonly is: 'here' | 'written' | 'missing'
  readonly size: number
  /** What each of `into` looked like when it was written, in their order. */
  readonly looks?: readonly Fingerprint[]
}

/** How much of a root lies somewhere. */
export interface Held {
  readonly complete: boolean
  /** Logical bytes of it; of an unfinished transfer, those verified. */
  readonly bytes: number
}

/** What became known of a root that is being received: leaves by their place in the order of the walk. */
export interface HeldMore extends Held {
  readonly spans: readonly Span[]
}

/** How bulk bytes of a peer travel. */
export type Via = 'lane' | 'stream'

export interface Provider {
  readonly peer: string
  readonly via: Via
  /** Branches from these CIDs downwards, as many as one answer holds; those below are verified by `isWanted`. */
  tree(cids: readonly CID[], options?: BulkOptions): Promise<TreeAnswer>
  /**
   * Small blocks, several an answer, in any order. CORRUPT for one that is wrong, its CID as text in `details.wrong`. Once the
   * generator has ended, or its `return` has settled, nothing is written any more.
   */
  small(wanted: readonly WantedSmall[], options?: BulkOptions): AsyncGenerator<readonly CameSmall[]>
  /**
   * Leaves of one file, in any order. CORRUPT for one that is wrong, its index in `details.wrongLeaf`. As with `small`, nothing
   * is written after its end.
   */
  leaves(order: LeavesOrder, options?: BulkOptions): AsyncGenerator<CameLeaf>
  /** Which of these roots it holds, whole. */
  have(cids: readonly CID[], options?: WaitOptions): Promise<boolean[]>
  /** How much of each of these roots it holds. */
  held(cids: readonly CID[], options?: WaitOptions): Promise<Held[]>
  /**
   * What it holds of a root that it is receiving: what it has, and then what comes, until it has all of it. Ends at once where
   * it has all of it or none.
   */
  follow(root: CID, options?: WaitOptions): AsyncGenerator<HeldMore>
  /** It sent nothing for too long: where there is another way to it, that is taken from now on. */
  readonly gaveUp?: () => void
  /** Tells it that a leaf was wrong; whether it withdrew the file. */
  wrong(file: CID, index: number, options?: WaitOptions): Promise<boolean>
}
