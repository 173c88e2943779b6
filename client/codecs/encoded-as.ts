// Bytes that are encoded already, by another program or library: published under the id of their codec, as they are. Nothing looks
// into them here; who decodes them does.

import { checkEncoding, mediaTypeOf } from '../../proto/codec.ts'
import type { Codec, Pieces } from './codec.ts'

const handingOn = new WeakSet<Codec>()

/** For `mesh.put(name, bytes, { codec: encodedAs('arrow') })`. INVALID_ARGUMENT for what is no id, or no media type. */
export function encodedAs(id: string, mediaType: string = mediaTypeOf(id)): Codec<Pieces> {
  checkEncoding({ codec: id, mediaType })
  const codec: Codec<Pieces> = {
    id,
    mediaType,
    // oxlint-disable-next-line no-unused-vars -- it is asked for by name: bytes have a codec of their own
    matches: (_): _ is Pieces => false,
    encode: pieces => pieces,
    decode: source => source.bytes()
  }
  handingOn.add(codec)
  return codec
}

/** Whether a codec only hands on, and so may have the id of another. */
export const handsOn = (codec: Codec): boolean => handingOn.has(codec)
