// What is said about a table that cannot be read: which column, what is wrong, what to do. One place, so that every check says
// it alike.

import { PathmeshError } from '../../proto/errors.ts'

/** Characters of a column's name that an error quotes. */
const NAME_CHARS_MAX = 200

/** How to write what both libraries read. */
const WRITE_UNCOMPRESSED =
  "df.to_feather(path, compression='uncompressed') in pandas, " +
  "feather.write_feather(table, path, compression='uncompressed') in pyarrow, " +
  "df.write_ipc(path, compression='uncompressed') in polars, " +
  "df.writeIPC({ compression: 'uncompressed' }) in nodejs-polars"

/** The bytes of a column break the rules of the format. */
export function corruptColumn(path: string, why: string): PathmeshError {
  return new PathmeshError('CORRUPT', `${quoted(path)} ${why}`)
}

/** A column that follows the rules, and that no library here reads. */
export function unreadableColumn(path: string, why: string): PathmeshError {
  return new PathmeshError('CODEC_NOT_FOUND', `${quoted(path)} ${why}; the bytes themselves can be had`)
}

export function corruptFile(why: string): PathmeshError {
  return new PathmeshError('CORRUPT', `the bytes are no Arrow IPC file: ${why}`)
}

/** What would be an Arrow file after one more step by who wrote it. */
export function otherForm(why: string): PathmeshError {
  return new PathmeshError('CODEC_NOT_FOUND', why)
}

/** `codec`: CompressionType of Message.fbs. */
export function compressedTable(codec: number): PathmeshError {
  const name = ['LZ4', 'ZSTD'][codec] ?? 'something unknown'
  return otherForm(
    `the table is compressed with ${name}, and only uncompressed tables are read here: write it with ${WRITE_UNCOMPRESSED}`
  )
}

/** A column's name in a sentence. */
export function quoted(path: string): string {
  const short = path.length > NAME_CHARS_MAX ? `${path.slice(0, NAME_CHARS_MAX)}…` : path
  return `column ${JSON.stringify(short)}`
}

/** The message of what a library threw. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
