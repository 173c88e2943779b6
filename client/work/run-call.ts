// One call in the process of a Work: its state is set, what it refers to is fetched, `run()` runs, what it made is published. Ends in
// an outcome whatever happens; while it runs, its caller is told what changes.
//
//   fetching --> running --> publishing --> outcome
//       `-----------+------------'-- throw, abort --> outcome, with the state so far

import { PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { CALL_RESULT_BYTES_MAX, REPORT_MS, STATE_LOOK_MS } from '../../proto/limits.ts'
import { orAborted } from '../or-aborted.ts'
import type { Path } from '../path.ts'
import { Payload } from '../payload.ts'
import { stateKeys } from './component.ts'
import { fetchReferences, wantedBy } from './fetch-references.ts'
import type { News, Over } from './messages.ts'
import { failure, workFailed } from './outcome.ts'
import { publishPaths } from './own-paths.ts'
import { OwnPayloads } from './own-payloads.ts'
import type { AtHome } from './own-publishing.ts'
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

export interface CalledWork extends AtHome {
  /** Attributes, and keys of arguments, that are not fetched. */
  readonly lazy: readonly string[]
}

export interface CallControl {
  /**
   * The call is cancelled, or the process ends: `run()` is told, and a daemon that is away is not waited for. Its reason, ABORTED,
   * becomes the outcome.
   */
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
  /** Whether it was cancelled before `run()` came to its end, or what it made was published. */
  #isCut = false

  constructor(called: CalledWork, known: State, control: CallControl) {
    this.#called = called
    this.#control = control
    this.#told = new ToldState(called.work, known)
    this.#payloads = new OwnPayloads(called, control.signal)
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
      return await this.#published(result).catch((error: unknown) => {
        this.#isCut ||= signal.aborted
        throw error
      })
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
    for (const { reference, keys } of referencesIn(result))
      if (reference instanceof Payload && !reference.isPublished)
        made.set(reference, await this.#payloads.publishAs(reference, ['result', ...keys]))
    const { signal, onMissing } = this.#control
    await publishPaths(this.#called, result, { hurry: signal, onMissing })
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
