// The libp2p node and nothing else: which transports, encrypters, muxers and services, with which bounds.
// Refuses to be a public node: no DHT, no pubsub, no relay.

// oxlint-disable-next-line import/no-unassigned-import -- for its effect, and first
import '../polyfill.ts'
import { createHash } from 'node:crypto'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import type { Libp2p, PeerInfo } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import type { MulticastDNSComponents } from '@libp2p/mdns'
import { ping } from '@libp2p/ping'
import type { Ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import {
  CONNECTIONS_PER_SECOND_MAX,
  DIAL_MS,
  DIALS_AT_ONCE,
  PEER_ADDRESSES_MAX,
  PEERS_MAX,
  HANDSHAKE_MS,
  PENDING_CONNECTIONS_MAX,
  SOCKET_BUFFER_BYTES,
  SOCKET_KEEPALIVE_MS,
  STREAM_BUFFER_BYTES_MAX,
  STREAM_WINDOW_BYTES
} from '../../proto/limits.ts'
import { announced } from './addresses.ts'
import { memberNoise } from './encrypter.ts'
import type { EncrypterParts } from './encrypter.ts'
import type { NodeIdentity } from './identity.ts'

export type MeshNode = Libp2p<{ ping: Ping; identify: unknown }>

export interface NodeParts extends EncrypterParts {
  readonly identity: NodeIdentity
}

export interface NodeOptions {
  readonly listen: readonly string[]
  /** Called for each answer on the local network; undefined: mDNS is off. */
  readonly onDiscovered: ((found: PeerInfo) => void) | undefined
}

/** `highWaterMark` is not in libp2p's type, but net takes it. */
const SOCKET = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: SOCKET_KEEPALIVE_MS,
  highWaterMark: SOCKET_BUFFER_BYTES
}

/** A node that is not started yet. */
export async function createNode(parts: NodeParts, { listen, onDiscovered }: NodeOptions): Promise<MeshNode> {
  return await createLibp2p({
    start: false,
    privateKey: parts.identity.privateKey,
    nodeInfo: { name: 'pathmesh', version: '1' },
    addresses: { listen: [...listen], announceFilter: announced },
    transports: [tcp({ dialOpts: SOCKET, listenOpts: SOCKET })],
    connectionEncrypters: [memberNoise(parts)],
    streamMuxers: [
      yamux({
        streamOptions: { maxStreamWindowSize: STREAM_WINDOW_BYTES, maxReadBufferLength: STREAM_BUFFER_BYTES_MAX }
      })
    ],
    // We ping ourselves: libp2p's monitor hangs up a busy link at the first late answer.
    connectionMonitor: { enabled: false },
    connectionManager: {
      // Twice: when both sides dial at once there are two connections for a while.
      maxConnections: 2 * PEERS_MAX,
      inboundConnectionThreshold: CONNECTIONS_PER_SECOND_MAX,
      maxIncomingPendingConnections: PENDING_CONNECTIONS_MAX,
      inboundUpgradeTimeout: HANDSHAKE_MS,
      dialTimeout: DIAL_MS,
      addressDialTimeout: DIAL_MS / 2,
      maxParallelDials: 2 * DIALS_AT_ONCE,
      maxPeerAddrsToDial: PEER_ADDRESSES_MAX
    },
    peerDiscovery: onDiscovered === undefined ? [] : [localDiscovery(parts.mesh.id, onDiscovered)],
    services: {
      identify: identify({ protocolPrefix: 'pathmesh' }),
      ping: ping({ protocolPrefix: 'pathmesh', maxInboundStreams: 4, maxOutboundStreams: 4 })
    }
  })
}

/** mDNS under a name of this mesh, so that two meshes on one network do not meet; the name does not tell the id. */
function localDiscovery(meshId: string, onDiscovered: (found: PeerInfo) => void) {
  const tag = createHash('sha256').update('pathmesh mdns v1').update(meshId).digest('hex').slice(0, 16)
  const make = mdns({ serviceTag: `_pathmesh-${tag}._udp.local` })
  return (components: MulticastDNSComponents) => {
    const discovery = make(components)
    discovery.addEventListener('peer', event => onDiscovered(event.detail))
    return discovery
  }
}
