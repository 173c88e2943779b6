// What goes into a session, what can be seen of it, and where its content goes.

import type { CID } from 'multiformats/cid'
import type { CheckedTree } from '../content/check-tree.ts'
import type { Clock } from '../clock.ts'
import type { Sink } from './plan.ts'
import type { Peers } from './sources.ts'
import type { BranchStore } from './structure.ts'

export type SessionState = 'resolving' | 'structure' | 'transferring' | 'waiting' | 'materialising' | 'done' | 'failed'

/** Where a transfer stands; a snapshot. */
export interface SessionStatus {
  readonly state: SessionState
  /** What it waits for. */
  readonly why: string | null
  /** Verified and written, in earlier attempts too. */
  readonly bytesDone: number
  readonly bytesTotal: number | null
  readonly filesDone: number
  readonly filesTotal: number | null
  readonly bytesPerSecond: number
  /** Bytes of content that came in this session. */
  readonly bytesFetched: number
  readonly providers: readonly { readonly peerId: string; readonly bytes: number }[]
}

/** What a session writes into, and what makes that whole. */
export interface Destination<Held> {
  readonly branches: BranchStore
  /** NO_SPACE if so much cannot be written. */
  needSpace(bytes: number): Promise<void>
  open(): Promise<SessionSink>
  finish(sink: SessionSink, checked: CheckedTree, signal: AbortSignal): Promise<Held>
}

export interface SessionSink extends Sink {
  readonly bytes: number
  finishLarge(path: string, size: number, executable: boolean): Promise<void>
  checkpoint(): Promise<void>
  close(): Promise<void>
}

export interface SessionRequest {
  readonly root: CID
  /** The share that `root` lies in: who holds that has it as well. */
  readonly within?: CID | undefined
  /** Peers to ask first. */
  readonly hints: readonly string[]
  /** Bytes of a root that is a leaf; without it, the leaf tells. */
  readonly size?: number | undefined
  readonly stallMs?: number | undefined
  readonly signal: AbortSignal
}

export interface SessionComponents<Held> {
  readonly peers: Peers
  readonly clock: Clock
  readonly destination: Destination<Held>
}
