// What this node knows of one connected peer: how far that is with each origin, what it has been told, and what it need not
// be asked again for now.

import { ORIGINS_MAX, PULL_REST_MS } from '../../proto/limits.ts'
import { agrees, type Head } from './head.ts'
import type { NamedHead } from './messages.ts'

interface Heard {
  readonly head: Head
  readonly at: number
}

interface Rest {
  /** By the monotonic clock; Infinity for as long as both sides stay as they are. */
  readonly until: number
  readonly theirs: Head
  readonly ours: Head
}

export class PeerState {
  readonly id: string
  readonly #heads = new Map<string, Heard>()
  readonly #rests = new Map<string, Rest>()
  /** How often in a row it was asked for nothing. */
  readonly #failures = new Map<string, number>()
  /** Origins other than this node whose change it has not been told. */
  readonly pending = new Set<string>()
  /** Whether own changes wait to be told, and whether it is time for those of others. */
  owesOwn = false
  owesPending = false
  isTelling = false
  /** Origins whose records are being got from it. */
  pulls = 0
  /** Connections to it that were made; and how often it was looked at before the first. */
  meetings = 0
  ticks = 0
  /** It has been told of all heads on the last of them. */
  isGreeted = false
  /** It has told all of its heads once. */
  isMet = false
  /** It did not take news in time, and is not waited for. */
  isSlow = false
  /** The own number that it has been told. */
  toldNumber = 0

  constructor(id: string) {
    this.id = id
  }

  get heads(): IterableIterator<[string, Heard]> {
    return this.#heads.entries()
  }

  head(origin: string): Heard | undefined {
    return this.#heads.get(origin)
  }

  /** What is known of it from now on. */
  hear({ origin, number, digest }: NamedHead, now: number): Heard | undefined {
    const known = this.#heads.get(origin)
    if (known === undefined && this.#heads.size >= ORIGINS_MAX) return undefined
    const isSame = known !== undefined && known.head.number === number && agrees(known.head, { number, digest })
    // The moment counts from which it is as it is.
    const heard = { head: { number, digest }, at: isSame ? known.at : now }
    this.#heads.set(origin, heard)
    return heard
  }

  /** It has nothing for us that we lack, or failed: until it changes, or for a while. */
  rest(origin: string, ours: Head, until: number): void {
    const theirs = this.#heads.get(origin)?.head
    if (theirs !== undefined) this.#rests.set(origin, { until, theirs, ours })
    this.#failures.set(origin, this.failures(origin) + 1)
  }

  succeeded(origin: string): void {
    this.#rests.delete(origin)
    this.#failures.delete(origin)
  }

  /** Others are asked before one that failed, however far it says it is. */
  failures(origin: string): number {
    return this.#failures.get(origin) ?? 0
  }

  isResting(origin: string, ours: Head, now: number): boolean {
    const rest = this.#rests.get(origin)
    const theirs = this.#heads.get(origin)?.head
    if (rest === undefined || theirs === undefined) return false
    const isSame = agrees(rest.theirs, theirs) && rest.theirs.number === theirs.number && agrees(rest.ours, ours)
    if (isSame && now < rest.until) return true
    // One that keeps failing is left alone for a while, whatever it says meanwhile.
    return rest.until !== Infinity && now < Math.min(rest.until, rest.until - PULL_REST_MS / 2)
  }
}
