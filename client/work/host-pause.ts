// Waiting that can be cut short, and says whether it was. Throws nothing.

import { setTimeout as pause } from 'node:timers/promises'

/** Whether so many milliseconds passed before the signal was aborted. */
export async function hasPassed(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await pause(ms, undefined, { signal })
    return true
  } catch (error) {
    if (signal.aborted) return false
    throw error
  }
}
