// What only a privileged user can set up: another user's processes, and small file systems. Tests that need it skip elsewhere.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { BIN } from './commands.ts'

export const isRoot = process.getuid?.() === 0
const NOBODY = 65534

/** Before a command, so that user nobody runs it; undefined where that cannot be done. */
export function asNobody(): readonly string[] | undefined {
  const prefix = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
  if (!isRoot) return undefined
  // A clone in somebody's private folder is closed to nobody, as is a private folder for temporary files.
  const look = `for (const path of ${JSON.stringify([BIN, tmpdir()])}) require('node:fs').accessSync(path)`
  const tried = spawnSync('setpriv', [...prefix.slice(1), process.execPath, '-e', look], { cwd: '/' })
  return tried.status === 0 ? prefix : undefined
}

export const nobody = NOBODY

/** A file system of so many MiB at a new folder. Undefined where none can be mounted. */
export function smallFileSystem(at: string, sizeMiB: number): { unmount(): void } | undefined {
  mkdirSync(at, { recursive: true })
  if (!isRoot) return undefined
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMiB}m,mode=0700`, 'pathmesh-test', at])
  if (mounted.status !== 0) return undefined
  let isMounted = true
  return {
    unmount: () => {
      if (!isMounted) return
      isMounted = false
      execFileSync('umount', [at])
    }
  }
}
