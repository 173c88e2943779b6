// Rates as people write them: units, no limit, and what is refused, named by where it came from.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { RATE_LIMIT_MAX, RATE_LIMIT_MIN } from '../../proto/limits.ts'
import { checkRate, parseRate } from '../../proto/rate.ts'
import { failsWith } from '../helpers/trees.ts'

describe('parseRate()', () => {
  for (const [text, bytes] of [
    ['20MiB/s', 20 * 2 ** 20],
    ['500KiB/s', 500 * 1024],
    ['500kB/s', 500_000],
    ['1GB/s', 1e9],
    ['1.5MiB', 1.5 * 2 ** 20],
    ['2 MB/s', 2e6],
    ['2000000', 2_000_000],
    ['2000000 B/s', 2_000_000],
    [' 100000.4 ', 100_000],
    ['none', 0],
    ['0', 0],
    [`${RATE_LIMIT_MIN}`, RATE_LIMIT_MIN],
    ['1024GiB/s', RATE_LIMIT_MAX]
  ] as const) {
    it(`takes ${text}`, () => assert.equal(parseRate(text, '--upload-limit'), bytes))
  }

  for (const text of [
    '',
    'fast',
    '20Mb/s',
    '20Mbit/s',
    '20 mib',
    '-5MB/s',
    '1e6',
    '20MiB/min',
    '20M',
    'Infinity',
    '/s',
    '0x10000'
  ]) {
    it(`refuses ${JSON.stringify(text)}, and says how to write it`, () => {
      assert.throws(
        () => parseRate(text, '--upload-limit'),
        failsWith('INVALID_ARGUMENT', /^--upload-limit: .*20MiB\/s/)
      )
    })
  }

  it('refuses what is too slow or too fast to be kept to', () => {
    for (const rate of [1, RATE_LIMIT_MIN - 1, RATE_LIMIT_MAX + 1, 70_000.5, -1, Number.NaN])
      assert.throws(
        () => checkRate(rate, 'PATHMESH_UPLOAD_LIMIT'),
        failsWith('INVALID_ARGUMENT', /^PATHMESH_UPLOAD_LIMIT: /)
      )
    assert.throws(() => parseRate('10kB/s', '--upload'), failsWith('INVALID_ARGUMENT', /64KiB\/s/))
  })
})
