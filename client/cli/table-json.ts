// A table on its way to JSON: its rows as objects, made one at a time. Knows tables of apache-arrow and DataFrames of nodejs-polars
// by their outside, and loads neither.

import { arrowCodec, type ArrowTable } from '../codecs/arrow.ts'
import { polarsCodec, type PolarsFrame } from '../codecs/polars.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { JsonDigits, JsonFields, JsonList } from './json-form.ts'

/** Rows of a DataFrame that are objects at a time. */
const ROWS = 1024

/** Of `Type` of apache-arrow: kinds of columns whose values say less than the column does. */
const TYPE = { dictionary: -1, decimal: 7, date: 8, timestamp: 10, struct: 13, map: 17 }

interface Column {
  readonly name: string
  readonly type: ColumnType
}

interface ColumnType {
  readonly typeId: number
  readonly children?: readonly Column[] | null
  readonly dictionary?: ColumnType
  readonly scale?: number
}

interface Table extends ArrowTable {
  readonly schema: { readonly fields: readonly Column[] }
  getChildAt(index: number): { get(row: number): unknown } | null
}

interface Frame extends PolarsFrame {
  slice(offset: number, length: number): { toRecords(): unknown[] }
}

/** The rows of a table, each an object; undefined for what is no table. */
export function rowsOf(value: unknown): JsonList | undefined {
  if (isTable(value)) return new JsonList(arrowRows(value))
  if (!polarsCodec.matches(value)) return undefined
  // Through the object's proxy a column comes before a method of the same name.
  if (isFrame(value)) return new JsonList(polarsRows(value))
  throw new PathmeshError('CODEC_NOT_FOUND', 'a DataFrame with a column "slice" or "height" cannot be gone through')
}

function* arrowRows(table: Table): Generator<JsonFields, void> {
  const columns = table.schema.fields.map(({ name, type }, index) => ({ name, type, values: table.getChildAt(index) }))
  for (let row = 0; row < table.numRows; row++)
    yield new JsonFields(
      columns.map(({ name, type, values }): [string, unknown] => [name, cell(values?.get(row), type)])
    )
}

function* polarsRows(frame: Frame): Generator<unknown, void> {
  for (let row = 0; row < frame.height; row += ROWS) yield* frame.slice(row, ROWS).toRecords()
}

/** The value of a column, with what its type says of it. */
function cell(value: unknown, { typeId, children, dictionary, scale = 0 }: ColumnType): unknown {
  if (value === null || value === undefined) return null
  if (typeId === TYPE.dictionary && dictionary !== undefined) return cell(value, dictionary)
  if (typeId === TYPE.date || typeId === TYPE.timestamp) return moment(value)
  if (typeId === TYPE.decimal && ArrayBuffer.isView(value)) return decimal(value, scale)
  const inner = children ?? []
  const [only] = inner
  if (typeId === TYPE.struct && typeof value === 'object')
    return new JsonFields(
      inner.map(({ name, type }): [string, unknown] => [name, cell(Reflect.get(value, name), type)])
    )
  if (typeId === TYPE.map && isIterable(value)) return entries(value, only?.type.children ?? [])
  // Lists of every kind have one child, and their values are columns themselves.
  if (only !== undefined && isIterable(value)) return new JsonList(cells(value, only.type))
  return value
}

function* cells(values: Iterable<unknown>, type: ColumnType): Generator<unknown, void> {
  for (const value of values) yield cell(value, type)
}

function entries(pairs: Iterable<unknown>, [key, item]: readonly Column[]): Map<unknown, unknown> {
  const made = new Map<unknown, unknown>()
  for (const pair of pairs) {
    if (!Array.isArray(pair) || key === undefined || item === undefined) continue
    made.set(cell(pair[0], key.type), cell(pair[1], item.type))
  }
  return made
}

/** Milliseconds since the epoch, as the library gives all dates and times of day with a date. */
function moment(value: unknown): unknown {
  const time = value instanceof Date ? value : new Date(Number(value))
  return Number.isNaN(time.getTime()) ? value : time
}

/** A decimal number by its digits, from the words of a signed integer, the lowest first. */
function decimal({ buffer, byteOffset, byteLength }: ArrayBufferView, scale: number): JsonDigits {
  const words = new Uint32Array(buffer, byteOffset, byteLength / 4)
  const whole = words.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n)
  const signed = BigInt.asIntN(byteLength * 8, whole)
  const digits = String(signed < 0n ? -signed : signed).padStart(Math.max(0, scale) + 1, '0')
  const point = digits.length - Math.max(0, scale)
  const fraction = scale > 0 ? `.${digits.slice(point)}` : '0'.repeat(-scale)
  return new JsonDigits(
    `${signed < 0n ? '-' : ''}${digits.slice(0, point)}${signed === 0n && scale < 0 ? '' : fraction}`
  )
}

function isTable(value: unknown): value is Table {
  return arrowCodec.matches(value) && 'getChildAt' in value && typeof value.getChildAt === 'function'
}

function isFrame(value: unknown): value is Frame {
  if (!polarsCodec.matches(value) || typeof value.height !== 'number') return false
  return typeof Reflect.get(value, 'slice') === 'function'
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value && !ArrayBuffer.isView(value)
}
