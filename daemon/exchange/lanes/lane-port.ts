// The port that lanes are opened to. It knows the keys that were issued and are not used yet; without one of them a connection is
// closed before anything is read from it, and with a wrong one in the handshake.

import { createServer, type Server, type Socket } from 'node:net'
import tls from 'node:tls'
import { errno, PathmeshError } from '../../../proto/errors.ts'
import { LANE_KEYS_MAX, PENDING_CONNECTIONS_MAX } from '../../../proto/limits.ts'
import type { Clock } from '../../clock.ts'
import type { LaneFacts, LaneKey, LaneListen } from './messages.ts'
import { LANE_SUITE } from './tls.ts'

export interface LanePortParts {
  readonly clock: Clock
  readonly handshakeMs: number
  /** Somebody proved to have the key of this lane. */
  readonly onLane: (facts: LaneFacts, socket: tls.TLSSocket) => void
  /** A key was not used in time, or used up by somebody who failed. */
  readonly onUnused: (facts: LaneFacts, why: PathmeshError) => void
}

interface Issued {
  readonly key: Uint8Array
  readonly facts: LaneFacts
  readonly cancel: () => void
}

/** A port that is free for one address may be taken for another. */
const ANY_PORT_TRIES = 5

export class LanePort {
  readonly #parts: LanePortParts
  readonly #tls: tls.Server
  readonly #keys = new Map<string, Issued>()
  /** Keys in a handshake. */
  readonly #used = new Map<Socket, LaneFacts>()
  readonly #pending = new Map<string, Socket>()
  #servers: Server[] = []

  constructor(parts: LanePortParts) {
    this.#parts = parts
    const options = {
      ...LANE_SUITE,
      handshakeTimeout: parts.handshakeMs,
      pskCallback: (socket: tls.TLSSocket, id: string) => this.#use(socket, id)
    }
    this.#tls = tls.createServer(options, socket => this.#secured(socket))
    this.#tls.on('tlsClientError', (_, socket) => {
      const facts = this.#used.get(socket)
      this.#used.delete(socket)
      if (facts !== undefined) parts.onUnused(facts, new PathmeshError('DENIED', 'a wrong key was used for a lane'))
      socket.destroy()
    })
  }

  /** The port. IN_USE, DENIED, IO. An address family that this machine does not have is left out. */
  async listen({ hosts, port, fixed }: LaneListen): Promise<number> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#listenAll(hosts, port)
      } catch (error) {
        this.#closeServers()
        if (port !== 0 && (fixed || errno(error) !== 'EADDRINUSE')) throw listenError(port, error)
        if (port !== 0) return this.listen({ hosts, port: 0, fixed })
        if (tries >= ANY_PORT_TRIES) throw listenError(port, error)
      }
    }
  }

  /** From now on, for so long, whoever has this key may connect once. */
  expect(facts: LaneFacts, { id, key }: LaneKey, ms: number): void {
    if (this.#keys.size >= LANE_KEYS_MAX)
      throw new PathmeshError('TOO_LARGE', `${LANE_KEYS_MAX} keys of lanes are not used yet`)
    const cancel = this.#parts.clock.after(ms, () => {
      this.#keys.delete(id)
      this.#parts.onUnused(facts, new PathmeshError('TIMEOUT', 'nobody connected to the lane port in time'))
    })
    this.#keys.set(id, { key, facts, cancel })
  }

  /** The key of this lane is not valid any more, nor is a handshake with it. */
  forget(lane: number): void {
    for (const [id, { facts, cancel }] of this.#keys) {
      if (facts.lane !== lane) continue
      cancel()
      this.#keys.delete(id)
    }
    for (const [socket, facts] of this.#used) {
      if (facts.lane !== lane) continue
      this.#used.delete(socket)
      socket.destroy()
    }
  }

  close(): void {
    this.#closeServers()
    for (const { cancel } of this.#keys.values()) cancel()
    this.#keys.clear()
    for (const socket of this.#pending.values()) socket.destroy()
  }

  async #listenAll(hosts: readonly string[], port: number): Promise<number> {
    let bound = port
    let missing: unknown
    for (const host of hosts) {
      try {
        bound = await this.#listenOn(host, bound)
      } catch (error) {
        if (errno(error) !== 'EAFNOSUPPORT' && errno(error) !== 'EADDRNOTAVAIL') throw error
        missing = error
      }
    }
    if (this.#servers.length === 0)
      throw new PathmeshError('INVALID_ARGUMENT', `this machine has none of the addresses ${hosts.join(', ')}`, {
        cause: missing
      })
    return bound
  }

  #listenOn(host: string, port: number): Promise<number> {
    const server = createServer(socket => this.#connected(socket))
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port, ipv6Only: host.includes(':') }, () => {
        this.#servers.push(server)
        server.off('error', reject)
        // Too many open files: whoever connects tries again.
        server.on('error', () => undefined)
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  }

  #closeServers(): void {
    for (const server of this.#servers) server.close()
    this.#servers = []
  }

  #connected(socket: Socket): void {
    if (this.#keys.size === 0 || this.#pending.size >= PENDING_CONNECTIONS_MAX) {
      socket.destroy()
      return
    }
    const end = farEnd(socket)
    this.#pending.set(end, socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => {
      if (this.#pending.get(end) === socket) this.#pending.delete(end)
    })
    socket.setNoDelay(true)
    this.#tls.emit('connection', socket)
  }

  /** A key is used up by whoever names it, whether or not they have it. */
  #use(socket: tls.TLSSocket, id: string): Uint8Array | null {
    const issued = this.#keys.get(id)
    if (issued === undefined) return null
    issued.cancel()
    this.#keys.delete(id)
    this.#used.set(socket, issued.facts)
    return issued.key
  }

  #secured(socket: tls.TLSSocket): void {
    const facts = this.#used.get(socket)
    this.#used.delete(socket)
    this.#pending.delete(farEnd(socket))
    if (facts === undefined) socket.destroy()
    else this.#parts.onLane(facts, socket)
  }
}

const farEnd = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`

function listenError(port: number, cause: unknown): PathmeshError {
  if (cause instanceof PathmeshError) return cause
  const number = errno(cause)
  if (number === 'EADDRINUSE')
    return new PathmeshError('IN_USE', `port ${port} for lanes is taken: choose another with --lane-port`, { cause })
  if (number === 'EACCES')
    return new PathmeshError('DENIED', `port ${port} for lanes needs privileges: choose one above 1023`, { cause })
  const message = cause instanceof Error ? cause.message : String(cause)
  return new PathmeshError('IO', `cannot listen for lanes on port ${port}: ${message}`, { cause })
}
