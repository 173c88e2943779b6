// The files that orders of one thread write: opened when the first order names one, closed when the last is done with it.

import { close, constants, fdatasync, open, write } from 'node:fs'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { toPathmeshError } from '../../../proto/errors.ts'
import { FLUSH_BYTES } from '../../../proto/limits.ts'
import type { SmallTarget } from '../provider.ts'

const openFile = promisify(open)
const writeFile = promisify(write)
const syncFile = promisify(fdatasync)
const closeFile = promisify(close)

export interface TargetFile {
  readonly path: string
  readonly fd: number
  users: number
  unflushed: number
}

export class TargetFiles {
  readonly #open = new Map<string, Promise<TargetFile>>()

  /** A file that exists, not through a link. NOT_FOUND, DENIED, UNSAFE_NAME, IO. To be given back with `release`. */
  async acquire(path: string): Promise<TargetFile> {
    const opening =
      this.#open.get(path) ??
      openFile(path, constants.O_WRONLY | constants.O_NOFOLLOW).then(fd => ({ path, fd, users: 0, unflushed: 0 }))
    this.#open.set(path, opening)
    try {
      const file = await opening
      // Its last user closed it meanwhile.
      if (this.#open.get(path) !== opening) return await this.acquire(path)
      file.users++
      return file
    } catch (error) {
      if (this.#open.get(path) === opening) this.#open.delete(path)
      throw toPathmeshError(error, `writing ${path}`)
    }
  }

  /** Writes all of `bytes`. Now and then it puts what was written on the disk, so that little is left to do in the end. */
  async write(file: TargetFile, bytes: Uint8Array, offset: number): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;)
        at += (await writeFile(file.fd, bytes, at, bytes.length - at, offset + at)).bytesWritten
    } catch (error) {
      throw toPathmeshError(error, `writing ${file.path}`)
    }
    file.unflushed += bytes.length
  }

  /** Whether enough was written that it should be on its way to the disk. */
  async flush(file: TargetFile): Promise<void> {
    if (file.unflushed < FLUSH_BYTES) return
    file.unflushed = 0
    try {
      await syncFile(file.fd)
    } catch (error) {
      throw toPathmeshError(error, `writing ${file.path}`)
    }
  }

  async release(file: TargetFile): Promise<void> {
    if (--file.users > 0) return
    this.#open.delete(file.path)
    try {
      await closeFile(file.fd)
    } catch (error) {
      throw toPathmeshError(error, `writing ${file.path}`)
    }
  }
}

/** Writes a whole small file over whatever an earlier attempt left. Nothing is synced. */
export function writeSmallFile({ path, mode }: SmallTarget, bytes: Uint8Array): void {
  try {
    rmSync(path, { force: true })
    const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode)
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw toPathmeshError(error, `writing ${path}`)
  }
}
