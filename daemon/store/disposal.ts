// Removal of what the store holds: out of the way by one rename, then deleted piece by piece. A row written before says
// what is to go, so that a start after a crash finishes it. Refuses to touch anything outside the data folder.

import { chmod, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errno, toPathmeshError } from '../../proto/errors.ts'
import type { Database, Table, Write } from './database.ts'
import { del, put } from './database.ts'

export class Disposal {
  readonly #database: Database
  readonly #folder: string
  readonly #rows: Table<string, string>
  #last = Date.now()

  constructor(database: Database, data: string) {
    this.#database = database
    this.#folder = join(data, 'trash')
    this.#rows = database.table<string>('trash')
  }

  /** Finishes what an earlier process began. */
  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    for await (const [id, path] of this.#rows.iterator()) await this.#remove(id, path)
  }

  /**
   * Removes `path`. `writes` go in the same batch as the note of it, so that either the facts say that it is there, or it
   * goes. Resolves once it is out of the way; deleting many files goes on behind.
   */
  async dispose(path: string, writes: readonly Write[]): Promise<{ done: Promise<void> }> {
    const id = String((this.#last = Math.max(this.#last + 1, Date.now())))
    await this.#database.commit([...writes, put(this.#rows, id, path)])
    await this.#setAside(id, path)
    return { done: this.#remove(id, path) }
  }

  async #setAside(id: string, path: string): Promise<void> {
    try {
      await rename(path, join(this.#folder, id))
    } catch (error) {
      if (errno(error) !== 'ENOENT') throw toPathmeshError(error, `removing ${path}`)
    }
  }

  async #remove(id: string, path: string): Promise<void> {
    await this.#setAside(id, path)
    await removeTree(join(this.#folder, id))
    await this.#database.note([del(this.#rows, id)])
  }
}

/** Deletes a tree, read-only directories included. */
export async function removeTree(path: string): Promise<void> {
  try {
    await makeWritable(path)
    await rm(path, { recursive: true, force: true })
  } catch (error) {
    throw toPathmeshError(error, `deleting ${path}`)
  }
}

/** Makes every directory of a tree its owner's to write in. */
export async function makeWritable(path: string): Promise<void> {
  const stats = await lstat(path).catch((error: unknown) => {
    if (errno(error) === 'ENOENT') return undefined
    throw error
  })
  if (stats?.isDirectory() !== true) return
  if ((stats.mode & 0o700) !== 0o700) await chmod(path, 0o700)
  for (const entry of await readdir(path, { withFileTypes: true }))
    if (entry.isDirectory()) await makeWritable(join(path, entry.name))
}
