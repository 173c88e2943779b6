// One range of bytes, as RFC 9110 has it.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { parseRange } from '../../../daemon/admin/range.ts'

describe('parseRange()', () => {
  for (const [header, size, expected] of [
    [undefined, 10, undefined],
    ['', 10, undefined],
    ['bytes=0-', 10, [0, 10]],
    ['bytes=0-0', 10, [0, 1]],
    ['bytes=9-9', 10, [9, 10]],
    ['bytes=2-5', 10, [2, 6]],
    ['bytes=2-99', 10, [2, 10]],
    ['bytes=-3', 10, [7, 10]],
    ['bytes=-10', 10, [0, 10]],
    ['bytes=-99', 10, [0, 10]],
    ['bytes=10-', 10, 'unsatisfiable'],
    ['bytes=10-12', 10, 'unsatisfiable'],
    ['bytes=-0', 10, 'unsatisfiable'],
    ['bytes=0-', 0, 'unsatisfiable'],
    ['bytes=0-0', 0, 'unsatisfiable'],
    ['bytes=-1', 0, 'unsatisfiable'],
    ['bytes=5-2', 10, undefined],
    ['bytes=-', 10, undefined],
    ['bytes=0-1,3-4', 10, undefined],
    ['bytes= 0-1', 10, undefined],
    ['items=0-1', 10, undefined],
    ['bytes=0x1-2', 10, undefined],
    ['bytes=1e3-', 10, undefined],
    [`bytes=${'9'.repeat(15)}-`, 10, 'unsatisfiable'],
    [`bytes=${'9'.repeat(16)}-`, 10, undefined]
  ] as const) {
    const said = typeof expected === 'object' ? `bytes ${expected[0]} to ${expected[1]}` : (expected ?? 'the whole')
    it(`takes ${JSON.stringify(header)} of ${size} bytes as ${said}`, () => {
      const range = parseRange(header, size)
      if (typeof expected === 'string' || expected === undefined) assert.equal(range, expected)
      else assert.deepEqual(range, { start: expected[0], end: expected[1] })
    })
  }
})
