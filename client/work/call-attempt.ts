// One call under one id: begun, followed until its outcome, asked about again after a lost connection, cancelled. Whether it is to
// run once more is not decided here.

import { setTimeout as pause } from 'node:timers/promises'
import type { Progress } from '../../proto/api.ts'
import { hasCode, type PathmeshError } from '../../proto/errors.ts'
import { ASK_AGAIN_MS, CANCEL_MS } from '../../proto/limits.ts'
import type { CallEvents, Called, CallRequest, LogLine, Outcome, Phase } from '../../proto/works-api.ts'
import type { Calls } from '../calls.ts'
import { orAborted } from '../or-aborted.ts'
import { forgotten, mayPass, neverBegan, outOfReach, unanswered, wasNotSent } from './call-errors.ts'
import { Patience } from './call-patience.ts'
import type { State } from './state.ts'

/** The part of the local API that calls Works. */
export type WorkCalls = Pick<Calls, 'call' | 'callEvents' | 'cancelCall'>

/** Who is told what a call does. */
export interface CallListeners {
  /** Attributes of the Work that changed. */
  readonly onState?: ((changed: State) => void) | undefined
  /** A line that the Work printed. */
  readonly onLog?: ((line: LogLine) => void) | undefined
  /** Lines that it printed too fast, and that are lost. */
  readonly onMissed?: ((lines: number) => void) | undefined
  /** How far the content is that the call fetches. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly onPhase?: ((phase: Phase) => void) | undefined
}

export interface AttemptOptions {
  readonly listeners: CallListeners
  readonly lostMs: number
  /** Whether it may run twice. */
  readonly idempotent: boolean
}

export class CallAttempt {
  readonly #calls: WorkCalls
  readonly #request: CallRequest
  readonly #options: AttemptOptions
  readonly #patience: Patience
  #begun: Promise<Called> | undefined
  #mayHaveBegun = false
  #after: string | undefined
  #phase: Phase | undefined
  #progress = ''

  constructor(calls: WorkCalls, request: CallRequest, options: AttemptOptions) {
    this.#calls = calls
    this.#request = request
    this.#options = options
    this.#patience = new Patience(options.lostMs)
  }

  /**
   * How it ended, or the error of its node that has forgotten it. WORK_LOST or OUTCOME_UNKNOWN when its node was out of reach for too
   * long; the signal's reason, when the call goes on until `cancel()`.
   */
  async outcome(signal: AbortSignal): Promise<Outcome | PathmeshError> {
    const node = await this.#begin(signal)
    while (true) {
      let events: CallEvents
      try {
        events = await this.#ask(node, signal)
      } catch (error) {
        signal.throwIfAborted()
        if (hasCode(error, 'NOT_FOUND')) return error
        if (!mayPass(error)) throw error
        if (!(await this.#patience.wait(signal))) throw outOfReach(this.#request, node, this.#options.lostMs, error)
        continue
      }
      this.#tell(events)
      if (events.outcome !== null) return events.outcome
    }
  }

  /** Has it ended where it runs, and tells what it still does, both for a few seconds at most. Never rejects for the way there. */
  async cancel(): Promise<void> {
    if (this.#begun === undefined) return
    const node = await this.#whereItRuns(this.#begun)
    const told = (await this.#tellToEnd(node)) || (await pause(ASK_AGAIN_MS), await this.#tellToEnd(node))
    if (!told || node === undefined) return
    const signal = AbortSignal.timeout(CANCEL_MS)
    try {
      for (let isOver = false; !isOver;) {
        const events = await this.#ask(node, signal)
        this.#tell(events)
        isOver = events.outcome !== null
      }
    } catch (error) {
      if (!signal.aborted && !mayPass(error) && !hasCode(error, 'NOT_FOUND')) throw error
    }
  }

  async #begin(signal: AbortSignal): Promise<string> {
    const { lostMs, idempotent } = this.#options
    while (true) {
      signal.throwIfAborted()
      try {
        return (await this.#patience.ask(until => this.#start(until), signal)).node
      } catch (error) {
        signal.throwIfAborted()
        // The work was there before, and has gone with what was known of this call.
        if (this.#mayHaveBegun && hasCode(error, 'NOT_FOUND')) throw forgotten(this.#request, idempotent, error)
        if (!mayPass(error)) throw error
        this.#mayHaveBegun ||= !wasNotSent(error)
        if (await this.#patience.wait(signal)) continue
        if (this.#mayHaveBegun) throw unanswered(this.#request, lostMs, idempotent, error)
        throw neverBegan(this.#request, lostMs, error)
      }
    }
  }

  #start(until: AbortSignal): Promise<Called> {
    // Without the signal: who cancels a call has to know where it began.
    this.#begun = this.#calls.call(this.#request)
    return orAborted(this.#begun, until)
  }

  async #ask(node: string, signal: AbortSignal): Promise<CallEvents> {
    // Whether it is there, it says at once where there is something to tell: for that, what was the last.
    if (this.#patience.isFailing && this.#after !== undefined)
      await this.#events(node, String(Math.max(0, Number(this.#after) - 1)), signal)
    const events = await this.#events(node, this.#after, signal)
    this.#after = String(events.next)
    return events
  }

  #events(node: string, after: string | undefined, signal: AbortSignal): Promise<CallEvents> {
    const query = { id: this.#request.id, node, ...(after === undefined ? {} : { after }) }
    return this.#patience.ask(until => this.#calls.callEvents(query, { signal: until }), signal)
  }

  #tell({ phase, state, logs, missed, progress }: CallEvents): void {
    const { onState, onLog, onMissed, onProgress, onPhase } = this.#options.listeners
    const isNew = phase !== this.#phase
    this.#phase = phase
    // Its end comes behind what it did until then.
    if (isNew && phase !== 'done') onPhase?.(phase)
    if (Object.keys(state).length > 0) onState?.(state)
    if (missed > 0) onMissed?.(missed)
    for (const line of logs) onLog?.(line)
    // An answer has the newest there is, told before or not.
    const text = JSON.stringify(progress)
    if (progress !== null && text !== this.#progress) onProgress?.(progress)
    this.#progress = text
    if (isNew && phase === 'done') onPhase?.(phase)
  }

  async #whereItRuns(begun: Promise<Called>): Promise<string | undefined> {
    try {
      return (await orAborted(begun, AbortSignal.timeout(CANCEL_MS / 2))).node
    } catch {
      // It was not told: the daemon looks where the caller would have it.
      return this.#request.node
    }
  }

  async #tellToEnd(node: string | undefined): Promise<boolean> {
    const where = node === undefined ? {} : { node }
    try {
      await this.#calls.cancelCall({ id: this.#request.id, ...where }, { signal: AbortSignal.timeout(CANCEL_MS / 2) })
      return true
    } catch {
      // As far as it goes: whoever cancels waits for nothing more.
      return false
    }
  }
}
