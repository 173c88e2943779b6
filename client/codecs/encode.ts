// The codecs of Payloads, for files: a value to bytes and back. Publishes nothing, and opens no file.

import type { Codec } from './codec.ts'
import { codecFor, codecNamed } from './registry.ts'
import { memorySource } from './source.ts'

/**
 * The bytes of a value, as a Payload of it would have them, in pieces: `await path.writeFile(encode(weights, 'safetensors'))`. Without
 * a codec the value decides. They are made as they are read, once, and so late come the codec's errors; CODEC_NOT_FOUND, for an id that
 * is not known or a value that nothing encodes, is thrown at once. The value is not to be changed until the last piece was read.
 */
export function encode<T>(value: T, codec?: string | Codec<T>): AsyncGenerator<Uint8Array, void, undefined> {
  return piecesOf(value, codec === undefined ? codecFor(value) : codecOf(codec))
}

/**
 * The value of bytes that were encoded by `codec`, its id or one itself. CODEC_NOT_FOUND for an id that is not known; CORRUPT for
 * bytes that are not of its form. The value may lie in the memory of the bytes, which are not to be changed after this.
 */
export async function decode<T = unknown>(bytes: Uint8Array, codec: string | Codec<T>): Promise<T> {
  const decoder = codecOf(codec)
  await decoder.ready?.()
  const source = memorySource(bytes)
  try {
    const value: unknown = await decoder.decode(source)
    claim<T>(value)
    return value
  } finally {
    source.close()
  }
}

async function* piecesOf<T>(value: T, codec: Codec<T>): AsyncGenerator<Uint8Array, void, undefined> {
  await codec.ready?.()
  const pieces = await codec.encode(value)
  if (pieces instanceof Uint8Array) yield pieces
  else yield* pieces
}

const codecOf = <T>(codec: string | Codec<T>): Codec<T> | Codec =>
  typeof codec === 'string' ? codecNamed(codec) : codec

// What a codec made of the bytes is what the program said that they are: nobody else can know.
// oxlint-disable-next-line no-unused-vars, typescript/no-unnecessary-type-parameters -- only the compiler is told
function claim<T>(_: unknown): asserts _ is T {}
