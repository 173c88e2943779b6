// Peers that sent wrong bytes. One that did so too often within a while is banned for a while: it is asked for nothing. Remembers a
// bounded number of peers, and nothing beyond the life of the daemon.

import type { Clock } from '../clock.ts'
import { BAN_MS, STRIKES_MAX, STRIKES_MS, STRUCK_PEERS_MAX } from '../../proto/limits.ts'

export interface PeerStrikes {
  /** Within the last hour. */
  readonly strikes: number
  /** Milliseconds since the epoch. */
  readonly bannedUntil: number | null
  /** What it was struck for last. */
  readonly last: string | null
}

interface Struck {
  /** When, by the monotonic clock; at most STRIKES_MAX of them. */
  readonly times: readonly number[]
  readonly last: string
  /** By the monotonic clock. */
  readonly bannedUntil: number | undefined
}

const NONE: PeerStrikes = { strikes: 0, bannedUntil: null, last: null }

export class Strikes {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  /** The one struck longest ago first. */
  readonly #peers = new Map<string, Struck>()

  constructor(clock: Pick<Clock, 'now' | 'monotonic'>) {
    this.#clock = clock
  }

  /** A peer sent wrong bytes; `what` says which. True where that bans it. */
  struck(peer: string, what: string): boolean {
    const now = this.#clock.monotonic()
    const times = [...(this.#known(peer)?.times ?? []), now].slice(-STRIKES_MAX)
    const isBanned = times.length === STRIKES_MAX
    const bannedUntil = isBanned ? now + BAN_MS : undefined
    this.#peers.delete(peer)
    this.#peers.set(peer, { times, last: what, bannedUntil })
    this.#forgetOldest()
    return isBanned
  }

  isBanned(peer: string): boolean {
    return this.#known(peer)?.bannedUntil !== undefined
  }

  of(peer: string): PeerStrikes {
    const known = this.#known(peer)
    if (known === undefined) return NONE
    const { times, last, bannedUntil } = known
    const leftMs = (bannedUntil ?? 0) - this.#clock.monotonic()
    return {
      strikes: times.length,
      bannedUntil: bannedUntil === undefined ? null : Math.ceil(this.#clock.now() + leftMs),
      last
    }
  }

  /** Peers that were struck within the last hour, or are banned. */
  *list(): Generator<PeerStrikes & { readonly peerId: string }> {
    for (const peerId of this.#peers.keys()) {
      const of = this.of(peerId)
      if (of.last !== null) yield { peerId, ...of }
    }
  }

  /** What still counts of a peer; what does not is forgotten. Whose ban is over begins anew. */
  #known(peer: string): Struck | undefined {
    const known = this.#peers.get(peer)
    if (known === undefined) return undefined
    const now = this.#clock.monotonic()
    const isBanned = known.bannedUntil !== undefined && known.bannedUntil > now
    const times = known.bannedUntil === undefined ? known.times.filter(at => at > now - STRIKES_MS) : known.times
    if (isBanned || (known.bannedUntil === undefined && times.length > 0)) return { ...known, times }
    this.#peers.delete(peer)
    return undefined
  }

  /** Rather one that is not banned: a ban outlasts what others do. */
  #forgetOldest(): void {
    if (this.#peers.size <= STRUCK_PEERS_MAX) return
    const free = [...this.#peers.keys()].find(peer => !this.isBanned(peer))
    const [oldest] = this.#peers.keys()
    const forgotten = free ?? oldest
    if (forgotten !== undefined) this.#peers.delete(forgotten)
  }
}
