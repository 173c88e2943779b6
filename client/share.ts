// Asking the daemon to share a local file or directory, and what it answers. Used by Mesh and Path alike.

import { stat } from 'node:fs/promises'
import type { Meta, Seen, ShareDone, ShareRequest } from '../proto/api.ts'
import { toPathmeshError } from '../proto/errors.ts'
import type { Calls, WaitOptions } from './calls.ts'
import type { Version } from './version.ts'

export interface PublishOptions extends WaitOptions {
  /** Plain JSON that goes with this version, to every node. */
  readonly meta?: Meta | undefined
  /**
   * Versions of this name to keep, the newest included; 0 keeps none. By default 2: as copies, where the file system cannot share them
   * with the file, only in a work's folder.
   */
  readonly keep?: number | undefined
}

export interface ShareOptions extends PublishOptions {
  /** The name, `WORK/PATH`; by default `<node>/<basename>`. */
  readonly as?: string | undefined
  /** Globs of what is left out of a directory. */
  readonly exclude?: readonly string[] | undefined
  /** Whether symbolic links are replaced by what they point to. */
  readonly dereference?: boolean | undefined
  readonly hash?: 'blake3' | 'sha2-256' | undefined
}

/** What a publication tells beyond its version. */
export interface Publication extends Version {
  /** Whether this version survives a change of the file. */
  readonly kept: boolean
  /** Connected nodes that hold all of it, this one included. */
  readonly copies: number
  /** Whether the name had this content already, so that nothing new was published. */
  readonly unchanged: boolean
}

/** Shares what lies at the absolute path `local`. Resolves when it is durable. NOT_FOUND when there is nothing. */
export async function shareFile(
  calls: Calls,
  local: string,
  options: ShareOptions & Pick<ShareRequest, 'written'>
): Promise<ShareDone> {
  const seen = await seenAt(local)
  const { as, exclude, dereference, hash, meta, keep, written = [] } = options
  const body: ShareRequest = {
    path: local,
    seen,
    ...(as === undefined ? {} : { as }),
    ...(exclude === undefined ? {} : { exclude: [...exclude] }),
    ...(dereference === undefined ? {} : { dereference }),
    ...(hash === undefined ? {} : { hash }),
    ...(meta === undefined ? {} : { meta }),
    ...(keep === undefined ? {} : { keep }),
    ...(written.length === 0 ? {} : { written })
  }
  return await calls.share(body, options)
}

/** The file at `path` as this process sees it, links followed. */
export async function seenAt(path: string): Promise<Seen> {
  try {
    const { dev, ino } = await stat(path, { bigint: true })
    return { dev: String(dev), ino: String(ino) }
  } catch (error) {
    throw toPathmeshError(error, `cannot share ${path}`)
  }
}
