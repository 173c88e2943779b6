// Keeping the records of all nodes the same. Each tells the others its heads: all of them on meeting, those that changed soon
// after. Whoever hears of one that is ahead of its own gets the records from there. Clock, chance and network are handed in.
//
//   own change ──at once, paced──> heads, with the records ──> kept there, or pulled
//   change heard of ──RELAY_MS──> heads, to those who do not know it yet
//   every RECONCILE_MS ──> what failed is told again, and what still differs looked at again; all heads to one of them

import { setMaxListeners } from 'node:events'
import type { Clock } from '../clock.ts'
import { withDeadline } from '../deadline.ts'
import type { Log } from '../log.ts'
import type { Random } from '../random.ts'
import { PathmeshError } from '../../proto/errors.ts'
import {
  ANNOUNCE_MS,
  ASK_MS,
  FRAME_HEADER_BYTES_MAX,
  HEADS_MAX,
  HEADS_RECORDS_MAX,
  ORIGINS_MAX,
  OWN_HEAD_MS,
  PULL_REST_MS,
  PULLS_MAX,
  RECONCILE_MS,
  RELAY_MS,
  TELL_MS
} from '../../proto/limits.ts'
import { agrees } from './head.ts'
import { encodeHeads, type HeardHeads } from './messages.ts'
import type { OwnRecords } from './own-records.ts'
import { PeerState } from './peer-state.ts'
import { type Asking, Pull } from './pull.ts'
import { openRecord, type Signed, type VerifySignature } from './record.ts'
import type { Raise, Records } from './records.ts'

/** A peer that does not end within this gives way to another: what it has brought until then is kept. */
const PULL_MS = 30_000
/** Between two tellings of own changes, for each connected peer: telling is work for both sides. */
const TELL_PEER_MS = 0.5

export interface ReconcilerParts<Write> {
  readonly self: string
  readonly records: Records<Write>
  readonly own: Pick<OwnRecords<Write>, 'adopt' | 'confirm'>
  readonly verify: VerifySignature
  readonly mesh: Uint8Array
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  caller(peer: string): Promise<Asking>
  /** Whether there is anybody to catch up with, connected or not. */
  knowsOthers(): boolean
}

export class Reconciler<Write> {
  readonly #parts: ReconcilerParts<Write>
  readonly #peers = new Map<string, PeerState>()
  readonly #pulls = new Map<string, Promise<void>>()
  /** Origins of which some peer may know more. */
  readonly #behind = new Set<string>()
  /** Own records of late, to be sent along with heads. */
  readonly #recent: Signed[] = []
  readonly #waiters = new Set<() => void>()
  readonly #stopped = new AbortController()
  #startedAt = 0
  #tellAt = -Infinity
  #cancelTell: (() => void) | undefined
  #cancelRelay: (() => void) | undefined
  #cancelTick = (): void => undefined
  #isSynced = false
  #knowsOwn = false

  constructor(parts: ReconcilerParts<Write>) {
    this.#parts = parts
    // Every telling and every pull listens to it.
    setMaxListeners(0, this.#stopped.signal)
    parts.records.onChanges(changes => this.#changed(changes))
  }

  start(): void {
    this.#startedAt = this.#parts.clock.monotonic()
    this.#tick()
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new PathmeshError('ABORTED', 'this node is stopping'))
    for (const cancel of [this.#cancelTell, this.#cancelRelay, this.#cancelTick]) cancel?.()
    this.#wake()
    await Promise.allSettled(this.#pulls.values())
  }

  // --- who is there ------------------------------------------------------------------------------------------------

  /** To be called for each new connection: who comes back may be another life of it, that knows less. */
  connected(id: string): void {
    const peer = this.#peer(id)
    peer.meetings++
    peer.isGreeted = false
    void this.#tell(peer)
  }

  disconnected(peer: string): void {
    this.#peers.delete(peer)
    this.#wake()
  }

  /** Whether this node has caught up with some peer since it started, or knows of none. */
  get isSynced(): boolean {
    return this.#isSynced || !this.#parts.knowsOthers()
  }

  /** Resolves when it is synced; or after `ms`, to what it is then. */
  async whenSynced(ms: number, signal?: AbortSignal): Promise<boolean> {
    await this.#until(() => this.isSynced, ms, signal)
    return this.isSynced
  }

  /** Resolves when every connected peer that answers has heard what this node has said until now, or after ANNOUNCE_MS. */
  async announced(): Promise<void> {
    const { records, self } = this.#parts
    const { number } = records.head(self)
    const late = (): PeerState[] =>
      [...this.#peers.values()].filter(peer => peer.isGreeted && !peer.isSlow && peer.toldNumber < number)
    await this.#until(() => late().length === 0, ANNOUNCE_MS)
    for (const peer of late()) peer.isSlow = true
  }

  /** Resolves once this node may count on: shown what it lost of its own, or alone, or after OWN_HEAD_MS. */
  async mayNumber(): Promise<void> {
    const { clock, self } = this.#parts
    const left = OWN_HEAD_MS - (clock.monotonic() - this.#startedAt)
    if (left > 0 && this.#parts.knowsOthers()) await this.#until(() => this.#knowsOwn, left)
    if (this.#pulls.has(self)) await this.#until(() => !this.#pulls.has(self), OWN_HEAD_MS)
  }

  // --- hearing -----------------------------------------------------------------------------------------------------

  /** Takes what a peer tells: its heads, and records that came along. */
  async heard(from: string, { heads, records, more }: HeardHeads): Promise<void> {
    const { clock, self } = this.#parts
    const peer = this.#peer(from)
    for (const head of heads) peer.hear(head, clock.monotonic())
    if (records.length > 0) await this.#takeNews(from, records, peer)
    for (const { origin } of heads) await this.#compare(origin, peer)
    if (!more) peer.isMet = true
    const ours = this.#parts.records.head(self)
    const theirs = peer.head(self)?.head
    if (theirs !== undefined && agrees(theirs, ours)) peer.toldNumber = Math.max(peer.toldNumber, ours.number)
    this.#look()
  }

  async #takeNews(from: string, records: readonly Uint8Array[], peer: PeerState): Promise<void> {
    const { mesh, verify, self } = this.#parts
    const signed = await Promise.all(records.map(bytes => openRecord(bytes, mesh, verify)))
    if (from === self || signed.some(({ record }) => record.origin !== from))
      throw new PathmeshError('CORRUPT', `${from} sends records of others as its news`)
    const head = peer.head(from)?.head
    await this.#keep(from, signed, head === undefined ? undefined : { origin: from, ...head })
  }

  /** Looks at one origin of a peer: are both the same, or is there something to get? */
  async #compare(origin: string, peer: PeerState): Promise<void> {
    const { records, own, self } = this.#parts
    const theirs = peer.head(origin)?.head
    const ours = records.head(origin)
    if (theirs === undefined) return
    if (!agrees(theirs, ours)) {
      this.#behind.add(origin)
      // It may have missed, or lost, what it was told before.
      if (theirs.number > ours.number) return
      if (origin === self) peer.owesOwn = true
      else peer.pending.add(origin)
      this.#relaySoon()
      return
    }
    if (origin === self) own.confirm(ours.number)
    else if (theirs.number > ours.number) await records.keep([], { origin, ...theirs })
  }

  async #keep(origin: string, incoming: readonly Signed[], raise?: Raise): Promise<void> {
    const { records, own, self, log } = this.#parts
    if (!records.heads.has(origin) && records.heads.size >= ORIGINS_MAX)
      throw new PathmeshError('TOO_LARGE', `records of more than ${ORIGINS_MAX} nodes are not kept`)
    if (origin !== self) await records.keep(incoming, raise)
    else if (incoming.length > 0) {
      const changes = await own.adopt(incoming)
      if (changes.length > 0)
        log.warn('this node was shown records of its own that it had lost', { records: changes.length })
    }
  }

  // --- getting -----------------------------------------------------------------------------------------------------

  /** Begins what can be got, and notes when all has been. */
  #look(): void {
    for (const origin of this.#behind) this.#consider(origin)
    const { self } = this.#parts
    for (const peer of this.#peers.values()) {
      if (!peer.isMet) continue
      this.#knowsOwn ||= !this.#isBehind(self, peer)
      if (!this.#isSynced) this.#isSynced = [...peer.heads].every(([origin]) => !this.#isBehind(origin, peer))
    }
    this.#wake()
  }

  #consider(origin: string): void {
    if (this.#pulls.has(origin) || this.#pulls.size >= PULLS_MAX || this.#stopped.signal.aborted) return
    const source = this.#sourceOf(origin)
    if (source === undefined) {
      this.#behind.delete(origin)
      return
    }
    const pull = this.#pull(origin, source).finally(() => {
      this.#pulls.delete(origin)
      this.#look()
    })
    this.#pulls.set(origin, pull)
  }

  /** The peer to get from: one that did not fail before, the origin itself if it is there, else whoever is furthest. */
  #sourceOf(origin: string): PeerState | undefined {
    let best: PeerState | undefined
    for (const peer of this.#peers.values())
      if (this.#isBehind(origin, peer) && (best === undefined || this.#isBetter(origin, peer, best))) best = peer
    return best
  }

  #isBetter(origin: string, a: PeerState, b: PeerState): boolean {
    if (a.failures(origin) !== b.failures(origin)) return a.failures(origin) < b.failures(origin)
    if (a.id === origin || b.id === origin) return a.id === origin
    const [one, other] = [a, b].map(peer => peer.head(origin)?.head.number ?? 0)
    return one === other ? this.#parts.random() < 0.5 : (one ?? 0) > (other ?? 0)
  }

  /** Whether a peer is likely to have what is not here: it is as far or further, or differs and does not catch up. */
  #isBehind(origin: string, peer: PeerState): boolean {
    const { records, clock } = this.#parts
    const heard = peer.head(origin)
    const ours = records.head(origin)
    if (heard === undefined || agrees(heard.head, ours)) return false
    const now = clock.monotonic()
    if (heard.head.number < ours.number && now - heard.at < RECONCILE_MS) return false
    return !peer.isResting(origin, ours, now)
  }

  async #pull(origin: string, peer: PeerState): Promise<void> {
    const { records, clock, log } = this.#parts
    const theirs = peer.head(origin)?.head
    if (theirs === undefined) return
    const parts = { ...this.#parts, keep: this.#keep.bind(this) }
    let last = peer.head(origin)
    // What it has told meanwhile is newer than an answer that was on its way.
    const onHead = (head: typeof theirs): void => {
      if (peer.head(origin) === last) last = peer.hear({ origin, ...head }, clock.monotonic())
    }
    const { number } = records.head(origin)
    try {
      const isSame = await withDeadline(clock, PULL_MS, `asking ${peer.id}`, this.#stopped.signal, signal =>
        new Pull(parts, { origin, peer: peer.id, theirs }, onHead, signal).run()
      )
      if (isSame) {
        peer.succeeded(origin)
        await this.#compare(origin, peer)
      } else {
        // Not for long where it has told of something else meanwhile, which was not looked at.
        peer.rest(origin, records.head(origin), peer.head(origin) === last ? Infinity : clock.monotonic())
      }
    } catch (error) {
      if (this.#stopped.signal.aborted) return
      log.debug('records were not got', { origin, peer: peer.id, error })
      const ours = records.head(origin)
      peer.rest(origin, ours, clock.monotonic() + (ours.number > number ? 0 : PULL_REST_MS))
    }
  }

  // --- telling -----------------------------------------------------------------------------------------------------

  #changed(changes: readonly Signed[]): void {
    const { self, clock } = this.#parts
    const own = changes.filter(({ record }) => record.origin === self)
    this.#recent.push(...own)
    this.#recent.splice(0, this.#recent.length - HEADS_RECORDS_MAX)
    const others = new Set(changes.map(({ record }) => record.origin))
    others.delete(self)
    for (const peer of this.#peers.values()) {
      if (own.length > 0) peer.owesOwn = true
      for (const origin of others) peer.pending.add(origin)
    }
    if (own.length > 0) {
      const gap = Math.min(TELL_MS, this.#peers.size * TELL_PEER_MS)
      const wait = this.#tellAt + gap - clock.monotonic()
      if (wait <= 0) this.#tellAll()
      else this.#cancelTell ??= clock.after(wait, () => this.#tellAll())
    }
    if (others.size > 0) this.#relaySoon()
  }

  #relaySoon(): void {
    const { clock, random } = this.#parts
    this.#cancelRelay ??= clock.after(RELAY_MS * (0.5 + random() / 2), () => {
      this.#cancelRelay = undefined
      for (const peer of this.#peers.values()) peer.owesPending = true
      this.#tellAll()
    })
  }

  #tellAll(): void {
    this.#cancelTell?.()
    this.#cancelTell = undefined
    this.#tellAt = this.#parts.clock.monotonic()
    for (const peer of this.#peers.values()) void this.#tell(peer)
  }

  /** Tells a peer what it is owed, one message after the other. What fails stays owed. Never rejects. */
  async #tell(peer: PeerState): Promise<void> {
    if (peer.isTelling) return
    peer.isTelling = true
    try {
      while (this.#isThere(peer)) {
        if (!peer.isGreeted) await this.#greet(peer)
        else if (peer.owesOwn || (peer.owesPending && peer.pending.size > 0)) await this.#tellNews(peer)
        else break
        peer.isSlow = false
        this.#wake()
      }
      peer.owesPending = false
    } catch (error) {
      if (!this.#stopped.signal.aborted) this.#parts.log.debug('a peer was not told', { peer: peer.id, error })
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
      if (heads.length > 0)
        await this.#send(peer, { heads, records: isOwn ? this.#newsFor(peer) : [], more: !peer.isGreeted })
    } catch (error) {
      peer.owesOwn ||= isOwn
      for (const origin of others) peer.pending.add(origin)
      throw error
    }
    if (isOwn) peer.toldNumber = Math.max(peer.toldNumber, number)
  }

  /** Own records that a peer has not been told of, where they are few. */
  #newsFor(peer: PeerState): Uint8Array[] {
    const [first] = this.#recent
    if (first === undefined || first.record.number > peer.toldNumber + 1) return []
    const news = this.#recent.filter(({ record }) => record.number > peer.toldNumber).map(({ bytes }) => bytes)
    const size = news.reduce((sum, bytes) => sum + bytes.length, 0)
    return size > FRAME_HEADER_BYTES_MAX / 2 ? [] : news
  }

  async #send(peer: PeerState, message: HeardHeads): Promise<void> {
    const { clock } = this.#parts
    await withDeadline(clock, ASK_MS, `telling ${peer.id}`, this.#stopped.signal, async signal => {
      const asking = await this.#parts.caller(peer.id)
      for await (const _ of asking.call('heads', encodeHeads(message), { signal, maxBytes: HEADS_MAX })) continue
    })
  }

  // --- in common ---------------------------------------------------------------------------------------------------

  #tick(): void {
    const { clock, random } = this.#parts
    this.#cancelTick = clock.after(RECONCILE_MS * (0.75 + random() / 2), () => {
      // One of them, whatever it is believed to know, is told of all heads again.
      const again = [...this.#peers.values()][Math.floor(random() * this.#peers.size)]
      if (again !== undefined) again.isGreeted = false
      for (const peer of this.#peers.values()) {
        // What came late from one that had gone: nobody will say that it has gone.
        if (peer.meetings === 0 && peer.ticks++ > 0) this.#peers.delete(peer.id)
        peer.owesPending = true
        void this.#tell(peer)
        for (const [origin] of peer.heads) if (this.#isBehind(origin, peer)) this.#behind.add(origin)
      }
      this.#look()
      this.#tick()
    })
  }

  #peer(id: string): PeerState {
    const known = this.#peers.get(id)
    if (known !== undefined) return known
    const peer = new PeerState(id)
    this.#peers.set(id, peer)
    return peer
  }

  #isThere(peer: PeerState): boolean {
    return this.#peers.get(peer.id) === peer && !this.#stopped.signal.aborted
  }

  #wake(): void {
    for (const wake of this.#waiters) wake()
  }

  /** Resolves when something is so, or after `ms`; rejects with the signal's reason. */
  #until(isSo: () => boolean, ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason)
      if (isSo() || this.#stopped.signal.aborted) return resolve()
      const end = (): void => {
        cancel()
        this.#waiters.delete(wake)
        signal?.removeEventListener('abort', onAbort)
      }
      const onAbort = (): void => {
        end()
        reject(signal?.reason)
      }
      const wake = (): void => {
        if (!isSo() && !this.#stopped.signal.aborted) return
        end()
        resolve()
      }
      const cancel = this.#parts.clock.after(ms, () => {
        end()
        resolve()
      })
      this.#waiters.add(wake)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }
}
