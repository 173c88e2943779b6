// Work: a component that runs in a process of its own. Public attributes are its state, which travels as JSON; a Path set as one
// has this Work as its origin from then on. In a Flow `run()` is a call of that process; in the process it is the method itself.

import { PathmeshError } from '../../proto/errors.ts'
import { WORK_STATE_BYTES_MAX } from '../../proto/limits.ts'
import type { Mesh } from '../mesh.ts'
import type { Owner } from '../owner.ts'
import { Path, type PathHome } from '../path.ts'
import { Payload } from '../payload.ts'
import type { CallWorkOptions } from './call.ts'
import { attribute, Component, insideOf, isAttribute, setAttribute, stateKeys, type Inside } from './component.ts'
import { fromJson, jsonBytes, mapReferences, referencesIn, toJson, type Json, type State } from './state.ts'

export interface WorkOptions {
  /** Name or PeerId of the node that hosts it (`pathmesh works host`); by default it runs on this machine. */
  readonly on?: string | undefined
  /** The name of the work; by default the attribute of the Flow that it is, behind those of the Flows around it: `train`, `tuning.train`. */
  readonly as?: string | undefined
  /** Whether the work moves to this machine although its home, another node, is connected. */
  readonly takeOver?: boolean | undefined
  /** Milliseconds that its node may be out of reach in the middle of a call; by default 30 s. Then the call fails with WORK_LOST. */
  readonly lostMs?: number | undefined
}

/** How a call of `run()` is made. */
export type RunOptions = Pick<
  CallWorkOptions,
  'signal' | 'timeoutMs' | 'lostMs' | 'id' | 'onLog' | 'onProgress' | 'onPhase'
>

export abstract class Work extends Component {
  /** Attributes, and keys of arguments, that are not fetched before `run()`. */
  static readonly lazy?: readonly string[]
  /** Whether a call may run twice, where nobody can say whether it ran: otherwise that is OUTCOME_UNKNOWN. */
  static readonly idempotent?: boolean
  /** URL of the module that exports the class, where that cannot be found out: `import.meta.url`. */
  static readonly module?: string

  constructor(options: WorkOptions = {}) {
    super(new WorkInside(new.target.name, options))
  }

  /** What it does. In a Flow the result comes back as JSON: a Path or Payload in it travels as a reference. */
  abstract run(...args: never[]): unknown

  /** The mesh that it belongs to. TypeError before an App runs it. */
  get mesh(): Mesh {
    return workInside(this).theMesh()
  }

  /** Aborted when the call that runs was cancelled, or its process is to end. */
  get signal(): AbortSignal {
    return workInside(this).signal
  }

  /** The same Work, called in this way: `work.with({ timeoutMs: 60_000 }).run(…)`. */
  with(options: RunOptions): Pick<this, 'run'> {
    const inside = workInside(this)
    const run = (...args: unknown[]): Promise<unknown> => inside.call(args, options)
    return new Proxy<this>(this, { get: (target, key) => (key === 'run' ? run : Reflect.get(target, key)) })
  }
}

/** Runs of Apps in this program: each names the Works of its Flow that have no name yet. */
export const namers = new Set<() => void>()

/** Calls `run()` of a Work, wherever that is. */
export type Remote = (args: readonly unknown[], options: RunOptions) => Promise<unknown>

export class WorkInside implements Inside, Owner {
  readonly className: string
  readonly options: WorkOptions
  /** Its name, its node and its mesh, once they are known. */
  work: string | undefined
  node: string | undefined
  home: PathHome | undefined
  mesh: Mesh | undefined
  signal: AbortSignal = new AbortController().signal
  /** In a Flow: what `run()` is there. */
  remote: Remote | undefined
  /** Told of each attribute that is set. */
  onChange: ((key: string) => void) | undefined

  constructor(className: string, options: WorkOptions) {
    this.className = className
    this.options = options
  }

  /** For messages. */
  get title(): string {
    return this.work ?? this.className
  }

  theMesh(): Mesh {
    if (this.mesh !== undefined) return this.mesh
    throw new TypeError(`${this.title} belongs to no mesh yet: an App gives it one, new App(flow).run()`)
  }

  accept(key: string, value: unknown): unknown {
    const kept = value === undefined ? null : value
    toJson(withoutUnpublished(kept), `the attribute ${key} of ${this.title}`)
    for (const { reference } of referencesIn(kept)) if (reference instanceof Path) reference.attach(this)
    return kept
  }

  changed(key: string): void {
    this.onChange?.(key)
  }

  instead(key: string | symbol): unknown {
    // In its own process, and in a program without an App, it is the method itself.
    if (key !== 'run' || (this.remote === undefined && namers.size === 0)) return undefined
    return (...args: unknown[]): Promise<unknown> => this.call(args, {})
  }

  /** Calls `run()` by the App that it is a part of. */
  call(args: readonly unknown[], options: RunOptions): Promise<unknown> {
    // It may have been put into a list since, which nobody sees.
    if (this.remote === undefined) for (const name of namers) name()
    if (this.remote !== undefined) return this.remote(args, options)
    const how =
      namers.size === 0
        ? 'new App(flow).run()'
        : 'set it as an attribute of that Flow first, or into a list or an object there'
    return Promise.reject(new TypeError(`${this.title} is no part of a Flow that runs: ${how}`))
  }
}

export function workInside(work: Work): WorkInside {
  const inside = insideOf(work)
  if (inside instanceof WorkInside) return inside
  throw new TypeError('this is no Work')
}

/** Its attributes as JSON. A Payload that is not published yet is null in it. TOO_LARGE past WORK_STATE_BYTES_MAX. */
export function stateOf(work: Work): State {
  const { title } = workInside(work)
  const state = Object.fromEntries(stateKeys(work).map(key => [key, attributeJson(work, key)]))
  const bytes = jsonBytes(state)
  if (bytes <= WORK_STATE_BYTES_MAX) return state
  throw new PathmeshError(
    'TOO_LARGE',
    `the state of ${title} is ${bytes} bytes of JSON, more than ${WORK_STATE_BYTES_MAX}: hold what is large in a Payload or a Path`
  )
}

/** One attribute as JSON, null where there is none; as `stateOf`. */
export function attributeJson(work: Work, key: string): Json {
  const value = attribute(work, key)
  const where = `the attribute ${key} of ${workInside(work).title}`
  return toJson(value === undefined ? null : withoutUnpublished(value), where)
}

/**
 * Sets attributes from JSON. One that is as it was stays the same object. INVALID_ARGUMENT for a name that cannot be an attribute.
 */
export function adopt(work: Work, state: State): void {
  const { title, mesh } = workInside(work)
  for (const [key, json] of Object.entries(state)) {
    if (!isAttribute(work, key))
      throw new PathmeshError('INVALID_ARGUMENT', `${JSON.stringify(key)} cannot be an attribute of ${title}`)
    const text = JSON.stringify(json)
    if (Object.hasOwn(work, key) && text === JSON.stringify(withoutUnpublished(attribute(work, key)))) continue
    setAttribute(work, key, mesh === undefined ? json : fromJson(json, mesh.reviver))
  }
}

/** What travels of a value: a Payload has no reference before it is published. */
function withoutUnpublished(value: unknown): unknown {
  return mapReferences(value, reference => (reference instanceof Payload && !reference.isPublished ? null : reference))
}
