// Which start of the machine this is: what was written before another one may have been lost with the page cache.

import { readFileSync } from 'node:fs'
import { uptime } from 'node:os'

/** The same text until the machine starts again. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    // Not Linux: the moment of the start, to ten seconds. A clock that is set in between costs a second hashing.
    return `boot-${Math.round((Date.now() / 1000 - uptime()) / 10)}`
  }
}
