// What goes into a session, what can be seen of it, and where its content goes.

import type { CID } from 'multiformats/cid'
import type { CheckedTree } from '../content/check-tree.ts'
import type { Fingerprint } from '../content/fingerprint.ts'
import type { LargeFile, LeafJob, Sink } from './plan.ts'
import type { SmallTarget, Via } from './provider.ts'
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
  /** Until all bytes are here, at this rate; null where that cannot be told. */
  readonly etaSeconds: number | null
  /** Bytes of content that came in this session. */
  readonly bytesFetched: number
  /** Who sent something, or was asked to. */
  readonly providers: readonly ProviderStatus[]
}

/** What a session has to do with one peer. */
export interface ProviderStatus {
  readonly peerId: string
  /** Verified bytes of content that it sent. */
  readonly bytes: number
  readonly bytesPerSecond: number
  readonly via: Via
  /** `sending`: something is asked of it. `resting`: it failed, and is asked again later. `left`: it is not asked again. */
  readonly state: 'sending' | 'idle' | 'resting' | 'left'
  /** What it said last, where it failed. */
  readonly said: { readonly code: string; readonly message: string } | null
}

/** What a session writes into, and what makes that whole. */
export interface Destination<Held> {
  readonly branches: BranchStore
  /** NO_SPACE if so much cannot be written. */
  needSpace(bytes: number): Promise<void>
  /** Leaves that already lie somewhere on this node, in the order asked; undefined for those that do not. */
  local(cids: readonly CID[], signal: AbortSignal): Promise<(Uint8Array | undefined)[]>
  /** A leaf that a transfer of another root has written and not finished. */
  unfinished(file: LargeFile, leaf: LeafJob, signal: AbortSignal): Promise<Uint8Array | undefined>
  open(): Promise<SessionSink>
  finish(sink: SessionSink, checked: CheckedTree, signal: AbortSignal): Promise<Held>
}

export interface SessionSink extends Sink {
  readonly bytes: number
  /** The absolute path of what has this path inside the root. */
  at(path: string): string
  /** Makes a file of its final size, for leaves that others write into it; undefined where there are no files. */
  target(path: string, fileSize: number): Promise<string | undefined>
  /** Makes way for small files that others write; undefined where there are no files. */
  smallTargets(paths: readonly string[]): Promise<SmallTarget[] | undefined>
  /** Others have written these leaves. */
  wrote(ordinals: readonly number[], bytes: number): Promise<void>
  /** What a small file that others wrote looked like then. */
  looked(path: string, look: Fingerprint): void
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
