// What this node tells of itself: its status, its peers and what has passed between them, and invites.

import type { Catalogue } from './catalogue/catalogue.ts'
import type { Clock } from './clock.ts'
import { RateMeter } from './exchange/rate-meter.ts'
import { transferFacts, type TransferList } from './sharing/transfer-facts.ts'
import type { LaneState, Traffic } from './sharing/why-peer.ts'
import type { Write } from './store/database.ts'
import type { Store } from './store/store.ts'
import type { Mesh } from './swarm/mesh-file.ts'
import type { Swarm } from './swarm/swarm.ts'
import { VERSION } from './version.ts'
import type { Invite, Peer, Status } from '../proto/node-api.ts'
import { encodeInvite } from '../proto/invite.ts'

export interface NodeFactsParts {
  readonly name: string
  readonly mesh: Pick<Mesh, 'id' | 'secret'>
  readonly swarm: Pick<Swarm, 'peerId' | 'addresses' | 'connected' | 'peers'>
  readonly store: Pick<Store, 'usage'>
  readonly catalogue: Pick<Catalogue<Write>, 'isSynced' | 'names' | 'nodeName'>
  readonly transfers: Pick<TransferList, 'list'>
  /** Bytes that came over the stream of a peer. */
  readonly callers: { bytesIn(peer: string): number }
  /** How bulk bytes of a peer travel. */
  readonly laneOf: (peer: string) => LaneState
  readonly clock: Clock
}

export class NodeFacts {
  readonly #parts: NodeFactsParts
  readonly #startedAt: number
  readonly #bytesOut = new Map<string, { bytes: number; readonly rate: RateMeter }>()
  /** Over lanes. */
  readonly #bytesIn = new Map<string, number>()

  constructor(parts: NodeFactsParts) {
    this.#parts = parts
    this.#startedAt = parts.clock.monotonic()
  }

  /** Counts bytes of content sent to a peer, by whatever way. */
  served(peer: string, bytes: number): void {
    const out = this.#bytesOut.get(peer) ?? { bytes: 0, rate: new RateMeter(this.#parts.clock) }
    out.bytes += bytes
    out.rate.add(bytes)
    this.#bytesOut.set(peer, out)
  }

  /** Counts bytes of content that came over a lane: those of the stream are counted there. */
  received(peer: string, bytes: number): void {
    this.#bytesIn.set(peer, (this.#bytesIn.get(peer) ?? 0) + bytes)
  }

  /** What has passed between this node and a peer since it started. */
  traffic(peer: string): Traffic {
    const out = this.#bytesOut.get(peer)
    return {
      bytesIn: this.#parts.callers.bytesIn(peer) + (this.#bytesIn.get(peer) ?? 0),
      bytesOut: out?.bytes ?? 0,
      bytesOutPerSecond: out?.rate.perSecond() ?? 0
    }
  }

  async status(): Promise<Status> {
    const { name, mesh, swarm, store, catalogue, transfers, clock } = this.#parts
    return {
      peerId: swarm.peerId,
      name,
      meshId: mesh.id,
      addresses: swarm.addresses(),
      version: VERSION,
      uptimeSeconds: (clock.monotonic() - this.#startedAt) / 1000,
      synced: catalogue.isSynced,
      peers: swarm.connected().length,
      names: catalogue.names,
      storage: await store.usage(),
      transfers: [...transfers.list()].map(one => transferFacts(one, peer => catalogue.nodeName(peer)))
    }
  }

  peers(): Peer[] {
    const { swarm, catalogue, laneOf } = this.#parts
    return swarm.peers().map(({ peerId, addresses, connected, latencyMs }) => {
      const { bytesIn, bytesOut } = this.traffic(peerId)
      const { via } = laneOf(peerId)
      return {
        peerId,
        name: catalogue.nodeName(peerId) ?? null,
        addresses: [...addresses],
        connected,
        lane: connected && (via === 'lane' || bytesIn + bytesOut > 0) ? via : null,
        latencyMs,
        bytesIn,
        bytesOut
      }
    })
  }

  invite(): Invite {
    const { mesh, swarm } = this.#parts
    const expires = null
    const { peerId } = swarm
    return {
      invite: encodeInvite({ meshId: mesh.id, secret: mesh.secret, peerId, addresses: swarm.addresses(), expires }),
      expires
    }
  }
}
