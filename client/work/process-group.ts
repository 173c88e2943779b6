// The processes that a Work starts (a training script, a loader's workers): they are of its group, and do not outlive it.

import { errno } from '../../proto/errors.ts'

/** Kills every process of the group that `leader` began; nothing where none is left. */
export function endGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch (error) {
    if (errno(error) !== 'ESRCH' && errno(error) !== 'EPERM') throw error
  }
}
