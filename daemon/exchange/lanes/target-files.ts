// The files that orders of one thread write: opened when the first order names one, closed when the last is done with it.

import { closeSync, constants, fdatasync, fstatSync, openSync, rmSync, writeSync, writev } from 'node:fs'
import { promisify } from 'node:util'
import type { Clock } from '../../clock.ts'
import type { Fingerprint } from '../../content/fingerprint.ts'
import { errno, type PathmeshError, toPathmeshError } from '../../../proto/errors.ts'
import { FLUSH_BYTES, SLOW_WRITE_MS, WRITE_PIECE_BYTES } from '../../../proto/limits.ts'
import type { SmallTarget } from '../provider.ts'
import { EMPTY } from './frame.ts'

const syncFile = promisify(fdatasync)
const writeFile = promisify(writev)

export interface TargetFile {
  readonly path: string
  readonly fd: number
  users: number
  unflushed: number
  /** Settles when what was begun before is written: of several that write one file, all but one would spin for its lock. */
  writing: Promise<void>
  /** Settles when what was written is on the disk; a failure is met by whoever writes next, or closes it. */
  flushing: Promise<void>
  failure: PathmeshError | undefined
  /** Its disk takes its time: who writes must not wait for it. */
  isSlow: boolean
}

export interface TargetFilesParts {
  readonly clock: Pick<Clock, 'monotonic'>
  /**
   * Whether this thread writes itself, as long as that takes no time to speak of. It should where there is no idle processor: to
   * hand a write to another thread costs both of them more than it saves.
   */
  readonly writesItself: boolean
}

export class TargetFiles {
  readonly #parts: TargetFilesParts
  readonly #open = new Map<string, TargetFile>()

  constructor(parts: TargetFilesParts) {
    this.#parts = parts
  }

  /** A file that exists, not through a link. NOT_FOUND, DENIED, UNSAFE_NAME, IO. To be given back with `release`. */
  acquire(path: string): TargetFile {
    const known = this.#open.get(path)
    if (known !== undefined) {
      known.users++
      return known
    }
    try {
      const fd = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW)
      const file = {
        path,
        fd,
        users: 1,
        unflushed: 0,
        writing: Promise.resolve(),
        flushing: Promise.resolve(),
        failure: undefined,
        isSlow: !this.#parts.writesItself
      }
      this.#open.set(path, file)
      return file
    } catch (error) {
      throw toPathmeshError(error, `writing ${path}`)
    }
  }

  /** Writes these one after the other. Now and then it puts what was written on the disk, so that little is left in the end. */
  write(file: TargetFile, blocks: readonly Uint8Array[], offset: number): Promise<void> {
    const writing = file.writing.then(() => this.#write(file, blocks, offset))
    file.writing = writing.catch(() => undefined)
    return writing
  }

  async #write(file: TargetFile, blocks: readonly Uint8Array[], offset: number): Promise<void> {
    let left = [...blocks]
    try {
      if (file.failure !== undefined) throw file.failure
      for (let at = offset; left.length > 0;) {
        const bytesWritten = file.isSlow
          ? (await writeFile(file.fd, left, at)).bytesWritten
          : this.#writeNow(file, left[0] ?? EMPTY, at)
        at += bytesWritten
        file.unflushed += bytesWritten
        left = after(left, bytesWritten)
      }
    } catch (error) {
      throw toPathmeshError(error, `writing ${file.path}`)
    }
    if (file.unflushed < FLUSH_BYTES) return
    file.unflushed = 0
    file.flushing = file.flushing
      .then(() => syncFile(file.fd))
      .catch((error: unknown) => {
        file.failure ??= toPathmeshError(error, `writing ${file.path}`)
      })
  }

  /** Writes one block; what takes long is the last that is written like this. */
  #writeNow(file: TargetFile, block: Uint8Array, offset: number): number {
    const { clock } = this.#parts
    const begun = clock.monotonic()
    for (let at = 0; at < block.length;)
      at += writeSync(file.fd, block, at, Math.min(WRITE_PIECE_BYTES, block.length - at), offset + at)
    file.isSlow = clock.monotonic() - begun > SLOW_WRITE_MS
    return block.length
  }

  /** Rejects where anything that was written did not reach the disk. */
  async release(file: TargetFile): Promise<void> {
    if (--file.users > 0) return
    this.#open.delete(file.path)
    await file.flushing
    try {
      closeSync(file.fd)
      if (file.failure !== undefined) throw file.failure
    } catch (error) {
      throw toPathmeshError(error, `writing ${file.path}`)
    }
  }
}

/** What is left of blocks of which so many bytes are done. */
function after(blocks: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const left = [...blocks]
  for (let done = bytes; done > 0;) {
    const first = left.shift()
    if (first === undefined) break
    if (first.length > done) left.unshift(first.subarray(done))
    done -= first.length
  }
  return left
}

/** Writes a whole small file over whatever an earlier attempt left, and tells what it looks like. Nothing is synced. */
export function writeSmallFile({ path, mode }: SmallTarget, bytes: Uint8Array): Fingerprint {
  try {
    const fd = createFile(path, mode)
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at)
      return fstatSync(fd, { bigint: true })
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw toPathmeshError(error, `writing ${path}`)
  }
}

function createFile(path: string, mode: number): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
  try {
    return openSync(path, flags, mode)
  } catch (error) {
    if (errno(error) !== 'EEXIST') throw error
    // Seldom there, and to look first would cost as much as to write.
    rmSync(path, { force: true })
    return openSync(path, flags, mode)
  }
}
