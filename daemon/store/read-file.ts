// Reading a file that may have changed, vanished or become something else since it was hashed. It decides nothing of that:
// it tells.

import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { fingerprintOf, sameContentStamp } from '../content/fingerprint.ts'
import { errno, PathmeshError } from '../../proto/errors.ts'
import type { FileFacts } from './file-table.ts'

/** Whether the file has the size and time of writing that it had when it was hashed. */
export async function looksUnchanged(handle: FileHandle, facts: FileFacts): Promise<boolean> {
  return sameContentStamp(facts.fingerprint, fingerprintOf(await handle.stat({ bigint: true })))
}

/** Fills `bytes` from an offset on; false where the file ends before. */
export async function readFully(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<boolean> {
  let at = 0
  while (at < bytes.length) {
    const { bytesRead } = await handle.read(bytes, at, bytes.length - at, offset + at)
    if (bytesRead === 0) {
      // The file is shorter than it was; what was not read must not be what happened to be in memory.
      bytes.fill(0, at)
      return false
    }
    at += bytesRead
  }
  return true
}

/** Opens without ever waiting, as a FIFO in the place of the file would make it. NOT_FOUND if it cannot be reached now. */
export async function openToRead(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    const code = errno(error)
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES' || code === 'ENXIO' || code === 'ESTALE') {
      throw new PathmeshError('NOT_FOUND', `${path} cannot be read at the moment`, { cause: error })
    }
    throw error
  }
}
