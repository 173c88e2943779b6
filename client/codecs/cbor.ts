// CBOR, for values of any language: what is chosen for plain data. Refuses what has no form rather than change it, and believes
// no byte of what it reads.

import { types } from 'node:util'
import { mediaTypeOf } from '../../proto/codec.ts'
import { decodeCbor } from './cbor-decode.ts'
import { encodeCbor } from './cbor-encode.ts'
import type { Codec } from './codec.ts'
import { isBareBuiltin, isPlainList, isPlainObject } from './plain-data.ts'

/**
 * RFC 8949. Comes back as it was: null, undefined, booleans, every number (-0, NaN, Infinity), strings, bigints of any size (tags
 * 2 and 3), Dates (tag 1), Maps with any keys (tag 259), Sets (tag 258), Uint8Arrays (as bytes; a Buffer or an ArrayBuffer comes
 * back as one), the other typed arrays (RFC 8746), arrays and plain objects, in any nesting and with their order. An object
 * without a prototype comes back as a plain one.
 *
 * Encoding throws, naming the key: CODEC_NOT_FOUND for functions, symbols, instances of classes, Proxies, getters (which do not
 * run) and holes in lists; INVALID_ARGUMENT for cycles, a key `__proto__`, half surrogate pairs and invalid Dates; TOO_LARGE past
 * VALUE_DEPTH_MAX or PAYLOAD_MEMORY_BYTES_MAX. What else an array, a Map or a Date has as properties is not looked at.
 *
 * From other languages: integers past 2^53 - 1 become bigints, maps whose keys are not all text Maps, dates as text (tag 0) Dates
 * to the millisecond, big-endian arrays and float16 too. CORRUPT, naming the key, for bytes that are not such CBOR, keys and items
 * of Sets that are there twice, and a key `__proto__`; CODEC_NOT_FOUND for CBOR in order that has no value here: other tags and
 * simple values, texts and bytes in pieces.
 */
export const cborCodec: Codec = {
  id: 'cbor',
  mediaType: mediaTypeOf('cbor'),
  matches: (value): value is unknown => {
    if (typeof value !== 'object') return ['boolean', 'number', 'bigint'].includes(typeof value)
    if (value === null || isPlainList(value) || isPlainObject(value) || types.isUint8ClampedArray(value)) return true
    return (types.isMap(value) || types.isSet(value) || types.isDate(value)) && isBareBuiltin(value)
  },
  encode: value => encodeCbor(value),
  decode: source => decodeCbor(source.bytes())
}
