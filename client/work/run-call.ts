// One call in the process of a Work: its state is set, what it refers to is fetched, `run()` runs, what it made is published. Ends in
// an outcome whatever happens; while it runs, its caller is told what changes.
//
//   fetching --> running --> publishing --> outcome
//       `-----------+------------'-- throw, abort --> outcome, with the state so far

import { inspect } from 'node:util'
import { PathmeshError, toPathmeshError, type ErrorDetails } from '../../proto/errors.ts'
import { CALL_RESULT_BYTES_MAX, LOG_LINE_CHARS_MAX, REPORT_MS, STATE_LOOK_MS } from '../../proto/limits.ts'
import type { Outcome } from '../../proto/works-api.ts'
import { orAborted } from '../or-aborted.ts'
import { Path } from '../path.ts'
import type { Payload } from '../payload.ts'
import { stateKeys } from './component.ts'
import { fetchReferences, wantedBy } from './fetch-references.ts'
import type { News, Over } from './messages.ts'
import { OwnPayloads, publishPaths, type AtHome } from './publish-own.ts'
import {
  fromJson,
  jsonBytes,
  mapReferences,
  referencesIn,
  toJson,
  type Json,
  type Reference,
  type State
} from './state.ts'
import { ToldState } from './told-state.ts'
import { adopt, workInside } from './work.ts'

const STACK_CHARS = 2 * LOG_LINE_CHARS_MAX

export interface CalledWork extends AtHome {
  /** Attributes, and keys of arguments, that are not fetched. */
  readonly lazy: readonly string[]
}

export interface CallControl {
  /** The call is cancelled, or the process ends: `run()` is told. Its reason, ABORTED, becomes the outcome. */
  readonly signal: AbortSignal
  /** From then on `run()` is not waited for: what it has made is published. */
  readonly leave: AbortSignal
  /** Told of each change. */
  readonly tell: (news: News) => void
  /** Told of own Paths where nothing lies. */
  readonly onMissing: (path: Path) => void
}

/** Runs a call to its end. An error that nobody caught fails it by `fail`. */
export class CallRun {
  readonly #called: CalledWork
  readonly #control: CallControl
  readonly #told: ToldState
  readonly #payloads: OwnPayloads
  readonly #crash = new AbortController()
  #looking: NodeJS.Timeout | undefined
  /** Whether it was cancelled before `run()` came to its end. */
  #isCut = false

  constructor(called: CalledWork, known: State, control: CallControl) {
    this.#called = called
    this.#control = control
    this.#told = new ToldState(called.work, known)
    this.#payloads = new OwnPayloads(called)
  }

  /** Ends it with an error that nobody caught. */
  fail(error: unknown): void {
    this.#crash.abort(this.#failedBy(error))
  }

  /** Never rejects. */
  async run(args: readonly Json[], known: State): Promise<Over> {
    const inside = workInside(this.#called.work)
    inside.signal = this.#control.signal
    try {
      const result = await orAborted(this.#stages(args, known), this.#crash.signal)
      const state = this.#told.last()
      return { outcome: this.#isCut ? failure(this.#aborted()) : { ok: true, result }, state }
    } catch (error) {
      await this.#payloads.stop()
      return { outcome: failure(this.#ended(toPathmeshError(error, inside.title))), state: this.#told.all() }
    }
  }

  async #stages(args: readonly Json[], state: State): Promise<Json> {
    const { work, mesh, lazy } = this.#called
    const { signal, tell } = this.#control
    tell({ phase: 'fetching' })
    adopt(work, state)
    const given = args.map(arg => fromJson(arg, mesh.reviver))
    const release = await this.#fetched(
      async () =>
        await fetchReferences(wantedBy(work, given, lazy), { signal, onProgress: progress => tell({ progress }) })
    )
    try {
      tell({ phase: 'running', progress: null })
      const result = await this.#running(given)
      tell({ phase: 'publishing' })
      return await this.#published(result)
    } finally {
      await release()
    }
  }

  async #fetched<T>(fetch: () => Promise<T>): Promise<T> {
    try {
      return await fetch()
    } catch (error) {
      throw this.#control.signal.aborted ? this.#aborted() : error
    }
  }

  async #running(args: readonly unknown[]): Promise<unknown> {
    const { work } = this.#called
    workInside(work).onChange = key => {
      this.#payloads.look(key)
      this.#looking ??= setTimeout(() => this.#look(), REPORT_MS)
    }
    const often = setInterval(() => this.#look(), STATE_LOOK_MS)
    this.#look()
    try {
      return await this.#result(args)
    } finally {
      workInside(work).onChange = undefined
      this.#isCut = this.#control.signal.aborted
      clearInterval(often)
      clearTimeout(this.#looking)
    }
  }

  /** What `run()` gives; nothing where it was cancelled, which it may have said by throwing. */
  async #result(args: readonly unknown[]): Promise<unknown> {
    const { work } = this.#called
    const { signal, leave } = this.#control
    const run: unknown = Reflect.get(work, 'run')
    if (typeof run !== 'function') throw new PathmeshError('INVALID_ARGUMENT', `${workInside(work).title} has no run()`)
    try {
      const running: Promise<unknown> = (async () => await Reflect.apply(run, work, args))()
      return await orAborted(running, leave)
    } catch (error) {
      if (signal.aborted) return undefined
      throw this.#failedBy(error)
    }
  }

  #look(): void {
    clearTimeout(this.#looking)
    this.#looking = undefined
    for (const key of stateKeys(this.#called.work)) this.#payloads.look(key)
    const state = this.#told.changes(key => this.#payloads.isPending(key))
    if (Object.keys(state).length > 0) this.#control.tell({ state })
  }

  async #published(result: unknown): Promise<Json> {
    const { work } = this.#called
    const { title } = workInside(work)
    const made = new Map<Reference, Payload>()
    await this.#payloads.finish()
    for (const { reference, keys } of referencesIn(result)) {
      if (reference instanceof Path) reference.attach(workInside(work))
      else if (!reference.isPublished)
        made.set(reference, await this.#payloads.publishAs(reference, ['result', ...keys]))
    }
    await publishPaths(this.#called, result, { onMissing: this.#control.onMissing })
    const value = result === undefined ? null : mapReferences(result, one => made.get(one) ?? one)
    const json = toJson(value, `what ${title}.run() returned`)
    const bytes = jsonBytes(json)
    if (bytes <= CALL_RESULT_BYTES_MAX) return json
    throw new PathmeshError(
      'TOO_LARGE',
      `${title}.run() returned ${bytes} bytes of JSON, more than ${CALL_RESULT_BYTES_MAX}: return a Payload, new Payload(value)`
    )
  }

  #aborted(): PathmeshError {
    const { title } = workInside(this.#called.work)
    return toPathmeshError(this.#control.signal.reason, title)
  }

  /** One that was cancelled is ABORTED, also where its last words failed. */
  #ended(error: PathmeshError): PathmeshError {
    if (!this.#isCut) return error
    const { message, code } = this.#aborted()
    return new PathmeshError(code, `${message}; ${error.message}`, { cause: error })
  }

  #failedBy(error: unknown): PathmeshError {
    return workFailed(workInside(this.#called.work).title, error)
  }
}

/** WORK_FAILED, for something that a Work threw, of whatever kind. */
export function workFailed(work: string, error: unknown): PathmeshError {
  const thrown: Thrown = error instanceof Error ? error : { name: 'Error', message: textOf(error) }
  const name = bounded(String(thrown.name), LOG_LINE_CHARS_MAX)
  const message = bounded(`${work} failed: ${name}: ${String(thrown.message)}`, LOG_LINE_CHARS_MAX)
  const code = typeof thrown.code === 'string' ? { code: thrown.code } : {}
  const details: ErrorDetails = { work, name, stack: bounded(stackOf(thrown), STACK_CHARS), ...code }
  return new PathmeshError('WORK_FAILED', message, { cause: error, details })
}

/** What an Error has; a program may have put anything there. */
interface Thrown {
  readonly name: unknown
  readonly message: unknown
  readonly stack?: unknown
  readonly cause?: unknown
  readonly code?: unknown
}

/** An error as the end of a call. */
export function failure(error: PathmeshError): Outcome & { readonly ok: false } {
  return { ok: false, error: toBody(error) }
}

function toBody(error: PathmeshError) {
  const { details, ...problem } = error.toProblem()
  return details === undefined ? problem : { ...problem, details: { ...details } }
}

function stackOf({ name, message, stack, cause }: Thrown): string {
  const own = typeof stack === 'string' ? stack : `${String(name)}: ${String(message)}`
  return cause instanceof Error ? `${own}\ncaused by ${cause.stack ?? cause.message}` : own
}

const textOf = (thrown: unknown): string => (typeof thrown === 'string' ? thrown : inspect(thrown))

const bounded = (text: string, chars: number): string => (text.length > chars ? `${text.slice(0, chars)}…` : text)
