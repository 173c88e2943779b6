// Small secret files: written durably (temporary file, fsync, rename, fsync of the folder) with mode 0600.
// Refuses to read one that others can read or change.

import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errno, PathmeshError, toPathmeshError } from '../../proto/errors.ts'

const PRIVATE_FILE_BYTES_MAX = 64 * 1024

/** The file's bytes; null if it does not exist. DENIED if its mode lets others in, CORRUPT if it is far too large. */
export async function readPrivateFile(path: string): Promise<Uint8Array | null> {
  try {
    const file = await open(path, 'r')
    try {
      const { mode, size } = await file.stat()
      if ((mode & 0o077) !== 0) {
        throw new PathmeshError(
          'DENIED',
          `${path} is open to other users: type \`chmod 600 '${path}'\` and start again`
        )
      }
      if (size > PRIVATE_FILE_BYTES_MAX) throw new PathmeshError('CORRUPT', `${path} is damaged: it has ${size} bytes`)
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (errno(error) === 'ENOENT') return null
    throw toPathmeshError(error, `reading ${path}`)
  }
}

/** Once this returns the file holds `bytes`, power cut or not; before, it holds what it held. */
export async function writePrivateFile(path: string, bytes: Uint8Array): Promise<void> {
  const folder = dirname(path)
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    try {
      const file = await open(temporary, 'wx', 0o600)
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, path)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
    const directory = await open(folder, 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  } catch (error) {
    throw toPathmeshError(error, `writing ${path}`)
  }
}
