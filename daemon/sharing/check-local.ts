// Whether what lies at a path is still, byte for byte, a root: every file that the root lists is hashed again. What lies
// beside them is not looked at. This is what every hand-out of local content passes.

import { readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import type { Branches } from '../content/branches.ts'
import { buildFile } from '../content/file-dag.ts'
import { fingerprintOf } from '../content/fingerprint.ts'
import type { Hasher } from '../content/hasher.ts'
import { hashNameOf } from '../content/multihash.ts'
import { type WalkedEntry, walkTree } from '../content/walk.ts'
import { errno, hasCode, PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { FILES_AT_ONCE } from '../../proto/limits.ts'

export interface CheckOptions {
  /** Bytes of a root that is a leaf. */
  readonly size: number
  readonly signal: AbortSignal
  readonly onBytes?: ((bytes: number) => void) | undefined
}

/** SOURCE_CHANGED, naming the first path that differs. */
export async function checkLocal(
  path: string,
  root: CID,
  branches: Branches,
  hasher: Hasher,
  options: CheckOptions
): Promise<void> {
  const hash = hashNameOf(root)
  try {
    const files = filesToHash(walkTree(root, branches, options), path)
    for await (const { file, leaves, wrapped, fingerprint } of hasher.hashFiles(files, {
      hash,
      signal: options.signal,
      onProgress: options.onBytes
    })) {
      const built = buildFile({ leaves, size: Number(fingerprint.size), executable: file.executable, hash, wrapped })
      if (!built.cid.equals(file.cid)) throw changed(file.absolute)
    }
  } catch (error) {
    // A branch that is made from a file cannot be had when that file changed.
    if (hasCode(error, 'NOT_FOUND'))
      throw new PathmeshError('SOURCE_CHANGED', `${path} is no longer what was shared: ${error.message}`, {
        cause: error
      })
    throw error
  }
}

interface FileToHash {
  readonly path: string
  readonly absolute: string
  readonly fingerprint: ReturnType<typeof fingerprintOf>
  readonly executable: boolean
  readonly cid: CID
}

async function* filesToHash(entries: AsyncIterable<WalkedEntry>, base: string): AsyncGenerator<FileToHash> {
  const looking: Promise<FileToHash | undefined>[] = []
  for await (const entry of entries) {
    const look = lookAt(entry, entry.path === '' ? base : join(base, entry.path))
    look.catch(() => undefined)
    looking.push(look)
    if (looking.length < FILES_AT_ONCE) continue
    const file = await looking.shift()
    if (file !== undefined) yield file
  }
  for (const look of looking) {
    const file = await look
    if (file !== undefined) yield file
  }
}

async function lookAt(entry: WalkedEntry, absolute: string): Promise<FileToHash | undefined> {
  try {
    if (entry.kind === 'symlink') {
      if ((await readlink(absolute)) !== entry.target) throw changed(absolute)
      return undefined
    }
    if (entry.kind === 'directory') {
      if (!(await stat(absolute)).isDirectory()) throw changed(absolute)
      return undefined
    }
    const stats = await stat(absolute, { bigint: true })
    if (
      !stats.isFile() ||
      Number(stats.size) !== entry.size ||
      ((Number(stats.mode) & 0o100) !== 0) !== entry.executable
    )
      throw changed(absolute)
    return {
      path: entry.path,
      absolute,
      fingerprint: fingerprintOf(stats),
      executable: entry.executable,
      cid: entry.cid
    }
  } catch (error) {
    const code = errno(error)
    if (code === 'ENOENT' || code === 'EINVAL' || code === 'ENOTDIR' || code === 'ELOOP') throw changed(absolute)
    throw toPathmeshError(error, `looking at ${absolute}`)
  }
}

function changed(path: string): PathmeshError {
  return new PathmeshError('SOURCE_CHANGED', `${path} changed since it was shared: share it again`)
}
