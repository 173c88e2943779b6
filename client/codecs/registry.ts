// Which codec there is for a value, and for bytes: those of programs first, the latest first, then those that come with pathmesh.
// Loads no optional package. Refuses to guess: what nothing encodes, or decodes, is CODEC_NOT_FOUND.

import { checkEncoding, type Encoding } from '../../proto/codec.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { arrowCodec } from './arrow.ts'
import { bytesCodec } from './bytes.ts'
import { cborCodec } from './cbor.ts'
import type { Codec } from './codec.ts'
import { handsOn } from './encoded-as.ts'
import { jsonCodec } from './json.ts'
import { polarsCodec } from './polars.ts'
import { safetensorsCodec } from './safetensors.ts'
import { textCodec } from './text.ts'

/** In the order in which they are asked whether they encode a value. Of one media type, the first reads what an unknown id wrote. */
const BUILT_IN: readonly Codec[] = [
  bytesCodec,
  textCodec,
  arrowCodec,
  polarsCodec,
  safetensorsCodec,
  cborCodec,
  jsonCodec
]
const registered: Codec[] = []

/**
 * Makes a codec known to this program: for values that it matches when they are put, and for Payloads that name it. The latest
 * is asked first. ALREADY_EXISTS for an id that another codec has.
 */
export function registerCodec<T>(codec: Codec<T>): void {
  checkEncoding({ codec: codec.id, mediaType: codec.mediaType })
  checkId(codec)
  if (!registered.includes(codec) && !BUILT_IN.includes(codec)) registered.unshift(codec)
}

/** Whether a codec that comes with pathmesh has this id. */
export const isBuiltIn = (id: string): boolean => BUILT_IN.some(codec => codec.id === id)

/** ALREADY_EXISTS for a codec with the id of another, which would be asked to decode what this one has encoded. */
export function checkId(codec: Codec): void {
  const other = known().find(({ id }) => id === codec.id)
  if (other === undefined || other === codec || handsOn(codec)) return
  throw new PathmeshError(
    'ALREADY_EXISTS',
    `there is a codec ${codec.id} already, for ${other.mediaType}: give this one an id of its own, such as ${codec.id}-2, or publish bytes that are encoded already with encodedAs()`
  )
}

/** The codec of an id. CODEC_NOT_FOUND. */
export function codecNamed(id: string): Codec {
  const found = known().find(codec => codec.id === id)
  if (found !== undefined) return found
  throw notFound(`no codec is called ${JSON.stringify(id)}: there are ${ids()}; registerCodec() adds others`)
}

/** The codec that encodes a value. CODEC_NOT_FOUND, saying what might. */
export function codecFor(value: unknown): Codec {
  const found = known().find(codec => codec.matches(value))
  if (found !== undefined) return found
  throw notFound(
    `nothing encodes ${described(value)}: make plain values, bytes, typed arrays or a table of it, or registerCodec() one that does`
  )
}

/**
 * What decodes bytes that were encoded so: the codec of that id, then the built-in ones that read the media type, for where what the
 * first needs is not installed. CODEC_NOT_FOUND where there is none.
 */
export function codecsOf({ codec: id, mediaType }: Encoding): readonly [Codec, ...Codec[]] {
  const bare = (type: string): string | undefined => type.split(';', 1)[0]
  // Bytes are read by everything: only who asks for them gets them.
  const others = BUILT_IN.filter(codec => codec !== bytesCodec && bare(codec.mediaType) === bare(mediaType))
  const named = known().filter(codec => codec.id === id)
  const [first, ...rest] = [...new Set([...named, ...others])]
  if (first !== undefined) return [first, ...rest]
  throw notFound(
    `this Payload was encoded by ${JSON.stringify(id)} (${mediaType}), which is not known here: registerCodec() it, or take its bytes with get({ as: 'bytes' })`
  )
}

const known = (): Codec[] => [...registered, ...BUILT_IN]
const ids = (): string =>
  known()
    .map(({ id }) => id)
    .join(', ')
const notFound = (message: string): PathmeshError => new PathmeshError('CODEC_NOT_FOUND', message)

function described(value: unknown): string {
  if (typeof value === 'function') return `the function ${value.name || 'without a name'}`
  if (typeof value === 'object' && value !== null) return `an object of class ${value.constructor?.name ?? 'unknown'}`
  return `a value of type ${typeof value}`
}
