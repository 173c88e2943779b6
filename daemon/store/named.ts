// What held content is called: a person and a loader go by the name of a file. Refuses names that would leave the folder.

import { link, symlink } from 'node:fs/promises'
import { basename as pathBasename, dirname, join } from 'node:path'
import { errno, toPathmeshError } from '../../proto/errors.ts'
import type { Holding } from './holding-table.ts'

/**
 * The path of held content under this basename: the same bytes may have been fetched under another name, and loaders go by
 * it. A file gets another link, a directory a symbolic one beside it; content that is in place keeps its own name.
 */
export async function named(holding: Holding, path: string, basename: string): Promise<string> {
  const own = safeBasename(basename, holding.root.toString())
  if (holding.class === 'in-place' || path !== holding.path || own === pathBasename(path)) return path
  const other = join(dirname(path), own)
  try {
    if (holding.kind === 'file') await link(path, other)
    else await symlink(pathBasename(path), other)
  } catch (error) {
    if (errno(error) !== 'EEXIST') throw toPathmeshError(error, `naming ${other}`)
  }
  return other
}

/** A name that every file system takes; the root's own where the given one cannot be used. */
export function safeBasename(basename: string, root: string): string {
  const usable =
    basename !== '' &&
    basename !== '.' &&
    basename !== '..' &&
    !/[/\0]/.test(basename) &&
    Buffer.byteLength(basename) <= 255
  return usable ? basename : root
}
