// The model of train-and-deploy: softmax regression, trained by gradient descent over all samples at once. Nothing but arithmetic.

import type { Penguin } from './penguins.ts'

/** Typed arrays, so that it travels as safetensors. */
export interface Model {
  /** One row for each species: a weight for each measure, then the bias. */
  readonly weights: Float64Array
  /** What is taken from each measure, and what it is divided by. */
  readonly mean: Float64Array
  readonly scale: Float64Array
}

/** A model that knows nothing yet but how large the measures are. */
export function untrained(samples: readonly Penguin[], species: number): Model {
  const measures = samples[0]?.measures.length ?? 0
  const mean = new Float64Array(measures)
  const scale = new Float64Array(measures)
  for (let at = 0; at < measures; at++) {
    const column = samples.map(sample => sample.measures[at] ?? 0)
    const average = sum(column) / column.length
    mean[at] = average
    scale[at] = Math.sqrt(sum(column.map(value => (value - average) ** 2)) / column.length)
  }
  return { weights: new Float64Array(species * (measures + 1)), mean, scale }
}

/** One step downhill, in place. Returns the loss before it: mean cross-entropy. */
export function trainEpoch({ weights, mean, scale }: Model, samples: readonly Penguin[], rate: number): number {
  const gradient = new Float64Array(weights.length)
  const columns = mean.length + 1
  let loss = 0
  for (const { measures, species } of samples) {
    const input = standard({ mean, scale }, measures)
    const chances = chancesOf(weights, input)
    loss -= Math.log(chances[species] ?? 1)
    for (const [row, chance] of chances.entries())
      for (const [at, value] of input.entries())
        gradient[row * columns + at] =
          (gradient[row * columns + at] ?? 0) + (chance - (row === species ? 1 : 0)) * value
  }
  for (const [at, slope] of gradient.entries()) weights[at] = (weights[at] ?? 0) - (rate * slope) / samples.length
  return loss / samples.length
}

/** The share of samples whose species it says. */
export function accuracyOf(model: Model, samples: readonly Penguin[]): number {
  const right = samples.filter(({ measures, species }) => {
    const chances = chancesOf(model.weights, standard(model, measures))
    return chances.indexOf(Math.max(...chances)) === species
  })
  return right.length / samples.length
}

/** Measures around 0, and a 1 for the bias. */
function standard({ mean, scale }: Pick<Model, 'mean' | 'scale'>, measures: readonly number[]): number[] {
  return [...measures.map((value, at) => (value - (mean[at] ?? 0)) / (scale[at] ?? 1)), 1]
}

function chancesOf(weights: Float64Array, input: readonly number[]): number[] {
  const scores: number[] = []
  for (let row = 0; row < weights.length; row += input.length)
    scores.push(Math.exp(sum(input.map((value, at) => value * (weights[row + at] ?? 0)))))
  const total = sum(scores)
  return scores.map(score => score / total)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
