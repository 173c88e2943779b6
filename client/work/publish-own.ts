// What a Work made, published under its own name: a Payload in an attribute as soon as it is set, its Paths at the end of a run. Says
// what failed and where it stood; publishes nothing of others.

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errno, hasCode, PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import type { CallOptions } from '../calls.ts'
import { isPlainList, isPlainObject } from '../codecs/plain-data.ts'
import { Mesh } from '../mesh.ts'
import { Path } from '../path.ts'
import { Payload } from '../payload.ts'
import { Turns } from '../turns.ts'
import { following } from '../version.ts'
import { attribute, setAttribute, stateKeys } from './component.ts'
import { mapReferences, referencesIn } from './state.ts'
import { workInside, type Work } from './work.ts'

const AT_ONCE = 8

/** A Work in its process, and where it is at home. */
export interface AtHome {
  readonly work: Work
  readonly mesh: Mesh
  /** Absolute path of the folder of its work. */
  readonly folder: string
}

/** The Payloads of one run. Each attribute is published by itself, one value after another. */
export class OwnPayloads {
  readonly #home: AtHome
  readonly #stopping = new AbortController()
  readonly #running = new Map<string, Promise<void>>()
  readonly #published = new WeakMap<Payload, Payload>()
  readonly #failed = new WeakSet<Payload>()
  #failure: PathmeshError | undefined

  constructor(home: AtHome) {
    this.#home = home
  }

  /** Whether the attribute holds one that has no name yet, and will have. */
  isPending(key: string): boolean {
    return this.#running.has(key) || this.#next(key) !== undefined
  }

  /** Begins to publish what an attribute holds that has no name yet, as `<work>/<keys>`, and puts what has one in its place. */
  look(key: string): void {
    if (this.#running.has(key) || this.#next(key) === undefined) return
    const publishing = this.#publish(key).finally(() => this.#running.delete(key))
    this.#running.set(key, publishing)
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

  /** One that is no attribute, fixed at its version; what was published by this run already is not published again. */
  async publishAs(payload: Payload, keys: readonly string[]): Promise<Payload> {
    return this.#published.get(payload) ?? (await this.#put(payload, keys))
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

  async #put(payload: Payload, keys: readonly string[]): Promise<Payload> {
    const { work, mesh } = this.#home
    const name = `${workInside(work).title}/${keys.join('/')}`
    try {
      const done = await mesh.put(name, payload, { signal: this.#stopping.signal })
      this.#published.set(payload, done)
      return done
    } catch (error) {
      throw failed(error, `the Payload ${name} cannot be published`)
    }
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

/**
 * Publishes the Work's own Paths, those of its attributes and those in `result`, where something lies there; `onMissing` is told of
 * the others. One inside a directory that is published itself belongs to that.
 */
export async function publishPaths(
  { work, folder }: AtHome,
  result: unknown,
  { signal, onMissing }: CallOptions & { readonly onMissing: (path: Path) => void }
): Promise<void> {
  const own = ownPaths(work, result)
  const found = await Promise.all(own.map(async path => ({ path, kind: await kindAt(join(folder, path.path)) })))
  const directories = found
    .filter(({ path, kind }) => path.directory || kind === 'directory')
    .map(({ path }) => path.path)
  const turns = new Turns(AT_ONCE)
  const published = await Promise.allSettled(
    found.map(async ({ path, kind }) => {
      if (directories.some(directory => path.path.startsWith(`${directory}/`))) return
      if (kind === undefined) onMissing(path)
      else await turns.run(async () => await publishPath(path, { signal }), signal)
    })
  )
  const failure = published.find(one => one.status === 'rejected')
  if (failure !== undefined) throw failure.reason
}

function ownPaths(work: Work, result: unknown): Path[] {
  const { work: name, node } = workInside(work)
  const values = [...stateKeys(work).map(key => attribute(work, key)), result]
  const own = new Map<string, Path>()
  for (const { reference } of values.flatMap(value => [...referencesIn(value)])) {
    if (!(reference instanceof Path) || !reference.isAttached) continue
    const isOwn = reference.work === name && reference.origin === node && reference.version === undefined
    if (isOwn && (!own.has(reference.path) || reference.directory)) own.set(reference.path, reference)
  }
  return [...own.values()]
}

async function publishPath(path: Path, options: CallOptions): Promise<void> {
  try {
    await path.publish(options)
  } catch (error) {
    if (hasCode(error, 'NAME_CONFLICT') && (await isPart(path, options))) return
    throw failed(error, `${path.toString()} cannot be published`)
  }
}

/** Whether it lies in a directory that the Work has published by itself. */
async function isPart(path: Path, options: CallOptions): Promise<boolean> {
  try {
    return (await path.stat(options)).sub !== ''
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND')) return false
    throw error
  }
}

async function kindAt(path: string): Promise<'file' | 'directory' | undefined> {
  try {
    return (await stat(path)).isDirectory() ? 'directory' : 'file'
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined
    throw toPathmeshError(error, `cannot look at ${path}`)
  }
}

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

function failed(error: unknown, what: string): PathmeshError {
  const { code, message, details } = toPathmeshError(error, 'it failed')
  return new PathmeshError(code, `${what}: ${message}`, { cause: error, ...(details === undefined ? {} : { details }) })
}
