// Waits for a fact of the outside world, which nobody announces: asks again and again, to a deadline.
// Refuses to wait for ever.

import { setTimeout as pause } from 'node:timers/promises'

const ASK_AGAIN_MS = 10

/** What `ask` answers, as soon as that is neither undefined nor false. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  deadlineMs = 10_000
): Promise<T> {
  const end = performance.now() + deadlineMs
  while (true) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms`)
    await pause(ASK_AGAIN_MS)
  }
}
