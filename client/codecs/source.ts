// Where a codec reads from: bytes in memory, or a file. Opens a file when it is read, and reads it once.

import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { PAYLOAD_MEMORY_BYTES_MAX } from '../../proto/limits.ts'
import type { Source } from './codec.ts'

/** Bytes that one system call reads: Linux does no more than 2 GiB. */
const READ_BYTES = 2 ** 30

/** A source that has to be closed. */
export interface OpenSource extends Source {
  /** Removes what was made for `path()`. What was read stays good. */
  close(): void
}

/** A source over bytes that nobody else has, or will change. */
export function memorySource(given: Uint8Array): OpenSource {
  // A Buffer would share what it cuts out.
  const bytes = isWhole(given) ? new Uint8Array(given.buffer) : new Uint8Array(given)
  let folder: string | undefined
  return {
    size: bytes.length,
    bytes: () => bytes,
    read: (start, end) => {
      checkRange(start, end, bytes.length)
      return bytes.slice(start, end)
    },
    path: () => {
      if (folder === undefined) {
        folder = mkdtempSync(join(tmpdir(), 'pathmesh-payload-'))
        writeFileSync(join(folder, 'payload'), bytes, { mode: 0o400 })
      }
      return join(folder, 'payload')
    },
    close: () => {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
      folder = undefined
    }
  }
}

/** A source over a file of `size` bytes that does not change while it is used. */
export function fileSource(path: string, size: number): OpenSource {
  let whole: Uint8Array<ArrayBuffer> | undefined
  const read = (start: number, end: number): Uint8Array<ArrayBuffer> => {
    checkRange(start, end, size)
    return readRange(path, start, end)
  }
  return {
    size,
    bytes: () => (whole ??= read(0, size)),
    read,
    path: () => path,
    close: () => undefined
  }
}

function readRange(path: string, start: number, end: number): Uint8Array<ArrayBuffer> {
  if (end - start > PAYLOAD_MEMORY_BYTES_MAX)
    throw new PathmeshError(
      'TOO_LARGE',
      `${end - start} bytes do not fit in one piece of memory, which holds ${PAYLOAD_MEMORY_BYTES_MAX}: read it in parts`
    )
  const bytes = new Uint8Array(end - start)
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    for (let at = 0; at < bytes.length;) {
      const got = readSync(file, bytes, at, Math.min(READ_BYTES, bytes.length - at), start + at)
      if (got === 0) throw new PathmeshError('IO', `${path} ends after ${start + at} bytes, before ${end}`)
      at += got
    }
    return bytes
  } catch (error) {
    throw toPathmeshError(error, `reading ${path}`)
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/** Whether it is all of its memory, and begins where every kind of typed array may. */
function isWhole(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer && bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength
}

function checkRange(start: number, end: number, size: number): void {
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start && start <= end && end <= size) return
  throw new RangeError(`${size} bytes have no range ${start} to ${end}`)
}
