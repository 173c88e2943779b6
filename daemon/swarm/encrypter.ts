// Noise, bound to the mesh: its prologue is a hash of the mesh's id and secret, and credentials follow it.
// Refuses everybody else before a muxer, a protocol name or an application byte exists on the connection.

import { createHash } from 'node:crypto'
import { noise } from '@chainsafe/libp2p-noise'
import type { NoiseComponents } from '@chainsafe/libp2p-noise'
import { serviceCapabilities } from '@libp2p/interface'
import type { ConnectionEncrypter, MessageStream, SecureConnectionOptions, SecuredConnection } from '@libp2p/interface'
import { pEvent } from 'p-event'
import { PathmeshError } from '../../proto/errors.ts'
import type { Admission } from './admission.ts'
import { exchangeAsInitiator, exchangeAsResponder } from './credentials.ts'
import type { Handshakes } from './handshakes.ts'
import type { Mesh } from './mesh-file.ts'
import { peerIdText } from './peer-id.ts'

/** How long a refusal may take to reach the other side before the socket is reset. */
const REFUSAL_MS = 1_000

export interface EncrypterParts {
  readonly mesh: Pick<Mesh, 'id' | 'secret'>
  readonly admission: Admission
  readonly handshakes: Handshakes
}

export function memberNoise(parts: EncrypterParts): (components: NoiseComponents) => ConnectionEncrypter {
  return components => new MemberNoise(components, parts)
}

class MemberNoise implements ConnectionEncrypter {
  readonly protocol = '/pathmesh-noise/1.0.0'
  readonly [Symbol.toStringTag] = 'pathmesh-noise'
  readonly [serviceCapabilities] = ['@libp2p/connection-encryption']
  readonly #inner: ConnectionEncrypter
  readonly #parts: EncrypterParts

  constructor(components: NoiseComponents, parts: EncrypterParts) {
    this.#inner = noise({ prologueBytes: prologue(parts.mesh) })(components)
    this.#parts = parts
  }

  async secureOutbound(connection: MessageStream, options: SecureConnectionOptions = {}): Promise<SecuredConnection> {
    const expected = options.remotePeer === undefined ? undefined : peerIdText(options.remotePeer)
    try {
      const secured = await this.#inner.secureOutbound(inOnePiece(connection), options)
      await exchangeAsInitiator(secured.connection, this.#exchange(secured, options))
      return secured
    } catch (error) {
      // The upgrader keeps the message only; the dialer asks for the error itself.
      throw this.#parts.handshakes.failed(expected, error)
    }
  }

  async secureInbound(connection: MessageStream, options: SecureConnectionOptions = {}): Promise<SecuredConnection> {
    const secured = await this.#inner.secureInbound(inOnePiece(connection), options)
    try {
      await exchangeAsResponder(secured.connection, this.#exchange(secured, options))
    } catch (error) {
      if (error instanceof PathmeshError) await goneOrLate(connection)
      throw error
    }
    return secured
  }

  #exchange(secured: SecuredConnection, { signal }: SecureConnectionOptions) {
    const exchange = { remotePeer: peerIdText(secured.remotePeer), admission: this.#parts.admission }
    return signal === undefined ? exchange : { ...exchange, signal }
  }
}

function prologue({ id, secret }: Pick<Mesh, 'id' | 'secret'>): Uint8Array {
  return new Uint8Array(createHash('sha256').update('pathmesh mesh v1').update(id).update(secret).digest())
}

/**
 * The same connection, which is given each encrypted message in one piece: of the three that noise makes of one, a length, the bytes
 * and a tag, libp2p would make three packets.
 */
function inOnePiece(connection: MessageStream): MessageStream {
  const send = connection.send.bind(connection)
  connection.send = data => send(data instanceof Uint8Array ? data : data.subarray())
  return connection
}

/** Waits until the other side, having read the refusal, hangs up: a reset could overtake it. */
async function goneOrLate(connection: MessageStream): Promise<void> {
  if (connection.status !== 'open') return
  await pEvent(connection, 'close', { timeout: REFUSAL_MS }).catch(() => undefined)
}
