// What the main thread and the threads that hold lanes say to each other. Plain values only: errors travel as faults.

import type { Fingerprint } from '../../content/fingerprint.ts'
import { type ErrorCode, type ErrorDetails, PathmeshError, toPathmeshError } from '../../../proto/errors.ts'
import type { Span } from '../provider.ts'
import type { PackedWishes, PackedWritten } from './small-files.ts'

export interface Fault {
  readonly code: ErrorCode
  readonly message: string
  readonly details: ErrorDetails | undefined
}

/** What this node does on a lane: it asks, or it serves. */
export type Way = 'ask' | 'serve'

/** Names a lane between threads. */
export interface LaneFacts {
  readonly lane: number
  readonly peer: string
  readonly way: Way
}

export interface LaneKey {
  /** 32 lower-case hexadecimal digits. */
  readonly id: string
  readonly key: Uint8Array
}

/** Where lanes may be opened to. */
export interface LaneListen {
  readonly hosts: readonly string[]
  /** 0 is any free one. */
  readonly port: number
  /** Whether another port will not do. */
  readonly fixed: boolean
}

/** Waits of a thread, which has its own clock. */
export interface ThreadWaits {
  readonly frameMs: number
  readonly writeMs: number
  readonly idleMs: number
  readonly handshakeMs: number
}

export interface LeafWish {
  readonly index: number
  readonly cid: Uint8Array
  readonly size: number
}

export type ToThread =
  | { readonly type: 'listen'; readonly ask: number; readonly listen: LaneListen }
  | {
      readonly type: 'expect'
      readonly ask: number
      readonly facts: LaneFacts
      readonly key: LaneKey
      readonly ms: number
    }
  | {
      readonly type: 'dial'
      readonly facts: LaneFacts
      readonly key: LaneKey
      readonly host: string
      readonly port: number
    }
  | { readonly type: 'close'; readonly lane: number }
  | {
      readonly type: 'leaves'
      readonly lane: number
      readonly order: number
      readonly file: Uint8Array
      readonly leaves: readonly LeafWish[]
      readonly into: string | undefined
    }
  | {
      readonly type: 'small'
      readonly lane: number
      readonly order: number
      readonly wanted: PackedWishes
    }
  | { readonly type: 'cancel'; readonly lane: number; readonly order: number }
  | ThreadAnswer<Answer>

export type ThreadAnswer<Value> =
  | { readonly type: 'answer'; readonly ask: number; readonly value: Value }
  | { readonly type: 'refusal'; readonly ask: number; readonly fault: Fault }

/** Leaves that came: their bytes where they are handed over. */
export interface LeafCame {
  readonly index: number
  readonly bytes: Uint8Array | undefined
}

/** A small file that is handed over, or is missing, by its place in the order. */
export interface SmallCame {
  readonly at: number
  readonly bytes: Uint8Array | undefined
}

export type FromThread =
  /** The port that is listened on; 0 where nothing was asked for but to be done. */
  | ThreadAnswer<number>
  | { readonly type: 'opened'; readonly lane: number }
  /** It takes no more orders; those that it has end, and then it does. */
  | { readonly type: 'closing'; readonly lane: number; readonly fault: Fault }
  | { readonly type: 'ended'; readonly lane: number; readonly fault: Fault }
  /** What is new of an order: bytes that came in, verified or not, and what they were. */
  | {
      readonly type: 'came'
      readonly lane: number
      readonly order: number
      readonly raw: number
      readonly leaves: readonly LeafCame[]
      readonly small: readonly SmallCame[]
      /** Small files that were written. */
      readonly written: PackedWritten | undefined
      /** Nothing of it is written any more. */
      readonly end: { readonly fault: Fault | undefined } | undefined
    }
  /** Bytes that went out to the peer. */
  | { readonly type: 'served'; readonly lane: number; readonly bytes: number }
  /** A request is answered, or nobody wants it any more. */
  | { readonly type: 'released'; readonly lane: number; readonly request: number }
  | { readonly type: 'ask'; readonly ask: number; readonly lane: number; readonly question: Question }

/** Where the leaves of a file lie; `stamp` is what it looked like when they were hashed, null for one that is growing. */
export interface LeavesPlace {
  readonly path: string
  readonly size: number
  readonly stamp: Fingerprint | null
}

export type SmallPlace = { readonly bytes: Uint8Array } | LeavesPlace | undefined

/** What a thread has to ask the main thread. */
export type Question =
  | { readonly type: 'leaves'; readonly request: number; readonly file: Uint8Array; readonly spans: readonly Span[] }
  | { readonly type: 'small'; readonly request: number; readonly cids: readonly Uint8Array[] }
  /** A leaf of a file that looks different by now. */
  | { readonly type: 'leaf'; readonly request: number; readonly file: Uint8Array; readonly index: number }
  /** A small file that looks different by now. */
  | { readonly type: 'block'; readonly request: number; readonly cid: Uint8Array }
  /** Leave to send so many bytes. */
  | { readonly type: 'leave'; readonly bytes: number }

/** The answers to them; `isLimited`: whether leave has to be asked for from now on. */
export type Answer =
  | { readonly type: 'leaves'; readonly place: LeavesPlace; readonly isLimited: boolean }
  | { readonly type: 'small'; readonly places: readonly SmallPlace[]; readonly isLimited: boolean }
  | { readonly type: 'leaf'; readonly bytes: Uint8Array }
  | { readonly type: 'block'; readonly bytes: Uint8Array | undefined }
  | { readonly type: 'leave'; readonly isLimited: boolean }

export type AnswerTo<Type extends Question['type']> = Extract<Answer, { type: Type }>

export function isAnswerTo<Type extends Question['type']>(answer: Answer, type: Type): answer is AnswerTo<Type> {
  return answer.type === type
}

/** The memory of what is handed over, and need not be copied. */
export function buffersOf(came: readonly { readonly bytes: Uint8Array | undefined }[]): ArrayBuffer[] {
  return came.flatMap(({ bytes }) => (bytes?.buffer instanceof ArrayBuffer ? [bytes.buffer] : []))
}

export function toFault(error: unknown, doing: string): Fault {
  const { code, message, details } = toPathmeshError(error, doing)
  return { code, message, details }
}

export function fromFault({ code, message, details }: Fault): PathmeshError {
  return new PathmeshError(code, message, details === undefined ? {} : { details })
}

/** How a lane that broke looks to whoever asks on it; what the peer did wrong stays what it is. */
export function lost(peer: string, cause: PathmeshError): PathmeshError {
  if (cause.code === 'NO_PROVIDERS' || cause.code === 'CORRUPT') return cause
  return new PathmeshError('NO_PROVIDERS', `the lane to ${peer} was lost: ${cause.message}`, { cause })
}
