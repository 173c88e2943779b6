// Hosting a Work: this program registers it with its daemon, runs each call in a process of the Work's own, and reports what happens.
// Calls run one at a time. Decides nothing of who may call; leaves nothing running.

import { PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { CANCEL_MS, LAST_WORDS_MS, WORK_READY_MS } from '../../proto/limits.ts'
import { checkWork } from '../../proto/ref.ts'
import type { HostLine, HostRequest, LogLine } from '../../proto/works-api.ts'
import type { Calls } from '../calls.ts'
import { orAborted } from '../or-aborted.ts'
import { hasPassed } from './host-pause.ts'
import { CallReports } from './host-reports.ts'
import { hostLines } from './host-stream.ts'
import type { News, Over, Patience } from './messages.ts'
import { moduleHash, moduleUrl, pathOf } from './module-file.ts'
import { failure } from './outcome.ts'
import { WorkProcess, type Home, type ProcessCall } from './work-process.ts'

export interface HostHome {
  readonly calls: Calls
  /** What a user types to start the daemon; a line of an error message. */
  readonly startHint?: string
}

export interface HostWorkOptions {
  /** Path or file: URL of the module that exports the Work. */
  readonly module: string
  /** The name of the work. */
  readonly as: string
  /** Which export it is; by default the default export, or the only Work. */
  readonly name?: string | undefined
  /** Which class it is, where that is what is known of it: it may be exported under another name. */
  readonly className?: string | undefined
  /** Whether other nodes may call it; otherwise programs on this node alone. */
  readonly hosted: boolean
  /** Whether the work moves here although its home, another node, is connected. */
  readonly takeOver?: boolean | undefined
  /** SHA-256 of the module that the caller has loaded: INCOMPATIBLE where the file is another by now. */
  readonly hash?: string | undefined
  /** Stops it, as `stop()` does. */
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: ((event: HostEvent) => void) | undefined
}

/** What happens to a hosted Work. `id` of a line is the call in which it was printed; null between calls. */
export type HostEvent =
  | { readonly event: 'call'; readonly id: string }
  | { readonly event: 'log'; readonly id: string | null; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly event: 'done'; readonly id: string; readonly ok: boolean; readonly error?: PathmeshError }
  | { readonly event: 'reconnecting'; readonly error: unknown }

export interface HostedWork {
  readonly work: string
  /** PeerId of the node that hosts it: this one. */
  readonly node: string
  /** Absolute path of the folder of the work, the working directory of its process. */
  readonly folder: string
  /** SHA-256 of its module. */
  readonly hash: string
  /** Resolves when it was stopped; rejects when it cannot be hosted any more: WORK_IN_USE, DENIED. */
  readonly closed: Promise<void>
  /**
   * Ends it, a call that runs included, which is ABORTED; its process publishes what it has. Resolves when nothing is left running: that
   * takes about LAST_WORDS_MS and CANCEL_MS at most, whatever the Work and the daemon do.
   */
  stop(): Promise<void>
}

const PROCESSES_PER_CALL = 3
const PATIENCE: Patience = { readyMs: WORK_READY_MS, cancelMs: CANCEL_MS, lastWordsMs: LAST_WORDS_MS }

/**
 * Hosts the Work of a module, until it is stopped. Resolves when the daemon has taken it and the Work was made. Rejects before anything
 * is claimed where the module (NOT_FOUND) or its Work (INVALID_ARGUMENT) is not to be found; with WORK_FAILED where its constructor
 * throws; with WORK_IN_USE where another program or node has the work. After a restart of the daemon it goes on by itself.
 */
export async function hostWork(
  home: HostHome,
  options: HostWorkOptions,
  patience: Partial<Patience> = {}
): Promise<HostedWork> {
  checkWork(options.as)
  options.signal?.throwIfAborted()
  const module = moduleUrl(options.module)
  const hash = await moduleHash(module)
  if (options.hash !== undefined && hash !== options.hash) throw edited(module, options)
  const host = new Host(home, { ...options, module }, { hash, patience: { ...PATIENCE, ...patience } })
  return await host.start()
}

/** What a new process would run is not what the others know. */
function edited(module: string, { hash }: HostWorkOptions): PathmeshError {
  const what =
    hash === undefined
      ? 'it was hosted, and its process has ended: host it again'
      : 'this program was started: start it again'
  return new PathmeshError('INCOMPATIBLE', `${pathOf(module)} is another file than when ${what}`)
}

interface Running {
  readonly cancelled: AbortController
  readonly reports: CallReports
}

class Host {
  readonly #home: HostHome
  readonly #options: HostWorkOptions
  readonly #hash: string
  readonly #patience: Patience
  /** Ends the stream, and reports that nobody takes. */
  readonly #over = new AbortController()
  /** Calls from their line to their end, the one that runs first. */
  readonly #calls = new Map<string, Running>()
  #turn: Promise<void> = Promise.resolve()
  #process: WorkProcess | undefined
  #begun: Promise<WorkProcess> | undefined
  #at: Home | undefined
  #isHosting = false
  #stopping: Promise<void> | undefined

  constructor(
    home: HostHome,
    options: HostWorkOptions,
    { hash, patience }: { readonly hash: string; readonly patience: Patience }
  ) {
    this.#home = home
    this.#options = options
    this.#hash = hash
    this.#patience = patience
  }

  async start(): Promise<HostedWork> {
    const { signal } = this.#options
    const stop = (): void => void this.#stop()
    try {
      const process = this.#started()
      await orAborted(process.load(), signal)
      const lines = hostLines(this.#streamParts())
      const { node, folder } = await this.#hosting(lines)
      const { socket } = this.#home.calls.transport
      this.#at = { node, folder, socket, startHint: this.#home.startHint }
      await orAborted(process.begin(this.#at), signal)
      this.#begun = Promise.resolve(process)
      const closed = this.#follow(lines).finally(() => signal?.removeEventListener('abort', stop))
      signal?.addEventListener('abort', stop, { once: true })
      // Whoever does not look at it is not to be ended by it.
      closed.catch(() => undefined)
      const stopped = async (): Promise<void> => {
        await this.#stop()
        await Promise.allSettled([closed])
      }
      return { work: this.#options.as, node, folder, hash: this.#hash, closed, stop: stopped }
    } catch (error) {
      await this.#stop()
      throw error
    }
  }

  #streamParts() {
    const { as: work, module, hosted, takeOver } = this.#options
    const { calls } = this.#home
    const request: HostRequest = {
      work,
      hash: this.#hash,
      module: pathOf(module),
      hosted,
      ...(takeOver === true ? { takeOver } : {})
    }
    return {
      host: calls.host.bind(calls),
      request,
      running: () => [...this.#calls.keys()][0],
      onBroken: (error: unknown) => {
        this.#isHosting = false
        this.#options.onEvent?.({ event: 'reconnecting', error })
      },
      signal: this.#over.signal
    }
  }

  /** Reads the first line. */
  async #hosting(lines: AsyncGenerator<HostLine, void>): Promise<{ readonly node: string; readonly folder: string }> {
    const { signal } = this.#options
    const first = await orAborted(lines.next(), signal)
    if (first.done !== true && first.value.event === 'hosting') {
      this.#isHosting = true
      return { node: first.value.origin, folder: first.value.folder }
    }
    throw new PathmeshError('INCOMPATIBLE', 'the daemon began to name calls before it said that it hosts: upgrade it')
  }

  async #follow(lines: AsyncGenerator<HostLine, void>): Promise<void> {
    try {
      for await (const line of lines) {
        if (line.event === 'hosting') this.#isHosting = true
        else if (line.event === 'cancel') this.#cancel(line.id)
        else this.#called(line)
      }
    } catch (error) {
      // Nobody takes a report any more.
      this.#over.abort(error)
      throw error
    } finally {
      await this.#stop()
    }
  }

  #cancel(id: string): void {
    const reason = new PathmeshError('ABORTED', `the call of ${this.#options.as} was cancelled`)
    this.#calls.get(id)?.cancelled.abort(reason)
  }

  #called({ id, args, state = {} }: Extract<HostLine, { readonly event: 'call' }>): void {
    if (this.#calls.has(id) || this.#stopping !== undefined) return
    const reports = new CallReports(
      id,
      {
        report: async (body, options) => await this.#home.calls.report(body, options),
        isHosting: () => this.#isHosting,
        onDisowned: () => this.#cancel(id)
      },
      this.#over.signal
    )
    const running = { cancelled: new AbortController(), reports }
    this.#calls.set(id, running)
    const { signal } = running.cancelled
    const call = { id, args, state, signal, onNews: (news: News) => reports.add(news) }
    this.#turn = this.#turn.then(async () => await this.#run(call, reports))
  }

  async #run(call: ProcessCall, reports: CallReports): Promise<void> {
    const { id } = call
    this.#options.onEvent?.({ event: 'call', id })
    reports.add({ phase: 'starting' })
    const over = await this.#outcomeOf(call)
    await reports.finish(over)
    this.#calls.delete(id)
    const { outcome } = over
    const failed = outcome.ok ? {} : { error: PathmeshError.fromProblem(outcome.error) }
    this.#options.onEvent?.({ event: 'done', id, ok: outcome.ok, ...failed })
  }

  async #outcomeOf(call: ProcessCall): Promise<Over> {
    const { as: work } = this.#options
    try {
      // One that was about to end as it was called takes no call: the next one does.
      for (let attempt = 0; attempt < PROCESSES_PER_CALL; attempt++) {
        const process = await orAborted(this.#ready(), call.signal)
        const over = await process.call(call)
        if (over !== undefined) return over
      }
      throw new PathmeshError('WORK_LOST', `the process of ${work} ended ${PROCESSES_PER_CALL} times as it was called`)
    } catch (error) {
      return { outcome: failure(toPathmeshError(error, work)), state: {} }
    }
  }

  /** A process that is ready for a call: the one that there is, or another where that has ended. */
  async #ready(): Promise<WorkProcess> {
    if (this.#begun === undefined || this.#process?.hasEnded !== false) this.#begun = this.#again()
    return await this.#begun
  }

  async #again(): Promise<WorkProcess> {
    const { as: work, module } = this.#options
    const hash = await moduleHash(module)
    if (this.#stopping !== undefined || this.#at === undefined)
      throw new PathmeshError('ABORTED', `${work} was stopped`)
    if (hash !== this.#hash) throw edited(module, this.#options)
    const process = this.#started()
    await process.load()
    await process.begin(this.#at)
    return process
  }

  #started(): WorkProcess {
    const { as: work, module, name, className } = this.#options
    const onLine = (line: LogLine): void => this.#printed(line)
    this.#process = WorkProcess.start({ work, module, which: { name, className }, patience: this.#patience, onLine })
    return this.#process
  }

  #printed(line: LogLine): void {
    const first = [...this.#calls][0]
    first?.[1].reports.log(line)
    this.#options.onEvent?.({ event: 'log', id: first?.[0] ?? null, ...line })
  }

  #stop(): Promise<void> {
    this.#stopping ??= this.#end()
    return this.#stopping
  }

  async #end(): Promise<void> {
    const stopped = new PathmeshError('ABORTED', `${this.#options.as} was stopped`)
    for (const { cancelled } of [...this.#calls.values()].slice(1)) cancelled.abort(stopped)
    await this.#process?.stop()
    // The outcome of what ran is told; a daemon that is away hears of it no more.
    const told = new AbortController()
    await Promise.race([this.#turn, hasPassed(this.#patience.cancelMs, told.signal)])
    told.abort()
    this.#over.abort(stopped)
  }
}
