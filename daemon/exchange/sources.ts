// Who can send a root, whole or in part: the peers named by the reference, and every connected one, asked again from time to time.
// A peer that failed for good is left for this transfer; one that failed for now rests, each time for longer. One that is
// receiving the root itself is followed, so that what it has verified can be asked of it.

import { setMaxListeners } from 'node:events'
import type { CID } from 'multiformats/cid'
import type { Clock } from '../clock.ts'
import { orAborted, withDeadline } from '../deadline.ts'
import { Ledger } from '../store/ledger.ts'
import { hasCode, PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import {
  ASK_MS,
  ASKED_AT_ONCE,
  FOLLOWED_LEAVES_MAX,
  PROVIDER_RETRY_LAST_MS,
  PROVIDER_RETRY_MS
} from '../../proto/limits.ts'
import { Patience } from './patience.ts'
import type { HeldMore, Provider } from './provider.ts'

export interface Peers {
  /** Peers that are connected now. */
  connected(): readonly string[]
  /** The face of a peer. NO_PROVIDERS if it cannot be reached, DENIED if it is banned. */
  provider(peer: string): Promise<Provider>
}

/** What fails on this node fails with every provider; what a provider said of itself does not. */
export function isOwnFault(error: unknown): boolean {
  if (!(error instanceof PathmeshError)) return true
  const isTold = error.details?.['peerId'] !== undefined
  return !isTold && hasCode(error, 'NO_SPACE', 'DENIED', 'IO', 'UNSAFE_NAME', 'INTERNAL')
}

/** A peer that can be asked for content. */
export interface Joined {
  readonly provider: Provider
  /** What it holds so far; undefined for one that holds all. */
  readonly holds: Ledger | undefined
}

export interface Trial {
  readonly error: PathmeshError
  /** When it may be asked again, by the monotonic clock; never for a failure that will not pass. */
  readonly again: number
  readonly pauseMs: number
}

export interface SourcesRequest {
  /** What is wanted, and what it lies in; whoever holds one of them will do. The first is what a peer may be receiving. */
  readonly roots: readonly CID[]
  readonly hints: readonly string[]
}

const LASTING = [
  'SOURCE_CHANGED',
  'NOT_FOUND',
  'CORRUPT',
  'TOO_LARGE',
  'UNSAFE_NAME',
  'INCOMPATIBLE',
  'NOT_A_MEMBER',
  'DENIED'
] as const

/** What says of a peer alone why it does not send. */
const UNTELLING: readonly string[] = ['NOT_FOUND', 'INCOMPATIBLE', 'DENIED']

export class Sources {
  readonly #request: SourcesRequest
  readonly #peers: Peers
  readonly #clock: Clock
  readonly #joined = new Map<string, Joined>()
  readonly #trials = new Map<string, Trial>()
  readonly #asking = new Set<string>()
  /** What ends the following of a peer. */
  readonly #following = new Map<string, AbortController>()
  readonly #listeners = new Set<() => void>()
  #users = 0
  #stop = new AbortController()
  #cancel: (() => void) | undefined

  constructor(request: SourcesRequest, peers: Peers, clock: Clock) {
    this.#request = request
    this.#peers = peers
    this.#clock = clock
  }

  /** Those that can be asked now. */
  get joined(): ReadonlyMap<string, Joined> {
    return this.#joined
  }

  /** Runs whenever a peer joined, left, or holds more; the result stops that. */
  onChange(run: () => void): () => void {
    this.#listeners.add(run)
    return () => void this.#listeners.delete(run)
  }

  /** Looks for as long as somebody wants it to; the result ends that. */
  use(): () => void {
    if (this.#users++ === 0) {
      this.#stop = new AbortController()
      // As many hear it as are asked and followed.
      setMaxListeners(0, this.#stop.signal)
      this.#look()
    }
    let isUsing = true
    return () => {
      if (!isUsing) return
      isUsing = false
      if (--this.#users > 0) return
      this.#cancel?.()
      this.#stop.abort(new PathmeshError('ABORTED', 'nobody looks for it any more'))
      // What these hold is not heard of any more.
      for (const [peer, { holds }] of this.#joined) if (holds !== undefined) this.#joined.delete(peer)
    }
  }

  /** A provider that holds all of it, or a part, waiting for one (in `use`) until the signal ends it. Rejects as `assertHope`. */
  async one(signal: AbortSignal, onWaiting: (why: string) => void): Promise<Provider> {
    while (true) {
      signal.throwIfAborted()
      const all = [...this.#joined.values()]
      // One that is said to receive it, and has nothing yet, has no branch of it either.
      const found = all.find(({ holds }) => holds === undefined) ?? all.find(({ holds }) => holds?.count !== 0)
      if (found !== undefined) return found.provider
      this.assertHope()
      if (this.#asking.size === 0) onWaiting(this.why())
      await this.changed(signal)
    }
  }

  /** Resolves at the next change, or after a while. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        stopHearing()
        cancel()
        signal.removeEventListener('abort', onAbort)
      }
      const done = (): void => {
        end()
        resolve()
      }
      const onAbort = (): void => {
        end()
        reject(signal.reason)
      }
      const stopHearing = this.onChange(done)
      const cancel = this.#clock.after(PROVIDER_RETRY_MS, done)
      signal.addEventListener('abort', onAbort, { once: true })
      if (signal.aborted) onAbort()
    })
  }

  /** Throws the telling error once every peer that could be asked has failed for good. */
  assertHope(): void {
    const candidates = this.#candidates()
    if (candidates.length === 0 || candidates.some(peer => this.#trials.get(peer)?.again !== Infinity)) return
    throw this.#verdict()
  }

  /** Why there is nobody to ask. */
  why(): string {
    const count = this.#candidates().length
    if (count === 0) return 'no other node is connected'
    return `none of ${count} nodes can send it now: ${this.#lastWord()}`
  }

  /** A peer asks for this root itself: it is receiving it, or about to. */
  look(peer: string): void {
    if (this.#joined.has(peer) || this.#trials.get(peer)?.again === Infinity) return
    this.#trials.delete(peer)
    this.#look()
  }

  /** A peer failed: it rests, or is left. */
  failed(peer: string, cause: unknown): void {
    const isWhole = this.#joined.get(peer)?.holds === undefined && this.#joined.has(peer)
    this.#joined.delete(peer)
    this.#following.get(peer)?.abort(new PathmeshError('ABORTED', 'it failed'))
    this.#following.delete(peer)
    this.#note(peer, toPathmeshError(cause, peer), isWhole)
    this.#changed()
  }

  /** It delivered: what went wrong before is past; but not where it failed since that was asked of it. */
  delivered(peer: string): void {
    if (this.#joined.has(peer)) this.#trials.delete(peer)
  }

  trial(peer: string): Trial | undefined {
    return this.#trials.get(peer)
  }

  /** What somebody said that tells why it does not come: that it changed there, or was wrong. */
  get telling(): PathmeshError | undefined {
    const errors = [...this.#trials.values()].map(({ error }) => error)
    return errors.find(({ code }) => code === 'SOURCE_CHANGED') ?? errors.find(({ code }) => code === 'CORRUPT')
  }

  /** What each peer that failed said last. */
  tried(): { peerId: string; code: string; message: string }[] {
    return [...this.#trials].map(([peerId, { error }]) => ({ peerId, code: error.code, message: error.message }))
  }

  // --- looking -----------------------------------------------------------------------------------------------------

  #look(): void {
    this.#cancel?.()
    if (this.#users === 0) return
    // Those who were never asked first: else, of many, the last would never be.
    const due = this.#candidates().filter(peer => !this.#isKnown(peer) && this.#mayAsk(peer))
    for (const peer of due.toSorted((a, b) => this.#againAt(a) - this.#againAt(b)))
      if (this.#asking.size < ASKED_AT_ONCE) void this.#ask(peer)
    this.#cancel = this.#clock.after(PROVIDER_RETRY_MS, () => this.#look())
  }

  #candidates(): string[] {
    return [...new Set([...this.#request.hints, ...this.#peers.connected()])]
  }

  #mayAsk(peer: string): boolean {
    return this.#againAt(peer) <= this.#clock.monotonic()
  }

  #againAt(peer: string): number {
    return this.#trials.get(peer)?.again ?? -Infinity
  }

  /** Whether it is asked, or was and has not failed. */
  #isKnown(peer: string): boolean {
    return this.#joined.has(peer) || this.#asking.has(peer) || this.#following.has(peer)
  }

  /** Never rejects. */
  async #ask(peer: string): Promise<void> {
    const { roots } = this.#request
    const { signal } = this.#stop
    this.#asking.add(peer)
    try {
      const provider = await orAborted(this.#peers.provider(peer), signal)
      const held = await withDeadline(this.#clock, ASK_MS, `asking ${peer}`, signal, until =>
        provider.held(roots, { signal: until })
      )
      if (held.some(({ complete }) => complete)) this.#join(peer, { provider, holds: undefined })
      else await this.#follow(peer, provider, signal)
    } catch (error) {
      if (!signal.aborted) this.failed(peer, error)
    } finally {
      const isLast = this.#asking.delete(peer) && this.#asking.size === 0
      if (isLast) this.#changed()
    }
  }

  /** What it holds while it receives, until it has all of it or stops. */
  async #follow(peer: string, provider: Provider, signal: AbortSignal): Promise<void> {
    const [root] = this.#request.roots
    if (root === undefined) return
    const first = new Patience(
      this.#clock,
      ASK_MS,
      () => new PathmeshError('TIMEOUT', `${peer} does not say what it has`)
    )
    const joined = { provider, holds: new Ledger() }
    const stop = new AbortController()
    this.#following.set(peer, stop)
    try {
      const until = AbortSignal.any([signal, first.signal, stop.signal])
      for await (const more of provider.follow(root, { signal: until })) {
        stop.signal.throwIfAborted()
        first.stop()
        this.#asking.delete(peer)
        if (more.complete) return this.#join(peer, { provider, holds: undefined })
        add(joined.holds, more, provider)
        this.#join(peer, joined)
      }
    } catch (error) {
      // What it failed with is noted already.
      if (!stop.signal.aborted) throw error
      return
    } finally {
      first.stop()
      if (this.#following.get(peer) === stop) this.#following.delete(peer)
    }
    // It is not receiving it now; it may be told to share it again, or be about to receive it: ask later.
    throw new PathmeshError('NO_PROVIDERS', 'it does not hold this content')
  }

  #join(peer: string, joined: Joined): void {
    // One that failed meanwhile is not heard of until it has rested.
    if (!this.#mayAsk(peer)) return
    this.#joined.set(peer, joined)
    this.#changed()
  }

  #changed(): void {
    for (const run of this.#listeners) run()
  }

  /** `isWhole`: it held all of it, as it said. */
  #note(peer: string, error: PathmeshError, isWhole: boolean): void {
    if (this.#trials.get(peer)?.again === Infinity) return
    const pauseMs = Math.min(PROVIDER_RETRY_LAST_MS, 2 * (this.#trials.get(peer)?.pauseMs ?? PROVIDER_RETRY_MS / 2))
    // Who is receiving it may have tomorrow what it lacks today.
    const lasting = hasCode(error, ...LASTING) && (isWhole || !hasCode(error, 'NOT_FOUND', 'SOURCE_CHANGED'))
    this.#trials.set(peer, { error, pauseMs, again: lasting ? Infinity : this.#clock.monotonic() + pauseMs })
  }

  #verdict(): PathmeshError {
    const errors = [...this.#trials.values()].map(trial => trial.error)
    const telling: PathmeshError | undefined =
      errors.find(error => error.code === 'SOURCE_CHANGED') ??
      errors.find(error => error.code !== 'NOT_FOUND') ??
      errors[0]
    const tried = this.tried()
    if (telling === undefined || UNTELLING.includes(telling.code)) {
      return new PathmeshError(
        'NO_PROVIDERS',
        `no connected node can send ${this.#request.roots[0]?.toString()}: ${this.#lastWord()}`,
        { cause: telling, details: { tried } }
      )
    }
    return new PathmeshError(telling.code, telling.message, {
      cause: errors.length > 1 ? new AggregateError(errors) : telling,
      details: { tried }
    })
  }

  #lastWord(): string {
    return [...this.#trials]
      .map(([peer, { error }]) => `${peer.slice(-8)}: ${error.message}`)
      .join('; ')
      .slice(0, 500)
  }
}

/** Each leaf is told of once: so many of them at most cost what they are worth. */
function add(holds: Ledger, { spans }: HeldMore, provider: Provider): void {
  for (const { from, to } of spans) {
    const before = holds.count
    const end = Math.min(to, FOLLOWED_LEAVES_MAX)
    holds.addSpan(from, end)
    if (holds.count - before < end - from)
      throw new PathmeshError('CORRUPT', `${provider.peer} says twice what it has`, {
        details: { peerId: provider.peer }
      })
  }
}
