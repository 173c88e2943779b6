// One file copied to where nothing is yet: sharing its blocks, which costs nothing, or byte by byte. It does not look whether
// the source changed meanwhile: whoever asks compares fingerprints.

import { constants } from 'node:fs'
import { copyFile, open, rm } from 'node:fs/promises'
import { errno } from '../../proto/errors.ts'
import { COPY_BYTES } from '../../proto/limits.ts'

export interface CopyOptions {
  readonly signal: AbortSignal
  /** Told the bytes copied since the last call. */
  readonly onBytes: (bytes: number) => void
}

/** How files are copied; tests put another in its place. */
export interface Copier {
  /** Shares the blocks of a file; false, and nothing is left, where the file system cannot. */
  reflink(from: string, to: string): Promise<boolean>
  /** Copies what the file holds up to the size it has at the start. Holes stay holes. */
  copy(from: string, to: string, options: CopyOptions): Promise<void>
}

export const diskCopier: Copier = { reflink, copy }

async function reflink(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE)
    return true
  } catch (error) {
    const code = errno(error)
    if (code === 'EEXIST' || code === 'ENOSPC' || code === 'EDQUOT' || code === 'ENOENT') throw error
    await rm(to, { force: true })
    return false
  }
}

async function copy(from: string, to: string, { signal, onBytes }: CopyOptions): Promise<void> {
  const source = await open(from, 'r')
  try {
    const target = await open(to, 'wx', 0o600)
    try {
      const buffer = Buffer.allocUnsafe(COPY_BYTES)
      const { size } = await source.stat()
      for (let at = 0; at < size;) {
        signal.throwIfAborted()
        const { bytesRead } = await source.read(buffer, 0, Math.min(COPY_BYTES, size - at), at)
        if (bytesRead === 0) break
        const piece = buffer.subarray(0, bytesRead)
        if (!isZero(piece))
          for (let done = 0; done < bytesRead;)
            done += (await target.write(piece, done, bytesRead - done, at + done)).bytesWritten
        at += bytesRead
        onBytes(bytesRead)
      }
      await target.truncate(size)
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

const ZEROS = Buffer.alloc(COPY_BYTES)
const isZero = (bytes: Uint8Array): boolean =>
  bytes[0] === 0 && Buffer.compare(bytes, ZEROS.subarray(0, bytes.length)) === 0
