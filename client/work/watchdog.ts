// A thread that looks whether the program that started this process is still there, also while the Work keeps the main thread busy. It
// kills the process, with what it has started, when that has had its time for last words; it does nothing else.

import { isMainThread, workerData } from 'node:worker_threads'
import { endGroup } from './process-group.ts'

const LOOK_MS = 1_000

/** What the thread is given. */
export interface Watched {
  /** Id of the process that started this one. */
  readonly parent: number
  /** Milliseconds from its end to the end of this one. */
  readonly lastWordsMs: number
}

function watch({ parent, lastWordsMs }: Watched): void {
  const looking = setInterval(
    () => {
      if (process.ppid === parent) return
      clearInterval(looking)
      setTimeout(() => endGroup(process.pid), lastWordsMs)
    },
    Math.min(LOOK_MS, lastWordsMs)
  )
}

function isWatched(value: unknown): value is Watched {
  return typeof value === 'object' && value !== null && 'parent' in value && 'lastWordsMs' in value
}

const given: unknown = workerData
if (!isMainThread && isWatched(given)) watch(given)
