// Sizes, times and ranges: printed for people, and read from flags. Refuses what has no unit.

import { InvalidArgumentError } from 'commander'

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const
const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** 1536 as `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${UNITS[unit] ?? ''}`
}

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
