// Runs in a worker thread: many small files read, written, synced or looked at in one message, with synchronous calls,
// which cost a fraction of asynchronous ones. It decides nothing: what fails is reported for the file it failed for.

import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  readSync,
  rmSync,
  writeSync
} from 'node:fs'

export { lookAt } from '../content/look.ts'

export interface ReadOrder {
  readonly paths: readonly string[]
  /** Of each file: the size, and the time of writing, that it had when it was hashed. */
  readonly stamps: BigInt64Array
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
  /** Of each file, whose bytes follow each other; -1 for one that cannot be read, or did not look as stated throughout. */
  readonly lengths: Int32Array
}

/** Reads whole small files into one buffer. */
export function read({ paths, stamps }: ReadOrder): ReadAnswer {
  const sizes = paths.map((_, i) => Number(stamps[2 * i]))
  const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0))
  const lengths = new Int32Array(paths.length).fill(-1)
  let at = 0
  for (const [i, path] of paths.entries()) {
    const size = sizes[i] ?? 0
    const outcome = attempt(() => readWhole(path, bytes.subarray(at, at + size), stamps.subarray(2 * i, 2 * i + 2)))
    if (!outcome.ok || !outcome.value) continue
    lengths[i] = size
    at += size
  }
  return { bytes: bytes.subarray(0, at), lengths }
}

/** Whether the file has as many bytes, and looks like this before and after. */
function readWhole(path: string, into: Uint8Array, stamp: BigInt64Array): boolean {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (!looksLike(fd, stamp)) return false
    for (let at = 0; at < into.length;) {
      const n = readSync(fd, into, at, into.length - at, at)
      if (n === 0) return false
      at += n
    }
    return looksLike(fd, stamp)
  } finally {
    closeSync(fd)
  }
}

function looksLike(fd: number, stamp: BigInt64Array): boolean {
  const { size, mtimeNs } = fstatSync(fd, { bigint: true })
  return size === stamp[0] && mtimeNs === stamp[1]
}

export interface WriteOrder {
  readonly tasks: readonly WriteTask[]
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Writes whole files, each with its final mode, over whatever an earlier attempt left. Nothing is synced. */
export function write({ tasks, bytes }: WriteOrder): Outcome<null>[] {
  return tasks.map(task =>
    attempt(() => {
      const fd = create(task.path, task.mode)
      try {
        for (let at = task.from; at < task.to;) at += writeSync(fd, bytes, at, task.to - at)
      } finally {
        closeSync(fd)
      }
      return null
    })
  )
}

const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL

function create(path: string, mode: number): number {
  try {
    return openSync(path, CREATE_FLAGS, mode)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    rmSync(path)
    return openSync(path, CREATE_FLAGS, mode)
  }
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
