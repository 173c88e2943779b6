// Why the last outbound handshake with a peer failed: libp2p's upgrader hands on the message alone.
// Refuses to guess: what is not plainly a refusal is a peer that cannot be reached.

import { PathmeshError } from '../../proto/errors.ts'
import { PEERS_MAX } from '../../proto/limits.ts'

const WRONG_PROLOGUE = 'ERR_INVALID_CRYPTO_EXCHANGE'

export class Handshakes {
  readonly #failures = new Map<string, PathmeshError>()

  /** Remembers why a handshake with `peer` failed, and returns it. */
  failed(peer: string | undefined, error: unknown): PathmeshError {
    const typed = handshakeError(peer ?? 'the peer', error)
    if (peer !== undefined) {
      this.#failures.set(peer, typed)
      if (this.#failures.size > PEERS_MAX) this.#forgetOldest()
    }
    return typed
  }

  /** The failure since the last `take`, if there was one. */
  take(peer: string): PathmeshError | undefined {
    const failure = this.#failures.get(peer)
    this.#failures.delete(peer)
    return failure
  }

  #forgetOldest(): void {
    for (const peer of this.#failures.keys()) {
      this.#failures.delete(peer)
      return
    }
  }
}

function handshakeError(peer: string, error: unknown): PathmeshError {
  if (error instanceof PathmeshError) return error
  const options = { cause: error }
  if (error instanceof Error) {
    if ('code' in error && error.code === WRONG_PROLOGUE) {
      return new PathmeshError(
        'NOT_A_MEMBER',
        `${peer} belongs to another mesh than this node: ask for a new invite`,
        options
      )
    }
    if (error.name === 'UnexpectedPeerError') {
      return new PathmeshError('NO_PROVIDERS', `another node than ${peer} answers at its address`, options)
    }
    if (error.name === 'AbortError' || error.name === 'TimeoutError') {
      return new PathmeshError('TIMEOUT', `${peer} did not complete the handshake in time`, options)
    }
  }
  return new PathmeshError('NO_PROVIDERS', `${peer} hung up during the handshake`, options)
}
