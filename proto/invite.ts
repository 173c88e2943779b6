// An invite: one string that a person copies from a member to a machine that is to become one.
// Refuses a string that was cut, mistyped or is of another version; whoever holds it can join, so it is a secret.

import { createHash } from 'node:crypto'
import { base64url } from 'multiformats/bases/base64'
import { PathmeshError } from './errors.ts'
import { Invite as Message } from './generated/membership.ts'
import { INVITE_CHARS_MAX, PEER_ADDRESSES_MAX } from './limits.ts'

export const MESH_SECRET_BYTES = 32

const PREFIX = 'pathmesh-invite-1-'
const CHECKSUM_BYTES = 4

export interface Invite {
  readonly meshId: string
  /** 32 bytes. */
  readonly secret: Uint8Array
  /** Who wrote the invite, and where it can be dialled: multiaddrs. */
  readonly peerId: string
  readonly addresses: readonly string[]
  /** Milliseconds since 1970; null: never. */
  readonly expires: number | null
}

/** One line without spaces. RangeError for an invite that `decodeInvite` would refuse. */
export function encodeInvite(invite: Invite): string {
  const fault = faultOf(invite)
  if (fault !== null) throw new RangeError(`this cannot be an invite: ${fault}`)
  const { meshId, peerId, addresses, expires } = invite
  const message = { meshId, peerId, addresses: [...addresses], secret: new Uint8Array(invite.secret) }
  const bytes = Message.encode(expires === null ? message : { ...message, expires: BigInt(expires) })
  const text = PREFIX + base64url.baseEncode(Buffer.concat([bytes, checksum(bytes)]))
  if (text.length > INVITE_CHARS_MAX) throw new RangeError(`an invite of ${text.length} characters is too long`)
  return text
}

/** The inverse; space around it is ignored. INVALID_ARGUMENT says what is wrong with the string, without quoting it. */
export function decodeInvite(text: string): Invite {
  if (text.length > 2 * INVITE_CHARS_MAX) throw refusal('it is too long')
  const trimmed = text.trim()
  if (trimmed.length > INVITE_CHARS_MAX) throw refusal('it is too long')
  if (!trimmed.startsWith(PREFIX)) throw refusal(`it does not begin with ${PREFIX}`)
  const bytes = decodeText(trimmed.slice(PREFIX.length))
  const body = bytes.subarray(0, -CHECKSUM_BYTES)
  if (!checksum(body).equals(bytes.subarray(-CHECKSUM_BYTES))) throw refusal('it is damaged or cut short')
  const invite = decodeBody(body)
  const fault = faultOf(invite)
  if (fault !== null) throw refusal(fault)
  return invite
}

function decodeText(text: string): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = base64url.baseDecode(text)
  } catch (cause) {
    throw refusal('it has a character that no invite has', cause)
  }
  // Several texts decode to the same bytes; only the one that was written is the invite.
  if (bytes.byteLength <= CHECKSUM_BYTES || base64url.baseEncode(bytes) !== text)
    throw refusal('it is damaged or cut short')
  return bytes
}

function decodeBody(body: Uint8Array): Invite {
  try {
    const { meshId, secret, peerId, addresses, expires } = Message.decode(body, {
      limits: { addresses: PEER_ADDRESSES_MAX }
    })
    return { meshId, secret, peerId, addresses, expires: expires === undefined ? null : Number(expires) }
  } catch (cause) {
    throw refusal('its contents are not those of an invite', cause)
  }
}

function faultOf({ meshId, secret, peerId, addresses, expires }: Invite): string | null {
  if (!/^b[a-z2-7]{52}$/.test(meshId)) return 'its mesh id is malformed'
  if (secret.byteLength !== MESH_SECRET_BYTES) return `its secret has ${secret.byteLength} bytes`
  if (!/^k[a-z0-9]{40,80}$/.test(peerId)) return 'its peer id is malformed'
  if (addresses.length > PEER_ADDRESSES_MAX) return `it has ${addresses.length} addresses`
  if (addresses.some(address => !/^\/[\x21-\x7e]{1,400}$/.test(address))) return 'one of its addresses is malformed'
  if (expires !== null && !(Number.isSafeInteger(expires) && expires >= 0)) return 'its expiry is malformed'
  return null
}

function checksum(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest().subarray(0, CHECKSUM_BYTES)
}

function refusal(why: string, cause?: unknown): PathmeshError {
  return new PathmeshError(
    'INVALID_ARGUMENT',
    `this is not an invite: ${why}. Copy it again, whole, from \`pathmesh invite\``,
    {
      cause
    }
  )
}
