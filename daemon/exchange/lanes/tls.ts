// TLS 1.3 with a key that both ends had beforehand, and nothing else: no certificates, no tickets, no second connection with one key.
// Whoever does not have the key fails in the handshake.

import { constants } from 'node:crypto'
import tls from 'node:tls'
import { PathmeshError } from '../../../proto/errors.ts'
import type { LaneKey } from './messages.ts'

/**
 * Without NO_TICKET a ticket would open a second connection without the key. What TLS 1.3 sends in its place names a session that
 * the server has not kept.
 */
export const LANE_SUITE = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256:PSK',
  secureOptions: constants.SSL_OP_NO_TICKET
} as const

/** Lets a socket put what it receives where it is to be, without a copy. */
export interface OnRead {
  readonly buffer: () => Uint8Array
  /** False pauses it. */
  readonly callback: (bytes: number) => boolean
}

/** A connection to a lane port; `secured` tells whether the other end has the key. */
export function dialTls(host: string, port: number, { id, key }: LaneKey, onread: OnRead): tls.TLSSocket {
  // `onread` is handed on to the socket below; the types of tls do not have it.
  const options = {
    ...LANE_SUITE,
    host,
    port,
    onread,
    checkServerIdentity: () => notTheKey(),
    pskCallback: () => ({ psk: key, identity: id })
  }
  return tls.connect(options)
}

/** Undefined where the other end has proven that it has the key; a certificate proves nothing, whoever signed it. */
export function faultOf(socket: tls.TLSSocket): PathmeshError | undefined {
  const hasCertificate = Object.keys(socket.getPeerCertificate() ?? {}).length > 0
  return socket.getProtocol() === 'TLSv1.3' && socket.isSessionReused() && !hasCertificate ? undefined : notTheKey()
}

const notTheKey = (): PathmeshError => new PathmeshError('DENIED', 'the other end of a lane does not have its key')
