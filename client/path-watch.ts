// What becomes of one name: its changes as they come, and the first version that there is. Misses nothing in between: the watch
// stands before anything is asked.

import { setTimeout as pause } from 'node:timers/promises'
import type { WatchEvent } from '../proto/api.ts'
import { hasCode, PathmeshError } from '../proto/errors.ts'
import { PROVIDER_RETRY_LAST_MS, PROVIDER_RETRY_MS } from '../proto/limits.ts'
import { formatRef, type NameRef, type Ref } from '../proto/ref.ts'
import type { CallOptions, Calls } from './calls.ts'
import { versionOfChange, versionOfStat, type Version } from './version.ts'

export interface WatchOptions extends CallOptions {
  /** The cursor of the last event that was dealt with: goes on behind it. Without one, only what is new. */
  readonly after?: string | undefined
}

/**
 * What became of a name. `watching` comes first: from then on nothing is missed. `gap` says that changes were missed (null: nobody
 * knows how many): ask for what is of interest anew.
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

/** The longest that a timer takes, 24 days. */
const TIMER_MS_MAX = 2 ** 31 - 1
const PEER_ID = /^k[0-9a-z]{50,}$/

/** Changes of exactly this name, of the node that the reference names, or of every node. */
export async function* watchPath(
  calls: Calls,
  ref: Ref,
  { after, signal }: WatchOptions
): AsyncGenerator<PathEvent, void, undefined> {
  const { work, path, node } = named(ref)
  const origin = node === undefined ? undefined : await peerIdOf(calls, node, { signal })
  const query = { name: `${work}/${path}`, ...(after === undefined ? {} : { after }) }
  for await (const event of calls.watch(query, { signal })) {
    const ours = !('origin' in event) || origin === undefined || event.origin === origin
    if (ours) yield pathEvent(event)
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
  // Whatever is published above it begins so, too.
  const prefix = `${work}/${path.split('/', 1).join('')}`
  const asked = new Asked(calls, ref)
  try {
    for await (const event of calls.watch({ prefix }, { signal: within })) {
      const version = concerns(event, name) ? await asked.version(within) : undefined
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

function concerns(event: WatchEvent, name: string): boolean {
  if (event.event === 'version') return `${name}/`.startsWith(`${event.work}/${event.path}/`)
  return event.event !== 'retired'
}

function pathEvent(event: WatchEvent): PathEvent {
  const { cursor } = event
  if (event.event === 'version') return { event: event.event, version: versionOfChange(event), cursor }
  if (event.event !== 'retired') return event
  const { seq, origin, modified } = event
  return { event: event.event, seq, origin, modified, cursor }
}

/** PeerId of a node that a reference names by that or by its human name. */
async function peerIdOf(calls: Calls, node: string, options: CallOptions): Promise<string> {
  if (PEER_ID.test(node)) return node
  const { peerId, name } = await calls.status(options)
  const found = name === node ? [peerId] : []
  for await (const peer of calls.peers(options)) if (peer.name === node) found.push(peer.peerId)
  const [only, ...others] = found
  if (only === undefined)
    throw new PathmeshError(
      'NOT_FOUND',
      `no node is called ${JSON.stringify(node)}: see pathmesh peers, or use its PeerId`
    )
  if (others.length === 0) return only
  throw new PathmeshError(
    'INVALID_ARGUMENT',
    `${found.length} nodes are called ${JSON.stringify(node)}: use the PeerId of one of them, ${found.join(' or ')}`
  )
}

function timedOut(ref: Ref, timeoutMs: number | undefined, last: PathmeshError | undefined): PathmeshError {
  const why = last === undefined ? 'the daemon did not answer' : last.message
  return new PathmeshError('TIMEOUT', `waited ${timeoutMs} ms for a version of ${formatRef(ref)}, in vain: ${why}`, {
    cause: last
  })
}
