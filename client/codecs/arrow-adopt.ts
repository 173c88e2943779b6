// A table of one copy of apache-arrow as a table of another. A program that requires the library and one that imports it have two
// copies of the same version, and the writer of one writes broken files of the other's tables. Copies no values.

import type * as ApacheArrow from 'apache-arrow'
import { unreadableColumn } from './arrow-errors.ts'

type Arrow = typeof ApacheArrow
type Type = ApacheArrow.DataType
type Indices = ApacheArrow.Dictionary['indices']

/** `table` as one of `arrow`, over the same memory: itself, if it is one. */
export function adoptTable(table: ApacheArrow.Table, arrow: Arrow): ApacheArrow.Table {
  if (Object.prototype.isPrototypeOf.call(arrow.Table.prototype, table)) return table
  const adopted = new Adopted(arrow)
  const schema = adopted.schema(table.schema)
  const batches = table.batches.map(batch => new arrow.RecordBatch(schema, adopted.rows(schema, batch.data)))
  return new arrow.Table(schema, batches)
}

class Adopted {
  readonly #arrow: Arrow
  /** What one dictionary became: batches that shared it share it still. */
  readonly #dictionaries = new Map<unknown, ApacheArrow.Vector>()

  constructor(arrow: Arrow) {
    this.#arrow = arrow
  }

  schema({ fields, metadata }: ApacheArrow.Schema): ApacheArrow.Schema {
    return new this.#arrow.Schema(
      fields.map(field => this.#field(field)),
      new Map(metadata)
    )
  }

  /** A batch's rows: a struct of its columns. */
  rows({ fields }: ApacheArrow.Schema, data: ApacheArrow.Data): ApacheArrow.Data<ApacheArrow.Struct> {
    const children = data.children.map((child, i) => this.#data(child, fields[i]?.type))
    return new this.#arrow.Data(new this.#arrow.Struct(fields), 0, data.length, 0, undefined, children)
  }

  #field({ name, type, nullable, metadata }: ApacheArrow.Field): ApacheArrow.Field {
    return new this.#arrow.Field(name, this.#type(type, name), nullable, new Map(metadata))
  }

  #data(data: ApacheArrow.Data, given?: Type): ApacheArrow.Data {
    const type = given ?? this.#type(data.type, '')
    const children = data.children.map((child, i) => this.#data(child, type.children?.[i]?.type))
    const dictionary = data.dictionary === undefined ? undefined : this.#dictionary(data.dictionary)
    const { offset, length, nullCount, valueOffsets, values, nullBitmap, typeIds, variadicBuffers } = data
    return new this.#arrow.Data(
      type,
      offset,
      length,
      nullCount,
      [valueOffsets, values, nullBitmap, typeIds],
      children,
      dictionary,
      variadicBuffers
    )
  }

  #dictionary(vector: ApacheArrow.Vector): ApacheArrow.Vector {
    // Batches have vectors of their own over what they share: the first piece.
    const key = vector.data[0]
    const known = this.#dictionaries.get(key)
    if (known !== undefined && known.data.length === vector.data.length) return known
    const pieces = vector.data.map((data, i) => known?.data[i] ?? this.#data(data))
    const adopted = new this.#arrow.Vector(pieces)
    this.#dictionaries.set(key, adopted)
    return adopted
  }

  #type(type: Type, name: string): Type {
    const { DataType, ...arrow } = this.#arrow
    const child = (index: number): ApacheArrow.Field => this.#child(type, index, name)
    const children = (): ApacheArrow.Field[] => (type.children ?? []).map(field => this.#field(field))
    if (DataType.isDictionary(type))
      return new arrow.Dictionary(
        this.#type(type.dictionary, name),
        this.#indices(type.indices),
        type.id,
        type.isOrdered
      )
    if (DataType.isNull(type)) return new arrow.Null()
    if (DataType.isInt(type)) return new arrow.Int(type.isSigned, type.bitWidth)
    if (DataType.isFloat(type)) return new arrow.Float(type.precision)
    if (DataType.isBool(type)) return new arrow.Bool()
    if (DataType.isBinary(type)) return new arrow.Binary()
    if (DataType.isLargeBinary(type)) return new arrow.LargeBinary()
    if (DataType.isBinaryView(type)) return new arrow.BinaryView()
    if (DataType.isUtf8(type)) return new arrow.Utf8()
    if (DataType.isLargeUtf8(type)) return new arrow.LargeUtf8()
    if (DataType.isUtf8View(type)) return new arrow.Utf8View()
    if (DataType.isDecimal(type)) return new arrow.Decimal(type.scale, type.precision, type.bitWidth)
    if (DataType.isDate(type)) return new arrow.Date_(type.unit)
    if (DataType.isTime(type)) return new arrow.Time(type.unit, type.bitWidth)
    if (DataType.isTimestamp(type)) return new arrow.Timestamp(type.unit, type.timezone)
    if (DataType.isInterval(type)) return new arrow.Interval(type.unit)
    if (DataType.isDuration(type)) return new arrow.Duration(type.unit)
    if (DataType.isList(type)) return new arrow.List(child(0))
    if (DataType.isLargeList(type)) return new arrow.LargeList(child(0))
    if (DataType.isStruct(type)) return new arrow.Struct(children())
    if (DataType.isUnion(type)) return new arrow.Union(type.mode, type.typeIds, children())
    if (DataType.isFixedSizeBinary(type)) return new arrow.FixedSizeBinary(type.byteWidth)
    if (DataType.isFixedSizeList(type)) return new arrow.FixedSizeList(type.listSize, child(0))
    if (DataType.isMap(type)) return new arrow.Map_(this.#entries(child(0)), type.keysSorted)
    throw unreadableColumn(
      name,
      'is of a type that apache-arrow does not know: have one copy of it (npm ls apache-arrow)'
    )
  }

  #child(type: Type, index: number, name: string): ApacheArrow.Field {
    const field = type.children?.[index]
    if (field === undefined) throw unreadableColumn(name, 'is of a type without what it is made of')
    return this.#field(field)
  }

  #indices({ bitWidth, isSigned }: Indices): Indices {
    const { Int8, Int16, Int32, Uint8, Uint16, Uint32 } = this.#arrow
    if (bitWidth === 8) return isSigned ? new Int8() : new Uint8()
    if (bitWidth === 16) return isSigned ? new Int16() : new Uint16()
    return isSigned ? new Int32() : new Uint32()
  }

  #entries({ name, type, nullable, metadata }: ApacheArrow.Field): ApacheArrow.Field<ApacheArrow.Struct> {
    if (!this.#arrow.DataType.isStruct(type)) throw unreadableColumn(name, 'is a map whose entries are no struct')
    return new this.#arrow.Field(name, type, nullable, metadata)
  }
}
