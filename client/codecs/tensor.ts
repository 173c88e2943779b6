// A tensor: a kind of number, a shape, and the memory of its elements in row-major order. Takes those of other libraries for one,
// without importing them. Computes nothing.

import { types } from 'node:util'
import { PathmeshError } from '../../proto/errors.ts'
import { arrayAs, dtypeNamed, dtypeOf, itemBytes, type Dtype, type TypedArray } from './safetensors-dtype.ts'

export type { Dtype, TypedArray } from './safetensors-dtype.ts'

/** Numbers of one kind in some dimensions. */
export interface Tensor {
  readonly dtype: Dtype
  /** Elements along each dimension; none for a single number. */
  readonly shape: readonly number[]
  /**
   * The elements, the last dimension running fastest: as many as the product of `shape`. F16 and BF16 are a Uint16Array of their
   * raw bits (`new Float16Array(data.buffer, data.byteOffset, data.length)` where the runtime has it), BOOL a Uint8Array of 0 and 1
   * (which nobody checks), F8_E4M3 and F8_E5M2 a Uint8Array of their raw bits.
   */
  readonly data: TypedArray
}

/** What other libraries have instead: onnxruntime's `{type, dims, data}`, `{dtype, shape, data}` of ndarray, and tfjs' tensors. */
export type TensorLike =
  | Tensor
  | { readonly type: string; readonly dims: readonly number[]; readonly data: unknown }
  | { readonly dtype: string; readonly shape: readonly number[]; readonly data: unknown }

/** What a plain object may have and be a tensor: one with anything more would lose it. */
const FIELDS = new Set(['dtype', 'type', 'shape', 'dims', 'data', 'stride', 'offset'])

/**
 * A tensor over `data`, which is not copied: of one dimension unless `shape` is given, and of the kind that the array has. A
 * Uint16Array may be given as F16 or BF16, a Uint8Array as BOOL, F8_E4M3 or F8_E5M2; a Float16Array is F16. INVALID_ARGUMENT where
 * the product of `shape` is not the number of elements, or the array is not for that dtype.
 */
export function tensor(data: NodeJS.TypedArray, shape: readonly number[] = [data.length], dtype?: Dtype): Tensor {
  const kind = dtype ?? dtypeOf(data)
  if (kind === undefined)
    throw new PathmeshError('INVALID_ARGUMENT', 'the data of a tensor is a typed array: Float32Array.from(numbers)')
  return checked('the tensor', kind, shape, data)
}

/** Whether `toTensor` takes it for one. Looks at what it has, not at whether that fits. */
export function isTensor(value: unknown): value is TensorLike {
  return partsOf(value) !== undefined
}

/**
 * A tensor over the memory of another library's, or of a typed array. What is shared is not copied. `name` is for the errors:
 * CODEC_NOT_FOUND for anything else, and for kinds of elements that there are no typed arrays for; INVALID_ARGUMENT for a tensor
 * whose parts do not fit each other, whose memory is elsewhere, or whose elements do not lie one behind the other.
 */
export function toTensor(value: unknown, name?: string): Tensor {
  const what = name === undefined ? 'the tensor' : `tensor ${quoted(name)}`
  const own = dtypeOf(value)
  if (own !== undefined && types.isTypedArray(value)) return checked(what, own, [value.length], value)
  const parts = partsOf(value)
  if (parts === undefined)
    throw new PathmeshError(
      'CODEC_NOT_FOUND',
      `${what} is ${kindOf(value)}: safetensors holds typed arrays and tensors, {dtype: 'F32', shape, data: Float32Array}`
    )
  const data = parts.data()
  if (types.isTypedArray(data)) return checked(what, parts.dtype, parts.shape, rowMajor(what, parts, data))
  throw new PathmeshError(
    'INVALID_ARGUMENT',
    `${what} has no data that can be read here: fetch it from its device first`,
    {
      cause: data
    }
  )
}

/** The product of a shape, or undefined where it is not one or what it holds cannot be counted: even with a 0 among the others. */
export function elementsOf(shape: readonly number[], bytesEach: number): number | undefined {
  let product = 1
  let isEmpty = false
  for (const length of shape) {
    if (!Number.isSafeInteger(length) || length < 0) return undefined
    if (length === 0) isEmpty = true
    else product *= length
    if (product * bytesEach > Number.MAX_SAFE_INTEGER) return undefined
  }
  return isEmpty ? 0 : product
}

/** A name as an error shows it. */
export function quoted(name: string): string {
  return JSON.stringify(name.length <= 100 ? name : `${name.slice(0, 100)}…`)
}

interface Parts {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** A typed array, or why there is none. */
  readonly data: () => unknown
  readonly stride: unknown
  readonly offset: unknown
}

function partsOf(value: unknown): Parts | undefined {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return undefined
  const dtype = dtypeNamed(field(value, 'dtype') ?? field(value, 'type'))
  const shape = field(value, 'shape') ?? field(value, 'dims')
  if (dtype === undefined || !isNumbers(shape)) return undefined
  if (isPlain(value) && Object.keys(value).some(key => !FIELDS.has(key))) return undefined
  const data = dataOf(value)
  if (data === undefined) return undefined
  return { dtype, shape, data, stride: field(value, 'stride'), offset: field(value, 'offset') }
}

/** The data of tfjs has to be asked for, which may take long; that of onnxruntime is a getter that throws for another device. */
function dataOf(value: object): (() => unknown) | undefined {
  const ask = field(value, 'dataSync')
  const read = (): unknown => {
    try {
      return typeof ask === 'function' ? Reflect.apply(ask, value, []) : field(value, 'data')
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }
  if (typeof ask === 'function') return read
  const data = read()
  return types.isTypedArray(data) || data instanceof Error ? () => data : undefined
}

/** The part of `data` that an ndarray shows: a view of some of it has an offset, and strides of its own. */
function rowMajor(what: string, parts: Parts, data: NodeJS.TypedArray): NodeJS.TypedArray {
  const { shape, stride, offset = 0 } = parts
  const count = elementsOf(shape, itemBytes(parts.dtype))
  if (!isNumbers(stride) || count === undefined) return data
  let expected = 1
  for (let axis = shape.length - 1; axis >= 0 && count > 0; axis -= 1) {
    const length = shape[axis] ?? 0
    if (length !== 1 && stride[axis] !== expected)
      throw new PathmeshError(
        'INVALID_ARGUMENT',
        `${what} is a view whose elements do not lie one behind the other (stride ${stride.join(', ')}): copy it first`
      )
    expected *= length
  }
  return typeof offset === 'number' ? data.subarray(offset, offset + count) : data
}

function checked(what: string, dtype: Dtype, shape: readonly number[], data: NodeJS.TypedArray): Tensor {
  const count = elementsOf(shape, itemBytes(dtype))
  if (count === undefined)
    throw new PathmeshError(
      'INVALID_ARGUMENT',
      `${what} has a shape that cannot be: [${shape.slice(0, 16).join(', ')}]`
    )
  if (count !== data.length)
    throw new PathmeshError(
      'INVALID_ARGUMENT',
      `${what} has shape [${shape.join(', ')}], which is ${count} elements, and data of ${data.length}`
    )
  const array = arrayAs(dtype, data)
  if (array === undefined)
    throw new PathmeshError(
      'INVALID_ARGUMENT',
      `${what} is ${dtype}, and its data ${kindOf(data)}, which holds no such elements`
    )
  return { dtype, shape: [...shape], data: array }
}

function field(value: object, name: string): unknown {
  return Reflect.get(value, name)
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(item => typeof item === 'number')
}

/** Whether it is an object of no class, in whatever realm. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || (typeof prototype === 'object' && Object.getPrototypeOf(prototype) === null)
}

/** What a value is, for an error. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value)
  const named: unknown = typeof value === 'object' ? field(value, 'constructor') : undefined
  const name = typeof named === 'function' && named.name !== '' ? named.name : typeof value
  return `${/^[aeio]/i.test(name) ? 'an' : 'a'} ${name}`
}
