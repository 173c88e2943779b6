// One fetch in the middle of chaos, and the judgement of how it ended. Whole: the bytes are those of the source. Failed: in time, with
// a typed error, and one that is true: that nobody could send is a lie if somebody was there all the time.

import { setTimeout as pause } from 'node:timers/promises'
import type { Mesh } from '../../client/index.ts'
import { type ErrorCode, PathmeshError } from '../../proto/errors.ts'
import type { ChaosNode } from './chaos-node.ts'
import { difference } from './content.ts'
import { FETCH_MS, LOOK_MS, MARGIN_MS, SETTLED_MS } from './limits.ts'

export interface Source {
  readonly kind: 'file' | 'tree'
  readonly path: string
  readonly name: string
  /** What is fetched of it by a node that has nothing. */
  readonly size: number
  /** Nodes that hold it, whole, and since when. */
  readonly holders: Map<ChaosNode, number>
}

export interface FetchOptions {
  readonly stallMs: number
  /** After which its caller gives it up; by default never. */
  readonly cancelMs?: number
}

/** How a fetch ended; `broken` says which promise it broke. */
export interface Outcome {
  readonly as: 'whole' | 'whole, resumed' | 'whole, was here' | 'cancelled' | ErrorCode | 'broken'
  readonly broken?: string
  readonly seconds: number
  readonly bytesFetched: number
}

/** What a node may say when nobody had the bytes in time; and besides, when a fault befell it. */
const NOBODY: readonly ErrorCode[] = ['NO_PROVIDERS', 'TIMEOUT']
const BEFALLEN: readonly ErrorCode[] = ['DAEMON_UNREACHABLE', 'NOT_SYNCED']

export async function fetchAndJudge(node: ChaosNode, source: Source, options: FetchOptions): Promise<Outcome> {
  const started = performance.now()
  const watched = new Watched(node, options)
  let bytesFetched = 0
  const outcome = (as: Outcome['as'], broken?: string): Outcome => {
    const seconds = (performance.now() - started) / 1000
    return { as, seconds, bytesFetched, ...(broken === undefined ? {} : { broken }) }
  }
  try {
    await using mesh = await node.connect()
    const got = await watched.run(mesh, source)
    bytesFetched = got.bytesFetched
    const found = await difference(source.path, got.path)
    if (found !== undefined) return outcome('broken', `other bytes: ${found}`)
    source.holders.set(node, performance.now())
    await got.release().catch(rethrowUnless(BEFALLEN))
    if (bytesFetched === 0) return outcome('whole, was here')
    return outcome(bytesFetched < source.size ? 'whole, resumed' : 'whole')
  } catch (error) {
    if (watched.late !== undefined) return outcome('broken', `not in time: ${watched.late}`)
    if (watched.isCancelled(error)) return outcome('cancelled')
    if (!(error instanceof PathmeshError)) return outcome('broken', `an error without a type: ${String(error)}`)
    const lie = untrue(error, node, source, started)
    return lie === undefined ? outcome(error.code) : outcome('broken', `${lie}: ${error.code}, ${error.message}`)
  }
}

/** Who may have been disturbed. */
export type Witness = Pick<ChaosNode, 'name' | 'isUndisturbedSince'>

/** Why an error of a fetch that began at `started` cannot be right, if it cannot. */
export function untrue(
  { code }: Pick<PathmeshError, 'code'>,
  node: Witness,
  { holders }: { readonly holders: ReadonlyMap<Witness, number> },
  started: number
): string | undefined {
  if (!node.isUndisturbedSince(started)) return [...NOBODY, ...BEFALLEN].includes(code) ? undefined : 'not of a fault'
  // A node that was killed before may still be catching up.
  if (BEFALLEN.includes(code)) return node.isUndisturbedSince(started - SETTLED_MS) ? 'nothing befell it' : undefined
  if (!NOBODY.includes(code)) return 'not of a fault'
  const settled = started - SETTLED_MS
  if (!node.isUndisturbedSince(settled)) return undefined
  const there = [...holders].filter(([holder, since]) => since < started && holder.isUndisturbedSince(settled))
  const names = there.map(([{ name }]) => name).filter(name => name !== node.name)
  return names.length === 0 ? undefined : `${names.join(', ')} had it all the time`
}

/** A fetch that is ended when its caller gives it up, or when it neither goes on nor ends in time. */
class Watched {
  readonly #node: ChaosNode
  readonly #options: FetchOptions
  readonly #end = new AbortController()
  readonly #cancelled = new Error('the caller gave it up')
  #late: string | undefined
  #news = performance.now()
  #seen = ''

  constructor(node: ChaosNode, options: FetchOptions) {
    this.#node = node
    this.#options = options
  }

  /** What it did not do in time. */
  get late(): string | undefined {
    return this.#late
  }

  isCancelled(error: unknown): boolean {
    return error === this.#cancelled
  }

  async run(mesh: Mesh, { name }: Source): ReturnType<ReturnType<Mesh['path']>['get']> {
    const { signal } = this.#end
    const over = new AbortController()
    const got = mesh.path(name).get({
      stallMs: this.#options.stallMs,
      signal,
      onProgress: ({ phase, bytes, files }) => this.#see(`${phase}, ${bytes} bytes, ${files} files`)
    })
    const watch = this.#watch(over.signal)
    try {
      // It must end when it is told to, too.
      return await Promise.race([got, watch])
    } finally {
      over.abort()
      got.catch(() => undefined)
      watch.catch(() => undefined)
    }
  }

  #see(what: string): void {
    if (what === this.#seen) return
    this.#seen = what
    this.#news = performance.now()
  }

  async #watch(over: AbortSignal): Promise<never> {
    const { stallMs, cancelMs = Infinity } = this.#options
    const started = performance.now()
    while (true) {
      await pause(LOOK_MS, undefined, { signal: over })
      const now = performance.now()
      // What is frozen cannot go on, and what is dead has nobody to say so.
      if (!this.#node.isUp) this.#news = now
      if (now - started > cancelMs && !this.#end.signal.aborted) {
        this.#end.abort(this.#cancelled)
        this.#news = now
      }
      if (now - this.#news < stallMs + MARGIN_MS && now - started < FETCH_MS) continue
      const since = `${((now - this.#news) / 1000).toFixed(0)} s after its last news`
      this.#late = `${since}: ${this.#end.signal.aborted ? 'cancelled' : this.#seen}`
      this.#end.abort(new Error(this.#late))
      throw new Error(this.#late)
    }
  }
}

/** Drops the copy of a node; a fault may keep it from that. Resolves to what went wrong beside. */
export async function dropAndJudge(node: ChaosNode, source: Source): Promise<string | undefined> {
  const started = performance.now()
  source.holders.delete(node)
  try {
    await using mesh = await node.connect()
    await mesh.drop(source.name)
    return undefined
  } catch (error) {
    if (error instanceof PathmeshError && BEFALLEN.includes(error.code) && !node.isUndisturbedSince(started))
      return undefined
    return `drop failed: ${String(error)}`
  }
}

function rethrowUnless(codes: readonly ErrorCode[]): (error: unknown) => void {
  return error => {
    if (!(error instanceof PathmeshError) || !codes.includes(error.code)) throw error
  }
}
