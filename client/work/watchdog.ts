// A thread that looks whether the program that started this process is still there, also while the Work keeps the main thread busy. It
// kills the process, with what it has started, when that is gone; it does nothing else.

import { isMainThread, workerData } from 'node:worker_threads'
import { endGroup } from './process-group.ts'

const LOOK_MS = 1_000

/** What the thread is given. */
export interface Watched {
  /** Id of the process that started this one. */
  readonly parent: number
}

function watch({ parent }: Watched): void {
  setInterval(() => {
    if (process.ppid !== parent) endGroup(process.pid)
  }, LOOK_MS)
}

function isWatched(value: unknown): value is Watched {
  return typeof value === 'object' && value !== null && 'parent' in value
}

const given: unknown = workerData
if (!isMainThread && isWatched(given)) watch(given)
