// The kinds of elements that a safetensors file holds, and which typed array each is in. Only kinds that whole elements of an
// array can stand for: no packed ones, no complex numbers.

import { endianness } from 'node:os'
import { types } from 'node:util'
import { PathmeshError } from '../../proto/errors.ts'

/** The kind of a tensor's elements, as safetensors names it. `F8_E4M3` is the variant without infinities (OCP's, `fn`). */
export type Dtype =
  | 'F64'
  | 'F32'
  | 'F16'
  | 'BF16'
  | 'I64'
  | 'I32'
  | 'I16'
  | 'I8'
  | 'U64'
  | 'U32'
  | 'U16'
  | 'U8'
  | 'BOOL'
  | 'F8_E4M3'
  | 'F8_E5M2'

/** Memory of a tensor's elements. */
export type TypedArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array

interface ArrayKind {
  readonly BYTES_PER_ELEMENT: number
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray
}

/** For each kind, the array that it is handed out in: raw bits where the language has no such number. */
const ARRAYS: Readonly<Record<Dtype, ArrayKind>> = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U64: BigUint64Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
  F8_E4M3: Uint8Array,
  F8_E5M2: Uint8Array
}

/** Kinds of the format for which there is no array here: less than a byte, pairs, and scales. */
const OTHERS = new Set(['C64', 'F4', 'F6_E2M3', 'F6_E3M2', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ', 'F8_E8M0'])

/** What onnxruntime, ndarray, tfjs and numpy call them, beyond their names in small letters. */
const ALIASES: Readonly<Record<string, Dtype>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  bigint64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint64: 'U64',
  biguint64: 'U64',
  uint32: 'U32',
  uint16: 'U16',
  uint8: 'U8',
  uint8_clamped: 'U8',
  bool: 'BOOL',
  float8_e4m3fn: 'F8_E4M3',
  float8_e5m2: 'F8_E5M2'
}

export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(ARRAYS, name)
}

/** Whether it is a kind of the format that is none of `Dtype`. */
export function isOtherDtype(name: string): boolean {
  return OTHERS.has(name)
}

/** The kind that a library means by a name (`float32`), or that is meant by its own (`F32`). */
export function dtypeNamed(name: unknown): Dtype | undefined {
  if (typeof name !== 'string') return undefined
  if (isDtype(name)) return name
  return Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined
}

/** Bytes of one element. */
export function itemBytes(dtype: Dtype): number {
  return ARRAYS[dtype].BYTES_PER_ELEMENT
}

const OWN: readonly [is: (value: unknown) => boolean, dtype: Dtype][] = [
  [isFloat16Array, 'F16'],
  [types.isFloat64Array, 'F64'],
  [types.isFloat32Array, 'F32'],
  [types.isBigInt64Array, 'I64'],
  [types.isBigUint64Array, 'U64'],
  [types.isInt32Array, 'I32'],
  [types.isUint32Array, 'U32'],
  [types.isInt16Array, 'I16'],
  [types.isUint16Array, 'U16'],
  [types.isInt8Array, 'I8'],
  [types.isUint8Array, 'U8'],
  [types.isUint8ClampedArray, 'U8']
]

/** The kind that a typed array, of whatever realm, has by itself. */
export function dtypeOf(value: unknown): Dtype | undefined {
  return OWN.find(([is]) => is(value))?.[1]
}

/** The memory of `array` as what `dtype` is handed out in, not copied; undefined where its elements are not of that kind. */
export function arrayAs(dtype: Dtype, array: NodeJS.TypedArray): TypedArray | undefined {
  const own = dtypeOf(array)
  const isBits = (own === 'U16' && ARRAYS[dtype] === Uint16Array) || (own === 'U8' && ARRAYS[dtype] === Uint8Array)
  if (own !== dtype && !isBits) return undefined
  const kind = ARRAYS[dtype]
  if (array.constructor === kind && array instanceof kind) return array
  return new kind(array.buffer, array.byteOffset, array.length)
}

/** A tensor of such bytes: a view of them, or of a copy where they do not begin where such an array may. */
export function arrayOver(dtype: Dtype, bytes: Uint8Array): TypedArray {
  const kind = ARRAYS[dtype]
  const isAligned = bytes.byteOffset % kind.BYTES_PER_ELEMENT === 0
  const memory = isAligned ? bytes : new Uint8Array(bytes)
  return new kind(memory.buffer, memory.byteOffset, memory.byteLength / kind.BYTES_PER_ELEMENT)
}

/**
 * The typed array that alone means `dtype`: the same memory; for F16 a Float16Array where this runtime has it. Undefined for kinds
 * that no typed array means by itself.
 */
export function bareArray(dtype: Dtype, data: TypedArray): NodeJS.TypedArray | undefined {
  if (dtypeOf(data) === dtype) return data
  const float16: unknown = Reflect.get(globalThis, 'Float16Array')
  if (dtype !== 'F16' || typeof float16 !== 'function') return undefined
  const made: unknown = Reflect.construct(float16, [data.buffer, data.byteOffset, data.length])
  return types.isTypedArray(made) ? made : undefined
}

/** The format is little-endian, and views of it are as the machine is. CODEC_NOT_FOUND where that is the other way round. */
export function checkByteOrder(order: 'LE' | 'BE' = endianness()): void {
  if (order === 'LE') return
  throw new PathmeshError(
    'CODEC_NOT_FOUND',
    'safetensors is little-endian, and this machine is not: register a codec that swaps bytes, or read `payload.bytes()`'
  )
}

/** Float16Array is younger than the oldest Node that runs this. */
function isFloat16Array(value: unknown): boolean {
  if (!types.isTypedArray(value)) return false
  const tag: string = value[Symbol.toStringTag]
  return tag === 'Float16Array'
}
