// Walks the columns of one batch of an Arrow file as RecordBatch of Message.fbs describes them: each field node and buffer has
// to be there, in order, within the body, and as large as its rows need. Nothing is copied, and few values are read.

import { corruptColumn, unreadableColumn } from './arrow-errors.ts'
import type { FlatTable, FlatVector } from './arrow-flatbuffer.ts'
import { TABLE_BATCH_ROWS_MAX } from '../../proto/limits.ts'
import { UNSAFE_NAME, type Field } from './arrow-schema.ts'
import * as values from './arrow-values.ts'

/** Positions in the table RecordBatch. */
const BATCH = { nodes: 1, buffers: 2, variadic: 4 }
/** Bytes of the structs FieldNode and Buffer: two long numbers each. */
const PAIR_BYTES = 16
/** Buffers begin at multiples of so many bytes, from the start of the file (Columnar.rst, "Serialization and IPC"). */
const ALIGNED_BYTES = 8

interface Node {
  readonly length: number
  readonly nulls: number
}

/** What all batches of a file have in common. */
export interface BatchContext {
  /** Whether unions have a buffer of nulls, as in format V4. */
  readonly legacyUnions: boolean
  /** How many values each dictionary has so far. */
  readonly dictionaries: ReadonlyMap<number, number>
  /** Whether an index of a null that leads past its dictionary is overwritten with 0. */
  readonly mend: boolean
  /** How many such indices there are. */
  strays: number
}

/** The bytes of one batch, and what its message says of them. */
export class Body {
  readonly #batch: FlatTable
  readonly #bytes: Uint8Array
  readonly #context: BatchContext
  readonly #nodes: FlatVector
  readonly #buffers: FlatVector
  readonly #variadic: FlatVector
  #node = 0
  #buffer = 0
  #counts = 0
  #end = 0

  constructor(batch: FlatTable, bytes: Uint8Array, context: BatchContext) {
    this.#batch = batch
    this.#bytes = bytes
    this.#context = context
    this.#nodes = batch.vector(BATCH.nodes, PAIR_BYTES)
    this.#buffers = batch.vector(BATCH.buffers, PAIR_BYTES)
    this.#variadic = batch.vector(BATCH.variadic, 8)
  }

  /** Goes through all columns, of `rows` each. */
  check(fields: readonly Field[], rows: number): void {
    for (const field of fields) this.#rows(field, rows)
    const rest =
      this.#nodes.length - this.#node + (this.#buffers.length - this.#buffer) + (this.#variadic.length - this.#counts)
    if (rest !== 0) throw this.#batch.buffer.corrupt('it describes more columns than the schema has')
  }

  /** A column that has to have `rows`. */
  #rows(field: Field, rows: number): void {
    const { length } = this.#column(field)
    if (length !== rows) throw corruptColumn(field.path, `has ${length} rows where there are ${rows}`)
  }

  /** A column that has at least `rows`. */
  #atLeast(field: Field, rows: number): void {
    const { length } = this.#column(field)
    if (length < rows) throw corruptColumn(field.path, `has ${length} values and needs ${rows}`)
  }

  #column(field: Field): Node {
    const node = this.#nextNode(field)
    if (field.dictionary === undefined && field.layout.kind === 'null') return node
    if (field.dictionary === undefined && field.layout.kind === 'union') {
      if (this.#context.legacyUnions) this.#nextBuffer(field)
      this.#union(field, field.layout, node)
      return node
    }
    const valid = this.#validity(field, node)
    if (field.dictionary === undefined) this.#values(field, node)
    else this.#indices(field, field.dictionary, node, valid)
    return node
  }

  #values(field: Field, { length }: Node): void {
    const { layout, children } = field
    switch (layout.kind) {
      case 'bits':
        this.#sized(field, Math.ceil(length / 8))
        break
      case 'fixed':
        this.#sized(field, length * layout.width)
        break
      case 'bytes':
        this.#bytesOf(field, layout, length)
        break
      case 'views':
        this.#views(field, layout, length)
        break
      case 'list': {
        const { last } = this.#offsets(field, layout.offset, length)
        for (const child of children) this.#atLeast(child, last)
        break
      }
      case 'fixedList':
        for (const child of children) this.#atLeast(child, length * layout.size)
        break
      case 'struct':
        for (const child of children) this.#rows(child, length)
        break
      case 'null':
      case 'union':
    }
  }

  #bytesOf(field: Field, layout: { readonly offset: 4 | 8; readonly text: boolean }, length: number): void {
    const { first, last, bytes: offsets } = this.#offsets(field, layout.offset, length)
    const data = this.#nextBuffer(field)
    if (last > data.length) throw corruptColumn(field.path, `ends at byte ${last} of ${data.length}`)
    if (!layout.text || first === last) return
    values.checkText(offsets, length, layout.offset, data.subarray(0, last), why => corruptColumn(field.path, why))
    if (field.keys && values.hasText(offsets, length, layout.offset, data, UNSAFE_NAME)) throw unsafeKey(field)
  }

  #views(field: Field, layout: { readonly text: boolean }, length: number): void {
    const views = this.#sized(field, length * 16)
    const count = this.#nextCount(field)
    const buffers = Array.from({ length: count }, () => this.#nextBuffer(field))
    values.checkViews(views, length, buffers, layout.text, why => corruptColumn(field.path, why))
    if (field.keys && values.hasView(views, length, UNSAFE_NAME)) throw unsafeKey(field)
  }

  #union(field: Field, layout: { readonly dense: boolean; readonly ids: readonly number[] }, { length }: Node): void {
    const types = this.#sized(field, length)
    const offsets = layout.dense ? this.#sized(field, length * 4) : undefined
    const lengths = field.children.map(child => this.#column(child).length)
    values.checkUnion(types, offsets, length, layout.ids, lengths, why => corruptColumn(field.path, why))
  }

  #indices(
    field: Field,
    { id, width, signed }: { readonly id: number; readonly width: number; readonly signed: boolean },
    { length }: Node,
    valid: Uint8Array | undefined
  ): void {
    const bytes = this.#sized(field, length * width)
    const indices = values.indicesOf(bytes, length, width, signed, this.#context.dictionaries.get(id) ?? 0)
    this.#context.strays += values.checkIndices(
      indices,
      valid,
      why => corruptColumn(field.path, why),
      this.#context.mend
    )
  }

  /** The bitmap of values that are there; undefined where all are. */
  #validity(field: Field, { length, nulls }: Node): Uint8Array | undefined {
    const bitmap = this.#nextBuffer(field)
    if (nulls === 0) return undefined
    if (bitmap.length < Math.ceil(length / 8))
      throw corruptColumn(field.path, `says for ${bitmap.length * 8} of ${length} rows which are null`)
    const zeros = values.countZeros(bitmap, length)
    if (zeros !== nulls) throw corruptColumn(field.path, `has ${zeros} nulls and says ${nulls}`)
    return bitmap
  }

  /** No rows need no offsets; others one more than there are rows. */
  #offsets(
    field: Field,
    width: 4 | 8,
    length: number
  ): { readonly first: number; readonly last: number; readonly bytes: Uint8Array } {
    const bytes = this.#nextBuffer(field)
    if (length === 0 && bytes.length < width) return { first: 0, last: 0, bytes }
    if (bytes.length < (length + 1) * width) throw tooShort(field, bytes.length, (length + 1) * width)
    return { ...values.checkOffsets(bytes, length, width, why => corruptColumn(field.path, why)), bytes }
  }

  #sized(field: Field, size: number): Uint8Array {
    const bytes = this.#nextBuffer(field)
    if (bytes.length < size) throw tooShort(field, bytes.length, size)
    return bytes
  }

  #nextNode(field: Field): Node {
    const [length, nulls] = this.#pair(this.#nodes, this.#node, field)
    this.#node += 1
    if (length < 0 || length > TABLE_BATCH_ROWS_MAX) throw corruptColumn(field.path, `has ${length} rows`)
    // The writer of apache-arrow says -1, "not counted", of a part of a column that has nulls only.
    const counted = nulls !== -1 || field.layout.kind !== 'null' || field.dictionary !== undefined
    if ((nulls < 0 && counted) || nulls > length)
      throw corruptColumn(field.path, `has ${nulls} nulls in ${length} rows`)
    return { length, nulls }
  }

  #nextBuffer(field: Field): Uint8Array {
    const [offset, length] = this.#pair(this.#buffers, this.#buffer, field)
    this.#buffer += 1
    if (length === 0) return new Uint8Array(0)
    // In order and apart, as every writer lays them out: what is shared could be looked at any number of times.
    if (offset < this.#end || length < 0 || offset + length > this.#bytes.length)
      throw corruptColumn(field.path, `has bytes ${offset} to ${offset + length} of a batch of ${this.#bytes.length}`)
    if (offset % ALIGNED_BYTES !== 0)
      throw corruptColumn(field.path, `begins at byte ${offset}, no multiple of ${ALIGNED_BYTES}`)
    this.#end = offset + length
    return this.#bytes.subarray(offset, offset + length)
  }

  /** How many buffers the next column of views has. */
  #nextCount(field: Field): number {
    const at = this.#variadic.start + this.#counts * 8
    const count = this.#counts < this.#variadic.length ? this.#batch.buffer.long(at) : -1
    this.#counts += 1
    if (count < 0 || count > this.#buffers.length - this.#buffer)
      throw corruptColumn(field.path, 'has no such number of buffers')
    return count
  }

  #pair({ length, start }: FlatVector, index: number, field: Field): [number, number] {
    if (index >= length) throw corruptColumn(field.path, 'is in the schema, and not in a batch')
    const at = start + index * PAIR_BYTES
    return [this.#batch.buffer.long(at), this.#batch.buffer.long(at + 8)]
  }
}

function tooShort(field: Field, has: number, needs: number): Error {
  return corruptColumn(field.path, `has ${has} bytes where its rows need ${needs}`)
}

function unsafeKey(field: Field): Error {
  return unreadableColumn(field.path, `has a key ${UNSAFE_NAME}, which JavaScript objects cannot hold: rename it`)
}
