// Time, as it is handed to components, so that they can be run on a virtual clock. Only this file asks the system.

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Milliseconds from some fixed moment; never goes back. */
  monotonic(): number
  /** Runs `run` once after `ms`; the result cancels it. */
  after(ms: number, run: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  }
}
