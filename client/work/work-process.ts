// The process of a Work as its host sees it: started, told what to run, listened to, ended. Whatever becomes of the process, each call
// has an outcome.
//
//   load --> begin --> call --> over --> call …
//     `--------`---------`---- its end: what waits is told so

import { fork, type ChildProcess } from 'node:child_process'
import { PathmeshError } from '../../proto/errors.ts'
import type { LogLine } from '../../proto/works-api.ts'
import { inheritedArguments } from './host-exec.ts'
import { Output } from './host-output.ts'
import { hasPassed } from './host-pause.ts'
import { endGroup } from './process-group.ts'
import { isSaid, type News, type Over, type Patience, type Said, type Told, type Which } from './messages.ts'
import { failure } from './outcome.ts'
import type { Json, State } from './state.ts'

/** Between the end of a process and that of its channel. */
const SILENT_MS = 1_000

export interface ProcessOptions {
  readonly work: string
  /** URL of the module, and which Work of it is meant. */
  readonly module: string
  readonly which: Which
  readonly patience: Patience
  readonly onLine: (line: LogLine) => void
}

/** Where it is at home. */
export type Home = Omit<Extract<Told, { readonly event: 'begin' }>, 'event'>

export interface ProcessCall {
  readonly id: string
  readonly args: readonly Json[]
  readonly state: State
  /** Cancels it; the reason is the outcome. */
  readonly signal: AbortSignal
  readonly onNews: (news: News) => void
}

/** What is heard of it; its end, last, also by whoever listens later. */
type Heard = Said | { readonly event: 'ended'; readonly how: string }

export class WorkProcess {
  readonly #child: ChildProcess
  readonly #options: ProcessOptions
  readonly #output: Output
  readonly #listeners = new Set<(heard: Heard) => void>()
  #telling: Promise<void> = Promise.resolve()
  /** Resolves once it has ended. */
  readonly ended: Promise<void>
  #end: Extract<Heard, { readonly event: 'ended' }> | undefined
  #isStopped = false

  private constructor(options: ProcessOptions) {
    this.#options = options
    const file = import.meta.url.endsWith('.ts') ? './runner.ts' : './runner.js'
    this.#child = fork(new URL(file, import.meta.url), [], {
      execArgv: inheritedArguments(process.execArgv),
      env: { ...process.env, PATHMESH_WORK: options.work },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A group of its own, so that what it starts can be ended with it, and Ctrl-C in a terminal is its host's to hear.
      detached: true
    })
    this.#output = new Output(this.#child, options.onLine)
    this.#child.on('message', message => {
      if (isSaid(message)) this.#said(message.pathmesh)
    })
    this.ended = this.#untilEnd()
  }

  static start(options: ProcessOptions): WorkProcess {
    return new WorkProcess(options)
  }

  /** Loads the module. INVALID_ARGUMENT where that, or its Work, is not to be found; TIMEOUT where it takes too long. */
  async load(): Promise<void> {
    const { module, which, work, patience } = this.#options
    await this.#answered({ event: 'load', module, which, work, patience })
  }

  /** Makes the Work. WORK_FAILED where its constructor throws. */
  async begin(home: Home): Promise<void> {
    await this.#answered({ event: 'begin', ...home })
  }

  get hasEnded(): boolean {
    return this.#end !== undefined
  }

  /**
   * Runs a call to its end: WORK_LOST, as its outcome, where the process ends before. Undefined where that ended without having begun
   * it: another process may.
   */
  async call({ id, args, state, signal, onNews }: ProcessCall): Promise<Over | undefined> {
    const { promise, resolve } = withResolver<Over | undefined>()
    let hasBegun = false
    const forget = this.#listen(heard => {
      if (heard.event === 'news' && heard.id === id) {
        hasBegun = true
        onNews(heard.news)
      } else if (heard.event === 'over' && heard.id === id) resolve(heard.over)
      else if (heard.event === 'ended') {
        const isOver = hasBegun || signal.aborted || this.#isStopped
        resolve(isOver ? { outcome: failure(this.#lost(heard.how, signal)), state: {} } : undefined)
      }
    })
    const cancelling = new AbortController()
    const cancel = (): void => void this.#cancel(id, cancelling.signal)
    signal.addEventListener('abort', cancel, { once: true })
    try {
      this.#tell({ event: 'call', id, args, state })
      if (signal.aborted) cancel()
      return await promise
    } finally {
      forget()
      cancelling.abort()
      signal.removeEventListener('abort', cancel)
    }
  }

  /** Ends it: asks, so that it publishes what it has, and kills it when it takes too long. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#terminate()
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #tell(told: Told): void {
    // It has ended, or is about to: that is heard.
    if (this.#child.connected) this.#child.send({ pathmesh: told }, () => undefined)
  }

  #said(said: Said): void {
    if (said.event === 'note') this.#options.onLine({ stream: 'stderr', text: said.text })
    if (said.event === 'over') this.#telling = this.#over(said)
    else this.#tellAll(said)
  }

  /** The end of a call overtakes what that printed. */
  async #over(said: Extract<Said, { readonly event: 'over' }>): Promise<void> {
    await this.#output.readTo(said.id)
    this.#tellAll(said)
  }

  #tellAll(heard: Heard): void {
    for (const listener of this.#listeners) listener(heard)
  }

  #listen(listener: (heard: Heard) => void): () => void {
    if (this.#end !== undefined) listener(this.#end)
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async #answered(told: Extract<Told, { readonly event: 'load' | 'begin' }>): Promise<void> {
    const { work, patience } = this.#options
    const { promise, resolve } = withResolver<PathmeshError | undefined>()
    const late = setTimeout(() => {
      const seconds = Math.round(patience.readyMs / 1000)
      resolve(
        new PathmeshError(
          'TIMEOUT',
          `the process of ${work} was not ready within ${seconds} s: it loads ${this.#options.module}`
        )
      )
    }, patience.readyMs)
    const forget = this.#listen(heard => {
      if (heard.event === 'failed') resolve(PathmeshError.fromProblem(heard.error))
      else if (heard.event === 'done' && heard.what === told.event) resolve(undefined)
      else if (heard.event === 'ended') resolve(this.#notReady(heard.how))
    })
    this.#tell(told)
    const failed = await promise
    clearTimeout(late)
    forget()
    if (failed === undefined) return
    this.kill()
    await this.ended
    throw failed
  }

  async #cancel(id: string, over: AbortSignal): Promise<void> {
    this.#tell({ event: 'cancel', id })
    if (await hasPassed(this.#options.patience.cancelMs, over)) await this.#terminate()
  }

  async #terminate(): Promise<void> {
    if (this.hasEnded) return
    this.#child.kill('SIGTERM')
    const late = setTimeout(() => this.kill(), this.#options.patience.lastWordsMs)
    await this.ended
    clearTimeout(late)
  }

  async #untilEnd(): Promise<void> {
    const child = this.#child
    const { promise: exited, resolve: onExit } = withResolver<string>()
    const { promise: silent, resolve: onSilent } = withResolver<unknown>()
    child.once('exit', (status, signal) =>
      onExit(signal === null ? `ended with status ${status}` : `was killed by ${signal}`)
    )
    child.on('error', error => onExit(`could not be started: ${error.message}`))
    // Comes behind its last message.
    child.once('disconnect', onSilent)
    const how = await exited
    if (child.pid !== undefined) endGroup(child.pid)
    await this.#output.readToEnd()
    const enough = new AbortController()
    await Promise.race([silent, hasPassed(SILENT_MS, enough.signal)])
    enough.abort()
    await this.#telling
    this.#end = { event: 'ended', how }
    this.#tellAll(this.#end)
  }

  #notReady(how: string): PathmeshError {
    const { work } = this.#options
    return new PathmeshError('WORK_FAILED', `the process of ${work} ${how} before it was ready${this.#lastWords()}`, {
      details: { work, name: 'Error', stack: this.#output.lastWords }
    })
  }

  #lost(how: string, signal: AbortSignal): PathmeshError {
    const { work } = this.#options
    if (signal.aborted && signal.reason instanceof PathmeshError) return signal.reason
    if (this.#isStopped) return new PathmeshError('ABORTED', `${work} was stopped`)
    return new PathmeshError('WORK_LOST', `the process of ${work} ${how} in the middle of a call${this.#lastWords()}`, {
      details: {
        work,
        exitCode: this.#child.exitCode,
        signal: this.#child.signalCode,
        stderr: this.#output.lastWords
      }
    })
  }

  #lastWords(): string {
    const words = this.#output.lastWords
    return words === '' ? '' : `. It said last: ${words}`
  }
}

// Promise.withResolvers, which Node 20 lacks.
function withResolver<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let settle: ((value: T) => void) | undefined
  const promise = new Promise<T>(resolve => (settle = resolve))
  if (settle === undefined) throw new TypeError('a promise runs its executor at once')
  return { promise, resolve: settle }
}
