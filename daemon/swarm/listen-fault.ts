// Says which listen address cannot be used, and why: libp2p's own error has the reason in its text only.
// Asks the operating system by trying each address once more.

import { createServer } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { errno, PathmeshError } from '../../proto/errors.ts'

/** The error to show when listening on `addresses` failed with `cause`. */
export async function listenFault(addresses: readonly string[], cause: unknown): Promise<PathmeshError> {
  for (const address of addresses) {
    const fault = await tryListen(address)
    if (fault !== null) return describe(address, fault)
  }
  const list = addresses.join(', ')
  return new PathmeshError('IO', `this node cannot listen on ${list}: choose others with --listen`, { cause })
}

/** INVALID_ARGUMENT unless every one is an IP address with a TCP port. */
export function checkListen(addresses: readonly string[]): void {
  for (const address of addresses) {
    if (hostAndPort(address) === null) {
      throw new PathmeshError(
        'INVALID_ARGUMENT',
        `cannot listen on ${address}: give --listen /ip4/0.0.0.0/tcp/4747 or alike`
      )
    }
  }
}

function hostAndPort(address: string): { host: string; port: number } | null {
  let parts
  try {
    parts = multiaddr(address).getComponents()
  } catch {
    return null
  }
  const [host, tcp, more] = parts
  if (host?.value === undefined || tcp?.value === undefined || more !== undefined) return null
  if (!['ip4', 'ip6'].includes(host.name) || tcp.name !== 'tcp') return null
  return { host: host.value, port: Number(tcp.value) }
}

async function tryListen(address: string): Promise<Error | null> {
  const target = hostAndPort(address)
  if (target === null) return null
  const server = createServer()
  return await new Promise(resolve => {
    server.once('error', resolve)
    server.listen({ ...target, ipv6Only: address.startsWith('/ip6/') }, () => server.close(() => resolve(null)))
  })
}

function describe(address: string, cause: Error): PathmeshError {
  const port = hostAndPort(address)?.port
  const options = { cause }
  const number = errno(cause)
  if (number === 'EADDRINUSE') {
    const other = address.replace(/\d+$/, '0')
    const message = `port ${port} is taken: another program, or another daemon, listens there. Stop it, or choose another with --listen ${other}`
    return new PathmeshError('IN_USE', message, options)
  }
  if (number === 'EACCES') {
    return new PathmeshError('DENIED', `port ${port} needs privileges: choose one above 1023 with --listen`, options)
  }
  if (number === 'EADDRNOTAVAIL') {
    const message = `${address} is not an address of this machine: change --listen`
    return new PathmeshError('INVALID_ARGUMENT', message, options)
  }
  return new PathmeshError('IO', `cannot listen on ${address}: ${cause.message}. Change it with --listen`, options)
}
