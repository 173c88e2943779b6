// The data of train-and-deploy: 342 penguins of three species that somebody measured (Palmer Station LTER, Antarctica), as the
// package vega-datasets has them. Always split in the same way.

import { readFileSync } from 'node:fs'

export const SPECIES = ['Adelie', 'Chinstrap', 'Gentoo']
const MEASURES = ['Beak Length (mm)', 'Beak Depth (mm)', 'Flipper Length (mm)', 'Body Mass (g)']
const SEED = 42
const TEST_SHARE = 0.3

export interface Penguin {
  readonly measures: readonly number[]
  /** Index of its species. */
  readonly species: number
}

/** Penguins to learn from, and others to be tested with. */
export function penguins(): { readonly train: Penguin[]; readonly test: Penguin[] } {
  const file = new URL('../data/penguins.json', import.meta.resolve('vega-datasets'))
  const rows: Record<string, unknown>[] = JSON.parse(readFileSync(file, 'utf8'))
  const all = shuffled(rows.map(toPenguin).filter(({ measures }) => measures.every(Number.isFinite)))
  const tests = Math.round(all.length * TEST_SHARE)
  return { train: all.slice(tests), test: all.slice(0, tests) }
}

function toPenguin(row: Record<string, unknown>): Penguin {
  const measures = MEASURES.map(name => (typeof row[name] === 'number' ? row[name] : Number.NaN))
  return { measures, species: SPECIES.indexOf(String(row['Species'])) }
}

/** Fisher and Yates, with a linear congruential generator: the same order in each process. */
function shuffled<T>(list: readonly T[]): T[] {
  const rest = [...list]
  const drawn: T[] = []
  for (let state = SEED; rest.length > 0; state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0)
    drawn.push(...rest.splice(Math.floor((state / 2 ** 32) * rest.length), 1))
  return drawn
}
