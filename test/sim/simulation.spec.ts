// The catalogue in a simulation: 20 nodes in one thread on a virtual clock, and everything that goes wrong drawn from a seed. A
// failure names its seed first, and how to see it again; `npm run simulate` runs as many seeds as one likes.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { CANARIES } from './canaries.ts'
import type { Build } from './node.ts'
import { Violation } from './oracle.ts'
import { simulate } from './simulate.ts'

const SEEDS = 40
const SEEDS_IN_TEST = 10
/** Seeds within which each canary must be noticed. */
const CANARY_SEEDS = 60
/** Fewer, so that each says more. */
const CANARY_NODES = 8

describe('the catalogue of 20 nodes, whatever happens to them', function () {
  this.timeout(60_000)

  for (let from = 1; from <= SEEDS; from += SEEDS_IN_TEST)
    it(`keeps what was acknowledged, goes back nowhere, and is the same everywhere in the end (seeds ${from} to ${from + SEEDS_IN_TEST - 1})`, async () => {
      for (let seed = from; seed < from + SEEDS_IN_TEST; seed++) await run(String(seed))
    })

  it('does the same again for the same seed, and something else for another', async () => {
    const [once, again, other] = [await simulate('1'), await simulate('1'), await simulate('2')]
    assert.deepEqual(once, again)
    assert.notEqual(once.trace, other.trace)
  })
})

describe('the simulation of the catalogue', function () {
  this.timeout(60_000)

  for (const [fault, build] of Object.entries(CANARIES))
    it(`notices a node that ${fault}`, async () => {
      assert.ok(await isNoticed(build), `not noticed in ${CANARY_SEEDS} seeds`)
    })
})

async function run(seed: string): Promise<void> {
  try {
    const { acknowledged } = await simulate(seed)
    assert.ok(acknowledged > 0, 'nothing was published')
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`seed ${seed}: ${why}; again: npm run simulate -- --seed ${seed}`, { cause })
  }
}

async function isNoticed(build: Build): Promise<boolean> {
  for (let seed = 1; seed <= CANARY_SEEDS; seed++) {
    try {
      await simulate(`canary ${seed}`, { build, nodes: CANARY_NODES })
    } catch (error) {
      if (error instanceof Violation) return true
      throw error
    }
  }
  return false
}
