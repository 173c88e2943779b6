// The Payloads that a Work made, published under its own name: one in an attribute as soon as it is set, each attribute by itself.
// Says what failed and where it stood; publishes nothing of others.

import { toPathmeshError, type PathmeshError } from '../../proto/errors.ts'
import { KEPT_VERSIONS_MAX } from '../../proto/limits.ts'
import { isStream } from '../codecs/bytes.ts'
import { isPlainList, isPlainObject } from '../codecs/plain-data.ts'
import { Mesh } from '../mesh.ts'
import { Payload } from '../payload.ts'
import { following } from '../version.ts'
import { attribute, setAttribute, stateKeys } from './component.ts'
import { publishing, type AtHome } from './own-publishing.ts'
import { mapReferences, referencesIn } from './state.ts'
import { workInside } from './work.ts'

/** The Payloads of one run. Each attribute is published by itself, one value after another. */
export class OwnPayloads {
  readonly #home: Pick<AtHome, 'work' | 'mesh'>
  readonly #stopping = new AbortController()
  readonly #hurry: AbortSignal
  readonly #running = new Map<string, Promise<void>>()
  readonly #published = new WeakMap<Payload, Payload>()
  readonly #failed = new WeakSet<Payload>()
  #failure: PathmeshError | undefined

  /** From `hurry` on, a daemon that is away is not waited for. */
  constructor(home: Pick<AtHome, 'work' | 'mesh'>, hurry: AbortSignal) {
    this.#home = home
    this.#hurry = AbortSignal.any([hurry, this.#stopping.signal])
  }

  /** Whether the attribute holds one that has no name yet, and will have. */
  isPending(key: string): boolean {
    return this.#running.has(key) || this.#next(key) !== undefined
  }

  /** Begins to publish what an attribute holds that has no name yet, as `<work>/<keys>`, joined by dots, and puts what has one in its place. */
  look(key: string): void {
    if (this.#running.has(key) || this.#next(key) === undefined) return
    const done = this.#publish(key).finally(() => this.#running.delete(key))
    this.#running.set(key, done)
  }

  /** Publishes all that is left. Rejects with the first error of all. */
  async finish(): Promise<void> {
    for (const key of stateKeys(this.#home.work)) this.look(key)
    await Promise.all(this.#running.values())
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Publishes no more; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#running.values())
  }

  /** One that is no attribute, fixed at its version, of which more are kept; what was published by this run already is not published again. */
  async publishAs(payload: Payload, keys: readonly string[]): Promise<Payload> {
    return this.#published.get(payload) ?? (await this.#put(payload, keys, KEPT_VERSIONS_MAX))
  }

  async #publish(key: string): Promise<void> {
    for (let next = this.#next(key); next !== undefined; next = this.#next(key)) {
      const { reference: payload, keys } = next
      try {
        const done = await this.#put(payload, [key, ...keys])
        this.#replace(key, keys, payload, followingOf(done, this.#home.mesh))
      } catch (error) {
        this.#failed.add(payload)
        if (!this.#stopping.signal.aborted) this.#failure ??= toPathmeshError(error, 'a Payload cannot be published')
      }
    }
  }

  #next(key: string): { readonly reference: Payload; readonly keys: readonly string[] } | undefined {
    if (this.#stopping.signal.aborted) return undefined
    for (const { reference, keys } of referencesIn(attribute(this.#home.work, key)))
      if (reference instanceof Payload && !reference.isPublished && !this.#failed.has(reference))
        return { reference, keys }
    return undefined
  }

  async #put(payload: Payload, keys: readonly string[], keep?: number): Promise<Payload> {
    const { work, mesh } = this.#home
    const name = `${workInside(work).title}/${keys.map(escaped).join('.')}`
    const options = { keep, signal: this.#stopping.signal }
    const put = async (): Promise<Payload> => await mesh.put(name, payload, options)
    // What is read as it comes is gone when it was sent.
    const hurry = isStream(payload.value) ? AbortSignal.abort() : this.#hurry
    const done = await publishing(`the Payload ${name}`, put, hurry)
    this.#published.set(payload, done)
    return done
  }

  /** What was set anew meanwhile stays. */
  #replace(key: string, keys: readonly string[], payload: Payload, done: Payload): void {
    const { work } = this.#home
    const value = attribute(work, key)
    const last = keys.at(-1)
    if (last === undefined) {
      if (value === payload) setAttribute(work, key, done)
      return
    }
    const around = within(value, keys.slice(0, -1))
    if (around === undefined || Reflect.get(around, last) !== payload) return
    // In place, since the Work may hold the list itself; unless that is frozen.
    if (Reflect.set(around, last, done)) workInside(work).changed(key)
    else
      setAttribute(
        work,
        key,
        mapReferences(value, one => (one === payload ? done : one))
      )
  }
}

/** A key as a part of a name. No name made of several lies inside another, as with slashes: that would be refused. */
const escaped = (key: string): string => encodeURIComponent(key.toWellFormed()).replaceAll('.', '%2E')

function followingOf(payload: Payload, mesh: Mesh): Payload {
  return payload.with({ ref: following(payload.ref), calls: Mesh.homeOf(mesh).calls })
}

/** The list or object that the keys lead to. */
function within(value: unknown, keys: readonly string[]): object | undefined {
  let at = value
  for (const key of keys) {
    if (!isContainer(at)) return undefined
    at = Reflect.get(at, key)
  }
  return isContainer(at) ? at : undefined
}

function isContainer(value: unknown): value is object {
  return isPlainList(value) || (typeof value === 'object' && value !== null && isPlainObject(value))
}
