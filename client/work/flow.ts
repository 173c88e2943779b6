// Flow: a component that coordinates Works. Its attributes are Works, other Flows, lists and objects of them, and state as a Work's.
// It runs in the program of its App, hands references on, and reads no content.

import { PathmeshError } from '../../proto/errors.ts'

import { Calls } from '../calls.ts'
import { isPlainList, isPlainObject } from '../codecs/plain-data.ts'
import type { Mesh } from '../mesh.ts'
import { attribute, Component, insideOf, stateKeys, type Inside } from './component.ts'
import { toJson } from './state.ts'
import { Work } from './work.ts'

export abstract class Flow extends Component {
  constructor() {
    super(new FlowInside(new.target.name))
  }

  /** What it does: calls `run()` of its Works, and of the Flows in it. */
  abstract run(...args: never[]): unknown

  /** The mesh that its App runs in, for references alone: whoever reads content is a Work. TypeError before an App runs it. */
  get mesh(): Mesh {
    const { mesh, className } = flowInside(this)
    if (mesh !== undefined) return mesh
    throw new TypeError(`${className} belongs to no mesh yet: an App gives it one, new App(flow).run()`)
  }
}

export class FlowInside implements Inside {
  readonly className: string
  mesh: Mesh | undefined
  /** Told when an attribute was set. */
  onChange: (() => void) | undefined

  constructor(className: string) {
    this.className = className
  }

  accept(key: string, value: unknown): unknown {
    if (value === undefined) return null
    if (!isPart(value)) toJson(value, `the attribute ${key} of ${this.className}`)
    return value
  }

  changed(): void {
    this.onChange?.()
  }

  instead(): undefined {
    return undefined
  }
}

/** A Work or a Flow, and what it is called within the root: the attributes that lead to it, joined by dots. */
export interface Part {
  readonly name: string
  readonly part: Work | Flow
}

/** Yields every Work and Flow below a Flow, each before what is in it. */
export function* partsOf(flow: Flow, prefix: readonly string[] = []): Generator<Part> {
  for (const key of stateKeys(flow)) yield* partsIn(attribute(flow, key), [...prefix, key])
}

function* partsIn(value: unknown, names: readonly string[]): Generator<Part> {
  if (value instanceof Work || value instanceof Flow) yield { name: names.join('.'), part: value }
  if (value instanceof Flow) yield* partsOf(value, names)
  if (isPlainList(value)) for (const [at, inner] of value.entries()) yield* partsIn(inner, [...names, String(at)])
  else if (typeof value === 'object' && value !== null && isPlainObject(value))
    for (const [key, inner] of Object.entries(value)) yield* partsIn(inner, [...names, key])
}

/** Whether it is a component, or a list or an object in which one lies. */
function isPart(value: unknown): boolean {
  for (const _ of partsIn(value, [])) return true
  return false
}

export function flowInside(flow: Flow): FlowInside {
  const inside = insideOf(flow)
  if (inside instanceof FlowInside) return inside
  throw new TypeError('this is no Flow')
}

/** The calls of a Flow: all but those that read content. */
export class FlowCalls extends Calls {
  override async get(): Promise<never> {
    throw noContent()
  }

  override async getInline(): Promise<never> {
    throw noContent()
  }

  // oxlint-disable-next-line require-yield -- it refuses
  override async *content(): AsyncGenerator<never, void, undefined> {
    throw noContent()
  }
}

function noContent(): PathmeshError {
  return new PathmeshError(
    'DENIED',
    'a Flow hands references on and reads no content: hand this one to a Work, and read it within run()'
  )
}
