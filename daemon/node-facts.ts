// What this node tells of itself: its status, its peers and what has passed between them, and invites.

import type { Catalogue } from './catalogue/catalogue.ts'
import type { Clock } from './clock.ts'
import type { Transfers } from './exchange/transfers.ts'
import type { Callers } from './callers.ts'
import type { Write } from './store/database.ts'
import type { Holding } from './store/holding-table.ts'
import type { Store } from './store/store.ts'
import type { Mesh } from './swarm/mesh-file.ts'
import type { Swarm } from './swarm/swarm.ts'
import { VERSION } from './version.ts'
import type { Invite, Peer, Status } from '../proto/node-api.ts'
import { encodeInvite } from '../proto/invite.ts'

export interface NodeFactsParts {
  readonly name: string
  readonly mesh: Mesh
  readonly swarm: Swarm
  readonly store: Store
  readonly catalogue: Catalogue<Write>
  readonly transfers: Transfers<Holding>
  readonly callers: Callers
  readonly clock: Clock
}

export class NodeFacts {
  readonly #parts: NodeFactsParts
  readonly #startedAt: number
  readonly #bytesOut = new Map<string, number>()

  constructor(parts: NodeFactsParts) {
    this.#parts = parts
    this.#startedAt = parts.clock.monotonic()
  }

  /** Counts bytes of content sent to a peer. */
  served(peer: string, bytes: number): void {
    this.#bytesOut.set(peer, (this.#bytesOut.get(peer) ?? 0) + bytes)
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
      transfers: [...transfers.list()].map(({ root, name: called, status }) => {
        const { state, why, bytesDone, bytesTotal, filesDone, filesTotal, bytesPerSecond, providers } = status
        const progress = { bytesDone, bytesTotal, filesDone, filesTotal, bytesPerSecond }
        return { root, name: called, state, why, ...progress, providers: [...providers] }
      })
    }
  }

  peers(): Peer[] {
    const { swarm, catalogue, callers } = this.#parts
    return swarm.peers().map(({ peerId, addresses, connected, latencyMs }) => {
      const bytesIn = callers.bytesIn(peerId)
      const bytesOut = this.#bytesOut.get(peerId) ?? 0
      return {
        peerId,
        name: catalogue.nodeName(peerId) ?? null,
        addresses: [...addresses],
        connected,
        lane: bytesIn + bytesOut > 0 ? 'stream' : null,
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
