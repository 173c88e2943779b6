// The bits of a transfer: what was added is there, nothing else is, and a copy is the same.

import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { Ledger } from '../../../daemon/store/ledger.ts'

describe('Ledger', () => {
  it('holds exactly what was added, and so does what is made of its bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5000)), ordinals => {
        const ledger = new Ledger()
        for (const ordinal of ordinals) ledger.add(ordinal)
        const again = new Ledger(ledger.toBytes())
        const expected = new Set(ordinals)
        for (const one of [ledger, again]) {
          assert.equal(one.count, expected.size)
          for (let ordinal = 0; ordinal <= 5001; ordinal++) assert.equal(one.has(ordinal), expected.has(ordinal))
        }
        again.add(7)
        assert.equal(ledger.has(7), expected.has(7))
      }),
      { numRuns: 50 }
    )
  })

  it('cuts its bytes after the last bit', () => {
    const ledger = new Ledger()
    assert.equal(ledger.toBytes().length, 0)
    for (const [ordinal, bytes] of [
      [0, 1],
      [7, 1],
      [8, 2],
      [1_000_000, 125_001]
    ] as const) {
      ledger.add(ordinal)
      assert.equal(ledger.toBytes().length, bytes)
    }
  })
})
