// Addresses of peers: which are kept, which are announced. Multiaddrs over TCP, without the peer's id when kept.
// Refuses what a peer says about itself that no dial should follow: names, other transports, other peers' ids.

import { multiaddr } from '@multiformats/multiaddr'
import type { Multiaddr } from '@multiformats/multiaddr'
import { PathmeshError } from '../../proto/errors.ts'
import { PEER_ADDRESSES_MAX } from '../../proto/limits.ts'
import { parsePeerId, peerIdText } from './peer-id.ts'

const IP = new Set(['ip4', 'ip6'])
const NAMES = new Set(['dns', 'dns4', 'dns6'])

/** The address without its peer id; null if it is none that a member can be dialled at. */
export function dialAddress(text: string, { names = false } = {}): string | null {
  let parts: ReturnType<Multiaddr['getComponents']>
  try {
    parts = multiaddr(text).getComponents()
  } catch {
    return null
  }
  const [host, tcp, p2p, more] = parts
  if (host?.value === undefined || tcp?.value === undefined || more !== undefined) return null
  if (tcp.name !== 'tcp' || tcp.value === '0' || (p2p !== undefined && p2p.name !== 'p2p')) return null
  if (!IP.has(host.name) && !(names && NAMES.has(host.name))) return null
  if (host.value === '0.0.0.0' || host.value === '::') return null
  return `/${host.name}/${host.value}/tcp/${tcp.value}`
}

/** Known addresses and new ones, the new first, each once, at most PEER_ADDRESSES_MAX. */
export function mergeAddresses(known: readonly string[], learnt: readonly string[]): string[] {
  return [...new Set([...learnt, ...known])].slice(0, PEER_ADDRESSES_MAX)
}

/** The peer that all of these name, and where. INVALID_ARGUMENT if one names none, or another. */
export function parseTarget(addresses: readonly string[]): { peerId: string; addresses: string[] } {
  let peerId: string | undefined
  const found: string[] = []
  for (const text of addresses.slice(0, PEER_ADDRESSES_MAX)) {
    const address = dialAddress(text, { names: true })
    const id = text.split('/p2p/')[1]
    if (address === null || id === undefined) {
      throw new PathmeshError('INVALID_ARGUMENT', `not an address that can be dialled: ${text} (/ip4/…/tcp/…/p2p/…)`)
    }
    const peer = peerIdText(parsePeerId(id))
    if (peerId !== undefined && peerId !== peer) {
      throw new PathmeshError('INVALID_ARGUMENT', `these addresses name two peers: ${peerId} and ${peer}`)
    }
    peerId = peer
    found.push(address)
  }
  if (peerId === undefined) throw new PathmeshError('INVALID_ARGUMENT', 'there is no address to dial')
  return { peerId, addresses: found }
}

/** The IP address that a multiaddr begins with, as a socket takes it; undefined where it begins with another thing. */
export function hostOf(address: string | Multiaddr): string | undefined {
  const parts = multiaddr(address).getComponents()
  const zone = parts[0]?.name === 'ip6zone' ? parts.shift()?.value : undefined
  const [host] = parts
  if (host?.value === undefined || !IP.has(host.name)) return undefined
  return zone === undefined ? host.value : `${host.value}%${zone}`
}

export function withPeer(address: string, peerId: string): Multiaddr {
  return multiaddr(`${address}/p2p/${parsePeerId(peerId).toString()}`)
}

export function isLoopback(address: string): boolean {
  return address.startsWith('/ip4/127.') || address.startsWith('/ip6/::1/')
}

/** What is announced: everything but loopback, unless there is nothing else. */
export function announced(addresses: Multiaddr[]): Multiaddr[] {
  const outside = addresses.filter(address => !isLoopback(address.toString()))
  return outside.length > 0 ? outside : addresses
}
