// JSON, for whoever asks for it by name: refuses to lose anything silently. Never chosen by itself, since CBOR holds more.

import { constants } from 'node:buffer'
import { mediaTypeOf } from '../../proto/codec.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { VALUE_DEPTH_MAX } from '../../proto/limits.ts'
import type { Codec } from './codec.ts'
import { jsonPieces } from './json-writer.ts'
import { atKey, formatKeyPath, printable, type KeyStep } from './key-path.ts'
import { utf8Text } from './text.ts'

/**
 * null, booleans, finite numbers, strings, arrays and plain objects; and what has a `toJSON`, as that gives: a Path or a Payload
 * travels so. CODEC_NOT_FOUND, naming the key, for what JSON would drop or turn into something else; INVALID_ARGUMENT for a
 * cycle and a key `__proto__`; TOO_LARGE past VALUE_DEPTH_MAX or the longest string.
 *
 * Decoding refuses text that is not JSON or not UTF-8, is deeper than VALUE_DEPTH_MAX, or has a key `__proto__`, with CORRUPT.
 */
export const jsonCodec: Codec = {
  id: 'json',
  mediaType: mediaTypeOf('json'),
  matches: (_value): _value is unknown => false,
  encode: value => {
    const pieces = jsonPieces(value)
    const size = pieces.reduce((sum, piece) => sum + piece.length, 0)
    if (size <= constants.MAX_STRING_LENGTH) return pieces
    throw new PathmeshError(
      'TOO_LARGE',
      `${size} bytes of JSON are more than one string holds, ${constants.MAX_STRING_LENGTH}: the codec cbor takes such a value`
    )
  },
  decode: source => {
    const bytes = source.bytes()
    const text = utf8Text(bytes, 'this JSON')
    checkDepth(bytes)
    const value = parsed(text.startsWith('\uFEFF') ? text.slice(1) : text)
    if (PROTO_KEY.test(text)) refuseProto(value, [])
    return value
  }
}

/** What may be a key `__proto__`, with any of its letters written as escapes. */
const PROTO_KEY =
  /"(?:_|\\u005f){2}(?:p|\\u0070)(?:r|\\u0072)(?:o|\\u006f)(?:t|\\u0074)(?:o|\\u006f)(?:_|\\u005f){2}"\s*:/i

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new PathmeshError('CORRUPT', `this is not JSON: ${printable(why)}`, { cause: error })
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Before the parser sees it, and whoever goes through its value by recursion. */
function checkDepth(bytes: Uint8Array): void {
  let depth = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      for (at++; at < bytes.length && bytes[at] !== QUOTE; at++) if (bytes[at] === BACKSLASH) at++
    } else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > VALUE_DEPTH_MAX)
        throw new PathmeshError(
          'CORRUPT',
          `this JSON has more than ${VALUE_DEPTH_MAX} lists and objects inside each other at byte ${at}`
        )
    } else if (byte === 0x5d || byte === 0x7d) depth--
  }
}

function refuseProto(value: unknown, steps: KeyStep[]): void {
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    steps.push(Array.isArray(value) ? Number(key) : key)
    if (key === '__proto__')
      throw new PathmeshError(
        'CORRUPT',
        `this JSON has a key "__proto__" ${atKey(steps)}, which would change what objects are`,
        { details: { key: formatKeyPath(steps) } }
      )
    refuseProto(inner, steps)
    steps.pop()
  }
}
