// The process of a Work as its host sees it: started, told what to run, listened to, ended. Whatever becomes of the process, each call
// has an outcome.
//
//   load --> begin --> call --> over --> call …
//     `--------`---------`---- its end: what waits is told so

import { fork, type ChildProcess } from 'node:child_process'
import { PathmeshError } from '../../proto/errors.ts'
import type { LogLine } from '../../proto/works-api.ts'
import { inheritedArguments } from './host-exec.ts'
import { PrintedLines } from './host-lines.ts'
import { hasPassed } from './host-pause.ts'
import { endGroup } from './process-group.ts'
import { isSaid, type News, type Over, type Patience, type Said, type Told } from './messages.ts'
import { failure } from './run-call.ts'
import type { Json, State } from './state.ts'

/** What an error message shows of what the process said last. */
const LAST_LINES = 20
const LAST_CHARS = 2_000
/** How long its last lines are waited for: a process that it has started may hold the pipes open. */
const LAST_LINES_MS = 500

export interface ProcessOptions {
  readonly work: string
  /** URL of the module, and the export that is the Work. */
  readonly module: string
  readonly name: string | undefined
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

export class WorkProcess {
  readonly #child: ChildProcess
  readonly #options: ProcessOptions
  readonly #printed: readonly PrintedLines[]
  readonly #lastLines: string[] = []
  readonly #listeners = new Set<(said: Said) => void>()
  /** Resolves, with how it ended, once it has. */
  readonly ended: Promise<string>
  #hasEnded = false
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
    this.#printed = (['stdout', 'stderr'] as const).map(stream => this.#listen(stream))
    this.#child.on('message', message => {
      if (isSaid(message)) this.#heard(message.pathmesh)
    })
    this.ended = this.#end()
  }

  static start(options: ProcessOptions): WorkProcess {
    return new WorkProcess(options)
  }

  /** Loads the module. INVALID_ARGUMENT where that, or its Work, is not to be found; TIMEOUT where it takes too long. */
  async load(): Promise<void> {
    const { module, name, work, patience } = this.#options
    await this.#answered({ event: 'load', module, name, work, patience })
  }

  /** Makes the Work. WORK_FAILED where its constructor throws. */
  async begin(home: Home): Promise<void> {
    await this.#answered({ event: 'begin', ...home })
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /**
   * Runs a call to its end: WORK_LOST, as its outcome, where the process ends before. Undefined where that ended without having begun
   * it: another process may.
   */
  async call({ id, args, state, signal, onNews }: ProcessCall): Promise<Over | undefined> {
    const { promise, resolve } = withResolver<Over | undefined>()
    let hasBegun = false
    const forget = this.#onSaid(said => {
      if (said.event === 'news' && said.id === id) {
        hasBegun = true
        onNews(said.news)
      }
      // What it printed before is read by then.
      if (said.event === 'over' && said.id === id) setImmediate(() => setImmediate(() => resolve(said.over)))
    })
    const onEnd = (how: string): void => {
      const isOver = hasBegun || signal.aborted || this.#isStopped
      resolve(isOver ? { outcome: failure(this.#lost(how, signal)), state: {} } : undefined)
    }
    void this.ended.then(how => setImmediate(() => setImmediate(() => onEnd(how))))
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
      for (const printed of this.#printed) printed.flush()
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
    // It has ended, or is about to: that is told by `ended`.
    if (this.#child.connected) this.#child.send({ pathmesh: told }, () => undefined)
  }

  #heard(said: Said): void {
    if (said.event === 'note') this.#options.onLine({ stream: 'stderr', text: said.text })
    for (const listener of this.#listeners) listener(said)
  }

  #onSaid(listener: (said: Said) => void): () => void {
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
    const forget = this.#onSaid(said => {
      if (said.event === 'failed') resolve(PathmeshError.fromProblem(said.error))
      else if (said.event === 'done' && said.what === told.event) resolve(undefined)
    })
    void this.ended.then(how => resolve(this.#notReady(how)))
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
    if (this.#hasEnded) return
    this.#child.kill('SIGTERM')
    const late = setTimeout(() => this.kill(), this.#options.patience.lastWordsMs)
    await this.ended
    clearTimeout(late)
  }

  #listen(stream: 'stdout' | 'stderr'): PrintedLines {
    const { onLine } = this.#options
    const printed = new PrintedLines(text => {
      if (stream === 'stderr') this.#lastLines.push(text)
      if (this.#lastLines.length > LAST_LINES) this.#lastLines.shift()
      onLine({ stream, text })
    })
    this.#child[stream]?.on('data', (bytes: Buffer) => printed.push(bytes))
    return printed
  }

  async #end(): Promise<string> {
    const child = this.#child
    const { promise: exited, resolve: onExit } = withResolver<string>()
    const { promise: closed, resolve: onClose } = withResolver<unknown>()
    const { promise: silent, resolve: onDisconnect } = withResolver<unknown>()
    child.once('exit', (status, signal) =>
      onExit(signal === null ? `ended with status ${status}` : `was killed by ${signal}`)
    )
    child.on('error', error => onExit(`could not be started: ${error.message}`))
    child.once('close', onClose)
    // Comes behind the last message.
    child.once('disconnect', onDisconnect)
    const how = await exited
    if (child.pid !== undefined) endGroup(child.pid)
    const enough = new AbortController()
    await Promise.race([Promise.all([closed, silent]), hasPassed(LAST_LINES_MS, enough.signal)])
    enough.abort()
    child.stdout?.destroy()
    child.stderr?.destroy()
    for (const printed of this.#printed) printed.flush()
    this.#hasEnded = true
    return how
  }

  #notReady(how: string): PathmeshError {
    const { work } = this.#options
    return new PathmeshError('WORK_FAILED', `the process of ${work} ${how} before it was ready${this.#lastWords()}`, {
      details: { work, name: 'Error', stack: this.#lastLines.join('\n').slice(-LAST_CHARS) }
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
        stderr: this.#lastLines.join('\n').slice(-LAST_CHARS)
      }
    })
  }

  #lastWords(): string {
    const words = this.#lastLines.join('\n').slice(-LAST_CHARS)
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
