// Names of nodes for people to read, from what the local node knows. A name that two nodes have says nothing: their PeerIds do.

import type { Mesh } from '../mesh.ts'

export interface NodeNames {
  /** The node's name, or its PeerId where it has none of its own. */
  short(peerId: string): string
  /** Name and PeerId. */
  full(peerId: string): string
}

export async function nodeNames(mesh: Mesh, signal: AbortSignal): Promise<NodeNames> {
  const { peerId, name } = await mesh.status({ signal })
  const names = new Map([[peerId, name]])
  const count = new Map([[name, 1]])
  for await (const peer of mesh.peers({ signal })) {
    if (peer.name === null) continue
    names.set(peer.peerId, peer.name)
    count.set(peer.name, (count.get(peer.name) ?? 0) + 1)
  }
  return {
    short(peerId) {
      const name = names.get(peerId)
      return name === undefined || count.get(name) !== 1 ? peerId : name
    },
    full(peerId) {
      const name = names.get(peerId)
      return name === undefined ? peerId : `${name} (${peerId})`
    }
  }
}
