// The codec of typed arrays and tensors: safetensors, as Python reads and writes it. Copies nothing on the way out, and next to
// nothing on the way in. Which values it takes is in safetensors-form.ts; what a file may say, in safetensors-header.ts.

import { mediaTypeOf } from '../../proto/codec.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { PAYLOAD_MEMORY_BYTES_MAX } from '../../proto/limits.ts'
import type { Codec, Source } from './codec.ts'
import { arrayOver, checkByteOrder, itemBytes } from './safetensors-dtype.ts'
import {
  matchesTensors,
  tensorsOf,
  valueOf,
  type DecodedTensors,
  type NamedTensor,
  type TensorsValue
} from './safetensors-form.ts'
import {
  FIRST_READ_BYTES,
  headerEnd,
  parseHeader,
  PREFIX_BYTES,
  printHeader,
  type Header,
  type Place
} from './safetensors-header.ts'
import { quoted } from './tensor.ts'

export type { DecodedTensors, TensorsValue } from './safetensors-form.ts'

/** Bytes of one piece: no write of the operating system takes more than 2 GiB, and whoever cancels waits for one. */
const PIECE_BYTES = 64 * 1024 * 1024

/**
 * Typed arrays (other than of bytes), tensors, and objects or Maps of them. Names keep their order; the data lies sorted by the size
 * of its elements, so that all of it is aligned. What was one typed array, one tensor or an object of typed arrays is that again;
 * everything else is an object of tensors by name, as is what another program wrote. Bytes are U8, if this codec is asked for by
 * name. In a decoded value the tensors share memory, which is nobody else's.
 */
export const safetensorsCodec = {
  id: 'safetensors',
  mediaType: mediaTypeOf('safetensors'),
  matches: matchesTensors,
  encode,
  decode
} satisfies Codec<TensorsValue>

/** The pieces are views of the value's memory; they can be gone through again. */
function encode(value: TensorsValue): Iterable<Uint8Array> {
  checkByteOrder()
  const { tensors, metadata } = tensorsOf(value)
  const stored = tensors
    .map(({ name, tensor }, index) => ({ index, name, ...tensor, bytes: bytesOf(name, tensor.data) }))
    .sort((a, b) => itemBytes(b.dtype) - itemBytes(a.dtype))
  let end = 0
  const placed = stored.map(({ index, name, dtype, shape, bytes }) => {
    const begin = end
    end += bytes.length
    return { index, name, dtype, shape, begin, end }
  })
  const header = printHeader(
    placed.sort((a, b) => a.index - b.index),
    metadata
  )
  const views = stored.map(({ bytes }) => bytes)
  return { [Symbol.iterator]: () => pieces(header, views) }
}

function* pieces(header: Uint8Array, views: readonly Uint8Array[]): Generator<Uint8Array, void> {
  yield header
  for (const view of views)
    for (let at = 0; at < view.length; at += PIECE_BYTES) yield view.subarray(at, at + PIECE_BYTES)
}

function decode(source: Source): DecodedTensors {
  checkByteOrder()
  const { tensors, metadata } = readHeader(source)
  const read = source.size <= PAYLOAD_MEMORY_BYTES_MAX ? readWhole(source) : readEach(source, tensors)
  const named: NamedTensor[] = []
  for (const [name, place] of tensors) {
    const { dtype, shape } = place
    named.push({ name, tensor: { dtype, shape, data: arrayOver(dtype, read(place)) } })
  }
  return valueOf(named, metadata)
}

function readHeader(source: Source): Header {
  const first = source.read(0, Math.min(FIRST_READ_BYTES, source.size))
  const end = headerEnd(first, source.size)
  const bytes = end <= first.length ? first.subarray(PREFIX_BYTES, end) : source.read(PREFIX_BYTES, end)
  return parseHeader(bytes, source.size)
}

function readWhole(source: Source): (place: Place) => Uint8Array {
  const bytes = source.bytes()
  return ({ start, end }) => bytes.subarray(start, end)
}

function readEach(source: Source, tensors: Header['tensors']): (place: Place) => Uint8Array {
  for (const [name, { start, end }] of tensors) {
    if (end - start > PAYLOAD_MEMORY_BYTES_MAX)
      throw new PathmeshError(
        'TOO_LARGE',
        `tensor ${quoted(name)} has ${end - start} bytes, and one piece of memory holds ${PAYLOAD_MEMORY_BYTES_MAX}: ` +
          'payload.tensors() reads parts of it'
      )
  }
  return ({ start, end }) => source.read(start, end)
}

/** The memory of an array as bytes. One that was transferred to another thread looks empty, and is not. */
function bytesOf(name: string, { buffer, byteOffset, byteLength }: NodeJS.TypedArray): Uint8Array {
  try {
    return new Uint8Array(buffer, byteOffset, byteLength)
  } catch (error) {
    throw new PathmeshError('INVALID_ARGUMENT', `the memory of tensor ${quoted(name)} was handed to another thread`, {
      cause: error
    })
  }
}
