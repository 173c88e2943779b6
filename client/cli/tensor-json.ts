// A tensor on its way to JSON: the numbers that its elements are, where the runtime has only their bits. Computes nothing else.

import { types } from 'node:util'
import { float16 } from '../codecs/cbor-tags.ts'
import { isPlain } from '../codecs/tensor.ts'
import { JsonFields, JsonNumbers } from './json-form.ts'

type Read = (bits: number) => unknown

/** What the elements of these kinds are; those of all others are numbers already. */
const READ: Readonly<Record<string, Read>> = {
  F16: float16,
  BF16: bits => bfloat16(bits),
  F8_E5M2: bits => float16(bits << 8),
  F8_E4M3: bits => float8(bits),
  BOOL: bits => bits !== 0
}

/** A tensor, as the codec safetensors decodes one, with its elements as a list; undefined for any other object. */
export function tensorForm(value: object): JsonFields | undefined {
  if (!isPlain(value) || !('dtype' in value && 'shape' in value && 'data' in value)) return undefined
  const { dtype, shape, data, ...others } = value
  if (typeof dtype !== 'string' || !Array.isArray(shape) || !types.isTypedArray(data)) return undefined
  if (Object.keys(others).length > 0) return undefined
  return new JsonFields([
    ['dtype', dtype],
    ['shape', shape],
    ['data', new JsonNumbers(data, Object.hasOwn(READ, dtype) ? READ[dtype] : undefined)]
  ])
}

/** The upper half of a float of four bytes. */
function bfloat16(bits: number): number {
  return new DataView(Uint8Array.of(bits >> 8, bits & 255, 0, 0).buffer).getFloat32(0)
}

/** One sign bit, four of exponent with bias 7, three of fraction; no infinities, and one NaN for each sign. */
function float8(bits: number): number {
  const exponent = (bits >> 3) & 15
  const fraction = bits & 7
  if (exponent === 15 && fraction === 7) return NaN
  const size = exponent === 0 ? fraction * 2 ** -9 : (8 + fraction) * 2 ** (exponent - 10)
  return bits >> 7 === 0 ? size : -size
}
