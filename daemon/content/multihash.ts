// Owns the two hash functions of content and the making of CIDs from bytes or digests.
// Refuses other functions: it never computes, and never guesses, a hash that is not in the table below.

import { hash as nodeHash } from 'node:crypto'
import { blake3 } from '@napi-rs/blake-hash'
import { CID } from 'multiformats/cid'
import { Digest } from 'multiformats/hashes/digest'

export type HashName = 'blake3' | 'sha2-256'

/** Multicodec of a leaf: bytes as they are. */
export const RAW = 0x55
/** Multicodec of a branch: links and a UnixFS node. */
export const DAG_PB = 0x70
/** Bytes of a digest of either hash function. */
export const DIGEST_BYTES = 32
/** Bytes of a CID that `readCid` takes. */
export const CID_BYTES = 4 + DIGEST_BYTES

/** Multihash code of BLAKE3-256. */
export const BLAKE3 = 0x1e
const SHA2_256 = 0x12

/** The multihash code of a hash function. */
export function hashCode(name: HashName): number {
  return name === 'blake3' ? BLAKE3 : SHA2_256
}

/** The hash function of a multihash code, or undefined for one that pathmesh does not use. */
export function hashNameOfCode(code: number): HashName | undefined {
  if (code === BLAKE3) return 'blake3'
  return code === SHA2_256 ? 'sha2-256' : undefined
}

/** The hash function of a CID. Throws TypeError for a CID that `checkCid` would have refused. */
export function hashNameOf(cid: CID): HashName {
  const name = hashNameOfCode(cid.multihash.code)
  if (name === undefined)
    throw new TypeError(`${cid.toString()} has the unknown hash 0x${cid.multihash.code.toString(16)}`)
  return name
}

/** The 32 bytes of the digest, computed on this thread. Throws TypeError for an unknown code. */
export function digest(code: number, bytes: Uint8Array): Uint8Array {
  if (code === BLAKE3) return blake3(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  if (code === SHA2_256) return nodeHash('sha256', bytes, 'buffer')
  throw new TypeError(`0x${code.toString(16)} is not a hash of pathmesh`)
}

/** The CID of a digest that was computed elsewhere; the digest is copied. */
export function cidFromDigest(codec: number, hash: HashName, bytes: Uint8Array): CID {
  if (bytes.length !== DIGEST_BYTES) throw new RangeError(`a digest has ${DIGEST_BYTES} bytes, not ${bytes.length}`)
  const cid = new Uint8Array(CID_BYTES)
  cid.set([1, codec, hashCode(hash), DIGEST_BYTES])
  cid.set(bytes, CID_BYTES - DIGEST_BYTES)
  return ofBytes(cid)
}

/**
 * The CID that these bytes are, which it goes on using; undefined unless it is version 1, raw or dag-pb, with a digest of pathmesh.
 * As `CID.decode`, which takes ten times as long: a tree of small files needs one for each several times.
 */
export function readCid(bytes: Uint8Array): CID | undefined {
  const [version, codec, hash = 0, length] = bytes
  const isKnown = version === 1 && (codec === RAW || codec === DAG_PB) && hashNameOfCode(hash) !== undefined
  return isKnown && length === DIGEST_BYTES && bytes.length === CID_BYTES ? ofBytes(bytes) : undefined
}

function ofBytes(bytes: Uint8Array): CID {
  const [, codec = 0, hash = 0] = bytes
  return new CID(1, codec, new Digest(hash, DIGEST_BYTES, bytes.subarray(4), bytes.subarray(2)), bytes)
}

/** The CID of a block. */
export function cidOf(codec: number, hash: HashName, bytes: Uint8Array): CID {
  return cidFromDigest(codec, hash, digest(hashCode(hash), bytes))
}

/** A short Map key for a CID that passed `checkCid`: codec, hash and digest as one character a byte. */
export function cidKey(cid: CID): string {
  const { buffer, byteOffset, byteLength } = cid.bytes
  return Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
}
