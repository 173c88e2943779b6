// Whether the daemon sees the same file under a path as its client does: in a container, or across mounts, it may not.

import { stat } from 'node:fs/promises'
import { errno, PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import type { Seen } from '../../proto/api.ts'

/** PATH_NOT_VISIBLE unless what lies at `path` is what the client saw there. */
export async function assertSeen(path: string, seen: Seen): Promise<void> {
  try {
    const { dev, ino } = await stat(path, { bigint: true })
    if (String(dev) === seen.dev && String(ino) === seen.ino) return
  } catch (error) {
    if (errno(error) !== 'ENOENT' && errno(error) !== 'ENOTDIR') throw toPathmeshError(error, `looking at ${path}`)
  }
  throw new PathmeshError(
    'PATH_NOT_VISIBLE',
    `the daemon does not see the same file at ${path}: run it where it sees the same folders (in a container, mount them at the same place)`
  )
}
