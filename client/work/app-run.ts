// One run of an App: gives the Works of its Flow their names, hosts those of this machine, each in a process of its own, and calls
// all of them, each one call after the other.

import { setTimeout as pause } from 'node:timers/promises'
import { PathmeshError } from '../../proto/errors.ts'
import { LAST_WORDS_MS, TIMER_MS_MAX } from '../../proto/limits.ts'
import { checkWork } from '../../proto/ref.ts'
import type { LogLine } from '../../proto/works-api.ts'
import { printable } from '../codecs/key-path.ts'
import { Mesh } from '../mesh.ts'
import { peerIdOf } from '../node-id.ts'
import { orAborted } from '../or-aborted.ts'
import type { PathHome } from '../path.ts'
import { Payload } from '../payload.ts'
import { Turns } from '../turns.ts'
import type { AppOptions, RootFlow } from './app.ts'
import { callWork } from './call.ts'
import { classOrigin, type ClassOrigin } from './class-origin.ts'
import { Flow, FlowCalls, flowInside, partsOf, type FlowInside } from './flow.ts'
import { hostWork, type HostedWork } from './host.ts'
import { OwnPayloads } from './own-payloads.ts'
import { fixedArguments, fixReferences } from './references.ts'
import { fromJson, mapReferences, referencesIn, type Json, type Reference } from './state.ts'
import { adopt, namers, stateOf, Work, workInside, type RunOptions } from './work.ts'

interface Bound {
  readonly work: string
  readonly turns: Turns
}

export class AppRun<R> {
  readonly #root: RootFlow<R>
  readonly #options: AppOptions
  readonly #signal: AbortSignal
  readonly #home: PathHome
  /** For references alone. */
  readonly #mesh: Mesh
  readonly #bound = new Map<Work, Bound>()
  readonly #flows = new Set<FlowInside>()
  readonly #hosted = new Map<string, Promise<HostedWork>>()
  readonly #nodes = new Map<string, string>()
  readonly #running = new Set<Promise<unknown>>()
  /** By work of this machine, who is told what it prints: whoever made its last call. */
  readonly #listeners = new Map<string, (line: LogLine) => void>()
  readonly #settle = (): void => this.#name()

  /** `signal`: everything ends; aborted before `end()` in any case. */
  constructor(root: RootFlow<R>, mesh: Mesh, options: AppOptions, signal: AbortSignal) {
    this.#root = root
    this.#options = options
    this.#signal = signal
    this.#home = Mesh.homeOf(mesh)
    this.#mesh = new Mesh(new FlowCalls(this.#home.calls.transport), mesh.peerId)
  }

  /** Resolves to what the Flow gives. */
  async start(): Promise<Awaited<R>> {
    const works = [...partsOf(this.#root)].flatMap(({ part }) => (part instanceof Work ? part : []))
    for (const { on } of works.map(work => workInside(work).options))
      if (on !== undefined) this.#nodes.set(on, await peerIdOf(this.#home.calls, on, { signal: this.#signal }))
    // As they are now. What is wrong with one is told when it is called.
    await Promise.allSettled(works.map(async work => await classOrigin(work)))
    this.#name()
    namers.add(this.#settle)
    const flow = async (): Promise<Awaited<R>> => await this.#root.run()
    return await orAborted(flow(), this.#signal)
  }

  /** Resolves when nothing of it runs any more. Its Works can be part of another run then. */
  async end(): Promise<void> {
    namers.delete(this.#settle)
    const late = new AbortController()
    const calls = Promise.race([Promise.all(this.#running), patience(late.signal)])
    await Promise.allSettled([calls, ...[...this.#hosted.values()].map(async hosted => await (await hosted).stop())])
    late.abort()
    for (const work of this.#bound.keys()) workInside(work).remote = undefined
    for (const flow of this.#flows) flow.onChange = undefined
  }

  /** Names what has no name yet: at the start, when a Flow gets another part, and when one is called that is not known. */
  #name(): void {
    this.#enter(this.#root)
    const named = new Map<string, Work>()
    for (const { name, part } of partsOf(this.#root)) {
      if (part instanceof Flow) {
        this.#enter(part)
        continue
      }
      const { work } = this.#bound.get(part) ?? this.#bind(part, name)
      const other = named.get(work)
      if (other !== undefined && other !== part)
        throw new PathmeshError(
          'NAME_CONFLICT',
          `two Works of this App are called ${work}: give one another name, new ${part.constructor.name}({ as: … })`
        )
      named.set(work, part)
    }
  }

  #enter(flow: Flow): void {
    const inside = flowInside(flow)
    inside.mesh = this.#mesh
    inside.onChange = this.#settle
    this.#flows.add(inside)
  }

  #bind(part: Work, name: string): Bound {
    const inside = workInside(part)
    const { as = name, on } = inside.options
    checkWork(as)
    // Its Paths have had that name as their origin since then.
    if (inside.work !== undefined && inside.work !== as)
      throw new PathmeshError(
        'NAME_CONFLICT',
        `${as} was ${inside.work} before: give it that name, { as: … }, or make another`
      )
    inside.work = as
    inside.mesh = this.#mesh
    inside.home = Mesh.homeOf(this.#mesh)
    inside.node = on === undefined ? this.#mesh.peerId : this.#nodes.get(on)
    inside.remote = (args, options) => this.#quiet(this.#tracked(this.#call(part, args, options)))
    const bound = { work: as, turns: new Turns(1) }
    this.#bound.set(part, bound)
    return bound
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

  /** One that nobody waits for does not end the program because the App has ended. */
  #quiet<T>(call: Promise<T>): Promise<T> {
    const told = call.catch((error: unknown) => {
      if (this.#signal.aborted) told.catch(() => undefined)
      throw error
    })
    return told
  }

  async #call(work: Work, args: readonly unknown[], { timeoutMs, ...options }: RunOptions): Promise<unknown> {
    const { title, options: how } = workInside(work)
    const given = options.signal === undefined ? [] : [options.signal]
    const late = timeoutMs === undefined ? undefined : AbortSignal.timeout(Math.min(timeoutMs, TIMER_MS_MAX))
    const signal = AbortSignal.any([this.#signal, ...given, ...(late === undefined ? [] : [late])])
    let hasBegun = false
    try {
      signal.throwIfAborted()
      const origin = await classOrigin(work)
      // What it is handed is of this moment; its state, and what has still to be published, of that at which it begins.
      const { calls } = this.#home
      const fixed = await Promise.all(args.map(async arg => await fixReferences(arg, calls, { signal })))
      const rest = { ...options, signal, lostMs: options.lostMs ?? how.lostMs }
      const turns = this.#bound.get(work)?.turns ?? new Turns(1)
      return await turns.run(async () => {
        hasBegun = true
        const json = await fixedArguments(await this.#published(work, fixed, signal), calls, title, { signal })
        return await this.#run(work, json, origin, rest)
      }, signal)
    } catch (error) {
      if (late === undefined || error !== late.reason) throw error
      const state = hasBegun ? 'and was cancelled' : 'and had not begun, since other calls of it ran'
      const message = `${title} did not end within the ${timeoutMs} ms of timeoutMs, ${state}: allow it more, or none for no limit`
      throw new PathmeshError('TIMEOUT', message, { details: { work: title } })
    }
  }

  async #run(work: Work, args: readonly Json[], origin: ClassOrigin, options: RunOptions): Promise<unknown> {
    const inside = workInside(work)
    const { title, options: how } = inside
    const { calls } = this.#home
    const signal = options.signal ?? this.#signal
    const isLocal = how.on === undefined
    const node = isLocal ? this.#mesh.peerId : (inside.node ?? (await peerIdOf(calls, how.on, { signal })))
    inside.node = node
    if (isLocal) await orAborted(this.#host(work, origin), signal)
    await new OwnPayloads({ work, mesh: this.#mesh }, signal).finish()
    const { hash, idempotent } = origin
    const { onState, onProgress } = this.#options
    const log =
      options.onLog ?? ((line: LogLine) => this.#log(title, isLocal ? line : { ...line, text: shown(line.text) }))
    if (isLocal) this.#listeners.set(title, log)
    const lines = isLocal
      ? {}
      : {
          onLog: log,
          onMissed: (missed: number) => log({ stream: 'stderr', text: `… ${missed} lines that came too fast are lost` })
        }
    const result = await callWork(
      calls,
      { work: title, node, args, state: stateOf(work), hash },
      {
        ...options,
        onLog: undefined,
        idempotent,
        onState: changed => {
          adopt(work, changed)
          onState?.(title, changed)
        },
        ...lines,
        onProgress: options.onProgress ?? (progress => onProgress?.(title, progress))
      }
    )
    return fromJson(result, this.#mesh.reviver)
  }

  #log(work: string, line: LogLine): void {
    const { onLog = printed } = this.#options
    onLog(work, line)
  }

  /** The arguments, with what has no name yet published by this node, as `<work>/arguments.…`. */
  async #published(work: Work, args: readonly unknown[], signal: AbortSignal): Promise<readonly unknown[]> {
    const own = new OwnPayloads({ work, mesh: this.#mesh }, signal)
    const done = new Map<Reference, Payload>()
    for (const { reference, keys } of referencesIn(args))
      if (reference instanceof Payload && !reference.isPublished)
        done.set(reference, await own.publishAs(reference, ['arguments', ...keys]))
    return args.map(arg => mapReferences(arg, reference => done.get(reference) ?? reference))
  }

  /** Starts what runs a Work of this machine; one for each, for as long as the App runs. */
  #host(work: Work, { module, className, hash }: ClassOrigin): Promise<HostedWork> {
    const { title, options } = workInside(work)
    const known = this.#hosted.get(title)
    if (known !== undefined) return known
    const takeOver = options.takeOver ?? this.#options.takeOver ?? false
    const hosted = hostWork(this.#home, {
      module,
      className,
      as: title,
      hosted: false,
      takeOver,
      hash,
      signal: this.#signal,
      onEvent: event => {
        // Straight from its process: all of them, also what comes between calls.
        if (event.event === 'log') (this.#listeners.get(title) ?? (line => this.#log(title, line)))(event)
      }
    })
    this.#hosted.set(title, hosted)
    const forget = (): void => {
      if (this.#hosted.get(title) === hosted && !this.#signal.aborted) this.#hosted.delete(title)
    }
    hosted.then(({ closed }) => closed).then(forget, forget)
    return hosted
  }
}

/** Resolves when what is left of an App has had its time, or `over` is aborted. */
async function patience(over: AbortSignal): Promise<void> {
  await pause(LAST_WORDS_MS, undefined, { signal: over }).catch(() => undefined)
}

function printed(work: string, { stream, text }: LogLine): void {
  process[stream].write(`[${work}] ${text}\n`)
}

/** What another machine sends is not for a terminal to act on. */
const shown = (text: string): string => text.split('\t').map(printable).join('\t')
