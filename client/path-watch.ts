// What becomes of one name, or of the published name that a path lies in: its changes as they come, and the first version that
// there is. Misses nothing in between: the watch stands before anything is asked.

import { setTimeout as pause } from 'node:timers/promises'
import type { WatchEvent } from '../proto/api.ts'
import { hasCode, PathmeshError } from '../proto/errors.ts'
import { PROVIDER_RETRY_LAST_MS, PROVIDER_RETRY_MS, TIMER_MS_MAX } from '../proto/limits.ts'
import { formatRef, type NameRef, type Ref } from '../proto/ref.ts'
import type { CallOptions, Calls } from './calls.ts'
import { peerIdOf } from './node-id.ts'
import { versionOfChange, versionOfStat, type Version } from './version.ts'

export interface WatchOptions extends CallOptions {
  /** The cursor of the last event that was dealt with: goes on behind it. Without one, only what is new. */
  readonly after?: string | undefined
}

/**
 * What became of a name, or of the name that a path lies in. `watching` comes first: from then on nothing is missed. A `version` is
 * that of the published name, as its `url` says, whether or not it still holds the path: `latest()` says what lies there.
 * `gap` says that changes were missed (null: nobody knows how many): ask for what is of interest anew.
 */
export type PathEvent =
  | { readonly event: 'watching'; readonly cursor: string }
  | { readonly event: 'version'; readonly version: Version; readonly cursor: string }
  | {
      readonly event: 'retired'
      readonly seq: number
      readonly origin: string
      readonly modified: number
      readonly cursor: string
    }
  | { readonly event: 'gap'; readonly missed: number | null; readonly cursor: string }

export interface WaitForOptions extends CallOptions {
  /** Milliseconds after which it fails with TIMEOUT; without it, it waits for as long as the daemon runs. */
  readonly timeoutMs?: number | undefined
}

/** Changes of this name, or of one that it lies in, of the node that the reference names, or of every node. */
export async function* watchPath(
  calls: Calls,
  ref: Ref,
  { after, signal }: WatchOptions
): AsyncGenerator<PathEvent, void, undefined> {
  const { work, path, node } = named(ref)
  const origin = node === undefined ? undefined : await peerIdOf(calls, node, { signal })
  const query = { prefix: prefixOf(work, path), ...(after === undefined ? {} : { after }) }
  for await (const event of calls.watch(query, { signal })) {
    const isFrom = !('origin' in event) || origin === undefined || event.origin === origin
    if (isFrom && liesIn(event, `${work}/${path}`)) yield pathEvent(event)
  }
}

/** The first version that there is, now or later; of a path inside a directory, once a version of that contains it. */
export async function waitForVersion(calls: Calls, ref: Ref, { timeoutMs, signal }: WaitForOptions): Promise<Version> {
  const { work, path } = named(ref)
  const name = `${work}/${path}`
  if (timeoutMs !== undefined && !(timeoutMs >= 0)) throw new RangeError(`timeoutMs is ${timeoutMs}, not a time`)
  const end = new AbortController()
  const within = signal === undefined ? end.signal : AbortSignal.any([signal, end.signal])
  const wait = Math.min(timeoutMs ?? Infinity, TIMER_MS_MAX)
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => end.abort(), wait)
  const asked = new Asked(calls, ref)
  try {
    for await (const event of calls.watch({ prefix: prefixOf(work, path) }, { signal: within })) {
      const version = event.event !== 'retired' && liesIn(event, name) ? await asked.version(within) : undefined
      if (version !== undefined) return version
    }
  } catch (error) {
    signal?.throwIfAborted()
    if (!within.aborted) throw error
    throw timedOut(ref, timeoutMs, asked.last)
  } finally {
    clearTimeout(timer)
  }
  throw new TypeError('a watch has no end')
}

class Asked {
  readonly #calls: Calls
  readonly #ref: Ref
  /** Why there was no version, the last time. */
  last: PathmeshError | undefined

  constructor(calls: Calls, ref: Ref) {
    this.#calls = calls
    this.#ref = ref
  }

  /** The version, or undefined while there is none; asks again while nobody can say. */
  async version(signal: AbortSignal): Promise<Version | undefined> {
    for (let ms = PROVIDER_RETRY_MS; ; ms = Math.min(2 * ms, PROVIDER_RETRY_LAST_MS)) {
      try {
        return versionOfStat(this.#ref, await this.#calls.stat(this.#ref, { signal }))
      } catch (error) {
        if (!hasCode(error, 'NOT_FOUND', 'NOT_SYNCED', 'NO_PROVIDERS', 'TIMEOUT')) throw error
        this.last = error
        if (error.code === 'NOT_FOUND') return undefined
        await pause(ms, undefined, { signal })
      }
    }
  }
}

function named(ref: Ref): NameRef {
  if (ref.type === 'name') return ref
  throw new PathmeshError(
    'INVALID_ARGUMENT',
    `${formatRef(ref)} is content: it has no name that could get versions. Take a Path of a name, WORK/PATH`
  )
}

/** Begins this name, and every one that it may lie in. */
function prefixOf(work: string, path: string): string {
  return `${work}/${path.split('/', 1).join('')}`
}

/** Whether an event is about `name` or what it lies in, or about the watch. */
function liesIn(event: WatchEvent, name: string): boolean {
  return !('path' in event) || `${name}/`.startsWith(`${event.work}/${event.path}/`)
}

function pathEvent(event: WatchEvent): PathEvent {
  const { cursor } = event
  if (event.event === 'version') return { event: event.event, version: versionOfChange(event), cursor }
  if (event.event !== 'retired') return event
  const { seq, origin, modified } = event
  return { event: event.event, seq, origin, modified, cursor }
}

function timedOut(ref: Ref, timeoutMs: number | undefined, last: PathmeshError | undefined): PathmeshError {
  const why = last === undefined ? 'the daemon did not answer' : last.message
  return new PathmeshError('TIMEOUT', `waited ${timeoutMs} ms for a version of ${formatRef(ref)}, in vain: ${why}`, {
    cause: last
  })
}
