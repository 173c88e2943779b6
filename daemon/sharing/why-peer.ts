// What is known of one peer: whether it is there, how its bytes travel, what it did wrong, and what passes between it and this node.

import type { Clock } from '../clock.ts'
import type { Strikes } from '../exchange/strikes.ts'
import { PathmeshError } from '../../proto/errors.ts'
import type { WhyPeer } from '../../proto/why-api.ts'
import type { Names } from './resolve.ts'
import { transferFacts, type TransferList } from './transfer-facts.ts'
import { helpPeer } from './why-help.ts'

/** How bulk bytes of a peer travel, and why not by a lane. */
export interface LaneState {
  readonly via: 'lane' | 'stream'
  readonly why: string | null
  /** Whether one of the two wants no lanes at all. */
  readonly isOff?: boolean
}

/** What the swarm knows of a peer. */
export interface KnownPeer {
  readonly peerId: string
  readonly addresses: readonly string[]
  readonly connected: boolean
  readonly latencyMs: number | null
  /** Milliseconds since the epoch. */
  readonly lastSeen: number | null
  readonly lastError?: string
  readonly nextDialAt?: number
}

export interface Traffic {
  readonly bytesIn: number
  readonly bytesOut: number
  readonly bytesOutPerSecond: number
}

export interface WhyPeerParts {
  readonly self: string
  readonly names: Pick<Names, 'nodeName' | 'originsCalled'>
  readonly swarm: { connected(): readonly string[]; peers(): readonly KnownPeer[] }
  readonly traffic: (peer: string) => Traffic
  readonly laneOf: (peer: string) => LaneState
  readonly strikes: Pick<Strikes, 'of'>
  readonly transfers: Pick<TransferList, 'list'>
  readonly clock: Pick<Clock, 'now'>
}

type Link = Pick<WhyPeer, 'peerId' | 'name' | 'connected' | 'via' | 'whyStream' | 'bannedUntil'>

export function linkTo(peerId: string, { names, swarm, laneOf, strikes }: WhyPeerParts): Link {
  const isConnected = swarm.connected().includes(peerId)
  const { via, why } = laneOf(peerId)
  return {
    peerId,
    name: names.nodeName(peerId) ?? null,
    connected: isConnected,
    via: isConnected ? via : null,
    whyStream: isConnected ? why : null,
    bannedUntil: strikes.of(peerId).bannedUntil
  }
}

/** NOT_FOUND for a node that nobody here has heard of; INVALID_ARGUMENT for this one, and where several have the name. */
export function explainPeer(text: string, parts: WhyPeerParts): WhyPeer {
  const peerId = peerCalled(text, parts)
  const state = parts.swarm.peers().find(peer => peer.peerId === peerId)
  const { strikes, last } = parts.strikes.of(peerId)
  const { bytesIn, bytesOut, bytesOutPerSecond } = parts.traffic(peerId)
  const transfers = [...parts.transfers.list()].flatMap(one => {
    const { root, name, providers } = transferFacts(one, peer => parts.names.nodeName(peer))
    const mine = providers.find(provider => provider.peerId === peerId)
    if (mine === undefined) return []
    const { bytes, bytesPerSecond, via, state, said } = mine
    return [{ root, name, bytes, bytesPerSecond, via, state, said }]
  })
  const bytesPerSecond = transfers.reduce((sum, one) => sum + one.bytesPerSecond, 0)
  const known: Omit<WhyPeer, 'help'> = {
    about: 'peer',
    ...linkTo(peerId, parts),
    addresses: [...(state?.addresses ?? [])],
    latencyMs: state?.latencyMs ?? null,
    lastSeen: state?.lastSeen ?? null,
    lastError: state?.lastError ?? null,
    nextDialAt: state?.nextDialAt ?? null,
    strikes,
    lastStrike: last,
    sending: { bytes: bytesOut, bytesPerSecond: bytesOutPerSecond },
    receiving: { bytes: bytesIn, bytesPerSecond, transfers }
  }
  const lanesOff = parts.laneOf(peerId).isOff === true
  return { ...known, help: helpPeer(known, { now: parts.clock.now(), lanesOff }) }
}

function peerCalled(text: string, { self, names, swarm }: WhyPeerParts): string {
  const met = new Set(swarm.peers().map(({ peerId }) => peerId))
  const isKnown = (peer: string): boolean => peer === self || met.has(peer) || names.nodeName(peer) !== undefined
  const found = names.originsCalled(text).filter(isKnown)
  const [only, ...others] = found
  if (only === undefined)
    throw new PathmeshError(
      'NOT_FOUND',
      `no node is called ${JSON.stringify(text)}: see pathmesh peers. A reference has a slash, as WORK/PATH`
    )
  if (others.length > 0)
    throw new PathmeshError(
      'INVALID_ARGUMENT',
      `${found.length} nodes are called ${JSON.stringify(text)}: use the PeerId of one of them, ${found.join(' or ')}`
    )
  if (only === self)
    throw new PathmeshError('INVALID_ARGUMENT', `${JSON.stringify(text)} is this node: see pathmesh status`)
  return only
}
