// Dials a peer at its addresses, once at a time for each peer, and says in our words why that failed.
// Refuses to dial this node itself.

import { errno, PathmeshError } from '../../proto/errors.ts'
import { DIAL_MS } from '../../proto/limits.ts'
import { withPeer } from './addresses.ts'
import { withDeadline } from '../deadline.ts'
import type { Handshakes } from './handshakes.ts'
import type { MeshNode } from './node.ts'
import type { Clock } from './ports.ts'

export interface DialerParts {
  readonly node: Pick<MeshNode, 'dial'>
  readonly ownPeer: string
  readonly handshakes: Handshakes
  readonly clock: Clock
}

export class Dialer {
  readonly #parts: DialerParts
  readonly #running = new Map<string, Promise<void>>()

  constructor(parts: DialerParts) {
    this.#parts = parts
  }

  /**
   * Resolves when `peer` is connected and has accepted us. Joins a dial that runs. NOT_A_MEMBER, INCOMPATIBLE, TIMEOUT
   * after DIAL_MS, or NO_PROVIDERS where it cannot be reached.
   */
  async dial(peer: string, addresses: readonly string[]): Promise<void> {
    const running = this.#running.get(peer) ?? this.#begin(peer, addresses)
    await running
  }

  async #begin(peer: string, addresses: readonly string[]): Promise<void> {
    const { node, ownPeer, clock, handshakes } = this.#parts
    if (peer === ownPeer) throw new PathmeshError('INVALID_ARGUMENT', `${peer} is this node itself`)
    if (addresses.length === 0) throw new PathmeshError('NO_PROVIDERS', `no address of ${peer} is known`)
    handshakes.take(peer)
    const targets = addresses.map(address => withPeer(address, peer))
    const dial = withDeadline(clock, DIAL_MS, `dialling ${peer}`, undefined, async signal => {
      await node.dial(targets, { signal })
    })
    this.#running.set(peer, dial)
    try {
      await dial
    } catch (cause) {
      throw handshakes.take(peer) ?? dialError(peer, addresses, cause)
    } finally {
      this.#running.delete(peer)
    }
  }
}

function dialError(peer: string, addresses: readonly string[], cause: unknown): PathmeshError {
  if (cause instanceof PathmeshError) return cause
  const errors: unknown[] = cause instanceof AggregateError ? cause.errors : [cause]
  const late = errors.every(error => error instanceof Error && ['TimeoutError', 'AbortError'].includes(error.name))
  const why = [
    ...new Set(errors.map(error => errno(error) ?? (error instanceof Error ? error.message : String(error))))
  ]
  const message = `${peer} cannot be reached at ${addresses.join(', ')}: ${why.join('; ')}`
  return new PathmeshError(late ? 'TIMEOUT' : 'NO_PROVIDERS', message, { cause, details: { peer, addresses } })
}
