// The schema of an Arrow file as what its bytes must look like: which buffers each column has, how wide, and which dictionary.
// Sources: Schema.fbs and docs/source/format/Columnar.rst of apache/arrow. Refuses types that no JavaScript library reads.

import { VALUE_DEPTH_MAX } from '../../proto/limits.ts'
import { corruptColumn, otherForm, quoted, unreadableColumn } from './arrow-errors.ts'
import type { FlatTable } from './arrow-flatbuffer.ts'
import { layoutOf, MAP, type Layout } from './arrow-types.ts'

/** A column as it lies in a batch: its values, or numbers of values that lie in a dictionary. */
export interface Field {
  /** Names from the table down: `address.street`. */
  readonly path: string
  /** The values' type: `utf8`. */
  readonly name: string
  /** The same, with parameters and children: equal for equal types. */
  readonly type: string
  readonly layout: Layout
  readonly children: readonly Field[]
  readonly dictionary: DictionaryOf | undefined
  /** Whether the values are keys of maps: they become names of a row's properties. */
  readonly keys: boolean
}

export interface DictionaryOf {
  readonly id: number
  /** Bytes of a number: 1, 2, 4 or 8. */
  readonly width: number
  readonly signed: boolean
}

export interface Schema {
  readonly fields: readonly Field[]
  /** What lies in each dictionary, by its number. */
  readonly dictionaries: ReadonlyMap<number, Field>
}

/** Positions in the tables of Schema.fbs. */
const SCHEMA = { endianness: 0, fields: 1, metadata: 2 }
const FIELD = { name: 0, type: 2, parameters: 3, dictionary: 4, children: 5, metadata: 6 }
const DICTIONARY = { id: 0, index: 1 }
const INT = { bits: 0, signed: 1 }
const KEY_VALUE = { key: 0, value: 1 }

/** A name that a row's object could only hold by changing its prototype. */
export const UNSAFE_NAME = '__proto__'

export function readSchema(schema: FlatTable): Schema {
  if (schema.short(SCHEMA.endianness) !== 0)
    throw otherForm('the table has big-endian numbers, which nothing reads here: write it on a little-endian machine')
  checkMetadata(schema, SCHEMA.metadata)
  const dictionaries = new Map<number, Field>()
  const fields = [...schema.tables(SCHEMA.fields)].map(table => readField(table, '', 1, dictionaries))
  return { fields, dictionaries }
}

/** Custom metadata means nothing here, but libraries read it: it has to be whole. */
export function checkMetadata(table: FlatTable, field: number): void {
  for (const pair of table.tables(field)) {
    pair.vector(KEY_VALUE.key, 1)
    pair.vector(KEY_VALUE.value, 1)
  }
}

/** CODEC_NOT_FOUND for a name that no row can have. */
export function checkName(name: string, path: string): void {
  if (name === UNSAFE_NAME) throw unreadableColumn(path, 'has a name that JavaScript objects cannot hold: rename it')
}

function readField(table: FlatTable, parent: string, depth: number, dictionaries: Map<number, Field>): Field {
  const own = table.string(FIELD.name) ?? ''
  const path = depth === 1 ? own : `${parent}.${own}`
  if (depth > VALUE_DEPTH_MAX) throw corruptColumn(path, `lies in more than ${VALUE_DEPTH_MAX} others`)
  checkName(own, path)
  checkMetadata(table, FIELD.metadata)
  const kind = table.byte(FIELD.type)
  const read = [...table.tables(FIELD.children)].map(child => readField(child, path, depth + 1, dictionaries))
  const typed = layoutOf(kind, table.table(FIELD.parameters), path, read)
  const children = kind === MAP ? read.map(entries => markKeys(entries, dictionaries)) : read
  const type = children.length === 0 ? typed.type : `${typed.type}<${children.map(typeWithin).join(', ')}>`
  const values = { path, name: typed.name, type, layout: typed.layout, children, dictionary: undefined, keys: false }
  const encoding = table.table(FIELD.dictionary)
  return encoding === undefined ? values : { ...values, dictionary: readDictionary(encoding, values, dictionaries) }
}

/** The entries of a map, with their keys known as such, and so where these lie in a dictionary. */
function markKeys(entries: Field, dictionaries: Map<number, Field>): Field {
  const [keys, ...values] = entries.children
  if (keys === undefined) return entries
  const marked = { ...keys, keys: true }
  if (keys.dictionary !== undefined) dictionaries.set(keys.dictionary.id, { ...marked, dictionary: undefined })
  return { ...entries, children: [marked, ...values] }
}

function typeWithin({ type, dictionary }: Field): string {
  return dictionary === undefined ? type : `${dictionary.id}:${dictionary.width}:${dictionary.signed}:${type}`
}

function readDictionary(encoding: FlatTable, values: Field, dictionaries: Map<number, Field>): DictionaryOf {
  const id = encoding.long(DICTIONARY.id)
  const known = dictionaries.get(id)
  if (known === undefined) dictionaries.set(id, values)
  else if (known.type !== values.type)
    throw corruptColumn(values.path, `shares a dictionary with ${quoted(known.path)}, which has another type`)
  const index = encoding.table(DICTIONARY.index)
  const bits = index?.int(INT.bits) ?? 32
  if (![8, 16, 32, 64].includes(bits)) throw corruptColumn(values.path, `has dictionary indices of ${bits} bits`)
  return { id, width: bits / 8, signed: index === undefined || index.byte(INT.signed) !== 0 }
}
