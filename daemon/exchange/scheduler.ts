// Which peer is asked for what, next. It knows units of work and peers by name, takes all it hears (and the time) as arguments,
// and does nothing itself; so that it can be run through any course of events.
//
// A unit is pending, or asked of one peer or two. A peer has a window: bytes that may be asked of it at a time, about what it
// sends in a second, so that a slow one holds little and a fast one is never idle. What is rare comes first. Where several
// nodes receive one root from one that has all of it, each asks that one first for the units that it is the first to answer
// for (rendezvous hashing: Thaler and Ravishankar 1998), and takes the others from those who answer for them. At the end, a
// peer with nothing to do is asked for what another would take long to send.

import {
  ENDGAME_FACTOR,
  ENDGAME_MS,
  ENDGAME_SHARED_MS,
  LEAF_BYTES,
  LEAVES_REQUEST,
  OTHERS_MS,
  WINDOW_FIRST_BYTES,
  WINDOW_OTHERS_BYTES,
  WINDOW_PEER_MS
} from '../../proto/limits.ts'

/** What is asked for as a whole: a leaf of a large file, or some small files. */
export interface Unit {
  /** Its leaves, by their place in the order of the walk; ascending. */
  readonly ordinals: readonly number[]
  readonly bytes: number
  /** Units of one group can be asked for in one request; undefined for one that goes alone. */
  readonly group: string | undefined
}

/** What a peer holds: all, or some leaves. */
export interface Holds {
  has(ordinal: number): boolean
}

interface Peer {
  readonly name: string
  /** Undefined for one that holds all. */
  holds: Holds | undefined
  readonly windowMax: number
  window: number
  /** Asked of it, in this order. */
  readonly asked: Set<Unit>
  inFlight: number
  /** What it said it does not have after all. */
  readonly lacks: Set<Unit>
  perSecond: number
  measuredAt: number
  measuredBytes: number
  /** When it was last asked for what this node is the first to answer for, or joined. */
  ownAt: number
  /** When it last brought something, or was first asked. */
  cameAt: number
}

interface Place {
  readonly own: number
  readonly before: number
  /** The membership that this was counted in. */
  readonly among: number
}

export class Scheduler {
  readonly #self: string
  readonly #isInOrder: boolean
  readonly #pending = new Set<Unit>()
  readonly #hurried = new Set<Unit>()
  readonly #askers = new Map<Unit, Set<Peer>>()
  readonly #peers = new Map<string, Peer>()
  readonly #places = new WeakMap<Unit, Place>()
  /** Counts how often the peers, or what kind they are, have changed. */
  #membership = 0
  /** Where the next request begins, as long as nobody else is known to receive; undefined until there is something to ask for. */
  #cursor: number | undefined
  #inFlight = 0

  /** `self` is the name that the others know this node by; in order, what was added first is asked for first. */
  constructor(self: string, { isInOrder = false }: { readonly isInOrder?: boolean } = {}) {
    this.#self = self
    this.#isInOrder = isInOrder
    if (isInOrder) this.#cursor = 0
  }

  /** Units that nobody was asked for. */
  get pending(): number {
    return this.#pending.size
  }

  /** Units that are not here yet. */
  get open(): number {
    return this.#pending.size + this.#askers.size
  }

  /** Bytes that were asked for and have not come. */
  get inFlight(): number {
    return this.#inFlight
  }

  add(unit: Unit): void {
    this.#pending.add(unit)
  }

  /** Somebody waits for these leaves: they go first. False where none of them is among the open units. */
  hurry(ordinals: ReadonlySet<number>): boolean {
    let found = false
    for (const unit of this.#pending) {
      if (!unit.ordinals.some(ordinal => ordinals.has(ordinal))) continue
      this.#hurried.add(unit)
      found = true
    }
    for (const unit of this.#askers.keys()) found ||= unit.ordinals.some(ordinal => ordinals.has(ordinal))
    return found
  }

  /** Peers that can be asked. */
  get peers(): readonly string[] {
    return [...this.#peers.keys()]
  }

  /** A peer can be asked. `windowMax` bounds what may be asked of it at a time, in bytes. */
  join(name: string, holds: Holds | undefined, windowMax: number, now: number): void {
    const known = this.#peers.get(name)
    if (known === undefined || (known.holds === undefined) !== (holds === undefined)) this.#membership++
    if (known !== undefined) {
      // What it lacked while it received, it has once it holds all.
      if (known.holds !== holds) known.lacks.clear()
      known.holds = holds
      return
    }
    this.#peers.set(name, {
      name,
      holds,
      windowMax,
      window: Math.min(windowMax, WINDOW_FIRST_BYTES),
      asked: new Set(),
      inFlight: 0,
      lacks: new Set(),
      perSecond: 0,
      measuredAt: now,
      measuredBytes: 0,
      ownAt: now,
      cameAt: now
    })
  }

  /** A peer cannot be asked any more; what was asked of it alone is pending again. */
  leave(name: string): void {
    const peer = this.#peers.get(name)
    if (peer === undefined) return
    this.#peers.delete(name)
    this.#membership++
    for (const unit of peer.asked) this.#withdraw(peer, unit)
  }

  /** What the peer brings a second, as it was measured last; 0 where that is long ago. */
  perSecond(name: string, now: number): number {
    const peer = this.#peers.get(name)
    return peer === undefined || now - peer.cameAt > FRESH_MS ? 0 : peer.perSecond
  }

  /**
   * The next request to a peer: units of one group, or none where it has enough to do. `room`: bytes that may be in flight
   * from all peers together; a first request goes out in any case.
   */
  take(name: string, room: number, now: number): readonly Unit[] {
    const peer = this.#peers.get(name)
    if (peer === undefined) return []
    const free = Math.min(peer.window - peer.inFlight, room - this.#inFlight)
    if (free <= 0 && !(peer.inFlight === 0 && this.#inFlight === 0)) return []
    // Room for a small request is left to grow into that for a larger one.
    if (peer.inFlight > 0 && free < Math.min(peer.window, WINDOW_FIRST_BYTES) / 4) return []
    const first = this.#next(peer)
    if (first === undefined) return this.#endgame(peer, now)
    if (!this.#isForOthers(peer, first)) peer.ownAt = now
    else if (now - peer.ownAt < OTHERS_MS || peer.inFlight >= WINDOW_OTHERS_BYTES) return []
    const units = [first]
    let bytes = first.bytes
    // Several requests at a time, so that the peer reads one while another is on its way.
    const most = Math.max(LEAF_BYTES, Math.min(free, peer.window / 2))
    const isTaken = new Set(units)
    while (first.group !== undefined && units.length < LEAVES_REQUEST) {
      const next = this.#next(peer, first.group, isTaken)
      if (next === undefined || bytes + next.bytes > most || this.#isForOthers(peer, next)) break
      units.push(next)
      isTaken.add(next)
      bytes += next.bytes
    }
    for (const unit of units) this.#ask(peer, unit, now)
    if (!this.#isInOrder && this.#cursor !== undefined) this.#cursor = (units.at(-1)?.ordinals.at(-1) ?? 0) + 1
    return units.toSorted((a, b) => (a.ordinals[0] ?? 0) - (b.ordinals[0] ?? 0))
  }

  /** A unit came from a peer, and is done. The others that were asked for it. */
  came(name: string, unit: Unit, now: number): readonly string[] {
    const peer = this.#peers.get(name)
    if (peer !== undefined) this.#measure(peer, unit.bytes, now)
    const others = [...(this.#askers.get(unit) ?? [])].filter(asker => asker !== peer)
    this.done(unit)
    return others.map(other => other.name)
  }

  /** A unit is here, from wherever. */
  done(unit: Unit): void {
    for (const asker of this.#askers.get(unit) ?? []) {
      asker.asked.delete(unit)
      asker.inFlight -= unit.bytes
      this.#inFlight -= unit.bytes
    }
    this.#askers.delete(unit)
    this.#pending.delete(unit)
    this.#hurried.delete(unit)
  }

  isOpen(unit: Unit): boolean {
    return this.#pending.has(unit) || this.#askers.has(unit)
  }

  /** A request ended without these units. `lacks`: since the peer does not have them. */
  giveBack(name: string, units: Iterable<Unit>, lacks: boolean): void {
    const peer = this.#peers.get(name)
    if (peer === undefined) return
    for (const unit of units) {
      if (lacks) peer.lacks.add(unit)
      if (peer.asked.has(unit)) this.#withdraw(peer, unit)
    }
  }

  // --- choosing ----------------------------------------------------------------------------------------------------

  #next(peer: Peer, group?: string, except?: ReadonlySet<Unit>): Unit | undefined {
    const fits = (unit: Unit): boolean =>
      except?.has(unit) !== true && (group === undefined || unit.group === group) && holdsUnit(peer, unit)
    for (const unit of this.#hurried) if (this.#pending.has(unit) && fits(unit)) return unit
    const receivers = this.#receivers()
    if (receivers.length === 0) return this.#inTurn(fits)
    let best: Unit | undefined
    let bestCost = Infinity
    for (const unit of this.#pending) {
      if (!fits(unit)) continue
      const cost = this.#cost(peer, unit, receivers)
      // Of what others answer for the last, since they begin with the first.
      if (cost > bestCost || (cost === bestCost && cost === 0)) continue
      ;[best, bestCost] = [unit, cost]
      if (cost === 0) break
    }
    return best
  }

  /**
   * Of peers that hold all, any order is as good: that of the file is best for the disks. It begins somewhere else on each
   * node, since others may be about to receive the same, and not known yet.
   */
  #inTurn(fits: (unit: Unit) => boolean): Unit | undefined {
    // Peers join before there is work, and where to begin depends on it.
    if (this.#pending.size === 0) return undefined
    if (this.#cursor === undefined) {
      const ordinals = [...this.#pending].map(({ ordinals: [first = 0] }) => first)
      const first = Math.min(...ordinals)
      this.#cursor = first + Math.floor(answersFor(this.#self, first) * (Math.max(...ordinals) - first))
    }
    let before: Unit | undefined
    for (const unit of this.#pending) {
      if (!fits(unit)) continue
      if ((unit.ordinals[0] ?? 0) >= this.#cursor) return unit
      before ??= unit
    }
    return before
  }

  /** What is to be asked for first costs least. */
  #cost(peer: Peer, unit: Unit, receivers: readonly Peer[]): number {
    let holders = 0
    for (const other of receivers) if (holdsUnit(other, unit)) holders++
    const place = this.#placeOf(unit, receivers)
    // What a receiver has it can send, and what it answers for it will have first: those are left to it as long as may be.
    if (peer.holds === undefined) return holders > 0 ? receivers.length + holders : place.before
    // Different nodes begin with different ones of those that are equally rare.
    return holders + place.own
  }

  /** Whether another receiver will have it before long, so that one that holds all is better asked for something else. */
  #isForOthers(peer: Peer, unit: Unit): boolean {
    if (peer.holds !== undefined || this.#hurried.has(unit)) return false
    return this.#cost(peer, unit, this.#receivers()) > 0
  }

  #receivers(): Peer[] {
    return [...this.#peers.values()].filter(other => other.holds !== undefined)
  }

  /** How much this node answers for a unit, and how many of the receivers do more. */
  #placeOf(unit: Unit, receivers: readonly Peer[]): Place {
    const known = this.#places.get(unit)
    if (known?.among === this.#membership) return known
    const ordinal = unit.ordinals[0] ?? 0
    const own = known?.own ?? answersFor(this.#self, ordinal)
    let before = 0
    for (const { name } of receivers) if (answersFor(name, ordinal) > own) before++
    const place = { own, before, among: this.#membership }
    this.#places.set(unit, place)
    return place
  }

  /** A unit that another peer would need much longer for. */
  #endgame(peer: Peer, now: number): readonly Unit[] {
    const own = peer.perSecond > 0 ? (1000 * (peer.inFlight + LEAF_BYTES)) / peer.perSecond : 0
    let best: Unit | undefined
    // One that has all of it sends to everybody: what others are only slow with is not to be sent by it as well.
    const isShared = peer.holds === undefined && this.#receivers().length > 0
    let bestLeft = Math.max(ENDGAME_MS + ENDGAME_FACTOR * own, isShared ? ENDGAME_SHARED_MS : 0)
    for (const [unit, askers] of this.#askers) {
      const [asker] = askers
      if (askers.size > 1 || asker === undefined || asker === peer || !holdsUnit(peer, unit)) continue
      const left = msLeft(asker, unit, now)
      if (left > bestLeft) [best, bestLeft] = [unit, left]
    }
    if (best === undefined) return []
    this.#ask(peer, best, now)
    return [best]
  }

  // --- books -------------------------------------------------------------------------------------------------------

  #ask(peer: Peer, unit: Unit, now: number): void {
    this.#pending.delete(unit)
    const askers = this.#askers.get(unit) ?? new Set()
    askers.add(peer)
    this.#askers.set(unit, askers)
    if (peer.asked.size === 0) [peer.cameAt, peer.measuredAt, peer.measuredBytes] = [now, now, 0]
    peer.asked.add(unit)
    peer.inFlight += unit.bytes
    this.#inFlight += unit.bytes
  }

  #withdraw(peer: Peer, unit: Unit): void {
    peer.asked.delete(unit)
    peer.inFlight -= unit.bytes
    this.#inFlight -= unit.bytes
    const askers = this.#askers.get(unit)
    askers?.delete(peer)
    if (askers === undefined || askers.size > 0) return
    this.#askers.delete(unit)
    this.#pending.add(unit)
  }

  #measure(peer: Peer, bytes: number, now: number): void {
    peer.cameAt = now
    peer.measuredBytes += bytes
    const ms = now - peer.measuredAt
    if (peer.window < peer.windowMax && peer.inFlight + bytes > peer.window / 2)
      peer.window = Math.min(peer.windowMax, peer.window + bytes)
    if (ms < MEASURE_MS) return
    const rate = (1000 * peer.measuredBytes) / ms
    peer.perSecond = peer.perSecond === 0 ? rate : 0.5 * peer.perSecond + 0.5 * rate
    ;[peer.measuredAt, peer.measuredBytes] = [now, 0]
    peer.window = Math.min(peer.window, Math.max(LEAF_BYTES, (peer.perSecond * WINDOW_PEER_MS) / 1000))
  }
}

/** A rate that was measured longer ago is none. */
const FRESH_MS = 3_000
/** Long enough that a rate is one, short enough to follow it. */
const MEASURE_MS = 200

function holdsUnit({ holds, lacks }: Pick<Peer, 'holds' | 'lacks'>, unit: Unit): boolean {
  if (lacks.has(unit)) return false
  return holds === undefined || unit.ordinals.every(ordinal => holds.has(ordinal))
}

/** How long a peer will still need until it has sent a unit, as it goes now. */
function msLeft(peer: Peer, unit: Unit, now: number): number {
  let before = 0
  for (const asked of peer.asked) {
    before += asked.bytes
    if (asked === unit) break
  }
  const silent = now - peer.cameAt
  return peer.perSecond === 0 ? silent : Math.max(silent, (1000 * before) / peer.perSecond - silent)
}

/** How much a node answers for a leaf, in [0, 1): the one with the most is the first. FNV-1a, and the finalizer of MurmurHash3. */
function answersFor(name: string, ordinal: number): number {
  let hash = 0x811c9dc5 ^ ordinal
  for (let i = Math.max(0, name.length - 16); i < name.length; i++)
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}
