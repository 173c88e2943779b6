// This node's Ed25519 key, which is its name in the mesh: made once, kept in `identity.key`, used to sign.
// Refuses a key file that others can read, or that is damaged: a new key would be another node.

import { createPrivateKey, createPublicKey, type KeyObject, sign, verify as verifyNow } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { PathmeshError } from '../../proto/errors.ts'
import { parsePeerId, peerIdText } from './peer-id.ts'
import { readPrivateFile, writePrivateFile } from './private-file.ts'

const verify = promisify(verifyNow)
/** As many as members are usual. */
const KEYS_MAX = 1_000

/** What only this folder looks into. */
export interface OpaqueKey {
  readonly type: 'Ed25519'
}

export interface Identity {
  readonly peerId: string
  readonly privateKey: OpaqueKey
  /** The raw 32 bytes. */
  readonly publicKey: Uint8Array
  sign(bytes: Uint8Array): Promise<Uint8Array>
}

/** The same, as this folder sees it. */
export interface NodeIdentity extends Identity {
  readonly privateKey: Ed25519PrivateKey
}

/** The key in `folder`, made if absent. DENIED if others can read it, CORRUPT if it is not a key. */
export async function loadIdentity(folder: string): Promise<NodeIdentity> {
  const path = join(folder, 'identity.key')
  const bytes = await readPrivateFile(path)
  if (bytes !== null) return identityOf(parseKey(bytes, path))
  const key = await generateKeyPair('Ed25519')
  await writePrivateFile(path, privateKeyToProtobuf(key))
  return identityOf(key)
}

/** Points whose order divides 8, in every encoding, less the bit of the sign: as public keys they hold for any message. */
const SMALL_ORDER = new Set([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'
])

/** Public keys of peers whose records are verified, so that each is read once. */
const keys = new Map<string, KeyObject>()

/** Whether one is checked on this thread; others that come in the same breath go to threads of their own. */
let isBusy = false

/**
 * Whether `peerId`, whose text holds its public key, made `signature` over `message`: Ed25519 as OpenSSL checks it. One that comes
 * alone is checked here, for a thread takes three times as long; others on a thread. False for a text that is none.
 */
export async function verifyPeerSignature(
  peerId: string,
  message: Uint8Array,
  signature: Uint8Array
): Promise<boolean> {
  if (signature.byteLength !== 64) return false
  const key = publicKeyOf(peerId)
  if (key === undefined) return false
  if (isBusy) return await verify(null, message, key, signature)
  isBusy = true
  queueMicrotask(() => (isBusy = false))
  return verifyNow(null, message, key, signature)
}

function publicKeyOf(peerId: string): KeyObject | undefined {
  const known = keys.get(peerId)
  if (known !== undefined) return known
  try {
    const parsed = parsePeerId(peerId)
    const { raw } = parsed.publicKey
    // One key has one text, or it would be many origins; and nobody but its owner signs with it.
    if (peerIdText(parsed) !== peerId || isSmallOrder(raw)) return undefined
    const x = Buffer.from(raw).toString('base64url')
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
    if (keys.size >= KEYS_MAX) keys.clear()
    keys.set(peerId, key)
    return key
  } catch (error) {
    if (error instanceof PathmeshError) return undefined
    throw error
  }
}

function isSmallOrder(publicKey: Uint8Array): boolean {
  const bytes = Buffer.from(publicKey)
  bytes[31] = (bytes[31] ?? 0) & 0x7f
  return SMALL_ORDER.has(bytes.toString('hex'))
}

function parseKey(bytes: Uint8Array, path: string): Ed25519PrivateKey {
  let cause: unknown
  try {
    const key = privateKeyFromProtobuf(bytes)
    if (key.type === 'Ed25519') return key
  } catch (error) {
    cause = error
  }
  throw new PathmeshError(
    'CORRUPT',
    `${path} is not an Ed25519 key: restore it from a backup, or move it away to become a new node`,
    { cause }
  )
}

function identityOf(privateKey: Ed25519PrivateKey): NodeIdentity {
  // Made once: libp2p imports its key for each signature, which takes longer than that.
  const text = (raw: Uint8Array): string => Buffer.from(raw).toString('base64url')
  const [d, x] = [text(privateKey.raw.subarray(0, 32)), text(privateKey.publicKey.raw)]
  const key = createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', d, x }, format: 'jwk' })
  return {
    peerId: peerIdText(peerIdFromPrivateKey(privateKey)),
    privateKey,
    publicKey: privateKey.publicKey.raw,
    sign: async bytes => sign(null, bytes, key)
  }
}
