// The codecs that the command knows: those that come with pathmesh. A program may register others; a shell has no place for one.

import { InvalidArgumentError } from 'commander'
import { arrowCodec } from '../codecs/arrow.ts'
import { bytesCodec } from '../codecs/bytes.ts'
import { cborCodec } from '../codecs/cbor.ts'
import type { Codec } from '../codecs/codec.ts'
import { jsonCodec } from '../codecs/json.ts'
import { polarsCodec } from '../codecs/polars.ts'
import { safetensorsCodec } from '../codecs/safetensors.ts'
import { textCodec } from '../codecs/text.ts'

const KNOWN: readonly Codec[] = [bytesCodec, textCodec, jsonCodec, cborCodec, arrowCodec, polarsCodec, safetensorsCodec]

/** Their ids, for people. */
export const KNOWN_CODECS = KNOWN.map(({ id }) => id).join(', ')

/** The codec of this id, if the command knows it. */
export function knownCodec(id: string): Codec | undefined {
  return KNOWN.find(codec => codec.id === id)
}

/** The id of a codec that the command can decode with. */
export function parseKnownCodec(text: string): string {
  if (knownCodec(text) !== undefined) return text
  throw new InvalidArgumentError(`It is one of ${KNOWN_CODECS}.`)
}
