// Fetching: asks the daemon for a reference and hands out a local path with its version. Without a destination the path is the
// store's own, on lease until it is released or the program ends.

import { randomUUID } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import type { GetRequest, Seen } from '../proto/api.ts'
import { hasCode } from '../proto/errors.ts'
import { formatRef, type Ref } from '../proto/ref.ts'
import type { Calls, WaitOptions } from './calls.ts'
import { seenAt } from './share.ts'
import { versionOfGot, type Version } from './version.ts'

export interface GetOptions extends WaitOptions {
  /** Where to put it. By default it stays in the store and must not be written to. */
  readonly to?: string | undefined
  /** Whether what lies at `to` may be replaced. */
  readonly overwrite?: boolean | undefined
  /** Milliseconds without a verified byte after which it fails. */
  readonly stallMs?: number | undefined
  /** Milliseconds for the whole. */
  readonly timeoutMs?: number | undefined
  /** Milliseconds to wait for the name, if nobody has published it yet; by default none. */
  readonly waitMs?: number | undefined
  /** How long a path in the store stays: until it is released or the program ends (`session`, the default), or for 7 days. */
  readonly lease?: 'session' | 'days' | undefined
  /** What `to` is relative to, and what is never replaced; by default the working directory. */
  readonly cwd?: string | undefined
}

export interface GetResult {
  /** Absolute path of the file or directory. */
  readonly path: string
  /** What lies there. */
  readonly version: Version
  readonly bytesFetched: number
  readonly seconds: number
  /** Whom the bytes came from. */
  readonly providers: readonly { readonly peerId: string; readonly bytes: number }[]
  /** Gives the path back: the daemon may then remove it. Nothing happens when it was copied to `to`. */
  release(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface FetchOptions extends GetOptions {
  /** Peers to ask first. */
  readonly providers?: readonly string[] | undefined
}

export async function fetchRef(calls: Calls, ref: Ref, options: FetchOptions): Promise<GetResult> {
  const got = await calls.get(await requestOf(calls, ref, options), options)
  let lease = options.to === undefined ? got.lease : null
  const release = async (): Promise<void> => {
    const held = lease
    lease = null
    if (held !== null) await calls.release(held)
  }
  const { path, bytesFetched, seconds, providers } = got
  return {
    path,
    version: versionOfGot(ref, got),
    bytesFetched,
    seconds,
    providers,
    release,
    [Symbol.asyncDispose]: release
  }
}

/** What the daemon is asked for. */
export async function requestOf(calls: Calls, ref: Ref, options: FetchOptions): Promise<GetRequest> {
  const { overwrite, stallMs, timeoutMs, waitMs, providers, cwd = process.cwd() } = options
  const to = options.to === undefined ? undefined : resolve(cwd, options.to)
  const seenParent = to === undefined ? undefined : await seenIfThere(dirname(to))
  const lease = to === undefined && options.lease !== 'days' ? await calls.session.id() : undefined
  return {
    ref: formatRef(ref),
    cwd,
    ...(to === undefined ? {} : { to }),
    ...(seenParent === undefined ? {} : { seenParent }),
    ...(lease === undefined ? {} : { lease, leaseId: randomUUID() }),
    ...(overwrite === undefined ? {} : { overwrite }),
    ...(providers === undefined ? {} : { providers: [...providers] }),
    ...(stallMs === undefined ? {} : { stallMs }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(waitMs === undefined ? {} : { waitMs })
  }
}

async function seenIfThere(path: string): Promise<Seen | undefined> {
  try {
    return await seenAt(path)
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND')) return undefined
    throw error
  }
}
