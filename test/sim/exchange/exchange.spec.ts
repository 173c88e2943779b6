// The exchange in a simulation: nodes in one thread on a virtual clock that fetch a root from each other, and everything that goes
// wrong drawn from a seed. A failure names its seed first, and how to see it again.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { broadcastPlan } from './plan.ts'
import { simulateExchange } from './simulate.ts'

const SEEDS = 20
const SEEDS_IN_TEST = 20

describe('fetching from each other, whatever happens', function () {
  this.timeout(60_000)

  for (let from = 1; from <= SEEDS; from += SEEDS_IN_TEST)
    it(`ends in time with the right bytes or an error that is true (seeds ${from} to ${from + SEEDS_IN_TEST - 1})`, async () => {
      for (let seed = from; seed < from + SEEDS_IN_TEST; seed++) await run(String(seed))
    })

  it('does the same again for the same seed, and something else for another', async () => {
    const [once, again, other] = [await simulateExchange('1'), await simulateExchange('1'), await simulateExchange('2')]
    assert.deepEqual(once, again)
    assert.notEqual(once.trace, other.trace)
  })

  it('has one that has all of it send it little more than once to eight who fetch it at once', async () => {
    const { copies, fetched } = await simulateExchange('broadcast', broadcastPlan(8, 256))
    assert.equal(fetched, 8)
    assert.ok(copies <= 1.25, `${copies} copies`)
  })
})

async function run(seed: string): Promise<void> {
  try {
    await simulateExchange(seed)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`seed ${seed}: ${why}; again: npm run simulate:exchange -- --seed ${seed}`, { cause })
  }
}
