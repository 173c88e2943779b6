// Sizes, times, ranges and the like: printed for people, and read from flags. Refuses what has no unit, or is out of bounds.

import { InvalidArgumentError } from 'commander'
import type { Meta } from '../../proto/api.ts'
import { ENTRY_NAME_BYTES_MAX, KEPT_VERSIONS_MAX, META_BYTES_MAX } from '../../proto/limits.ts'
import { meta } from '../shape.ts'

export { formatBytes } from '../../proto/bytes-text.ts'

/** As the schema of a cursor has it. */
const CURSOR_CHARS_MAX = 64
const PORT_MAX = 65_535
const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** 90 as `1m 30s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)}s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole}s`
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`
  const hours = Math.floor(whole / 3600)
  return hours < 48 ? `${hours}h ${Math.floor((whole % 3600) / 60)}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`
}

/** `30s`, `1.5m`, `500ms` in milliseconds. */
export function parseDuration(text: string): number {
  const found = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  const ms = Math.round(Number(found?.[1]) * (MS[found?.[2] ?? ''] ?? Number.NaN))
  if (Number.isSafeInteger(ms) && ms > 0) return ms
  throw new InvalidArgumentError('A duration is a number and a unit: 500ms, 30s, 5m, 1h.')
}

/** Milliseconds since the epoch as `2026-01-31 12:00:00`, UTC. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
}

/** A JSON object that fits into a record. */
export function parseMeta(text: string): Meta {
  const read = readMeta(text)
  const bytes = Buffer.byteLength(JSON.stringify(read))
  if (bytes <= META_BYTES_MAX) return read
  throw new InvalidArgumentError(`It is ${bytes} bytes long, and at most ${META_BYTES_MAX} are taken.`)
}

function readMeta(text: string): Meta {
  try {
    const value: unknown = JSON.parse(text)
    return meta(value, 'meta')
  } catch {
    throw new InvalidArgumentError('It is a JSON object, such as \'{"epoch":3}\'.')
  }
}

/** A number of versions to keep. */
export function parseKeep(text: string): number {
  const keep = Number(text)
  if (/^\d+$/.test(text) && keep <= KEPT_VERSIONS_MAX) return keep
  throw new InvalidArgumentError(`It is a number of versions from 0 to ${KEPT_VERSIONS_MAX}.`)
}

/** A place in the stream of changes, as `watch` prints it. */
export function parseCursor(text: string): string {
  if (text.length > 0 && text.length <= CURSOR_CHARS_MAX) return text
  throw new InvalidArgumentError('It is a cursor that pathmesh watch --json printed.')
}

/** A TCP port; 0 is any that is free. */
export function parsePort(text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= PORT_MAX) return port
  throw new InvalidArgumentError(`A port is a number from 0 to ${PORT_MAX}; 0 is any that is free.`)
}

/** The name of one file, without a folder. */
export function parseFileName(text: string): string {
  const bytes = Buffer.byteLength(text)
  if (bytes > 0 && bytes <= ENTRY_NAME_BYTES_MAX && !/[/\0]/.test(text) && text !== '.' && text !== '..') return text
  throw new InvalidArgumentError('It is the name of one file, without a slash, such as _SUCCESS.')
}

export interface ByteRange {
  readonly start: number
  /** Included; undefined for the end. */
  readonly end: number | undefined
}

/** `0-99`, `100-`: first and last byte, both included. */
export function parseByteRange(text: string): ByteRange {
  const found = /^(\d+)-(\d*)$/.exec(text)
  const start = Number(found?.[1])
  const end = found?.[2] === '' ? undefined : Number(found?.[2])
  if (Number.isSafeInteger(start) && (end === undefined || (Number.isSafeInteger(end) && end >= start)))
    return { start, end }
  throw new InvalidArgumentError('A range is A-B or A-: first and last byte, counted from 0.')
}
