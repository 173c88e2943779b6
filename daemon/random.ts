// Randomness for jitter and choices, as it is handed to components. Keys and secrets come from node:crypto where they are made.

/** A number from 0 up to, but not including, 1. */
export type Random = () => number

export const systemRandom: Random = () => Math.random()
