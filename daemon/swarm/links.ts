// The open connections of each peer. Both sides dialling at once leaves two; either may end, the peer stays connected.
// Refuses to hold more than CONNECTIONS_PER_PEER_MAX: the one that was silent longest goes.

import type { Connection } from '@libp2p/interface'
import { CONNECTIONS_PER_PEER_MAX } from '../../proto/limits.ts'
import { peerIdText } from './peer-id.ts'
import type { Clock } from './ports.ts'

export interface Link {
  readonly peer: string
  readonly connection: Connection
  /** When bytes last arrived. */
  heardAt: number
  latencyMs: number | null
}

export class Links {
  readonly #clock: Clock
  readonly #links = new Map<string, Link[]>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The new link; null for a connection that is closed already. */
  add(connection: Connection): Link | null {
    if (connection.status !== 'open') return null
    const peer = peerIdText(connection.remotePeer)
    const others = this.#links.get(peer) ?? []
    const link = { peer, connection, heardAt: this.#clock.now(), latencyMs: null }
    this.#links.set(peer, [link, ...others])
    if (others.length >= CONNECTIONS_PER_PEER_MAX) {
      this.of(peer).at(-1)?.connection.abort(new Error('too many connections of one peer'))
    }
    return link
  }

  /** The link that has ended, and whether it was its peer's last; null if it was never added. */
  remove(connection: Connection): { link: Link; last: boolean } | null {
    const peer = peerIdText(connection.remotePeer)
    const links = this.#links.get(peer) ?? []
    const link = links.find(one => one.connection.id === connection.id)
    if (link === undefined) return null
    const rest = links.filter(one => one !== link)
    if (rest.length === 0) this.#links.delete(peer)
    else this.#links.set(peer, rest)
    return { link, last: rest.length === 0 }
  }

  find(connection: Connection): Link | undefined {
    return this.#links.get(peerIdText(connection.remotePeer))?.find(one => one.connection.id === connection.id)
  }

  /** The links of a peer, the most alive first. */
  of(peer: string): Link[] {
    return [...(this.#links.get(peer) ?? [])].sort((a, b) => b.heardAt - a.heardAt)
  }

  best(peer: string): Link | undefined {
    return this.of(peer).find(link => link.connection.status === 'open')
  }

  peers(): string[] {
    return [...this.#links.keys()]
  }
}
