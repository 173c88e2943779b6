// Before a run: the content that its arguments and attributes refer to is brought here, several at a time. What nobody has published
// yet is handed over as it is; everything else that cannot be had fails the call, naming where the reference stands.

import type { Progress } from '../../proto/api.ts'
import { hasCode, PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { CALL_PROGRESS_PROVIDERS_MAX } from '../../proto/limits.ts'
import type { WaitOptions } from '../calls.ts'
import { isPlainObject } from '../codecs/plain-data.ts'
import { Path } from '../path.ts'
import { Turns } from '../turns.ts'
import { attribute, stateKeys } from './component.ts'
import { referencesIn, type Reference } from './state.ts'
import { workInside, type Work } from './work.ts'

const AT_ONCE = 8
/** How long a version that somebody handed on is waited for: its record is on its way to this node, too. */
const RECORD_MS = 10_000

/** A reference, and where it stands, for messages. */
export interface Wanted {
  readonly where: string
  readonly reference: Reference
}

/** The references of a call whose content its run may read: all but its own Paths, and those under a key that is `lazy`. */
export function wantedBy(work: Work, args: readonly unknown[], lazy: readonly string[]): Wanted[] {
  const inside = workInside(work)
  const wanted: Wanted[] = []
  const add = (where: string, value: unknown): void => {
    for (const { reference, keys } of referencesIn(value))
      if (isElsewhere(reference, inside)) wanted.push({ where: [where, ...keys].join('.'), reference })
  }
  for (const [at, arg] of args.entries()) {
    const where = `argument ${at + 1}`
    if (typeof arg !== 'object' || arg === null || !isPlainObject(arg)) add(where, arg)
    else for (const [key, value] of Object.entries(arg)) if (!lazy.includes(key)) add(`${where}.${key}`, value)
  }
  for (const key of stateKeys(work)) if (!lazy.includes(key)) add(`attribute ${key}`, attribute(work, key))
  return wanted
}

/**
 * Fetches them. Resolves, when all are here, to what gives them back. `onProgress` is told the sum. Rejects with the first error, of
 * its own code, once the others have stopped.
 */
export async function fetchReferences(
  wanted: readonly Wanted[],
  { signal, onProgress = () => undefined }: WaitOptions
): Promise<() => Promise<void>> {
  const turns = new Turns(AT_ONCE)
  const sum = new Sum(wanted.length, onProgress)
  const failed = new AbortController()
  const either = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal])
  const fetched = await Promise.allSettled(
    wanted.map(async ({ where, reference }, at) => {
      try {
        const options = { signal: either, onProgress: (progress: Progress) => sum.add(at, progress) }
        return await turns.run(async () => await fetchOne(reference, options), either)
      } catch (error) {
        if (!either.aborted) failed.abort(naming(error, where, reference))
        throw error
      } finally {
        sum.done(at)
      }
    })
  )
  const release = async (): Promise<void> => {
    await Promise.allSettled(fetched.map(async one => (one.status === 'fulfilled' ? await one.value() : undefined)))
  }
  if (!either.aborted) return release
  await release()
  throw either.reason
}

function isElsewhere(
  reference: Reference,
  own: { readonly work: string | undefined; readonly node: string | undefined }
) {
  if (!(reference instanceof Path)) return reference.isPublished
  return reference.isAttached && !(reference.work === own.work && reference.origin === own.node)
}

async function fetchOne(reference: Reference, options: WaitOptions): Promise<() => Promise<void>> {
  const isFixed = reference.version !== undefined
  const wait = isFixed ? { ...options, waitMs: RECORD_MS } : options
  try {
    if (reference instanceof Path) {
      const got = await reference.get(wait)
      return async () => await got.release()
    }
    // It holds what it fetched for as long as it is used.
    await reference.fetch(wait)
  } catch (error) {
    if (isFixed || !hasCode(error, 'NOT_FOUND')) throw error
  }
  return async () => undefined
}

function naming(error: unknown, where: string, reference: Reference): PathmeshError {
  const failure = toPathmeshError(error, 'cannot be fetched')
  const { code, message, details } = failure
  return new PathmeshError(code, `${where} is ${reference.toString()}: ${message}`, {
    cause: error,
    ...(details === undefined ? {} : { details })
  })
}

/** Progress of several as that of one: sums, and the phase of the first that is not done. */
class Sum {
  readonly #parts: (Progress | undefined)[]
  readonly #done = new Set<number>()
  readonly #onProgress: (progress: Progress) => void

  constructor(parts: number, onProgress: (progress: Progress) => void) {
    this.#parts = Array.from({ length: parts })
    this.#onProgress = onProgress
  }

  add(at: number, progress: Progress): void {
    this.#parts[at] = progress
    const first = this.#parts.find((part, index) => part !== undefined && !this.#done.has(index)) ?? progress
    const sum = (value: (part: Progress) => number | null): number =>
      this.#parts.reduce((all, part) => all + (part === undefined ? 0 : (value(part) ?? 0)), 0)
    const total = (value: (part: Progress) => number | null): number | null =>
      this.#parts.some((part, index) => !this.#done.has(index) && (part === undefined || value(part) === null))
        ? null
        : sum(value)
    this.#onProgress({
      event: 'progress',
      phase: first.phase,
      bytes: sum(({ bytes }) => bytes),
      total: total(part => part.total),
      files: sum(({ files }) => files),
      filesTotal: total(part => part.filesTotal),
      bytesPerSecond: this.#parts.reduce(
        (all, part, index) => all + (this.#done.has(index) ? 0 : (part?.bytesPerSecond ?? 0)),
        0
      ),
      // The longest of what is told: nobody knows how they share what there is.
      etaSeconds: this.#running().reduce<number | null>(
        (most, { etaSeconds }) => (etaSeconds === null ? most : Math.max(most ?? 0, etaSeconds)),
        null
      ),
      why: first.why,
      providers: this.#providers()
    })
  }

  done(at: number): void {
    this.#done.add(at)
  }

  #running(): Progress[] {
    return this.#parts.filter((part, index): part is Progress => part !== undefined && !this.#done.has(index))
  }

  /** Each peer once, with what it does for all of them. */
  #providers(): Progress['providers'] {
    const all = new Map<string, Progress['providers'][number]>()
    for (const provider of this.#running().flatMap(({ providers }) => providers)) {
      const { bytes = 0, bytesPerSecond = 0 } = all.get(provider.peerId) ?? {}
      all.set(provider.peerId, {
        ...provider,
        bytes: bytes + provider.bytes,
        bytesPerSecond: bytesPerSecond + provider.bytesPerSecond
      })
    }
    return [...all.values()].sort((a, b) => b.bytesPerSecond - a.bytesPerSecond).slice(0, CALL_PROGRESS_PROVIDERS_MAX)
  }
}
