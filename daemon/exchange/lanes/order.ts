// What is known, in the thread that holds a lane, of one order that was sent on it.

import type { PathmeshError } from '../../../proto/errors.ts'
import type { LeafCame, LeafWish, SmallCame } from './messages.ts'
import { type SmallWish, Written } from './small-files.ts'
import type { TargetFile } from './target-files.ts'

export interface Order {
  readonly id: number
  readonly leaves: Map<number, LeafWish>
  readonly small: Map<number, SmallWish>
  readonly into: string | undefined
  file: TargetFile | undefined
  /** Leaves that follow each other, to be written at once: each write wakes another thread. */
  run: { readonly first: number; readonly blocks: Uint8Array[] } | undefined
  /** Writes under way. */
  writing: number
  isUnwritable: boolean
  fault: PathmeshError | undefined
  /** The peer sends no more of it. */
  isAnswered: boolean
  /** CANCEL was sent. */
  isCancelled: boolean
  /** The main thread knows how it ended. */
  isTold: boolean
  raw: number
  cameLeaves: LeafCame[]
  cameSmall: SmallCame[]
  readonly written: Written
  cancelTell: (() => void) | undefined
}

/** One that was not sent yet. */
export function newOrder(id: number, into: string | undefined): Order {
  return {
    id,
    leaves: new Map(),
    small: new Map(),
    into,
    file: undefined,
    run: undefined,
    writing: 0,
    isUnwritable: false,
    fault: undefined,
    isAnswered: false,
    isCancelled: false,
    isTold: false,
    raw: 0,
    cameLeaves: [],
    cameSmall: [],
    written: new Written(),
    cancelTell: undefined
  }
}
