// Bytes as they are: what somebody else encoded, or a stream of it. Nothing is copied on the way out, and nothing is looked into.

import { types } from 'node:util'
import { mediaTypeOf } from '../../proto/codec.ts'
import type { Codec, Pieces } from './codec.ts'
import { unencodable } from './plain-data.ts'

/** What is sent as its bytes. A Node Readable and a web ReadableStream are AsyncIterables. Comes back as a Uint8Array. */
export type BytesValue = Uint8Array | ArrayBuffer | Blob | AsyncIterable<Uint8Array>

/**
 * Bytes, an ArrayBuffer, a Blob, or a stream of Uint8Arrays, whose pieces are passed on one by one. Fails with CODEC_NOT_FOUND
 * at a piece that is anything else, such as the text of a stream with an encoding.
 */
export const bytesCodec: Codec<BytesValue> = {
  id: 'bytes',
  mediaType: mediaTypeOf('bytes'),
  matches: (value): value is BytesValue =>
    types.isUint8Array(value) || types.isArrayBuffer(value) || value instanceof Blob || isStream(value),
  encode: (value): Pieces => {
    if (types.isUint8Array(value)) return value
    if (types.isArrayBuffer(value)) return new Uint8Array(value)
    if (value instanceof Blob) return checked(value.stream())
    if (isStream(value)) return checked(value)
    throw unencodable(value, [])
  },
  decode: source => {
    const bytes = source.bytes()
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  }
}

/** Whether it is read once, as it comes. */
export function isStream(value: unknown): value is AsyncIterable<Uint8Array> {
  if (typeof value !== 'object' || value === null) return false
  return Symbol.asyncIterator in value && typeof value[Symbol.asyncIterator] === 'function'
}

async function* checked(pieces: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  let at = 0
  for await (const piece of pieces) {
    if (!types.isUint8Array(piece)) throw unencodable(piece, [at])
    yield piece
    at++
  }
}
