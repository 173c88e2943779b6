// The face of one peer that may hold content: what a session can ask of it, however the bytes travel. Everything that it
// hands out has been verified against the CID that was asked for; a peer that sends anything else is CORRUPT.

import type { CID } from 'multiformats/cid'
import type { Branch } from '../content/file-dag.ts'

export interface WaitOptions {
  readonly signal?: AbortSignal
}

export interface TreeAnswer {
  /** Branches, the asked ones and what lies below them, parents before children. */
  readonly blocks: readonly Branch[]
  /** Asked for, and not there. */
  readonly missing: readonly CID[]
}

export interface SmallBlock {
  readonly cid: CID
  /** Undefined where the peer does not have it. */
  readonly bytes: Uint8Array | undefined
}

export interface LeafRange {
  readonly from: number
  readonly to: number
}

export interface SentLeaf {
  readonly index: number
  readonly bytes: Uint8Array
}

/** How much of a root lies somewhere. */
export interface Held {
  readonly complete: boolean
  /** Logical bytes of it; of an unfinished transfer, those verified. */
  readonly bytes: number
}

export interface Provider {
  readonly peer: string
  /** Branches from these CIDs downwards, as many as one answer holds; those below are verified by `isWanted`. */
  tree(cids: readonly CID[], options?: WaitOptions): Promise<TreeAnswer>
  /** Small files, several an answer, in any order. CORRUPT for one that is wrong, its CID as text in `details.wrong`. */
  small(cids: readonly CID[], options?: WaitOptions): AsyncGenerator<readonly SmallBlock[]>
  /** Leaves of one file. They are not verified: the caller knows their CIDs. */
  leaves(file: CID, ranges: readonly LeafRange[], options?: WaitOptions): AsyncGenerator<SentLeaf>
  /** Which of these roots it holds, whole. */
  have(cids: readonly CID[], options?: WaitOptions): Promise<boolean[]>
  /** How much of each of these roots it holds. */
  held(cids: readonly CID[], options?: WaitOptions): Promise<Held[]>
  /** Tells it that a leaf was wrong; whether it withdrew the file. */
  wrong(file: CID, index: number, options?: WaitOptions): Promise<boolean>
}
