// What the program that hosts a Work and the process that runs it say to each other. Both are of one installation, so their words are
// not checked again; words of the Work's own, which has the same channel, are told apart and left alone.

import type { Progress } from '../../proto/api.ts'
import type { Problem } from '../../proto/errors.ts'
import type { Outcome, Phase } from '../../proto/works-api.ts'
import type { Json, State } from './state.ts'

/** Which Work of a module it is: by the name of its export, or by that of its class. Without either, the default export, or the only one. */
export interface Which {
  readonly name?: string | undefined
  readonly className?: string | undefined
}

/** Milliseconds that the two are given; in tests less than the limits say. */
export interface Patience {
  readonly readyMs: number
  readonly cancelMs: number
  readonly lastWordsMs: number
}

/** To the process. `load` and `begin` once each; then calls, one at a time. */
export type Told =
  | {
      readonly event: 'load'
      readonly module: string
      readonly which: Which
      readonly work: string
      readonly patience: Patience
    }
  | {
      readonly event: 'begin'
      readonly node: string
      readonly folder: string
      readonly socket: string
      readonly startHint?: string | undefined
    }
  | { readonly event: 'call'; readonly id: string; readonly args: readonly Json[]; readonly state: State }
  | { readonly event: 'cancel'; readonly id: string }

/** News of a call, whatever changed. */
export interface News {
  readonly phase?: Phase
  readonly state?: State
  readonly progress?: Progress | null
}

/** The end of a call, and the state that was not told before. Behind it, and the two marks, it is over. */
export interface Over {
  readonly outcome: Outcome
  readonly state: State
}

/** From the process: what became of `load` and `begin`, and of calls; and what a reader of its log should know. */
export type Said =
  | { readonly event: 'done'; readonly what: 'load' | 'begin' }
  | { readonly event: 'failed'; readonly error: Problem }
  | { readonly event: 'news'; readonly id: string; readonly news: News }
  | { readonly event: 'note'; readonly text: string }
  | { readonly event: 'over'; readonly id: string; readonly over: Over }

/** Around each word, so that it is known as ours. */
export interface Envelope<T extends { readonly event: string }> {
  readonly pathmesh: T
}

export function isTold(message: unknown): message is Envelope<Told> {
  return isOurs(message)
}

export function isSaid(message: unknown): message is Envelope<Said> {
  return isOurs(message)
}

/**
 * What the process prints on each of its streams behind all that a call printed: what travels beside them overtakes it. Begins and ends
 * as nothing does that is meant to be read.
 */
export const endMark = (id: string): string => `\0pathmesh:${id}\n`

function isOurs(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'pathmesh' in message
}
