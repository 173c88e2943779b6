// PeerIds as text: CIDv1 base36 (`k51…`), the only form that leaves this folder.
// Refuses keys that are not Ed25519.

import { peerIdFromCID, peerIdFromString } from '@libp2p/peer-id'
import { base36 } from 'multiformats/bases/base36'
import { CID } from 'multiformats/cid'
import type { Ed25519PeerId, PeerId } from '@libp2p/interface'
import { PathmeshError } from '../../proto/errors.ts'

export function peerIdText(peerId: PeerId): string {
  return peerId.toCID().toString(base36)
}

/** The PeerId that a text names, in either of its forms. INVALID_ARGUMENT for anything else. */
export function parsePeerId(text: string): Ed25519PeerId {
  let peerId: PeerId
  try {
    peerId = text.startsWith('k') ? peerIdFromCID(CID.parse(text, base36)) : peerIdFromString(text)
  } catch (cause) {
    throw new PathmeshError('INVALID_ARGUMENT', `not a peer id: ${text.slice(0, 80)}`, { cause })
  }
  if (!isEd25519(peerId)) throw new PathmeshError('INVALID_ARGUMENT', `not an Ed25519 peer id: ${text.slice(0, 80)}`)
  return peerId
}

function isEd25519(peerId: PeerId): peerId is Ed25519PeerId {
  return peerId.type === 'Ed25519'
}
