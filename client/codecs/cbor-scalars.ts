// Dates and bigints out of what CBOR has for them. undefined for what is none.

/** RFC 3339: the year to the second, a fraction, and how far it is from UTC. */
const DATE_TEXT = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/

/** The longest bigint: V8 gives them 2^30 bits. */
const BIGINT_BYTES = 2 ** 27

/** Fractions below a millisecond are cut. */
export function dateOfText(text: string): Date | undefined {
  const [, year, month, day] = DATE_TEXT.exec(text) ?? []
  // A day after the end of its month would be taken for one of the next.
  if (Number(day) > daysOfMonth(Number(year), Number(month))) return undefined
  const date = new Date(text.toUpperCase().replace(' ', 'T'))
  return year === undefined || Number.isNaN(date.getTime()) ? undefined : date
}

/** Of seconds since 1970, rounded to the millisecond. */
export function dateOfSeconds(seconds: unknown): Date | undefined {
  if (typeof seconds !== 'number') return undefined
  // In two parts: the product of the whole is rounded to half milliseconds by the year 140,000, and then once more.
  const whole = Math.floor(seconds)
  const date = new Date(whole * 1000 + Math.round((seconds - whole) * 1000))
  return Number.isNaN(date.getTime()) ? undefined : date
}

/** Of big-endian bytes; none are 0. */
export function bigintOfBytes(bytes: Uint8Array): bigint | undefined {
  if (bytes.length > BIGINT_BYTES) return undefined
  return BigInt(`0x0${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')}`)
}

function daysOfMonth(year: number, month: number): number {
  // The calendar repeats after 400 years, and Date.UTC takes years below 100 for others.
  return new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()
}
