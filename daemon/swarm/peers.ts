// The peers of this mesh: hears of connections, addresses and announcements from libp2p, remembers members and has
// them dialled. Refuses to remember whoever has not completed a handshake.

import type { Connection, IdentifyResult } from '@libp2p/interface'
import { PathmeshError } from '../../proto/errors.ts'
import { CANDIDATES_MAX, PEER_ADDRESSES_MAX } from '../../proto/limits.ts'
import { dialAddress, isLoopback, mergeAddresses } from './addresses.ts'
import { Dialer } from './dialer.ts'
import type { DialerParts } from './dialer.ts'
import { Links } from './links.ts'
import type { Link } from './links.ts'
import { Listeners } from './listeners.ts'
import { Members } from './members.ts'
import type { MeshNode } from './node.ts'
import { parsePeerId, peerIdText } from './peer-id.ts'
import { pingOnce } from './ping.ts'
import type { Clock, Log, MemberStore, Random } from './ports.ts'
import { startPulse } from './pulse.ts'
import { Redial } from './redial.ts'

export interface PeerState {
  readonly peerId: string
  readonly addresses: readonly string[]
  readonly connected: boolean
  readonly latencyMs: number | null
  /** Milliseconds since 1970. */
  readonly lastSeen: number | null
  readonly lastError?: string
  readonly nextDialAt?: number
}

export interface PeersParts extends DialerParts {
  readonly node: MeshNode
  readonly members: MemberStore
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export class Peers {
  readonly onConnect: Listeners<string>
  readonly onDisconnect: Listeners<string>
  readonly #parts: PeersParts
  readonly #links: Links
  readonly #members: Members
  readonly #dialer: Dialer
  readonly #redial: Redial
  /** Announced on the local network under this mesh's name, and not yet a member. */
  readonly #candidates = new Map<string, readonly string[]>()
  readonly #pulses = new Map<Link, () => void>()
  #stopped = false

  constructor(parts: PeersParts) {
    const { node, clock, random, log } = parts
    this.#parts = parts
    this.#links = new Links(clock)
    this.#members = new Members(parts.members, log)
    this.#dialer = new Dialer(parts)
    this.onConnect = new Listeners(log)
    this.onDisconnect = new Listeners(log)
    this.#redial = new Redial({
      clock,
      random,
      log,
      dial: async peer => await this.#dialer.dial(peer, this.#addressesOf(peer)),
      goesOn: peer => {
        this.#candidates.delete(peer)
        return this.#members.get(peer) !== undefined
      }
    })
    node.addEventListener('connection:open', event => this.#opened(event.detail))
    node.addEventListener('connection:close', event => this.#closed(event.detail))
    node.addEventListener('peer:identify', event => this.#identified(event.detail))
  }

  async load(): Promise<void> {
    await this.#members.load()
  }

  start(): void {
    for (const { peerId } of this.#members.all()) {
      if (peerId !== this.#parts.ownPeer && this.#links.of(peerId).length === 0) this.#redial.want(peerId)
    }
  }

  stop(): void {
    this.#stopped = true
    this.#redial.stop()
    for (const end of this.#pulses.values()) end()
    this.#pulses.clear()
    // libp2p would end open streams as if all had been said; the other side must see that it was not.
    const error = new PathmeshError('ABORTED', 'this node is stopping')
    for (const peer of this.#links.peers()) {
      for (const { connection } of this.#links.of(peer))
        for (const stream of Array.from(connection.streams)) stream.abort(error)
    }
  }

  async flush(): Promise<void> {
    await this.#members.flush()
  }

  /** The connection to a peer that is most alive. */
  linkTo(peer: string): Link | undefined {
    return this.#links.best(peer)
  }

  connected(): string[] {
    return this.#links.peers()
  }

  /** Whether anybody else is remembered or connected. */
  hasOthers(): boolean {
    if (this.#links.peers().length > 0) return true
    for (const { peerId } of this.#members.all()) if (peerId !== this.#parts.ownPeer) return true
    return false
  }

  states(): PeerState[] {
    const known = new Set([...this.#members.all()].map(member => member.peerId).concat(this.#links.peers()))
    return [...known].map(peerId => this.#state(peerId))
  }

  /** The link to a connected peer that was heard last; dials the peer if it is not connected. */
  async reach(peer: string, signal: AbortSignal | undefined): Promise<Link> {
    const link = this.#links.best(peer)
    if (link !== undefined) return link
    await this.dial(peer, this.#addressesOf(peer), signal)
    const made = this.#links.best(peer)
    if (made === undefined) throw new PathmeshError('NO_PROVIDERS', `${peer} hung up as soon as it was connected`)
    return made
  }

  async dial(peer: string, addresses: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    if (this.#stopped) throw new PathmeshError('ABORTED', 'this node is stopping')
    await untilAborted(this.#dialer.dial(peer, addresses), signal)
  }

  linkOf(connection: Connection): Pick<Link, 'peer' | 'heardAt'> {
    return this.#links.find(connection) ?? { peer: peerIdText(connection.remotePeer), heardAt: 0 }
  }

  /** Somebody on the local network claims to be `id`, of this mesh. Only a handshake shows whether that is true. */
  discovered(id: string, claimed: readonly string[]): void {
    const addresses = usable(claimed)
    const peer = peerIdText(parsePeerId(id))
    if (this.#stopped || peer === this.#parts.ownPeer || addresses.length === 0) return
    if (this.#members.get(peer) !== undefined) {
      if (this.#members.learn(peer, addresses)) this.#redial.hurry(peer)
      return
    }
    if (this.#candidates.size >= CANDIDATES_MAX || this.#links.of(peer).length > 0) return
    this.#candidates.set(peer, addresses)
    this.#redial.want(peer)
  }

  /** A member says of itself that it listens there; others pass that on, signed. It is dialled although it was never met. */
  introduce(id: string, claimed: readonly string[]): void {
    const peer = peerIdText(parsePeerId(id))
    if (this.#stopped || peer === this.#parts.ownPeer) return
    const all = usable(claimed)
    // Loopback is meant where the whole mesh is on one machine: then there is nothing else.
    const outside = all.filter(address => !isLoopback(address))
    const addresses = outside.length > 0 ? outside : all
    if (addresses.length === 0 || !this.#members.introduce(peer, addresses) || this.#links.of(peer).length > 0) return
    this.#redial.want(peer)
    this.#redial.hurry(peer)
  }

  #opened(connection: Connection): void {
    const link = this.#links.add(connection)
    if (link === null) return
    const { clock, log } = this.#parts
    const { peer } = link
    const candidate = this.#candidates.get(peer) ?? []
    this.#candidates.delete(peer)
    this.#redial.forget(peer)
    this.#members.seen(peer, mergeAddresses(candidate, dialledAddress(connection)), clock.now())
    const ping = async (signal: AbortSignal) => await pingOnce(link, clock, signal)
    const hangUp = (reason: Error) => {
      log.info('peer silent', { peer, reason: reason.message })
      connection.abort(reason)
    }
    this.#pulses.set(link, startPulse(link, { clock, ping, hangUp }))
    log.debug('connection opened', { peer, direction: connection.direction })
    this.onConnect.tell(peer)
  }

  #closed(connection: Connection): void {
    const removed = this.#links.remove(connection)
    if (removed === null) return
    const { link, last } = removed
    const { peer, heardAt } = link
    this.#pulses.get(link)?.()
    this.#pulses.delete(link)
    this.#parts.log.debug('connection closed', { peer })
    if (!last) return
    this.#members.seen(peer, [], heardAt)
    if (!this.#stopped) this.#redial.want(peer)
    this.onDisconnect.tell(peer)
  }

  #identified({ peerId, listenAddrs, connection }: IdentifyResult): void {
    const here = isLoopback(connection.remoteAddr.toString())
    const addresses = usable(listenAddrs.map(String)).filter(address => here || !isLoopback(address))
    this.#members.learn(peerIdText(peerId), addresses)
  }

  #addressesOf(peer: string): readonly string[] {
    return this.#members.get(peer)?.addresses ?? this.#candidates.get(peer) ?? []
  }

  #state(peerId: string): PeerState {
    const member = this.#members.get(peerId)
    const links = this.#links.of(peerId)
    const latencies = links.map(link => link.latencyMs).filter(latency => latency !== null)
    return {
      peerId,
      addresses: member?.addresses ?? [],
      connected: links.length > 0,
      latencyMs: latencies.length === 0 ? null : Math.min(...latencies),
      lastSeen: links[0]?.heardAt ?? member?.lastSeen ?? null,
      ...this.#redial.state(peerId)
    }
  }
}

function usable(claimed: readonly string[]): string[] {
  const addresses = claimed.slice(0, 4 * PEER_ADDRESSES_MAX).map(address => dialAddress(address))
  return addresses.filter(address => address !== null).slice(0, PEER_ADDRESSES_MAX)
}

/** Where the peer was reached; the address of one that dialled us is its socket's, which nobody listens on. */
function dialledAddress(connection: Connection): string[] {
  if (connection.direction !== 'outbound') return []
  const address = dialAddress(connection.remoteAddr.toString(), { names: true })
  return address === null ? [] : [address]
}

async function untilAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) {
    await work
    return
  }
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    // oxlint-disable-next-line prefer-promise-reject-errors -- an abort rethrows the signal's reason
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
