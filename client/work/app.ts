// App: runs a Flow in this program. Gives its Works their names, hosts those of this machine, each in a process of its own, and
// calls those of other nodes. When the Flow ends, is cancelled, or Ctrl-C is pressed, nothing of it is left running.

import { setTimeout as pause } from 'node:timers/promises'
import type { Progress } from '../../proto/api.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { LAST_WORDS_MS } from '../../proto/limits.ts'
import { checkWork } from '../../proto/ref.ts'
import type { LogLine } from '../../proto/works-api.ts'
import type { Calls } from '../calls.ts'
import { connect, Mesh, type ConnectOptions } from '../mesh.ts'
import { orAborted } from '../or-aborted.ts'
import { peerIdOf } from '../node-id.ts'
import { callWork } from './call.ts'
import { Flow, FlowCalls, flowInside, partsOf } from './flow.ts'
import { hostWork, type HostedWork } from './host.ts'
import { moduleHash } from './module-file.ts'
import { moduleOf } from './module-of.ts'
import { fixReferences } from './references.ts'
import { isProcessOfWork } from './role.ts'
import { fromJson, toJson, type State } from './state.ts'
import { adopt, stateOf, Work, workInside, type RunOptions } from './work.ts'

export interface AppOptions extends ConnectOptions {
  /** A mesh that is connected already; otherwise one is connected, by `data` and `socket`, and closed at the end. */
  readonly mesh?: Mesh | undefined
  /** Whether Works of this machine move here although another connected node is their home. */
  readonly takeOver?: boolean | undefined
  /** Told of each line that a Work prints; by default it is printed here, behind the Work's name. */
  readonly onLog?: ((work: string, line: LogLine) => void) | undefined
  /** Told of attributes of Works as they change. */
  readonly onState?: ((work: string, changed: State) => void) | undefined
  /** Told how far the content is that a call fetches. */
  readonly onProgress?: ((work: string, progress: Progress) => void) | undefined
  /** Whether SIGINT and SIGTERM stop it (the default): everything ends, then the program, by that signal. */
  readonly handleSignals?: boolean | undefined
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

export class App<F extends Flow = Flow> {
  readonly root: F
  readonly #options: AppOptions
  readonly #stopping = new AbortController()
  readonly #hosted = new Map<string, Promise<HostedWork>>()
  readonly #nodes = new Map<string, string>()
  readonly #running = new Set<Promise<unknown>>()

  constructor(root: F, options: AppOptions = {}) {
    this.root = root
    this.#options = options
  }

  /**
   * Runs the Flow, and resolves to what its `run()` gives. Rejects with its error, or ABORTED when it was stopped, in both cases
   * after every process is gone. In the process of a Work, which loads the same module, it does nothing.
   */
  async run(): Promise<Awaited<ReturnType<F['run']>> | undefined> {
    if (isProcessOfWork()) return undefined
    const { mesh: given, signal } = this.#options
    const stop = (): void => this.#stopping.abort(signal?.reason)
    signal?.throwIfAborted()
    signal?.addEventListener('abort', stop, { once: true })
    const interrupts = new Interrupts(this.#options.handleSignals ?? true, this.#stopping)
    const mesh = given ?? (await connect(this.#options))
    try {
      return await this.#run(mesh)
    } finally {
      signal?.removeEventListener('abort', stop)
      await this.#stop()
      if (given === undefined) await mesh.close()
      interrupts.end()
    }
  }

  /** Ends the Flow and all that it runs: `run()` rejects with ABORTED. */
  stop(): void {
    this.#stopping.abort(stopped('the App was stopped'))
  }

  async #run(mesh: Mesh): Promise<Awaited<ReturnType<F['run']>>> {
    const { calls, peerId } = Mesh.homeOf(mesh)
    const flowMesh = new Mesh(new FlowCalls(calls.transport), peerId)
    for (const { part } of partsOf(this.root)) {
      const on = part instanceof Work ? workInside(part).options.on : undefined
      if (on !== undefined) this.#nodes.set(on, await peerIdOf(calls, on, { signal: this.#stopping.signal }))
    }
    const settle = (): void => this.#settle(flowMesh, calls)
    settle()
    const run: unknown = Reflect.get(this.root, 'run')
    if (typeof run !== 'function') throw new TypeError(`${this.root.constructor.name} has no run()`)
    const done = (async (): Promise<unknown> => await Reflect.apply(run, this.root, []))()
    const result = await orAborted(done, this.#stopping.signal)
    return resultOf<F>(result)
  }

  /** Names what has no name yet: at the start, and whenever a Flow gets another part. */
  #settle(mesh: Mesh, calls: Calls): void {
    const settle = (): void => this.#settle(mesh, calls)
    this.#enter(this.root, mesh, settle)
    const named = new Map<string, Work>()
    for (const { name, part } of partsOf(this.root)) {
      if (part instanceof Flow) this.#enter(part, mesh, settle)
      else {
        const work = this.#name(part, name, mesh, calls)
        const other = named.get(work)
        if (other !== undefined && other !== part)
          throw new PathmeshError(
            'NAME_CONFLICT',
            `two Works of this App are called ${work}: give one another name, new ${part.constructor.name}({ as: … })`
          )
        named.set(work, part)
      }
    }
  }

  #enter(flow: Flow, mesh: Mesh, settle: () => void): void {
    const inside = flowInside(flow)
    inside.mesh = mesh
    inside.onChange = settle
  }

  #name(part: Work, name: string, mesh: Mesh, calls: Calls): string {
    const inside = workInside(part)
    if (inside.work !== undefined) return inside.work
    const { as = name, on } = inside.options
    checkWork(as)
    inside.work = as
    inside.mesh = mesh
    inside.home = Mesh.homeOf(mesh)
    inside.node = on === undefined ? mesh.peerId : this.#nodes.get(on)
    inside.remote = (args, options) => this.#tracked(this.#call(part, calls, args, options))
    return as
  }

  /** A call is waited for when the App ends: it has still to be cancelled. */
  #tracked<T>(call: Promise<T>): Promise<T> {
    const ended = call.then(
      () => undefined,
      () => undefined
    )
    this.#running.add(ended)
    void ended.then(() => this.#running.delete(ended))
    return call
  }

  async #call(work: Work, calls: Calls, args: readonly unknown[], options: RunOptions): Promise<unknown> {
    const inside = workInside(work)
    const { title, options: how } = inside
    const signal =
      options.signal === undefined ? this.#stopping.signal : AbortSignal.any([this.#stopping.signal, options.signal])
    signal.throwIfAborted()
    const node =
      how.on === undefined ? inside.theMesh().peerId : (inside.node ?? (await peerIdOf(calls, how.on, { signal })))
    inside.node = node
    const module = await moduleUrl(work)
    const hash = await moduleHash(module)
    if (how.on === undefined) await orAborted(this.#host(work, module, calls), signal)
    const fixed = await fixReferences(args, calls, { signal })
    const json = (Array.isArray(fixed) ? fixed : []).map((arg: unknown, at) =>
      toJson(arg === undefined ? null : arg, `argument ${at + 1} of ${title}.run()`)
    )
    const { onLog = printed, onState, onProgress } = this.#options
    const { lostMs = how.lostMs } = options
    const result = await callWork(
      calls,
      { work: title, node, args: json, state: stateOf(work), hash },
      {
        ...options,
        signal,
        idempotent: typeOf(work).idempotent ?? false,
        ...(lostMs === undefined ? {} : { lostMs }),
        onState: changed => {
          adopt(work, changed)
          onState?.(title, changed)
        },
        onLog: options.onLog ?? (line => onLog(title, line)),
        onProgress: options.onProgress ?? (progress => onProgress?.(title, progress))
      }
    )
    return fromJson(result, inside.theMesh().reviver)
  }

  /** Starts what runs a Work of this machine; one for each, for as long as the App runs. */
  #host(work: Work, module: string, calls: Calls): Promise<HostedWork> {
    const { title, options } = workInside(work)
    const known = this.#hosted.get(title)
    if (known !== undefined) return known
    const takeOver = options.takeOver ?? this.#options.takeOver ?? false
    const hosted = hostWork({ calls }, { module, name: work.constructor.name, as: title, hosted: false, takeOver })
    this.#hosted.set(title, hosted)
    const forget = (): void => {
      if (this.#hosted.get(title) === hosted) this.#hosted.delete(title)
    }
    hosted.then(({ closed }) => closed).then(forget, forget)
    return hosted
  }

  async #stop(): Promise<void> {
    this.#stopping.abort(stopped('the Flow has ended'))
    await Promise.race([Promise.all(this.#running), pause(LAST_WORDS_MS, undefined, { ref: false })])
    await Promise.allSettled([...this.#hosted.values()].map(async hosted => await (await hosted).stop()))
  }
}

/** Ctrl-C: the first stops the App, and ends the program once that is done; a second one ends it as ever. */
class Interrupts {
  readonly #handlers: { readonly signal: NodeJS.Signals; readonly handle: () => void }[] = []
  #received: NodeJS.Signals | undefined

  constructor(isWanted: boolean, stopping: AbortController) {
    for (const signal of isWanted ? SIGNALS : []) {
      const handle = (): void => {
        this.#received = signal
        stopping.abort(stopped(`stopped by ${signal}`))
      }
      process.once(signal, handle)
      this.#handlers.push({ signal, handle })
    }
  }

  end(): void {
    for (const { signal, handle } of this.#handlers) process.off(signal, handle)
    // Whoever waits for this program is told how it ended, unless the program has its own way with signals.
    if (this.#received !== undefined && process.listenerCount(this.#received) === 0)
      process.kill(process.pid, this.#received)
  }
}

const stopped = (why: string): PathmeshError => new PathmeshError('ABORTED', why)

interface WorkType {
  readonly module?: string
  readonly idempotent?: boolean
}

function typeOf(work: Work): WorkType {
  const type: unknown = work.constructor
  return isWorkType(type) ? type : {}
}

const isWorkType = (type: unknown): type is typeof Work => typeof type === 'function' && type.prototype instanceof Work

async function moduleUrl(work: Work): Promise<string> {
  const { name } = work.constructor
  const url = typeOf(work).module ?? (await moduleOf(work.constructor))
  if (name !== '' && url !== undefined) return url
  throw new TypeError(
    `${name === '' ? 'a Work without a name' : name} cannot be found by another process: give its class a name, export it, and say where it is, static module = import.meta.url`
  )
}

function printed(work: string, { stream, text }: LogLine): void {
  process[stream].write(`[${work}] ${text}\n`)
}

// What `run` resolves to is what its type says.
// oxlint-disable-next-line no-unnecessary-type-parameters -- only the compiler is told
function resultOf<F extends Flow>(value: unknown): Awaited<ReturnType<F['run']>> {
  claim<Awaited<ReturnType<F['run']>>>(value)
  return value
}
// oxlint-disable-next-line no-unused-vars, typescript/no-unnecessary-type-parameters -- as above
function claim<T>(_: unknown): asserts _ is T {}
