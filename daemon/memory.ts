// How much memory the garbage of this process may hold: little while it works, none once it rests. For a process that is a
// daemon alone: what it sets counts for all threads.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { HEAP_GROWING_PERCENT, REST_CPU_SHARE, REST_LOOK_MS } from '../proto/limits.ts'
import type { Clock } from './clock.ts'

/** V8 on its own lets the heap grow to four times what is in use before it collects. */
export function boundHeap(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`)
}

/** What collects all garbage of this thread at once, and gives back what was left of it to the system. */
export function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  return collect
}

export interface RestParts {
  readonly clock: Clock
  /** Microseconds on a processor so far. */
  readonly usage: () => NodeJS.CpuUsage
  readonly collect: () => void
}

/**
 * Collects now, since a process that has started is full of garbage and V8 would wait for more, and each time that it has worked
 * and rests: V8 collects when it needs room, and one that rests needs none. The result ends it.
 */
export function collectAtRest({ clock, usage, collect }: RestParts): () => void {
  collect()
  let hasWorked = false
  let before = spent()
  let cancel = clock.after(REST_LOOK_MS, look)
  function look(): void {
    const isBusy = spent() - before > REST_CPU_SHARE * REST_LOOK_MS * 1000
    if (!isBusy && hasWorked) collect()
    hasWorked = isBusy
    // Collecting is no work: it would follow itself.
    before = spent()
    cancel = clock.after(REST_LOOK_MS, look)
  }
  function spent(): number {
    const { user, system } = usage()
    return user + system
  }
  return () => cancel()
}
