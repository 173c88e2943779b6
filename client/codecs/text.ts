// Text as UTF-8, byte for byte: a byte order mark stays, and what is not UTF-8 is refused rather than repaired.

import { constants, isUtf8 } from 'node:buffer'
import { mediaTypeOf } from '../../proto/codec.ts'
import { PathmeshError } from '../../proto/errors.ts'
import type { Codec } from './codec.ts'
import { unencodable } from './plain-data.ts'

/**
 * A string. INVALID_ARGUMENT for one with half of a surrogate pair, which UTF-8 has no bytes for; CORRUPT for bytes that are not
 * UTF-8; TOO_LARGE for more than a string of this runtime holds.
 */
export const textCodec: Codec<string> = {
  id: 'text',
  mediaType: mediaTypeOf('text'),
  matches: value => typeof value === 'string',
  encode: value => {
    if (typeof value !== 'string') throw unencodable(value, [])
    const half = loneSurrogate(value)
    if (half === undefined) return new TextEncoder().encode(value)
    throw new PathmeshError(
      'INVALID_ARGUMENT',
      `character ${half} of this text is half of a surrogate pair, which UTF-8 cannot hold: cut texts between characters, or ` +
        `replace such halves with toWellFormed()`
    )
  },
  decode: source => utf8Text(source.bytes(), 'this text')
}

/** Bytes as text, with its byte order mark. `what` names them in an error. */
export function utf8Text(bytes: Uint8Array, what: string): string {
  if (bytes.length > constants.MAX_STRING_LENGTH)
    throw new PathmeshError(
      'TOO_LARGE',
      `${what} has ${bytes.length} bytes, and a string holds ${constants.MAX_STRING_LENGTH}: read the bytes with as: 'bytes'`
    )
  if (!isUtf8(bytes)) throw new PathmeshError('CORRUPT', `${what} is not UTF-8: its bytes can be had with as: 'bytes'`)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
}

/** Where a text has the first half of a surrogate pair without the other. */
export function loneSurrogate(text: string): number | undefined {
  if (text.isWellFormed()) return undefined
  return text.search(/\p{Surrogate}/u)
}
