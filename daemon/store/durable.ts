// Putting files, directories and renames on the disk, so that a power cut after the call finds them there.

import { spawn } from 'node:child_process'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemClock } from '../clock.ts'
import { errno, PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { SYNC_EACH_MAX, SYNC_MS } from '../../proto/limits.ts'

/** Syncs one file or directory. File systems that cannot sync a directory say EINVAL, and are trusted to need none. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw toPathmeshError(error, `syncing ${path}`)
  })
  try {
    await handle.sync()
  } catch (error) {
    if (errno(error) !== 'EINVAL') throw toPathmeshError(error, `syncing ${path}`)
  } finally {
    await handle.close()
  }
}

/** Renames, and puts both directories' entries on the disk. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to)
  await syncPath(dirname(to))
  if (dirname(from) !== dirname(to)) await syncPath(dirname(from))
}

/**
 * Puts a whole tree on the disk. Rejects with the first failure: never acknowledge then. Few files are synced each; for many, one
 * syncfs(2) of their file system costs a hundredth of it: coreutils' `sync -f` calls it. (On Linux it reports write errors since 5.8;
 * elsewhere it is not used.)
 */
export async function syncTree(
  root: string,
  paths: readonly string[],
  signal?: AbortSignal,
  sync: (path: string) => Promise<void> = syncPath
): Promise<void> {
  if (paths.length > SYNC_EACH_MAX && process.platform === 'linux' && (await syncFileSystem(root, signal))) return
  for (let at = 0; at < paths.length; at += SYNC_EACH_MAX) {
    signal?.throwIfAborted()
    await Promise.all(paths.slice(at, at + SYNC_EACH_MAX).map(sync))
  }
}

/** False where there is no such command. */
function syncFileSystem(path: string, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn('sync', ['-f', path], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    const end = (settle: () => void): void => {
      cancel()
      signal?.removeEventListener('abort', onAbort)
      settle()
    }
    const fail = (error: unknown): void => end(() => reject(error))
    const giveUp = (error: unknown): void => {
      child.kill('SIGKILL')
      fail(error)
    }
    const onAbort = (): void => giveUp(signal?.reason)
    const late = new PathmeshError('IO', `syncing the file system of ${path} took more than ${SYNC_MS / 1000} s`)
    const cancel = systemClock.after(SYNC_MS, () => giveUp(late))
    signal?.addEventListener('abort', onAbort, { once: true })
    child.stderr.on('data', (data: Buffer) => (said += data.toString().slice(0, 500)))
    child.on('error', error => {
      if (errno(error) === 'ENOENT') end(() => resolve(false))
      else fail(toPathmeshError(error, 'running sync'))
    })
    child.on('close', code => {
      if (code === 0) end(() => resolve(true))
      else if (/unrecognized|invalid option/i.test(said)) end(() => resolve(false))
      else fail(new PathmeshError('IO', `syncing the file system of ${path} failed: ${said.trim()}`))
    })
  })
}
