// The head of a safetensors file: which tensors there are, and where each lies. Believes nothing of it that does not fit the size
// of the file: no number in it makes anybody allocate before it has been checked against that.

import { PathmeshError } from '../../proto/errors.ts'
import { TENSORS_HEADER_BYTES_MAX } from '../../proto/limits.ts'
import { isDtype, isOtherDtype, itemBytes, type Dtype } from './safetensors-dtype.ts'
import { HeaderReader } from './safetensors-json.ts'
import { elementsOf, quoted } from './tensor.ts'

/** Bytes before the header: its length, little-endian. */
export const PREFIX_BYTES = 8
/** What a first read asks for, so that a second is seldom needed: the header of some hundred tensors. */
export const FIRST_READ_BYTES = 16 * 1024
/** The one key of the format that names no tensor. */
const METADATA = '__metadata__'

/** Where a tensor lies, and what it is. */
export interface Place {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** Bytes [start, end) of the file. */
  readonly start: number
  readonly end: number
}

export interface Header {
  /** By name, in the order of the header. */
  readonly tensors: ReadonlyMap<string, Place>
  readonly metadata: ReadonlyMap<string, string>
}

/** What a tensor's data may be preceded by: a header for these, padded with spaces so that the data begins at a multiple of 8. */
export interface Described {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** Bytes [begin, end) of the data. */
  readonly begin: number
  readonly end: number
}

/**
 * Where the header ends, from the beginning of a file of `size` bytes, of which the first PREFIX_BYTES are enough. CORRUPT where
 * the file has not that many; TOO_LARGE past TENSORS_HEADER_BYTES_MAX.
 */
export function headerEnd(first: Uint8Array, size: number): number {
  if (size < PREFIX_BYTES || first.length < PREFIX_BYTES)
    throw new PathmeshError('CORRUPT', `safetensors: ${size} bytes are no header`)
  const length = new DataView(first.buffer, first.byteOffset, PREFIX_BYTES).getBigUint64(0, true)
  if (length > size - PREFIX_BYTES)
    throw new PathmeshError('CORRUPT', `safetensors: a header of ${length} bytes does not fit in ${size} bytes`)
  if (length > TENSORS_HEADER_BYTES_MAX)
    throw new PathmeshError(
      'TOO_LARGE',
      `safetensors: a header of ${length} bytes is beyond ${TENSORS_HEADER_BYTES_MAX}: put the tensors into several payloads`
    )
  return PREFIX_BYTES + Number(length)
}

/**
 * The header that lies in `bytes`, of a file of `size` bytes. CORRUPT, naming the tensor, unless it is of exactly the form that the
 * format has, and the tensors cover the rest of the file once; CODEC_NOT_FOUND for elements that there is no typed array for.
 */
export function parseHeader(bytes: Uint8Array, size: number): Header {
  if (bytes[0] !== 0x7b) throw new PathmeshError('CORRUPT', 'safetensors: the header does not begin with {')
  const reader = new HeaderReader(textOf(bytes))
  const from = PREFIX_BYTES + bytes.length
  const tensors = new Map<string, Place>()
  const metadata = new Map<string, string>()
  for (const name of reader.members()) {
    if (name === METADATA) {
      reader.within('its metadata')
      for (const key of reader.members()) metadata.set(key, reader.string())
    } else {
      reader.within('tensor', name)
      tensors.set(name, readPlace(reader, from, size))
    }
    reader.within('the header')
  }
  reader.end()
  checkCover(tensors, from, size)
  return { tensors, metadata }
}

/** The first bytes of a file: length, header, padding. TOO_LARGE past TENSORS_HEADER_BYTES_MAX. */
export function printHeader(tensors: readonly Described[], metadata: ReadonlyMap<string, string>): Uint8Array {
  const members = tensors.map(({ name, dtype, shape, begin, end }) => {
    return `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape.join()}],"data_offsets":[${begin},${end}]}`
  })
  const pairs = [...metadata].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
  if (pairs.length > 0) members.unshift(`"${METADATA}":{${pairs.join()}}`)
  const text = Buffer.from(`{${members.join()}}`)
  const length = Math.ceil(text.length / 8) * 8
  if (length > TENSORS_HEADER_BYTES_MAX)
    throw new PathmeshError(
      'TOO_LARGE',
      `safetensors: ${tensors.length} tensors need a header of ${length} bytes, beyond ${TENSORS_HEADER_BYTES_MAX}: use several payloads`
    )
  const bytes = new Uint8Array(PREFIX_BYTES + length).fill(0x20)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true)
  bytes.set(text, PREFIX_BYTES)
  return bytes
}

/** INVALID_ARGUMENT for a name that no header can have. */
export function checkName(name: unknown): asserts name is string {
  if (typeof name !== 'string')
    throw new PathmeshError('INVALID_ARGUMENT', `safetensors: the name of a tensor is a string, not ${String(name)}`)
  if (name === METADATA || name === '__proto__')
    throw new PathmeshError('INVALID_ARGUMENT', `safetensors: no tensor can be named ${quoted(name)}: rename it`)
  if (!name.isWellFormed())
    throw new PathmeshError(
      'INVALID_ARGUMENT',
      `safetensors: the name ${quoted(name)} has half a character in it: rename it`
    )
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new PathmeshError('CORRUPT', 'safetensors: the header is not UTF-8', { cause: error })
  }
}

function readPlace(reader: HeaderReader, from: number, size: number): Place {
  let dtype: string | undefined
  let shape: number[] | undefined
  let offsets: number[] | undefined
  for (const key of reader.members()) {
    if (key === 'dtype') dtype = reader.string()
    else if (key === 'shape') shape = reader.counts()
    else if (key === 'data_offsets') offsets = reader.counts()
    else throw reader.error(`has a key ${quoted(key)}, which the format does not know`)
  }
  if (dtype === undefined || shape === undefined || offsets === undefined)
    throw reader.error('lacks one of dtype, shape and data_offsets')
  if (isOtherDtype(dtype))
    throw reader.error(`is ${dtype}, for which there is no typed array`, { code: 'CODEC_NOT_FOUND' })
  if (!isDtype(dtype)) throw reader.error(`is of an unknown dtype ${quoted(dtype)}`)
  const [begin, end, ...more] = offsets
  if (begin === undefined || end === undefined || more.length > 0) throw reader.error('has not two offsets')
  if (begin > end || end > size - from)
    throw reader.error(`has offsets ${begin} to ${end}, in ${size - from} bytes of data`)
  const elements = elementsOf(shape, itemBytes(dtype))
  if (elements === undefined) throw reader.error('has a shape of more than can be counted')
  const bytes = elements * itemBytes(dtype)
  if (bytes !== end - begin) throw reader.error(`needs ${bytes} bytes, and has ${end - begin}`)
  return { dtype, shape, start: from + begin, end: from + end }
}

/** Each byte of the data belongs to one tensor. */
function checkCover(tensors: ReadonlyMap<string, Place>, from: number, size: number): void {
  let covered = from
  let before = ''
  for (const [name, { start, end }] of [...tensors].sort(([, a], [, b]) => a.start - b.start || a.end - b.end)) {
    if (start < covered)
      throw new PathmeshError('CORRUPT', `safetensors: tensor ${quoted(name)} overlaps tensor ${quoted(before)}`)
    if (start > covered)
      throw new PathmeshError(
        'CORRUPT',
        `safetensors: ${start - covered} bytes before tensor ${quoted(name)} belong to none`
      )
    covered = end
    before = name
  }
  if (covered !== size)
    throw new PathmeshError('CORRUPT', `safetensors: ${size - covered} bytes at the end belong to no tensor`)
}
