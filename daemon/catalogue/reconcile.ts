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
  ORIGINS_MAX,
  OWN_HEAD_MS,
  PULL_MS,
  PULL_REST_MS,
  PULLS_MAX,
  PULLS_PEER_MAX,
  RECONCILE_MS,
  RECORDS_SYNC_MS
} from '../../proto/limits.ts'
import { agrees } from './head.ts'
import type { HeardHeads } from './messages.ts'
import type { OwnRecords } from './own-records.ts'
import { PeerState } from './peer-state.ts'
import { type Asking, Pull } from './pull.ts'
import { openRecord, type Signed, type VerifySignature } from './record.ts'
import type { Raise, Records } from './records.ts'
import { type Eager, Teller } from './teller.ts'
import { Waiters } from './waiters.ts'

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
  readonly eager?: Eager | undefined
}

export class Reconciler<Write> {
  readonly #parts: ReconcilerParts<Write>
  readonly #peers = new Map<string, PeerState>()
  readonly #pulls = new Map<string, Promise<void>>()
  /** Origins of which some peer may know more. */
  readonly #behind = new Set<string>()
  readonly #teller: Teller<Write>
  readonly #waiters: Waiters
  readonly #stopped = new AbortController()
  #startedAt = 0
  #cancelTick = (): void => undefined
  #cancelSync: (() => void) | undefined
  #isSynced = false
  #knowsOwn = false

  constructor(parts: ReconcilerParts<Write>) {
    this.#parts = parts
    this.#waiters = new Waiters(parts.clock)
    const { signal: stopped } = this.#stopped
    this.#teller = new Teller({ ...parts, peers: this.#peers, stopped, onTold: () => this.#waiters.wake() })
    // Every telling and every pull listens to it.
    setMaxListeners(0, stopped)
    parts.records.onChanges(changes => this.#teller.changed(changes))
  }

  start(): void {
    this.#startedAt = this.#parts.clock.monotonic()
    this.#tick()
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new PathmeshError('ABORTED', 'this node is stopping'))
    this.#cancelTick()
    this.#cancelSync?.()
    this.#teller.stop()
    this.#waiters.end()
    await Promise.allSettled(this.#pulls.values())
    await this.#sync()
  }

  // --- who is there ------------------------------------------------------------------------------------------------

  /** To be called for each new connection: who comes back may be another life of it, that knows less. */
  connected(id: string): void {
    const peer = this.#peer(id)
    peer.meetings++
    peer.isGreeted = false
    void this.#teller.tell(peer)
  }

  disconnected(peer: string): void {
    this.#peers.delete(peer)
    this.#waiters.wake()
  }

  /** Whether this node has caught up with some peer since it started, or knows of none. */
  get isSynced(): boolean {
    return this.#isSynced || !this.#parts.knowsOthers()
  }

  /** Resolves when it is synced; or after `ms`, to what it is then. */
  async whenSynced(ms: number, signal?: AbortSignal): Promise<boolean> {
    await this.#waiters.until(() => this.isSynced, ms, signal)
    return this.isSynced
  }

  /** Resolves when every connected peer that answers has heard what this node has said until now, or after ANNOUNCE_MS. */
  async announced(): Promise<void> {
    const { records, self } = this.#parts
    const { number } = records.head(self)
    const late = (): PeerState[] =>
      [...this.#peers.values()].filter(peer => peer.isGreeted && !peer.isSlow && peer.toldNumber < number)
    await this.#waiters.until(() => late().length === 0, ANNOUNCE_MS)
    for (const peer of late()) peer.isSlow = true
  }

  /** Resolves once this node may count on: shown what it lost of its own, or alone, or after OWN_HEAD_MS. */
  async mayNumber(): Promise<void> {
    const { clock, self } = this.#parts
    const left = OWN_HEAD_MS - (clock.monotonic() - this.#startedAt)
    if (left > 0 && this.#parts.knowsOthers()) await this.#waiters.until(() => this.#knowsOwn, left)
    // Later what was lost may be adopted at any time, and what collides is said again.
    if (left > 0 && this.#pulls.has(self)) await this.#waiters.until(() => !this.#pulls.has(self), left)
  }

  // --- hearing -----------------------------------------------------------------------------------------------------

  /** Takes what a peer tells: its heads, and records that came along. */
  async heard(from: string, { heads, records, more, contents = [] }: HeardHeads): Promise<void> {
    const { clock, self } = this.#parts
    const peer = this.#peer(from)
    for (const head of heads) peer.hear(head, clock.monotonic())
    if (records.length > 0) await this.#takeNews(from, records, contents, peer)
    for (const { origin } of heads) await this.#compare(origin, peer)
    if (!more) peer.isMet = true
    const ours = this.#parts.records.head(self)
    const theirs = peer.head(self)?.head
    if (theirs !== undefined && agrees(theirs, ours)) peer.toldNumber = Math.max(peer.toldNumber, ours.number)
    this.#look()
  }

  async #takeNews(
    from: string,
    records: readonly Uint8Array[],
    contents: readonly Uint8Array[],
    peer: PeerState
  ): Promise<void> {
    const { mesh, verify, self } = this.#parts
    const signed = await Promise.all(records.map(bytes => openRecord(bytes, mesh, verify)))
    if (from === self || signed.some(({ record }) => record.origin !== from))
      throw new PathmeshError('CORRUPT', `${from} sends records of others as its news`)
    const head = peer.head(from)?.head
    await this.#keep(from, signed, head === undefined ? undefined : { origin: from, ...head })
    this.#parts.eager?.came(from, signed, contents)
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
      this.#teller.relaySoon()
      return
    }
    if (origin === self) own.confirm(ours.number)
    else if (theirs.number > ours.number) await this.#keep(origin, [], { origin, ...theirs })
  }

  async #keep(origin: string, incoming: readonly Signed[], raise?: Raise): Promise<void> {
    const { records, own, self, log } = this.#parts
    if (!records.heads.has(origin) && records.heads.size >= ORIGINS_MAX)
      throw new PathmeshError('TOO_LARGE', `records of more than ${ORIGINS_MAX} nodes are not kept`)
    if (origin !== self) {
      await records.keep(incoming, raise)
      this.#syncSoon()
    } else if (incoming.length > 0) {
      const changes = await own.adopt(incoming)
      if (changes.length > 0)
        log.warn('this node was shown records of its own that it had lost', { records: changes.length })
    }
  }

  #syncSoon(): void {
    this.#cancelSync ??= this.#parts.clock.after(RECORDS_SYNC_MS, () => {
      this.#cancelSync = undefined
      void this.#sync()
    })
  }

  async #sync(): Promise<void> {
    try {
      await this.#parts.records.sync()
    } catch (error) {
      this.#parts.log.warn('records of others are not on the disk yet', { error })
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
    this.#waiters.wake()
  }

  #consider(origin: string): void {
    if (this.#pulls.has(origin) || this.#pulls.size >= PULLS_MAX || this.#stopped.signal.aborted) return
    const sources = [...this.#peers.values()].filter(peer => this.#isBehind(origin, peer))
    if (sources.length === 0) this.#behind.delete(origin)
    // One that claims to be ahead everywhere does not keep the others from being asked.
    const source = this.#best(
      origin,
      sources.filter(({ pulls }) => pulls < PULLS_PEER_MAX)
    )
    if (source === undefined) return
    source.pulls++
    const pull = this.#pull(origin, source).finally(() => {
      source.pulls--
      this.#pulls.delete(origin)
      this.#look()
    })
    this.#pulls.set(origin, pull)
  }

  /** The peer to get from: one that did not fail before, the origin itself if it is there, else whoever is furthest. */
  #best(origin: string, sources: readonly PeerState[]): PeerState | undefined {
    let best: PeerState | undefined
    for (const peer of sources) if (best === undefined || this.#isBetter(origin, peer, best)) best = peer
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
        void this.#teller.tell(peer)
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
}
