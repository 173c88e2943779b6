// The types of Schema.fbs (apache/arrow, `union Type`), each with how its values lie in memory by Columnar.rst. Parameters
// outside of what the format allows are CORRUPT; types that no JavaScript library reads are CODEC_NOT_FOUND.

import { corruptColumn, unreadableColumn } from './arrow-errors.ts'
import type { FlatTable, FlatVector } from './arrow-flatbuffer.ts'

/** How the values of a column lie in its buffers. */
export type Layout =
  | { readonly kind: 'null' }
  | { readonly kind: 'bits' }
  /** `width` bytes a value. */
  | { readonly kind: 'fixed'; readonly width: number }
  /** Offsets of `offset` bytes each, and bytes that they divide. */
  | { readonly kind: 'bytes'; readonly offset: 4 | 8; readonly text: boolean }
  /** 16 bytes a value, that hold it or say where it lies. */
  | { readonly kind: 'views'; readonly text: boolean }
  | { readonly kind: 'list'; readonly offset: 4 | 8 }
  | { readonly kind: 'fixedList'; readonly size: number }
  | { readonly kind: 'struct' }
  /** `ids`: what in the buffer of types stands for each child. */
  | { readonly kind: 'union'; readonly dense: boolean; readonly ids: readonly number[] }

export interface Typed {
  /** `utf8` */
  readonly name: string
  /** Type and parameters: equal for equal types. */
  readonly type: string
  readonly layout: Layout
}

/** What is asked of a child. */
interface Child extends Typed {
  readonly children: readonly unknown[]
  readonly dictionary: unknown
}

const TYPE = {
  null: 1,
  int: 2,
  floatingPoint: 3,
  binary: 4,
  utf8: 5,
  bool: 6,
  decimal: 7,
  date: 8,
  time: 9,
  timestamp: 10,
  interval: 11,
  list: 12,
  struct: 13,
  union: 14,
  fixedSizeBinary: 15,
  fixedSizeList: 16,
  map: 17,
  duration: 18,
  largeBinary: 19,
  largeUtf8: 20,
  largeList: 21,
  runEndEncoded: 22,
  binaryView: 23,
  utf8View: 24,
  listView: 25,
  largeListView: 26
}

/** A list of entries, of a key and a value each. */
export const MAP = TYPE.map

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(TYPE).map(([name, id]) => [id, name]))

/** Types whose layout is known from the type alone, with how many children they have. */
const PLAIN: ReadonlyMap<number, { readonly layout: Layout; readonly children?: number }> = new Map([
  [TYPE.null, { layout: { kind: 'null' } }],
  [TYPE.bool, { layout: { kind: 'bits' } }],
  [TYPE.binary, { layout: { kind: 'bytes', offset: 4, text: false } }],
  [TYPE.utf8, { layout: { kind: 'bytes', offset: 4, text: true } }],
  [TYPE.largeBinary, { layout: { kind: 'bytes', offset: 8, text: false } }],
  [TYPE.largeUtf8, { layout: { kind: 'bytes', offset: 8, text: true } }],
  [TYPE.binaryView, { layout: { kind: 'views', text: false } }],
  [TYPE.utf8View, { layout: { kind: 'views', text: true } }],
  [TYPE.list, { layout: { kind: 'list', offset: 4 }, children: 1 }],
  [TYPE.largeList, { layout: { kind: 'list', offset: 8 }, children: 1 }]
])

const UNREAD: readonly number[] = [TYPE.runEndEncoded, TYPE.listView, TYPE.largeListView]

/** Bytes of FloatingPoint by its precision, and of Date and Interval by their units. */
const FLOAT_WIDTHS = [2, 4, 8]
const DATE_WIDTHS = [4, 8]
const INTERVAL_WIDTHS = [4, 8, 16]
const TIME_BITS = [32, 32, 64, 64]
const UNITS = [8, 8, 8, 8]

/** `type`, `parameters`: the type of a field and its table. CORRUPT where a parameter or a child is not what the format allows. */
export function layoutOf(
  type: number,
  parameters: FlatTable | undefined,
  path: string,
  children: readonly Child[]
): Typed {
  const name = NAMES.get(type)
  if (name === undefined) throw unreadableColumn(path, `has type ${type}, which is not known here`)
  if (UNREAD.includes(type))
    throw unreadableColumn(path, `is of type ${name}, which no library here reads: cast it before writing`)
  const has = (count: number): void => {
    if (children.length !== count) throw corruptColumn(path, `is of type ${name} and has ${children.length} children`)
  }
  const plain = PLAIN.get(type)
  if (plain !== undefined) {
    has(plain.children ?? 0)
    return { name, type: name, layout: plain.layout }
  }
  if (type === TYPE.struct) return { name, type: name, layout: { kind: 'struct' } }
  if (parameters === undefined) throw corruptColumn(path, `is of type ${name}, without its parameters`)
  if (type === TYPE.union) return union(parameters, path, children.length)
  if (type === TYPE.map) {
    has(1)
    checkEntries(children[0], path)
    return { name, type: name, layout: { kind: 'list', offset: 4 } }
  }
  if (type === TYPE.fixedSizeList) {
    has(1)
    const size = parameters.int(0)
    if (size < 0) throw corruptColumn(path, `has lists of ${size} values`)
    return { name, type: `${name}(${size})`, layout: { kind: 'fixedList', size } }
  }
  has(0)
  return fixed(type, name, parameters, path)
}

function fixed(type: number, name: string, parameters: FlatTable, path: string): Typed {
  const of = (width: number | undefined, ...rest: readonly (number | string)[]): Typed => {
    if (width === undefined) throw corruptColumn(path, `is of type ${name}(${rest.join(', ')}), which there is not`)
    return { name, type: `${name}(${rest.join(', ')})`, layout: { kind: 'fixed', width } }
  }
  const byUnit = (widths: readonly number[], absent: number): Typed => {
    const unit = parameters.short(0, absent)
    return of(widths[unit], unit)
  }
  const byBits = (allowed: readonly number[], bits: number, ...rest: readonly number[]): Typed =>
    of(allowed.includes(bits) ? bits / 8 : undefined, bits, ...rest)
  switch (type) {
    case TYPE.int:
      return byBits([8, 16, 32, 64], parameters.int(0), parameters.byte(1))
    case TYPE.floatingPoint:
      return byUnit(FLOAT_WIDTHS, 0)
    case TYPE.decimal:
      return byBits([32, 64, 128, 256], parameters.int(2, 128), parameters.int(0), parameters.int(1))
    case TYPE.date:
      return byUnit(DATE_WIDTHS, 1)
    case TYPE.time: {
      const unit = parameters.short(0, 1)
      return byBits(TIME_BITS.slice(unit, unit + 1), parameters.int(1, 32), unit)
    }
    case TYPE.timestamp: {
      const unit = parameters.short(0)
      return of(UNITS[unit], unit, parameters.string(1) ?? '')
    }
    case TYPE.duration:
      return byUnit(UNITS, 1)
    case TYPE.interval:
      return byUnit(INTERVAL_WIDTHS, 0)
    default: {
      const width = parameters.int(0)
      return of(width < 0 ? undefined : width, width)
    }
  }
}

function union(parameters: FlatTable, path: string, children: number): Typed {
  const mode = parameters.short(0)
  const ids = numbers(parameters, parameters.vector(1, 4))
  if (mode !== 0 && mode !== 1) throw corruptColumn(path, `is a union of mode ${mode}`)
  if (ids.length !== children || new Set(ids).size !== children || ids.some(id => id < 0 || id > 127))
    throw corruptColumn(path, `is a union of ${children} types with the ids ${ids.slice(0, 10).join(', ')}`)
  return { name: 'union', type: `union(${mode}, ${ids.join(', ')})`, layout: { kind: 'union', dense: mode === 1, ids } }
}

function numbers(table: FlatTable, { length, start }: FlatVector): readonly number[] {
  const view = table.buffer.view(start, length * 4)
  return Array.from({ length }, (_, i) => view.getInt32(start + i * 4, true))
}

/** A map is a list of structs of two: keys and values. */
function checkEntries(entries: Child | undefined, path: string): void {
  if (entries?.layout.kind === 'struct' && entries.children.length === 2 && entries.dictionary === undefined) return
  throw corruptColumn(path, 'is a map whose entries are not keys and values')
}
