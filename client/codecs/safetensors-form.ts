// Which values a safetensors payload can be, and what is written down so that the one who reads it gets the same form: one typed
// array, one tensor, an object of typed arrays, or, with nothing written down, an object of tensors by name.

import { types } from 'node:util'
import { PathmeshError } from '../../proto/errors.ts'
import { bareArray } from './safetensors-dtype.ts'
import { checkName } from './safetensors-header.ts'
import { isPlain, isTensor, kindOf, toTensor, type Tensor, type TensorLike } from './tensor.ts'

/** What safetensors encodes. A Map comes back as an object. */
export type TensorsValue =
  | NodeJS.TypedArray
  | TensorLike
  | Readonly<Record<string, TensorLike | NodeJS.TypedArray>>
  | ReadonlyMap<string, TensorLike | NodeJS.TypedArray>

/** What it decodes to. Float16Array counts as a typed array where the runtime has it. */
export type DecodedTensors = NodeJS.TypedArray | Tensor | Record<string, NodeJS.TypedArray> | Record<string, Tensor>

/** How a value that is not simply tensors by name is told from one that is. */
type Form = 'array' | 'tensor' | 'arrays'

/** Of metadata, which is text by key: what we write is under this. */
const FORM_KEY = 'pathmesh'
/** What the only tensor is named, where it has no name. */
const ONLY = 'data'

export interface NamedTensor {
  readonly name: string
  readonly tensor: Tensor
}

/** Whether a value is what this codec is for. Bytes are not, unless it is asked for by name. */
export function matchesTensors(value: unknown): value is TensorsValue {
  if (isArray(value) || isTensor(value)) return true
  let isOne = false
  for (const [name, member] of membersOf(value) ?? []) {
    if (typeof name !== 'string' || !(isArray(member) || isTensor(member))) return false
    isOne = true
  }
  return isOne
}

/** The tensors of a value, in its order, and the metadata that remembers its form. Errors as `toTensor` and `checkName` have them. */
export function tensorsOf(value: unknown): { tensors: NamedTensor[]; metadata: Map<string, string> } {
  const found = formOf(value)
  const tensors = found.members.map(([name, member]) => {
    checkName(name)
    return { name, tensor: toTensor(member, name) }
  })
  return { tensors, metadata: new Map(found.form === undefined ? [] : [[FORM_KEY, found.form]]) }
}

/** The value that such tensors are: of the form that metadata tells of if they are of it, and else an object of tensors by name. */
export function valueOf(tensors: readonly NamedTensor[], metadata: ReadonlyMap<string, string>): DecodedTensors {
  const form = metadata.get(FORM_KEY)
  const [first, second] = tensors
  const only = first?.name === ONLY && second === undefined ? first.tensor : undefined
  if (form === 'tensor' && only !== undefined) return only
  if (form === 'array' && only !== undefined) {
    const array = bare(only)
    if (array !== undefined) return array
  }
  if (form === 'arrays') {
    const arrays = arraysOf(tensors)
    if (arrays !== undefined) return arrays
  }
  return Object.fromEntries(tensors.map(({ name, tensor }) => [name, tensor]))
}

function formOf(value: unknown): { form?: Form; members: readonly (readonly [name: unknown, member: unknown])[] } {
  if (types.isTypedArray(value)) return { form: 'array', members: [[ONLY, value]] }
  if (isTensor(value)) return { form: 'tensor', members: [[ONLY, value]] }
  const found = membersOf(value)
  if (found === undefined)
    throw new PathmeshError(
      'CODEC_NOT_FOUND',
      `safetensors holds typed arrays and tensors, one or a plain object of several, and not ${kindOf(value)}`
    )
  const members = [...found]
  const isBare = members.length > 0 && members.every(([, member]) => types.isTypedArray(member))
  return isBare ? { form: 'arrays', members } : { members }
}

/** Names and values of a Map, or of an object of no class, one by one; undefined for anything else. */
function membersOf(value: unknown): Iterable<readonly [name: unknown, member: unknown]> | undefined {
  if (types.isMap(value)) return value
  if (typeof value !== 'object' || value === null || !isPlain(value)) return undefined
  return Object.getOwnPropertySymbols(value).length === 0 ? fieldsOf(value) : undefined
}

function* fieldsOf(value: object): Generator<readonly [name: string, member: unknown], void> {
  for (const name of Object.keys(value)) yield [name, Reflect.get(value, name)]
}

function isArray(value: unknown): value is NodeJS.TypedArray {
  return types.isTypedArray(value) && !types.isUint8Array(value) && !types.isUint8ClampedArray(value)
}

function arraysOf(tensors: readonly NamedTensor[]): Record<string, NodeJS.TypedArray> | undefined {
  const arrays: [string, NodeJS.TypedArray][] = []
  for (const { name, tensor } of tensors) {
    const array = bare(tensor)
    if (array === undefined) return undefined
    arrays.push([name, array])
  }
  return Object.fromEntries(arrays)
}

/** The typed array that a tensor was made from, if it can be one. */
function bare({ dtype, shape, data }: Tensor): NodeJS.TypedArray | undefined {
  return shape.length === 1 ? bareArray(dtype, data) : undefined
}
