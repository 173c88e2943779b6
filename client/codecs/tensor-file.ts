// A safetensors file of which only parts are read: one tensor, or some rows of it, without the rest. Checks the whole header as
// the codec does. Holds nothing open; what it reads from belongs to the caller.

import { PathmeshError } from '../../proto/errors.ts'
import { PAYLOAD_MEMORY_BYTES_MAX } from '../../proto/limits.ts'
import { arrayOver, checkByteOrder } from './safetensors-dtype.ts'
import {
  FIRST_READ_BYTES,
  headerEnd,
  parseHeader,
  PREFIX_BYTES,
  type Header,
  type Place
} from './safetensors-header.ts'
import { quoted, type Dtype, type Tensor } from './tensor.ts'

/** Names that an error suggests. */
const SUGGESTIONS = 3

/** Bytes that can be read by ranges, and do not change. */
export interface RangeReader {
  /** Bytes in all. */
  readonly size: number
  /** Bytes [start, end), in memory that nobody writes to. */
  read(start: number, end: number): Promise<Uint8Array>
}

/** What a tensor is, without its elements. */
export interface TensorInfo {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** Bytes of its elements. */
  readonly bytes: number
}

export class TensorFile {
  readonly #reader: RangeReader
  readonly #header: Header
  /** In the order of the file's header. */
  readonly names: readonly string[]
  /** What the file says of itself: `{format: 'pt'}`. */
  readonly metadata: Readonly<Record<string, string>>

  private constructor(reader: RangeReader, header: Header) {
    this.#reader = reader
    this.#header = header
    this.names = [...header.tensors.keys()]
    this.metadata = Object.fromEntries(header.metadata)
  }

  /**
   * Reads the header, with one read or two. CORRUPT, naming the tensor, where it breaks the rules of the format; TOO_LARGE past
   * TENSORS_HEADER_BYTES_MAX; CODEC_NOT_FOUND for elements that there is no typed array for; whatever `read` throws.
   */
  static async open(reader: RangeReader): Promise<TensorFile> {
    checkByteOrder()
    const { size } = reader
    const first = await readExactly(reader, 0, Math.min(FIRST_READ_BYTES, size))
    const end = headerEnd(first, size)
    const bytes = end <= first.length ? first.subarray(PREFIX_BYTES, end) : await readExactly(reader, PREFIX_BYTES, end)
    return new TensorFile(reader, parseHeader(bytes, size))
  }

  /** What a tensor is. NOT_FOUND where there is none of this name. */
  info(name: string): TensorInfo {
    const { dtype, shape, start, end } = this.#place(name)
    return { dtype, shape, bytes: end - start }
  }

  /** A tensor, of which nothing else is read. NOT_FOUND; TOO_LARGE past PAYLOAD_MEMORY_BYTES_MAX: `slice` reads some rows. */
  async get(name: string): Promise<Tensor> {
    const { dtype, shape, start, end } = this.#place(name)
    return { dtype, shape, data: arrayOver(dtype, await this.#read(name, start, end)) }
  }

  /**
   * Rows [from, to) of the first dimension, of which nothing else is read. NOT_FOUND; RangeError for rows that it has not, and for a
   * tensor that has no dimension; TOO_LARGE past PAYLOAD_MEMORY_BYTES_MAX.
   */
  async slice(name: string, from: number, to: number): Promise<Tensor> {
    const { dtype, shape, start, end } = this.#place(name)
    const [rows, ...rest] = shape
    if (rows === undefined) throw new RangeError(`tensor ${quoted(name)} is a single number and has no rows`)
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || from > to || to > rows)
      throw new RangeError(`tensor ${quoted(name)} has ${rows} rows, and not rows ${from} to ${to}`)
    const rowBytes = rows === 0 ? 0 : (end - start) / rows
    const bytes = await this.#read(name, start + from * rowBytes, start + to * rowBytes)
    return { dtype, shape: [to - from, ...rest], data: arrayOver(dtype, bytes) }
  }

  async #read(name: string, start: number, end: number): Promise<Uint8Array> {
    if (end - start > PAYLOAD_MEMORY_BYTES_MAX)
      throw new PathmeshError(
        'TOO_LARGE',
        `${end - start} bytes of tensor ${quoted(name)} do not fit in one piece of memory, which holds ` +
          `${PAYLOAD_MEMORY_BYTES_MAX}: read fewer rows with slice()`
      )
    return start === end ? new Uint8Array() : await readExactly(this.#reader, start, end)
  }

  #place(name: string): Place {
    const place = this.#header.tensors.get(name)
    if (place !== undefined) return place
    const close = similar(name, this.names).map(other => quoted(other))
    throw new PathmeshError(
      'NOT_FOUND',
      `no tensor is named ${quoted(name)}; there are ${this.names.length}` +
        (close.length === 0 ? '' : `: did you mean ${close.join(' or ')}?`)
    )
  }
}

async function readExactly(reader: RangeReader, start: number, end: number): Promise<Uint8Array> {
  const bytes = await reader.read(start, end)
  if (bytes.length === end - start) return bytes
  throw new PathmeshError('IO', `reading bytes ${start} to ${end} gave ${bytes.length} of them`)
}

/** Names that begin and end as this one does, for at least half of it; the most alike first. */
function similar(name: string, names: readonly string[]): string[] {
  const wanted = name.toLowerCase()
  return names
    .map(other => ({ other, alike: alike(wanted, other.toLowerCase()) }))
    .filter(({ other, alike }) => alike * 2 >= Math.max(wanted.length, other.length))
    .sort((a, b) => b.alike - a.alike)
    .slice(0, SUGGESTIONS)
    .map(({ other }) => other)
}

/** Characters that two names have in common, from the left and from the right. */
function alike(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length)
  let left = 0
  while (left < shorter && a[left] === b[left]) left += 1
  let right = 0
  while (right < shorter - left && a.at(-1 - right) === b.at(-1 - right)) right += 1
  return left + right
}
