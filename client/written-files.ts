// Which files this process wrote under a temporary name and renamed into place: nobody writes to such a file again, so that the
// daemon may keep a version of it by a link. Bounded; forgets the oldest, and every file that is no longer as it was written.

import type { BigIntStats } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { errno } from '../proto/errors.ts'

/** Files remembered: those of a large checkpoint directory, some MiB of paths. */
const REMEMBERED_MAX = 10_000
/** What one publication may name, as the schema of the request has it. */
const NAMED_MAX = 1_000
const NAME_CHARS_MAX = 4096
/** Characters of all names of one publication: with UTF-8 and JSON's quoting well below API_BODY_BYTES_MAX. */
const NAMES_CHARS_MAX = 128 * 1024

export class WrittenFiles {
  /** Absolute path -> fingerprint, the newest last. */
  readonly #files = new Map<string, string>()

  note(path: string, print: string): void {
    this.#files.delete(path)
    this.#files.set(path, print)
    if (this.#files.size <= REMEMBERED_MAX) return
    for (const oldest of this.#files.keys()) {
      this.#files.delete(oldest)
      break
    }
  }

  /** The newest of them at or below the absolute path `base`, relative to it ('' for itself), if they are as they were written. */
  async within(base: string): Promise<string[]> {
    const found = [...this.#files].filter(([path]) => path === base || path.startsWith(`${base}/`)).toReversed()
    const checked = await Promise.all(
      found.slice(0, NAMED_MAX).map(async ([path, print]) => {
        if ((await printOf(path)) === print) return path.slice(base.length + 1)
        if (this.#files.get(path) === print) this.#files.delete(path)
        return undefined
      })
    )
    const names: string[] = []
    let chars = 0
    for (const name of checked) {
      if (name === undefined || name.length > NAME_CHARS_MAX || chars + name.length > NAMES_CHARS_MAX) continue
      chars += name.length
      names.push(name)
    }
    return names
  }
}

/** What changes when a file is replaced, or written to in place. */
export function fingerprint({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}`
}

async function printOf(path: string): Promise<string | undefined> {
  try {
    return fingerprint(await lstat(path, { bigint: true }))
  } catch (error) {
    // Whatever is wrong with it, the daemon finds out by itself.
    if (errno(error) !== undefined) return undefined
    throw error
  }
}
