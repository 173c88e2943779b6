// How the value of a Payload is encoded: the id of a codec and the media type of its bytes. Names only; what they mean is known
// to clients. Refuses what is no id and no media type.

import { PathmeshError } from './errors.ts'
import { CODEC_ID_CHARS_MAX, MEDIA_TYPE_CHARS_MAX } from './limits.ts'

export interface Encoding {
  readonly codec: string
  readonly mediaType: string
}

export const CODEC_ID = /^[A-Za-z0-9][A-Za-z0-9._+/-]*$/
/** `type/subtype` and parameters: RFC 6838 section 4.2, RFC 9110 section 8.3.1. */
export const MEDIA_TYPE =
  /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*(?: ?; ?[A-Za-z0-9!#$&^_.+-]+=(?:[A-Za-z0-9!#$&^_.+-]+|"[ !#-[\]-~]*"))*$/

const MEDIA_TYPES: ReadonlyMap<string, string> = new Map([
  ['bytes', 'application/octet-stream'],
  ['text', 'text/plain;charset=utf-8'],
  ['json', 'application/json'],
  ['cbor', 'application/cbor'],
  ['arrow', 'application/vnd.apache.arrow.file'],
  ['polars', 'application/vnd.apache.arrow.file'],
  ['safetensors', 'application/vnd.safetensors']
])

/** The media type of a codec that comes with pathmesh; of any other that of bytes. */
export function mediaTypeOf(codec: string): string {
  return MEDIA_TYPES.get(codec) ?? 'application/octet-stream'
}

/** Refuses what is no id of a codec, and what is no media type. INVALID_ARGUMENT. */
export function checkEncoding({ codec, mediaType }: Encoding): void {
  if (codec.length > CODEC_ID_CHARS_MAX || !CODEC_ID.test(codec))
    throw new PathmeshError(
      'INVALID_ARGUMENT',
      `${JSON.stringify(codec)} is no id of a codec: letters, digits and . _ + - /, at most ${CODEC_ID_CHARS_MAX}`
    )
  if (mediaType.length > MEDIA_TYPE_CHARS_MAX || !MEDIA_TYPE.test(mediaType))
    throw new PathmeshError('INVALID_ARGUMENT', `${JSON.stringify(mediaType)} is no media type: type/subtype`)
}
