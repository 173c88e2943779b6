// One call as it is told: what its Work's attributes became, what it printed, how far it is, and its end. Every change has a number, so
// that whoever asks with the last number it knows gets what is newer. Holds nothing on disk.

import { CALL_EVENTS_LOG_BYTES, CALL_EVENTS_MS } from '../../proto/limits.ts'
import type { CallEvents, CallRequest, Outcome, Phase, ReportRequest } from '../../proto/works-api.ts'
import type { Clock } from '../clock.ts'
import { checkProgress, checkState, jsonBytes } from './bounds.ts'
import { LogRing } from './log-ring.ts'
import { pause } from './pause.ts'

type State = CallEvents['state']
type Json = State[string]

export interface CallIdentity {
  readonly id: string
  readonly work: string
  /** PeerId of the node that began it. */
  readonly caller: string
}

interface Attribute {
  readonly value: Json
  readonly number: number
  /** Of `"name":value`. */
  readonly bytes: number
}

export class Call {
  readonly id: string
  readonly work: string
  readonly caller: string
  /** What its host is handed; undefined for one that was handed over before this daemon started. */
  readonly request: CallRequest | undefined
  /** When it was accepted, in ms since the epoch. */
  readonly at: number
  /** Settles when the call is written down; rejects when that failed. */
  accepted: Promise<void> = Promise.resolve()
  /** Whether its host was handed it. */
  began = false
  /** While its end is written down, and ever after. */
  ending: Promise<void> | undefined
  /** Whether its caller wants no more of it. */
  cancelled = false
  readonly #attributes = new Map<string, Attribute>()
  readonly #logs = new LogRing()
  readonly #waiting = new Set<() => void>()
  #phase: Phase = 'queued'
  #progress: { readonly value: CallEvents['progress']; readonly number: number } = { value: null, number: 0 }
  #outcome: Outcome | null = null
  // From the time on, so that who knows a number of a daemon's earlier life misses nothing of this one.
  #number: number

  /** `now` is the number that its changes begin above. */
  constructor({ id, work, caller }: CallIdentity, { at, now }: { at: number; now: number }, request?: CallRequest) {
    this.id = id
    this.work = work
    this.caller = caller
    this.at = at
    this.request = request
    this.#number = now
  }

  get phase(): Phase {
    return this.#phase
  }

  get outcome(): Outcome | null {
    return this.#outcome
  }

  /** All attributes that were reported. */
  state(): State {
    return Object.fromEntries([...this.#attributes].map(([name, { value }]) => [name, value]))
  }

  /** The same, with what a report adds. TOO_LARGE where that, or its progress, is past its bound. */
  stateWith({ state = {}, progress }: Pick<ReportRequest, 'state' | 'progress'>): State {
    const added = attributes(state, 0)
    checkProgress(this.work, progress)
    checkState(this.work, bytesOf([...new Map([...this.#attributes, ...added]).values()]))
    return Object.fromEntries([...Object.entries(this.state()), ...Object.entries(state)])
  }

  /** Takes all of a report but its outcome, or, where a part is TOO_LARGE, nothing. */
  report({ phase, state = {}, logs = [], missed = 0, progress }: Omit<ReportRequest, 'id' | 'outcome'>): void {
    this.stateWith({ state, progress })
    if (phase !== undefined) this.enter(phase)
    // Lines alone have no other number between them.
    if (Object.keys(state).length > 0 || missed > 0 || progress !== undefined) this.#number++
    for (const [name, attribute] of attributes(state, this.#number)) this.#attributes.set(name, attribute)
    if (progress !== undefined) this.#progress = { value: progress, number: this.#number }
    this.#logs.lose(missed, this.#number)
    for (const line of logs) this.#logs.push(line, ++this.#number)
    this.#tell()
  }

  enter(phase: Phase): void {
    if (phase === this.#phase) return
    this.#phase = phase
    this.#number++
    this.#tell()
  }

  /** Tells its end, which is written down. */
  finish(outcome: Outcome): void {
    this.#outcome = outcome
    this.enter('done')
  }

  /** What is newer than a number: at once where there is something, else when there is, or after a while. */
  async events(after: number, clock: Pick<Clock, 'after'>, signal: AbortSignal): Promise<CallEvents> {
    // A number that was not told yet is of another life, whose clock went ahead: then all is new.
    const from = after > this.#number ? 0 : after
    if (this.#number === from && this.#outcome === null) await this.#change(clock, signal)
    signal.throwIfAborted()
    const { logs, cutAt } = this.#logs.after(from, CALL_EVENTS_LOG_BYTES)
    const next = cutAt ?? this.#number
    const changed = [...this.#attributes].filter(([, { number }]) => number > from && number <= next)
    return {
      next,
      phase: this.#phase,
      state: Object.fromEntries(changed.map(([name, { value }]) => [name, value])),
      logs,
      missed: this.#logs.missed(from, next),
      progress: this.#progress.number <= next ? this.#progress.value : null,
      outcome: cutAt === undefined ? this.#outcome : null
    }
  }

  /** Lets go whoever waits for news, with what there is. */
  release(): void {
    this.#tell()
  }

  #tell(): void {
    for (const wake of this.#waiting) wake()
  }

  async #change(clock: Pick<Clock, 'after'>, signal: AbortSignal): Promise<void> {
    const changed = new AbortController()
    const wake = (): void => changed.abort()
    this.#waiting.add(wake)
    await pause(clock, CALL_EVENTS_MS, AbortSignal.any([signal, changed.signal]))
    this.#waiting.delete(wake)
  }
}

function attributes(state: State, number: number): [string, Attribute][] {
  return Object.entries(state).map(([name, value]) => [
    name,
    { value, number, bytes: jsonBytes(name) + 1 + jsonBytes(value) }
  ])
}

/** Bytes of an object of these attributes: braces, and a comma between two. */
function bytesOf(all: readonly Attribute[]): number {
  return all.reduce((sum, { bytes }) => sum + bytes + 1, all.length === 0 ? 2 : 1)
}
