// Owns the one door through which content comes in: a CID of an accepted form, and bytes that match it.
// Refuses every other CID at once, and bytes that are too many or wrong; nothing is stored, counted or sent before.

import { CID } from 'multiformats/cid'
import { PathmeshError } from '../../proto/errors.ts'
import { BLOCK_BYTES_MAX, CID_TEXT_CHARS_MAX } from '../../proto/limits.ts'
import { CID_BYTES, DAG_PB, DIGEST_BYTES, RAW, digest, hashNameOfCode, readCid } from './multihash.ts'

/**
 * Refuses (INVALID_ARGUMENT) every CID that is not version 1, raw or dag-pb, with a 32-byte BLAKE3 or SHA2-256 digest,
 * in its shortest encoding: one content, one CID, one key.
 */
export function checkCid(cid: CID): void {
  const { bytes } = cid
  const [version = 0, codec = 0, hash = 0, length = 0] = bytes
  const accepted =
    version === 1 &&
    (codec === RAW || codec === DAG_PB) &&
    hashNameOfCode(hash) !== undefined &&
    length === DIGEST_BYTES
  if (accepted && bytes.length === CID_BYTES) return
  throw new PathmeshError(
    'INVALID_ARGUMENT',
    `${cid.toString()} is not a CID of pathmesh: version 1, raw or dag-pb, blake3 or sha2-256 with 32 bytes`
  )
}

/** The CID that these bytes are, of a form that `checkCid` accepts; else INVALID_ARGUMENT, or what multiformats throws. */
export function decodeCid(bytes: Uint8Array): CID {
  const known = readCid(bytes)
  if (known !== undefined) return known
  const cid = CID.decode(bytes)
  checkCid(cid)
  return cid
}

/** The CID in a text, of a form that `checkCid` accepts; else INVALID_ARGUMENT. */
export function parseCid(text: string): CID {
  const quoted = JSON.stringify(text.slice(0, CID_TEXT_CHARS_MAX))
  if (text.length > CID_TEXT_CHARS_MAX) throw new PathmeshError('INVALID_ARGUMENT', `${quoted}… is too long for a CID`)
  const cid = parse(text, quoted)
  checkCid(cid)
  return cid
}

function parse(text: string, quoted: string): CID {
  try {
    return CID.parse(text)
  } catch (cause) {
    throw new PathmeshError('INVALID_ARGUMENT', `${quoted} is not a CID`, { cause })
  }
}

/** Throws CORRUPT unless `bytes` are what `cid` names, and at most BLOCK_BYTES_MAX of them. */
export function verify(cid: CID, bytes: Uint8Array): void {
  checkCid(cid)
  if (bytes.length > BLOCK_BYTES_MAX) {
    throw new PathmeshError('CORRUPT', `${cid.toString()}: a block of ${bytes.length} bytes is over ${BLOCK_BYTES_MAX}`)
  }
  const expected = cid.multihash.digest
  if (Buffer.compare(digest(cid.multihash.code, bytes), expected) !== 0) {
    throw new PathmeshError('CORRUPT', `${cid.toString()}: ${bytes.length} bytes do not match this hash`)
  }
}
