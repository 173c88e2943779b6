// The face of this folder: members of the mesh, kept connected, and byte streams to them.
// Refuses everything that is not a member; hands out no libp2p type: peers and addresses are strings.

import type { Connection, Stream } from '@libp2p/interface'
import { PathmeshError } from '../../proto/errors.ts'
import { DEFAULT_PORT, OPEN_STREAM_MS, STOP_MS, STREAMS_MAX } from '../../proto/limits.ts'
import { hostOf, parseTarget } from './addresses.ts'
import { secretSuffices } from './admission.ts'
import type { Admission } from './admission.ts'
import { byteStream } from './byte-stream.ts'
import type { ByteStream, StreamOptions } from './byte-stream.ts'
import { withDeadline } from '../deadline.ts'
import { Handshakes } from './handshakes.ts'
import type { NodeIdentity } from './identity.ts'
import type { Link } from './links.ts'
import { checkListen, listenFault } from './listen-fault.ts'
import type { Mesh } from './mesh-file.ts'
import { createNode } from './node.ts'
import type { MeshNode } from './node.ts'
import { parsePeerId } from './peer-id.ts'
import { Peers } from './peers.ts'
import type { PeerState } from './peers.ts'
import type { Clock, Log, MemberStore, Random } from './ports.ts'

export const DEFAULT_LISTEN: readonly string[] = [`/ip4/0.0.0.0/tcp/${DEFAULT_PORT}`, `/ip6/::/tcp/${DEFAULT_PORT}`]

/** The IP addresses that these multiaddrs, or those by default, listen on. */
export function listenHosts(listen: readonly string[] = DEFAULT_LISTEN): string[] {
  return [...new Set(listen.map(address => hostOf(address)).filter(host => host !== undefined))]
}

export type StreamHandler = (stream: ByteStream) => void | Promise<void>

export interface Swarm {
  readonly peerId: string
  /** Multiaddrs with `/p2p/`: what others can dial. Empty before `start`. */
  addresses(): string[]
  /** Listens, and begins to dial the remembered members. IN_USE, DENIED or INVALID_ARGUMENT if it cannot listen. */
  start(): Promise<void>
  /** Ends all connections; what is not closed after STOP_MS is left. A swarm is started once. */
  stop(): Promise<void>
  /** Serves `protocol`, to members alone. A handler that fails has its stream aborted; one that returns keeps it. */
  handle(protocol: string, handler: StreamHandler): void
  /**
   * A stream to `peer`, which is dialled if it is not connected. NO_PROVIDERS where it cannot be reached, TIMEOUT,
   * NOT_A_MEMBER, or INCOMPATIBLE where it does not speak the protocol.
   */
  open(peer: string, protocol: string, options?: StreamOptions): Promise<ByteStream>
  connected(): string[]
  /** The IP address of a connected peer, as this node sees it. */
  hostOf(peer: string): string | undefined
  /** Every member that is remembered or connected. */
  peers(): PeerState[]
  /** Whether there is any other than this node. */
  hasOthers(): boolean
  /** A member that is known by its own signed word, and where it listens: it is remembered, and dialled. */
  introduce(peer: string, addresses: readonly string[]): void
  /** Connects to the one peer that these multiaddrs name, and remembers it; resolves to its id. Errors as `open`. */
  dial(addresses: readonly string[], options?: StreamOptions): Promise<string>
  /** Called with the peer of each new connection: who comes back may be another life of it. Returns a function that ends this. */
  onConnect(listener: (peer: string) => void): () => void
  onDisconnect(listener: (peer: string) => void): () => void
}

export interface SwarmComponents {
  readonly identity: NodeIdentity
  readonly mesh: Pick<Mesh, 'id' | 'secret'>
  readonly members: MemberStore
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly admission?: Admission
}

export interface SwarmOptions {
  /** Multiaddrs; DEFAULT_LISTEN unless given. */
  readonly listen?: readonly string[]
  /** Whether to look for members on the local network; true unless given. */
  readonly mdns?: boolean
}

/** A swarm that is not started yet. */
export async function createSwarm(components: SwarmComponents, options: SwarmOptions = {}): Promise<Swarm> {
  const { listen = DEFAULT_LISTEN, mdns = true } = options
  checkListen(listen)
  const { identity, mesh, admission = secretSuffices } = components
  const handshakes = new Handshakes()
  let onDiscovered: (peerId: string, addresses: readonly string[]) => void = () => {}
  const node = await createNode(
    { identity, mesh, admission, handshakes },
    {
      listen,
      onDiscovered: mdns ? found => onDiscovered(found.id.toString(), found.multiaddrs.map(String)) : undefined
    }
  )
  const peers = new Peers({ ...components, node, handshakes, ownPeer: identity.peerId })
  onDiscovered = (peerId, addresses) => peers.discovered(peerId, addresses)
  return new Libp2pSwarm(components, { node, peers, listen })
}

class Libp2pSwarm implements Swarm {
  readonly peerId: string
  readonly #node: MeshNode
  readonly #peers: Peers
  readonly #listen: readonly string[]
  readonly #clock: Clock
  readonly #log: Log

  constructor(
    { identity, clock, log }: SwarmComponents,
    { node, peers, listen }: { node: MeshNode; peers: Peers; listen: readonly string[] }
  ) {
    this.peerId = identity.peerId
    this.#node = node
    this.#peers = peers
    this.#listen = listen
    this.#clock = clock
    this.#log = log
  }

  addresses(): string[] {
    return this.#node.getMultiaddrs().map(String)
  }

  async start(): Promise<void> {
    await this.#peers.load()
    try {
      await this.#node.start()
    } catch (error) {
      throw await listenFault(this.#listen, error)
    }
    this.#peers.start()
  }

  async stop(): Promise<void> {
    this.#peers.stop()
    try {
      await withDeadline(this.#clock, STOP_MS, 'stopping the swarm', undefined, async signal => {
        const late = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        await Promise.race([this.#node.stop(), late])
      })
    } catch (error) {
      this.#log.warn('swarm not wholly stopped', { error })
    }
    await this.#peers.flush()
  }

  handle(protocol: string, handler: StreamHandler): void {
    const serve = (stream: Stream, connection: Connection) => {
      const bytes = this.#wrap(stream, this.#peers.linkOf(connection))
      void this.#serve(bytes, protocol, handler)
    }
    const limits = { maxInboundStreams: STREAMS_MAX, maxOutboundStreams: STREAMS_MAX, runOnLimitedConnection: true }
    this.#node.handle(protocol, serve, limits).catch((error: unknown) => {
      this.#log.error('protocol not served', { protocol, error })
    })
  }

  async open(peer: string, protocol: string, options: StreamOptions = {}): Promise<ByteStream> {
    parsePeerId(peer)
    for (let attempt = 1; ; attempt++) {
      const link = await this.#peers.reach(peer, options.signal)
      try {
        return this.#wrap(await this.#openOn(link, protocol, options.signal), link)
      } catch (error) {
        options.signal?.throwIfAborted()
        const fault = openFault(link, protocol, error)
        // A link that cannot open a stream is dead, whatever TCP says: the peer is dialled again.
        if (fault.dead) link.connection.abort(fault.error)
        if (!fault.dead || attempt === 2) throw fault.error
      }
    }
  }

  connected(): string[] {
    return this.#peers.connected()
  }

  hostOf(peer: string): string | undefined {
    const link = this.#peers.linkTo(peer)
    return link === undefined ? undefined : hostOf(link.connection.remoteAddr)
  }

  peers(): PeerState[] {
    return this.#peers.states()
  }

  hasOthers(): boolean {
    return this.#peers.hasOthers()
  }

  introduce(peer: string, addresses: readonly string[]): void {
    this.#peers.introduce(peer, addresses)
  }

  async dial(addresses: readonly string[], options: StreamOptions = {}): Promise<string> {
    const target = parseTarget(addresses)
    await this.#peers.dial(target.peerId, target.addresses, options.signal)
    return target.peerId
  }

  onConnect(listener: (peer: string) => void): () => void {
    return this.#peers.onConnect.add(listener)
  }

  onDisconnect(listener: (peer: string) => void): () => void {
    return this.#peers.onDisconnect.add(listener)
  }

  #wrap(stream: Stream, link: Pick<Link, 'peer' | 'heardAt'>): ByteStream {
    const clock = this.#clock
    return byteStream(stream, { peer: link.peer, clock, onHeard: () => void (link.heardAt = clock.now()) })
  }

  async #serve(stream: ByteStream, protocol: string, handler: StreamHandler): Promise<void> {
    try {
      await handler(stream)
    } catch (error) {
      this.#log.debug('stream handler failed', { protocol, peer: stream.peer, error })
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    }
  }

  async #openOn({ connection, peer }: Link, protocol: string, signal: AbortSignal | undefined): Promise<Stream> {
    return await withDeadline(this.#clock, OPEN_STREAM_MS, `opening ${protocol} to ${peer}`, signal, async inner => {
      const limits = { maxOutboundStreams: STREAMS_MAX, runOnLimitedConnection: true }
      return await connection.newStream([protocol], { ...limits, signal: inner })
    })
  }
}

/** Why no stream could be opened, and whether that says that the link is dead. */
function openFault({ peer }: Link, protocol: string, cause: unknown): { error: PathmeshError; dead: boolean } {
  const name = cause instanceof Error ? cause.name : ''
  if (name === 'UnsupportedProtocolError') {
    const message = `${peer} does not speak ${protocol}: upgrade the older side`
    return { error: new PathmeshError('INCOMPATIBLE', message, { cause }), dead: false }
  }
  if (name === 'TooManyOutboundProtocolStreamsError') {
    const message = `${STREAMS_MAX} streams of ${protocol} to ${peer} are open already`
    return { error: new PathmeshError('NO_PROVIDERS', message, { cause }), dead: false }
  }
  if (cause instanceof PathmeshError) return { error: cause, dead: true }
  return { error: new PathmeshError('NO_PROVIDERS', `${peer} opens no stream for ${protocol}`, { cause }), dead: true }
}
