// Telling peers how far this node is: all heads on meeting, own changes at once and with their records, those of others after
// a while, to those who do not know them yet. One message to a peer at a time; what fails stays owed.

import type { Clock } from '../clock.ts'
import { orAborted, withDeadline } from '../deadline.ts'
import type { Log } from '../log.ts'
import type { Random } from '../random.ts'
import {
  ASK_MS,
  FRAME_HEADER_BYTES_MAX,
  HEADS_MAX,
  HEADS_RECORDS_MAX,
  RELAY_MS,
  TELL_MS,
  TELL_PEER_MS
} from '../../proto/limits.ts'
import { agrees } from './head.ts'
import { encodeHeads, type HeardHeads } from './messages.ts'
import type { PeerState } from './peer-state.ts'
import type { Asking } from './pull.ts'
import type { Signed } from './record.ts'
import type { Records } from './records.ts'

/** Content that travels with the records that name it. */
export interface Eager {
  contentsFor(peer: string, records: readonly Signed[]): Promise<readonly Uint8Array[]>
  came(from: string, records: readonly Signed[], contents: readonly Uint8Array[]): void
}

export interface TellerParts<Write> {
  readonly self: string
  readonly records: Pick<Records<Write>, 'head' | 'heads'>
  readonly peers: ReadonlyMap<string, PeerState>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly stopped: AbortSignal
  readonly eager?: Eager | undefined
  caller(peer: string): Promise<Asking>
  /** A peer has taken what it was told. */
  onTold(): void
}

export class Teller<Write> {
  readonly #parts: TellerParts<Write>
  /** Own records of late, to be sent along with heads. */
  readonly #recent: Signed[] = []
  #tellAt = -Infinity
  #cancelTell: (() => void) | undefined
  #cancelRelay: (() => void) | undefined

  constructor(parts: TellerParts<Write>) {
    this.#parts = parts
  }

  stop(): void {
    for (const cancel of [this.#cancelTell, this.#cancelRelay]) cancel?.()
  }

  /** What of this node, and of others, has changed here. */
  changed(changes: readonly Signed[]): void {
    const { self, clock } = this.#parts
    const own = changes.filter(({ record }) => record.origin === self)
    this.#recent.push(...own)
    this.#recent.splice(0, this.#recent.length - HEADS_RECORDS_MAX)
    const others = new Set(changes.map(({ record }) => record.origin))
    others.delete(self)
    for (const peer of this.#parts.peers.values()) {
      if (own.length > 0) peer.owesOwn = true
      for (const origin of others) peer.pending.add(origin)
    }
    if (own.length > 0) {
      const gap = Math.min(TELL_MS, this.#parts.peers.size * TELL_PEER_MS)
      const wait = this.#tellAt + gap - clock.monotonic()
      if (wait <= 0) this.#tellAll()
      else this.#cancelTell ??= clock.after(wait, () => this.#tellAll())
    }
    if (others.size > 0) this.relaySoon()
  }

  /** Tells everybody, before long, what each is owed. */
  relaySoon(): void {
    const { clock, random } = this.#parts
    this.#cancelRelay ??= clock.after(RELAY_MS * (0.5 + random() / 2), () => {
      this.#cancelRelay = undefined
      for (const peer of this.#parts.peers.values()) peer.owesPending = true
      this.#tellAll()
    })
  }

  #tellAll(): void {
    this.#cancelTell?.()
    this.#cancelTell = undefined
    this.#tellAt = this.#parts.clock.monotonic()
    for (const peer of this.#parts.peers.values()) void this.tell(peer)
  }

  /** Tells a peer what it is owed, one message after the other. What fails stays owed. Never rejects. */
  async tell(peer: PeerState): Promise<void> {
    if (peer.isTelling) return
    peer.isTelling = true
    try {
      while (this.#isThere(peer)) {
        if (!peer.isGreeted) await this.#greet(peer)
        else if (peer.owesOwn || (peer.owesPending && peer.pending.size > 0)) await this.#tellNews(peer)
        else break
        peer.isSlow = false
        this.#parts.onTold()
      }
      peer.owesPending = false
    } catch (error) {
      if (!this.#parts.stopped.aborted) this.#parts.log.debug('a peer was not told', { peer: peer.id, error })
    } finally {
      peer.isTelling = false
    }
  }

  async #greet(peer: PeerState): Promise<void> {
    const { records, self } = this.#parts
    const { meetings } = peer
    const { number } = records.head(self)
    // Those too of which it has told and nothing is here: it may have been the one to forget.
    const told = [...peer.heads].map(([origin]) => [origin, records.head(origin)] as const)
    const all = [...new Map([...told, ...records.heads])].map(([origin, head]) => ({ origin, ...head }))
    for (let at = 0; at === 0 || at < all.length; at += HEADS_MAX)
      await this.#send(peer, {
        heads: all.slice(at, at + HEADS_MAX),
        records: [],
        more: at + HEADS_MAX < all.length
      })
    peer.isGreeted = peer.meetings === meetings
    peer.toldNumber = number
    peer.owesOwn ||= records.head(self).number > number
  }

  async #tellNews(peer: PeerState): Promise<void> {
    const { records, self } = this.#parts
    const isOwn = peer.owesOwn
    const others = peer.owesPending ? [...peer.pending].slice(0, HEADS_MAX - 1) : []
    peer.owesOwn = false
    for (const origin of others) peer.pending.delete(origin)
    const differs = (origin: string): boolean => {
      const theirs = peer.head(origin)?.head
      return theirs === undefined || !agrees(theirs, records.head(origin))
    }
    const heads = [...(isOwn ? [self] : []), ...others]
      .filter(differs)
      .map(origin => ({ origin, ...records.head(origin) }))
    const { number } = records.head(self)
    try {
      if (heads.length > 0) {
        const news = isOwn ? this.#newsFor(peer) : []
        const contents = news.length === 0 ? [] : await this.#parts.eager?.contentsFor(peer.id, news)
        const records = news.map(({ bytes }) => bytes)
        await this.#send(peer, { heads, records, more: !peer.isGreeted, contents: contents ?? [] })
      }
    } catch (error) {
      peer.owesOwn ||= isOwn
      for (const origin of others) peer.pending.add(origin)
      throw error
    }
    if (isOwn) peer.toldNumber = Math.max(peer.toldNumber, number)
  }

  /** Own records that a peer has not been told of, where they are few. */
  #newsFor(peer: PeerState): Signed[] {
    const [first] = this.#recent
    if (first === undefined || first.record.number > peer.toldNumber + 1) return []
    const news = this.#recent.filter(({ record }) => record.number > peer.toldNumber)
    const size = news.reduce((sum, { bytes }) => sum + bytes.length, 0)
    return size > FRAME_HEADER_BYTES_MAX / 2 ? [] : news
  }

  async #send(peer: PeerState, message: HeardHeads): Promise<void> {
    const { clock } = this.#parts
    await withDeadline(clock, ASK_MS, `telling ${peer.id}`, this.#parts.stopped, async signal => {
      const asking = await orAborted(this.#parts.caller(peer.id), signal)
      for await (const _ of asking.call('heads', encodeHeads(message), { signal, maxBytes: HEADS_MAX })) continue
    })
  }

  #isThere(peer: PeerState): boolean {
    return this.#parts.peers.get(peer.id) === peer && !this.#parts.stopped.aborted
  }
}
