// Runs in a worker thread: many small files read, written, synced or looked at in one message, with synchronous calls,
// which cost a fraction of asynchronous ones. It decides nothing: what fails is reported for the file it failed for.

import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readSync,
  rmSync,
  writeSync
} from 'node:fs'

export interface ReadTask {
  readonly path: string
  /** Bytes that the file had when it was hashed. */
  readonly size: number
}

export interface WriteTask {
  readonly path: string
  readonly mode: number
  /** Where its bytes lie in the buffer that comes with the tasks. */
  readonly from: number
  readonly to: number
}

/** dev, ino, size, mtimeNs, ctimeNs. */
export type Stamp = readonly [bigint, bigint, bigint, bigint, bigint]

export interface Failure {
  readonly code: string
  readonly message: string
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure }

export interface ReadAnswer {
  readonly bytes: Uint8Array
  /** For each file the bytes read, which follow each other in `bytes`, and what it looked like before and after. */
  readonly files: readonly Outcome<{ length: number; before: Stamp; after: Stamp }>[]
}

/** Reads whole files into one buffer. */
export function read(tasks: readonly ReadTask[]): ReadAnswer {
  const bytes = new Uint8Array(tasks.reduce((sum, task) => sum + task.size, 0))
  let at = 0
  const files = tasks.map(task =>
    attempt(() => {
      const fd = openSync(task.path, constants.O_RDONLY | constants.O_NONBLOCK)
      try {
        const before = stampOf(fd)
        let length = 0
        while (length < task.size) {
          const n = readSync(fd, bytes, at + length, task.size - length, length)
          if (n === 0) break
          length += n
        }
        const after = stampOf(fd)
        at += length
        return { length, before, after }
      } finally {
        closeSync(fd)
      }
    })
  )
  return { bytes: bytes.subarray(0, at), files }
}

export interface WriteOrder {
  readonly tasks: readonly WriteTask[]
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Writes whole files, each with its final mode, over whatever an earlier attempt left. Nothing is synced. */
export function write({ tasks, bytes }: WriteOrder): Outcome<null>[] {
  return tasks.map(task =>
    attempt(() => {
      rmSync(task.path, { force: true })
      const fd = openSync(task.path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, task.mode)
      try {
        for (let at = task.from; at < task.to;) at += writeSync(fd, bytes, at, task.to - at)
      } finally {
        closeSync(fd)
      }
      return null
    })
  )
}

export interface CopyTask {
  readonly from: string
  readonly to: string
  readonly mode: number
}

/** Copies small files to where there is nothing yet, by reflink where the file system can. */
export function copy(tasks: readonly CopyTask[]): Outcome<null>[] {
  return tasks.map(task =>
    attempt(() => {
      copyFileSync(task.from, task.to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
      chmodSync(task.to, task.mode)
      return null
    })
  )
}

export interface LinkTask {
  readonly from: string
  readonly to: string
}

/** Gives files another name, and tells what is there then. */
export function link(tasks: readonly LinkTask[]): Outcome<Stamp>[] {
  return tasks.map(task =>
    attempt(() => {
      linkSync(task.from, task.to)
      return stamp(lstatSync(task.to, { bigint: true }))
    })
  )
}

/** What each path looks like, without following a link. */
export function look(paths: readonly string[]): Outcome<Stamp>[] {
  return paths.map(path => attempt(() => stamp(lstatSync(path, { bigint: true }))))
}

/** Puts files or directories on the disk. */
export function sync(paths: readonly string[]): Outcome<null>[] {
  return paths.map(path =>
    attempt(() => {
      const fd = openSync(path, constants.O_RDONLY)
      try {
        fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
      return null
    })
  )
}

function stampOf(fd: number): Stamp {
  return stamp(fstatSync(fd, { bigint: true }))
}

function stamp({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): Stamp {
  return [dev, ino, size, mtimeNs, ctimeNs]
}

function attempt<T>(run: () => T): Outcome<T> {
  try {
    return { ok: true, value: run() }
  } catch (error) {
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'EIO'
    return { ok: false, failure: { code, message: error instanceof Error ? error.message : String(error) } }
  }
}
