// Publishing what changes, as it settles: asks the daemon to watch a folder and tells what it does. Ends when it is left.

import type { FolderEvent as ApiFolderEvent, ShareWatchRequest } from '../proto/api.ts'
import type { PathmeshError } from '../proto/errors.ts'
import type { CallOptions, Calls } from './calls.ts'
import { TEMPORARY_GLOB } from './own-file.ts'

/** What did not work, or keeps it from working. The watch goes on. */
export interface FolderTrouble {
  /** `failed`: this entry could not be published. `paused`: nothing is, until `resumed`. */
  readonly event: 'failed' | 'paused'
  readonly path: string
  readonly error: PathmeshError
}

/** What a watched folder does. */
export type FolderEvent = Exclude<ApiFolderEvent, { readonly event: 'error' | 'failed' | 'paused' }> | FolderTrouble

export interface FolderWatchOptions extends CallOptions {
  /** Globs of what is left out. */
  readonly exclude?: readonly string[] | undefined
  /** Versions of each name to keep, as for `publish()`. */
  readonly keep?: number | undefined
  /** Milliseconds in which nothing changes before it is published; by default 5 s. */
  readonly settleMs?: number | undefined
  /** Name of a file whose appearance in a directory says that the directory is done (`_SUCCESS`). */
  readonly marker?: string | undefined
  /** Whether symbolic links are replaced by what they point to; without it, one that leaves what is watched is not published. */
  readonly dereference?: boolean | undefined
}

export interface ShareWatchOptions extends FolderWatchOptions {
  /** The name, `WORK/PATH`; by default `<node>/<basename>`. */
  readonly as?: string | undefined
}

/** Watches what `what` names: a local path, or the folder of a work. Has no end but a failure, and being left. */
export function shareWatch(
  calls: Calls,
  what: Pick<ShareWatchRequest, 'path' | 'seen' | 'work'>,
  options: ShareWatchOptions
): AsyncGenerator<FolderEvent, never, undefined> {
  const { as, exclude = [], dereference, keep, settleMs, marker, signal } = options
  const body: ShareWatchRequest = {
    ...what,
    exclude: [TEMPORARY_GLOB, ...exclude],
    ...(as === undefined ? {} : { as }),
    ...(dereference === undefined ? {} : { dereference }),
    ...(keep === undefined ? {} : { keep }),
    ...(settleMs === undefined ? {} : { settleMs }),
    ...(marker === undefined ? {} : { marker })
  }
  return calls.shareWatch(body, { signal })
}
