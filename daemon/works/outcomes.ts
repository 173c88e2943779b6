// How a call ends where its run did not: the words for what was lost, and for what nobody can know.

import { PathmeshError } from '../../proto/errors.ts'
import { HOST_BACK_MS } from '../../proto/limits.ts'
import type { Outcome } from '../../proto/works-api.ts'
import type { Call } from './call.ts'

const BACK = `within ${HOST_BACK_MS / 1000} s`

export const failed = (error: PathmeshError): Outcome => ({ ok: false, error: error.toProblem() })

/** The process that ran it is gone. */
export const lost = ({ work, id }: Call, how: string): PathmeshError =>
  new PathmeshError('WORK_LOST', `${work}: ${how}: what the run had done by then is not known`, {
    details: { work, id, began: true }
  })

/** It was accepted, and never handed to a process. */
export const neverBegan = ({ work, id }: Pick<Call, 'work' | 'id'>, how: string): PathmeshError =>
  new PathmeshError('WORK_LOST', `${work}: ${how}: this call never began, and can be made again`, {
    details: { work, id, began: false }
  })

export const unknown = ({ work, id }: Call): PathmeshError =>
  new PathmeshError(
    'OUTCOME_UNKNOWN',
    `${work}: the daemon was restarted while it ran, and no program came back with it ${BACK}: nobody can say how ` +
      'the run ended. Look at what it should have done before you call again',
    { details: { work, id } }
  )

/** It ended, and its caller has made so many calls since that the outcome had to go. */
export const letGo = ({ work, id }: Pick<Call, 'work' | 'id'>): PathmeshError =>
  new PathmeshError(
    'OUTCOME_UNKNOWN',
    `${work}: the call ${id} ended, and what came of it is no longer kept, since so many ended after it. Look at what it ` +
      'should have done before you call again, under another id',
    { details: { work, id } }
  )

export const cancelled = ({ work }: Pick<Call, 'work'>): PathmeshError =>
  new PathmeshError('ABORTED', `the call of ${work} was cancelled before it began`)

export const HOW = {
  vanished: `the program that hosted it went away, and was not back ${BACK}`,
  forgotten: 'the program that hosts it came back without this call',
  restarted: 'the daemon was restarted while it waited'
} as const

/** Refuses a call made with another module than the one hosted. */
export function otherModule(work: string, where: string, hosted: { hash: string; module: string }, hash: string) {
  return new PathmeshError(
    'INCOMPATIBLE',
    `${work} on ${where} is ${hosted.module} with the hash ${hosted.hash.slice(0, 12)}, the caller's has ` +
      `${hash.slice(0, 12)}: deploy the same file to both, and host it again`,
    { details: { work, hosted: hosted.hash, called: hash } }
  )
}
