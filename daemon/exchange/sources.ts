// Who is asked next: the peers named by the reference, then every connected one, first those that say they hold the root.
// A peer that failed for good is not asked again in this session; one that failed for now is, after a pause.

import type { CID } from 'multiformats/cid'
import type { Clock } from '../clock.ts'
import { orAborted, withDeadline } from '../deadline.ts'
import { hasCode, PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { ASK_MS, PROVIDER_RETRY_LAST_MS, PROVIDER_RETRY_MS } from '../../proto/limits.ts'
import type { Provider } from './provider.ts'

export interface Peers {
  /** Peers that are connected now. */
  connected(): readonly string[]
  /** The face of a peer. NO_PROVIDERS if it cannot be reached. */
  provider(peer: string): Promise<Provider>
}

/** What fails on this node fails with every provider; what a provider said of itself does not. */
export function isOwnFault(error: unknown): boolean {
  if (!(error instanceof PathmeshError)) return true
  const isTold = error.details?.['peerId'] !== undefined
  return !isTold && hasCode(error, 'NO_SPACE', 'DENIED', 'IO', 'UNSAFE_NAME', 'INTERNAL')
}

interface Trial {
  error: PathmeshError
  /** When it may be asked again, by the monotonic clock; never for a failure that will not pass. */
  again: number
  pauseMs: number
}

export class Sources {
  readonly #roots: readonly CID[]
  readonly #hints: readonly string[]
  readonly #peers: Peers
  readonly #clock: Clock
  readonly #trials = new Map<string, Trial>()
  #current: Promise<Provider> | undefined
  #provider: Provider | undefined

  /** `roots`: what is wanted, and what it lies in; whoever holds one of them will do. */
  constructor(roots: readonly CID[], hints: readonly string[], peers: Peers, clock: Clock) {
    this.#roots = roots
    this.#hints = hints
    this.#peers = peers
    this.#clock = clock
  }

  /**
   * A provider that holds the root, waiting for one until the signal ends it. `onWaiting` hears why there is none.
   * Throws the telling error once every peer that could be asked has failed for good.
   */
  get(signal: AbortSignal, onWaiting: (why: string) => void): Promise<Provider> {
    if (this.#current !== undefined) return this.#current
    const search = this.#search(signal, onWaiting).then(provider => (this.#provider = provider))
    this.#current = search
    search.catch(() => {
      if (this.#current === search) this.#current = undefined
    })
    return search
  }

  /** The provider failed: the next `get` looks for another, or for the same after a pause if it may recover. */
  failed(provider: Provider, cause: unknown): void {
    // Of many requests that fail with one provider, the first tells; the others are late.
    if (provider !== this.#provider) return
    this.#provider = undefined
    this.#current = undefined
    this.#note(provider.peer, toPathmeshError(cause, provider.peer))
  }

  /** It delivered: what went wrong before is past. */
  delivered(provider: Provider): void {
    this.#trials.delete(provider.peer)
  }

  /** What each peer that failed said last. */
  tried(): { peerId: string; code: string; message: string }[] {
    return [...this.#trials].map(([peerId, { error }]) => ({ peerId, code: error.code, message: error.message }))
  }

  async #search(signal: AbortSignal, onWaiting: (why: string) => void): Promise<Provider> {
    while (true) {
      signal.throwIfAborted()
      const candidates = [...new Set([...this.#hints, ...this.#peers.connected()])]
      for (const peer of candidates) {
        if (this.#mayAsk(peer)) {
          const provider = await this.#ask(peer, signal)
          if (provider !== undefined) return provider
        }
      }
      const lasting = candidates.map(peer => this.#trials.get(peer)).filter(trial => trial?.again === Infinity)
      if (candidates.length > 0 && lasting.length === candidates.length) throw this.#verdict()
      onWaiting(
        candidates.length === 0
          ? 'no other node is connected'
          : `none of ${candidates.length} nodes can send it now: ${this.#lastWord()}`
      )
      await this.#pause(signal)
    }
  }

  #mayAsk(peer: string): boolean {
    const trial = this.#trials.get(peer)
    return trial === undefined || trial.again <= this.#clock.monotonic()
  }

  async #ask(peer: string, signal: AbortSignal): Promise<Provider | undefined> {
    try {
      const provider = await orAborted(this.#peers.provider(peer), signal)
      const held = await withDeadline(this.#clock, ASK_MS, `asking ${peer}`, signal, until =>
        provider.have(this.#roots, { signal: until })
      )
      if (held.includes(true)) return provider
      // It may be receiving it, or about to be told to share it again: ask later.
      this.#note(peer, new PathmeshError('NO_PROVIDERS', 'it does not hold this content'))
    } catch (error) {
      signal.throwIfAborted()
      this.#note(peer, toPathmeshError(error, `asking ${peer}`))
    }
    return undefined
  }

  #note(peer: string, error: PathmeshError): void {
    const pauseMs = Math.min(PROVIDER_RETRY_LAST_MS, 2 * (this.#trials.get(peer)?.pauseMs ?? PROVIDER_RETRY_MS / 2))
    const lasting = hasCode(
      error,
      'SOURCE_CHANGED',
      'NOT_FOUND',
      'CORRUPT',
      'TOO_LARGE',
      'UNSAFE_NAME',
      'INCOMPATIBLE',
      'NOT_A_MEMBER'
    )
    this.#trials.set(peer, { error, pauseMs, again: lasting ? Infinity : this.#clock.monotonic() + pauseMs })
  }

  #verdict(): PathmeshError {
    const errors = [...this.#trials.values()].map(trial => trial.error)
    const telling =
      errors.find(error => error.code === 'SOURCE_CHANGED') ??
      errors.find(error => error.code !== 'NOT_FOUND') ??
      errors[0]
    const tried = this.tried()
    if (telling === undefined || telling.code === 'NOT_FOUND' || telling.code === 'INCOMPATIBLE') {
      return new PathmeshError(
        'NO_PROVIDERS',
        `no connected node can send ${this.#roots[0]?.toString()}: ${this.#lastWord()}`,
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

  #pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        cancel()
        reject(signal.reason)
      }
      const cancel = this.#clock.after(PROVIDER_RETRY_MS, () => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      })
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }
}
