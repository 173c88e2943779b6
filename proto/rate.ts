// Rates as people write them: bytes a second, with a unit. One form for flags, the environment and `config.json`. Refuses bits,
// and what is too slow for a block to come before its deadline.

import { PathmeshError } from './errors.ts'
import { RATE_LIMIT_MAX, RATE_LIMIT_MIN } from './limits.ts'

const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3
}
const FORM = /^(\d{1,15}(?:\.\d{1,6})?) ?([A-Za-z]*)(?:\/s)?$/

/** What stands for no limit. */
export const NO_RATE = 'none'

/**
 * Bytes a second in `20MiB/s`, `500kB/s`, `2000000` or `none`, which is 0: no limit. INVALID_ARGUMENT names `where` the text came from.
 */
export function parseRate(text: string, where: string): number {
  const trimmed = text.trim()
  if (trimmed === NO_RATE) return 0
  const [, digits = '', unit = ''] = FORM.exec(trimmed) ?? []
  const bytes = digits === '' ? undefined : BYTES[unit === '' ? 'B' : unit]
  if (bytes === undefined)
    throw refusal(
      where,
      `${JSON.stringify(text.slice(0, 40))} is no rate: write bytes a second as 20MiB/s, 500kB/s, 2000000 or none`
    )
  return checkRate(Math.round(Number(digits) * bytes), where)
}

/** The rate itself, where it can be kept to. */
export function checkRate(perSecond: number, where: string): number {
  const isRate = Number.isSafeInteger(perSecond) && perSecond >= RATE_LIMIT_MIN && perSecond <= RATE_LIMIT_MAX
  if (perSecond === 0 || isRate) return perSecond
  throw refusal(
    where,
    `${perSecond} bytes a second cannot be kept to: it is ${RATE_LIMIT_MIN} (64KiB/s) to ${RATE_LIMIT_MAX} (1TiB/s), or none`
  )
}

function refusal(where: string, why: string): PathmeshError {
  return new PathmeshError('INVALID_ARGUMENT', `${where}: ${why}`)
}
