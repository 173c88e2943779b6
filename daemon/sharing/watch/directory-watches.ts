// The operating system's notices about directories, one watch for each directory and none for files. They say "look again" and
// no more; one that is lost is made up for by a later look. Refuses to walk: whoever reads a directory watches it first.

import { type FSWatcher, watch } from 'node:fs'
import { basename } from 'node:path'
import { errno, PathmeshError, toPathmeshError } from '../../../proto/errors.ts'

/** `rename`: an entry came, went or was replaced. `change`: one was written, or its attributes changed. */
export type NoticeKind = 'rename' | 'change'

export interface DirectoryWatchesParts {
  /** `path` relative to the root of the watch; of the directory itself where the system names no entry. */
  readonly onNotice: (kind: NoticeKind, path: string) => void
  /** Changes in some directories go unnoticed until they are looked at. */
  readonly onFault: (error: PathmeshError) => void
  readonly open?: typeof watch
}

interface Watched {
  readonly watcher: FSWatcher
  readonly ino: bigint
  /** Something happened to the name: the watch may belong to a directory that is not there any more. */
  isStale: boolean
}

export class DirectoryWatches {
  readonly #parts: DirectoryWatchesParts
  readonly #watched = new Map<string, Watched>()

  constructor(parts: DirectoryWatchesParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#watched.size
  }

  /** Watches a directory known as `path` from before this returns; no change if it is watched already. */
  watch(path: string, absolute: string, ino: bigint): void {
    const before = this.#watched.get(path)
    if (before !== undefined && before.ino === ino && !before.isStale) return
    try {
      // The new one is there before the old one goes: an inode number may be used again, so neither proves itself.
      const watcher = (this.#parts.open ?? watch)(absolute, (kind, name) => this.#noticed(kind, path, name, absolute))
      watcher.on('error', error => {
        this.#parts.onFault(watchFault(absolute, error))
        this.close(path)
        this.#parts.onNotice('rename', path)
      })
      this.#watched.set(path, { watcher, ino, isStale: false })
      before?.watcher.close()
    } catch (error) {
      // One that vanished meanwhile is found out by whoever reads it.
      if (errno(error) !== 'ENOENT' && errno(error) !== 'ENOTDIR') this.#parts.onFault(watchFault(absolute, error))
    }
  }

  close(path: string): void {
    this.#watched.get(path)?.watcher.close()
    this.#watched.delete(path)
  }

  closeAll(): void {
    for (const path of this.#watched.keys()) this.close(path)
  }

  #noticed(kind: NoticeKind, path: string, name: string | null, absolute: string): void {
    const changed = name === null ? path : path === '' ? name : `${path}/${name}`
    if (kind === 'rename') {
      for (const stale of name === basename(absolute) ? [path, changed] : [changed]) {
        const watched = this.#watched.get(stale)
        if (watched !== undefined) watched.isStale = true
      }
    }
    this.#parts.onNotice(kind, changed)
  }
}

function watchFault(directory: string, error: unknown): PathmeshError {
  const setting = { ENOSPC: 'fs.inotify.max_user_watches', EMFILE: 'fs.inotify.max_user_instances' }
  const number = errno(error)
  if (number !== 'ENOSPC' && number !== 'EMFILE') return toPathmeshError(error, `watching ${directory}`)
  const message = `the system allows no more watches, so changes in ${directory} are found by a look every minute: raise the sysctl ${setting[number]}, and start the watch anew`
  return new PathmeshError('IO', message, { cause: error })
}
