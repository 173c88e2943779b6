// Looking at many paths with one message to a worker thread: numbers travel in one array, since an object of big integers for
// each path would cost more than the look. A path that cannot be looked at does not spoil the others.

import { lstatSync } from 'node:fs'
import { errno } from '../../proto/errors.ts'
import type { Look } from './fingerprint.ts'

export interface LookResult {
  /** LOOK_NUMBERS of each path: mode, device, inode, size, times of writing and of change; zeros for one that failed. */
  readonly stamps: BigInt64Array
  readonly failures: readonly { readonly index: number; readonly code: string; readonly message: string }[]
}

const LOOK_NUMBERS = 6

/** What paths look like, without following a link; for a worker thread, since it waits for the disk. */
export function lookAt(paths: readonly string[]): LookResult {
  const stamps = new BigInt64Array(paths.length * LOOK_NUMBERS)
  const failures: LookResult['failures'][number][] = []
  for (const [index, path] of paths.entries()) {
    try {
      const { mode, dev, ino, size, mtimeNs, ctimeNs } = lstatSync(path, { bigint: true })
      stamps.set([mode, dev, ino, size, mtimeNs, ctimeNs], index * LOOK_NUMBERS)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      failures.push({ index, code: errno(error) ?? 'EIO', message })
    }
  }
  return { stamps, failures }
}

/** In the order of the paths, the error of the system for one that failed. */
export function looksIn({ stamps, failures }: LookResult): (Look | Error)[] {
  const looks: (Look | Error)[] = []
  for (let at = 0; at < stamps.length; at += LOOK_NUMBERS) {
    const [mode = 0n, dev = 0n, ino = 0n, size = 0n, mtimeNs = 0n, ctimeNs = 0n] = stamps.subarray(
      at,
      at + LOOK_NUMBERS
    )
    looks.push({ mode, dev: BigInt.asUintN(64, dev), ino: BigInt.asUintN(64, ino), size, mtimeNs, ctimeNs })
  }
  for (const { index, code, message } of failures) looks[index] = Object.assign(new Error(message), { code })
  return looks
}
