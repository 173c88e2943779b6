// Whether bytes are an Arrow IPC file that can be handed to a library: everything that it will follow lies in them. Sources:
// File.fbs, Message.fbs and Columnar.rst of apache/arrow. Reads no compressed ones, so that no table is larger than its bytes.

import { TABLE_BATCH_ROWS_MAX } from '../../proto/limits.ts'
import { Body, type BatchContext } from './arrow-body.ts'
import { compressedTable, corruptFile, otherForm } from './arrow-errors.ts'
import { FlatBuffer, type FlatTable } from './arrow-flatbuffer.ts'
import { checkMetadata, readSchema, type Schema } from './arrow-schema.ts'

/** Rows in all: what numbers of 32 bits still count. */
const TABLE_ROWS_MAX = 2 ** 32 - 2

const MAGIC = 'ARROW1'
/** Magic and padding. */
const START_BYTES = 8
/** Length of the footer, and magic. */
const END_BYTES = 4 + MAGIC.length
/** The struct Block: offset, metadata length, padding, body length. */
const BLOCK_BYTES = 24
/** What comes before the length of a message since Arrow 0.15. */
const CONTINUES = 0xff_ff_ff_ff

const FOOTER = { version: 0, schema: 1, dictionaries: 2, batches: 3 }
const MESSAGE = { version: 0, type: 1, header: 2, bodyLength: 3, metadata: 4 }
const BATCH = { length: 0, compression: 3 }
const DICTIONARY = { id: 0, data: 1, delta: 2 }
const COMPRESSION = { codec: 0 }

const VERSION_4 = 3
const VERSION_5 = 4

type Header = typeof DICTIONARY_BATCH | typeof RECORD_BATCH
const DICTIONARY_BATCH = 2
const RECORD_BATCH = 3

interface Block {
  readonly type: Header
  readonly offset: number
  readonly metadataLength: number
  readonly bodyLength: number
}

export interface CheckedArrow {
  readonly schema: Schema
  /** How many nulls have, as the format allows, an index that their dictionary has not. */
  readonly strays: number
}

/**
 * What an Arrow IPC file is. `bytes` begin at a multiple of 8 in memory. CORRUPT, naming the column, where they break the
 * format's rules; CODEC_NOT_FOUND for what is allowed and not read here: compression, streams, some types. Changes nothing,
 * unless it is to `mend` stray indices.
 */
export function checkArrowFile(bytes: Uint8Array, options: { readonly mend?: boolean } = {}): CheckedArrow {
  const { footer, start } = readFooter(bytes)
  const version = checkVersion(footer, FOOTER.version)
  const schema = schemaOf(footer)
  const dictionaries = readBlocks(footer, FOOTER.dictionaries, DICTIONARY_BATCH)
  const batches = readBlocks(footer, FOOTER.batches, RECORD_BATCH)
  checkApart([...dictionaries, ...batches], start)
  const sizes = new Map<number, number>()
  const context = { legacyUnions: version === VERSION_4, dictionaries: sizes, mend: options.mend ?? false, strays: 0 }
  const file = { bytes, version, schema, sizes, context }
  for (const block of dictionaries) checkDictionary(file, block)
  let rows = 0
  for (const block of batches) rows += checkBatch(file, block)
  if (rows > TABLE_ROWS_MAX) throw corruptFile(`it has ${rows} rows, and the most is ${TABLE_ROWS_MAX}`)
  return { schema, strays: context.strays }
}

/** The schema alone, of a file that a library here has just written: CODEC_NOT_FOUND for what could not be read again. */
export function readArrowSchema(bytes: Uint8Array): Schema {
  return schemaOf(readFooter(bytes).footer)
}

interface ArrowFile {
  readonly bytes: Uint8Array
  readonly version: number
  readonly schema: Schema
  /** Values of each dictionary so far. */
  readonly sizes: Map<number, number>
  readonly context: BatchContext
}

function readFooter(bytes: Uint8Array): { readonly footer: FlatTable; readonly start: number } {
  checkMagic(bytes)
  const end = bytes.length - END_BYTES
  const length = new DataView(bytes.buffer, bytes.byteOffset + end, 4).getInt32(0, true)
  if (length <= 0 || length > end - START_BYTES) throw corruptFile(`its footer has ${length} of ${bytes.length} bytes`)
  const start = end - length
  return { footer: new FlatBuffer(bytes.subarray(start, end), 'its footer').root(), start }
}

function schemaOf(footer: FlatTable): Schema {
  const table = footer.table(FOOTER.schema)
  if (table === undefined) throw corruptFile('its footer has no schema')
  return readSchema(table)
}

function checkMagic(bytes: Uint8Array): void {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (head.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    const other = head.toString('latin1', 0, 4)
    if (other === 'PAR1')
      throw otherForm('the bytes are Parquet, not Arrow: get them as a file, and read that as Parquet')
    if (other === 'FEA1') throw otherForm('the bytes are Feather of version 1: write version 2, which is Arrow')
    if (isStream(head))
      throw otherForm(
        "the bytes are an Arrow stream, and only files are read here: write one with tableToIPC(table, 'file') in " +
          'apache-arrow, writeIPC in nodejs-polars, pyarrow.ipc.new_file, or write_ipc in polars'
      )
    throw corruptFile(`it does not begin with ${MAGIC}`)
  }
  if (bytes.length < START_BYTES + END_BYTES || head.toString('latin1', bytes.length - MAGIC.length) !== MAGIC)
    throw corruptFile(`it does not end with ${MAGIC}`)
}

/** A stream begins with the message of its schema. */
function isStream(head: Buffer): boolean {
  return head.length >= 8 && head.readUInt32LE(0) === CONTINUES && head.readInt32LE(4) >= 0
}

function checkVersion(table: FlatTable, field: number): number {
  const version = table.short(field)
  if (version !== VERSION_4 && version !== VERSION_5)
    throw otherForm(
      `the table is of Arrow's format V${version + 1}, and V4 and V5 are read: write it with a newer version`
    )
  return version
}

function readBlocks(footer: FlatTable, field: number, type: Header): readonly Block[] {
  const { length, start } = footer.vector(field, BLOCK_BYTES)
  const { buffer } = footer
  return Array.from({ length }, (_, i) => {
    const at = start + i * BLOCK_BYTES
    const metadataLength = buffer.view(at + 8, 4).getInt32(at + 8, true)
    return { type, offset: buffer.long(at), metadataLength, bodyLength: buffer.long(at + 16) }
  })
}

/** Each within the file, before the footer at `end`, and none over another: work on one is then work on its bytes. */
function checkApart(blocks: readonly Block[], end: number): void {
  let free = START_BYTES
  for (const { offset, metadataLength, bodyLength } of blocks.toSorted((a, b) => a.offset - b.offset)) {
    const body = offset + metadataLength
    if (offset < free || metadataLength < START_BYTES || bodyLength < 0 || body + bodyLength > end)
      throw corruptFile(`a batch is said to lie at bytes ${offset} to ${body + bodyLength}, where it cannot`)
    if (offset % 8 !== 0 || metadataLength % 8 !== 0)
      throw corruptFile(`a batch at byte ${offset} is not aligned to 8 bytes`)
    free = body + bodyLength
  }
}

function checkDictionary(file: ArrowFile, block: Block): void {
  const { header, body } = readMessage(file, block)
  const id = header.long(DICTIONARY.id)
  const data = header.table(DICTIONARY.data)
  const field = file.schema.dictionaries.get(id)
  if (field === undefined || data === undefined) throw corruptFile(`it has a dictionary ${id} that no column uses`)
  const before = file.sizes.get(id)
  const delta = header.byte(DICTIONARY.delta) !== 0
  if (delta === (before === undefined))
    throw corruptFile(
      delta ? `dictionary ${id} is added to and not there` : `dictionary ${id} is replaced, as only streams may`
    )
  const size = (before ?? 0) + checkColumns(file, data, body, [field])
  if (size > TABLE_BATCH_ROWS_MAX) throw corruptFile(`dictionary ${id} has ${size} values`)
  file.sizes.set(id, size)
}

function checkBatch(file: ArrowFile, block: Block): number {
  const { header, body } = readMessage(file, block)
  return checkColumns(file, header, body, file.schema.fields)
}

/** Rows of a batch, once each column of it is as it should be. */
function checkColumns(file: ArrowFile, batch: FlatTable, body: Uint8Array, fields: Schema['fields']): number {
  const compression = batch.table(BATCH.compression)
  if (compression !== undefined) throw compressedTable(compression.byte(COMPRESSION.codec))
  const rows = batch.long(BATCH.length)
  if (rows < 0 || rows > TABLE_BATCH_ROWS_MAX)
    throw corruptFile(`a batch has ${rows} rows, and the most is ${TABLE_BATCH_ROWS_MAX}`)
  new Body(batch, body, file.context).check(fields, rows)
  return rows
}

/** The message that a block leads to. Its length is given by the file as well, and by the message itself: all have to agree. */
function readMessage(file: ArrowFile, block: Block): { readonly header: FlatTable; readonly body: Uint8Array } {
  const { offset, metadataLength, bodyLength } = block
  const view = new DataView(file.bytes.buffer, file.bytes.byteOffset + offset, metadataLength)
  const prefix = view.getUint32(0, true) === CONTINUES ? 8 : 4
  const length = view.getInt32(prefix - 4, true)
  if (prefix + length !== metadataLength)
    throw corruptFile(`a message at byte ${offset} has ${length} bytes, not ${metadataLength - prefix}`)
  const start = offset + metadataLength
  const flat = new FlatBuffer(file.bytes.subarray(offset + prefix, start), `its message at byte ${offset}`)
  const message = flat.root()
  if (checkVersion(message, MESSAGE.version) !== file.version)
    throw flat.corrupt('it is of another version than the footer')
  checkMetadata(message, MESSAGE.metadata)
  const header = message.table(MESSAGE.header)
  if (message.byte(MESSAGE.type) !== block.type || header === undefined)
    throw flat.corrupt('it is not the batch that the footer says')
  if (message.long(MESSAGE.bodyLength) !== bodyLength)
    throw flat.corrupt(`its body has not the ${bodyLength} bytes that the footer says`)
  return { header, body: file.bytes.subarray(start, start + bodyLength) }
}
