// The codec of tables of `apache-arrow`, as Arrow IPC files: pandas, polars, pyarrow and DuckDB read them. Loads the library when
// it is used, and hands it only bytes that have been looked through. Compresses nothing, so that a reader can map the file.

import type * as ApacheArrow from 'apache-arrow'
import { mediaTypeOf } from '../../proto/codec.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { adoptTable } from './arrow-adopt.ts'
import { checkArrowFile } from './arrow-check.ts'
import { reason, unreadableColumn } from './arrow-errors.ts'
import { checkName, type Field } from './arrow-schema.ts'
import type { Codec } from './codec.ts'

/** IANA's name of an Arrow IPC file. */
export const ARROW_MEDIA_TYPE = mediaTypeOf('arrow')

/** Pieces shorter than this are sent with the next one: a file has several of a few bytes for each column. */
const PIECE_BYTES = 64 * 1024

/** A Table of any copy of apache-arrow, as far as it is looked at here: users see it as `Table` of their own copy. */
export interface ArrowTable {
  readonly numRows: number
  readonly schema: { readonly fields: readonly ArrowField[] }
  readonly batches: readonly unknown[]
  getChild(name: string): unknown
}

export interface ArrowField {
  readonly name: string
  readonly type: { readonly children?: readonly ArrowField[] | null }
}

let library: typeof ApacheArrow | undefined

export const arrowCodec: Codec<ArrowTable> = {
  id: 'arrow',
  mediaType: ARROW_MEDIA_TYPE,
  ready: async () => {
    await arrow()
  },
  matches: isArrowTable,
  encode: async table => {
    for (const field of table.schema.fields) checkNames(field, field.name)
    return encodeTable(table, await arrow())
  },
  decode: source => {
    if (library === undefined) throw new TypeError('ready() comes before decode()')
    const bytes = source.bytes()
    for (const field of checkArrowFile(bytes).schema.fields) checkIndices(field)
    try {
      return library.tableFromIPC(bytes)
    } catch (error) {
      throw new PathmeshError('CODEC_NOT_FOUND', `apache-arrow does not read this table: ${reason(error)}`, {
        cause: error
      })
    }
  }
}

/** By its outside alone: a program may have several copies of the library. */
function isArrowTable(value: unknown): value is ArrowTable {
  return (
    typeof value === 'object' &&
    value !== null &&
    'numRows' in value &&
    typeof value.numRows === 'number' &&
    'batches' in value &&
    Array.isArray(value.batches) &&
    'getChild' in value &&
    typeof value.getChild === 'function' &&
    'schema' in value &&
    hasFields(value.schema)
  )
}

function hasFields(schema: unknown): boolean {
  return typeof schema === 'object' && schema !== null && 'fields' in schema && Array.isArray(schema.fields)
}

async function arrow(): Promise<typeof ApacheArrow> {
  try {
    return (library ??= await import('apache-arrow'))
  } catch (error) {
    throw new PathmeshError(
      'CODEC_NOT_FOUND',
      `a table needs the package apache-arrow, which cannot be loaded: npm install apache-arrow (${reason(error)})`,
      { cause: error }
    )
  }
}

/** Views of the table's own memory: the encoding is never there as a whole. */
function encodeTable(given: ArrowTable, arrow: typeof ApacheArrow): AsyncIterable<Uint8Array> {
  try {
    if (!hasParts(given)) throw new TypeError('its batches have no data: is it of a version before 7?')
    const table = adoptTable(given, arrow)
    checkDictionaries(table)
    return joinPieces(arrow.RecordBatchFileWriter.writeAll(table))
  } catch (error) {
    if (error instanceof PathmeshError) throw error
    throw new PathmeshError('CODEC_NOT_FOUND', `apache-arrow does not encode this table: ${reason(error)}`, {
      cause: error
    })
  }
}

/** Whether it has what the tables of all versions have. */
function hasParts(table: ArrowTable): table is ArrowTable & ApacheArrow.Table {
  return table.batches.every(
    batch => typeof batch === 'object' && batch !== null && 'data' in batch && 'schema' in batch
  )
}

/** A file has one dictionary for each column; batches of tables that were made apart have one each. */
function checkDictionaries({ batches, schema }: ApacheArrow.Table): void {
  const seen = new Map<number, unknown>()
  for (const [id, { data }] of batches.flatMap(batch => [...batch.dictionaries])) {
    const known = seen.get(id) ?? data[0]
    seen.set(id, known)
    if (known === data[0]) continue
    const field = schema.fields.find(({ type }) => 'id' in type && type.id === id)
    throw unreadableColumn(
      field?.name ?? `dictionary ${id}`,
      'has another dictionary in each batch, which an Arrow file cannot hold: make it anew, as in ' +
        "vectorFromArray([...table.getChild('name')], new Utf8())"
    )
  }
}

async function* joinPieces(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let small: Uint8Array[] = []
  let bytes = 0
  for await (const piece of pieces) {
    if (bytes + piece.length < PIECE_BYTES) {
      small.push(piece)
      bytes += piece.length
      continue
    }
    if (bytes > 0) yield Buffer.concat(small, bytes)
    small = []
    bytes = 0
    yield piece
  }
  if (bytes > 0) yield Buffer.concat(small, bytes)
}

function checkNames({ name, type }: ArrowField, path: string): void {
  checkName(name, path)
  for (const child of type.children ?? []) checkNames(child, `${path}.${child.name}`)
}

/** The library takes 64-bit numbers of dictionary entries for bigints, and then finds no entry. */
function checkIndices({ path, dictionary, children }: Field): void {
  if (dictionary?.width === 8)
    throw unreadableColumn(path, 'has dictionary indices of 64 bits, which apache-arrow does not read: cast them to 32')
  for (const child of children) checkIndices(child)
}
