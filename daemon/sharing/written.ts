// Which directories outside the store pathmesh wrote, and what they looked like then: only such a one, unchanged, is ever
// replaced.

import { createHash } from 'node:crypto'
import { scan } from '../content/scan.ts'
import { type Database, put, type Table } from '../store/database.ts'
import { hasCode, PathmeshError } from '../../proto/errors.ts'

export class Written {
  readonly #database: Database
  readonly #stamps: Table<string, string>

  constructor(database: Database) {
    this.#database = database
    this.#stamps = database.table<string>('written')
  }

  /** Remembers what a directory looked like when it was written. */
  async note(path: string, stamp: string): Promise<void> {
    await this.#database.commit([put(this.#stamps, path, stamp)])
  }

  /** The same, if it still looks like that. */
  async noteIfThere(path: string, stamp: string): Promise<void> {
    if ((await stampOf(path).catch(unreadable)) === stamp) await this.note(path, stamp)
  }

  /** ALREADY_EXISTS unless pathmesh wrote this directory and nothing in it changed. */
  async mayReplace(path: string): Promise<void> {
    const known = await this.#stamps.get(path)
    if (known === undefined)
      throw new PathmeshError(
        'ALREADY_EXISTS',
        `${path} is a directory that pathmesh did not write: it is not replaced; remove it, or choose another destination`
      )
    if (known !== (await stampOf(path).catch(unreadable)))
      throw new PathmeshError(
        'ALREADY_EXISTS',
        `${path} was changed since pathmesh wrote it: it is not replaced; remove it, or choose another destination`
      )
  }
}

/** A digest of what is in a directory: paths, kinds, sizes, times of writing. */
export async function stampOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const entry of scan(path)) {
    const facts =
      entry.kind === 'file'
        ? [entry.fingerprint.size.toString(), entry.fingerprint.mtimeNs.toString(), String(entry.executable)]
        : entry.kind === 'symlink'
          ? [entry.target]
          : []
    hash.update(JSON.stringify([entry.path, entry.kind, ...facts]))
  }
  return hash.digest('hex')
}

/** What cannot be walked is not what pathmesh wrote. */
function unreadable(error: unknown): string {
  if (hasCode(error, 'UNSAFE_NAME', 'SOURCE_CHANGED', 'DENIED', 'NOT_FOUND')) return 'changed'
  throw error
}
