// Waiting in tests: for a fact to become true, with a deadline. Nothing sleeps for a time that was guessed.

import { setTimeout as wait } from 'node:timers/promises'

const POLL_MS = 25
const DEADLINE_MS = 20_000

/** Resolves to the first answer that is neither undefined nor false. Fails after the deadline, saying what did not happen. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  { deadlineMs = DEADLINE_MS }: { readonly deadlineMs?: number } = {}
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + deadlineMs
  while (true) {
    const found = await look()
    if (isThere(found)) return found
    if (performance.now() > deadline) throw new Error(`in ${deadlineMs} ms it did not happen that ${what}`)
    await wait(POLL_MS)
  }
}

function isThere<T>(value: T): value is Exclude<T, undefined | false> {
  return value !== undefined && value !== false
}

/** The promise, or a failure that says what it was waiting for. */
export async function inTime<T>(what: string, promise: Promise<T>, deadlineMs = DEADLINE_MS): Promise<T> {
  const stop = new AbortController()
  const late = wait(deadlineMs, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`in ${deadlineMs} ms it did not happen that ${what}`)
  })
  late.catch(() => undefined)
  try {
    return await Promise.race([promise, late])
  } finally {
    stop.abort()
  }
}
