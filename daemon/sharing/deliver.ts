// Writing content where a user wants it: beside the destination first, checked there, then renamed into place. A row written
// before names what is temporary, so that a start after a crash clears it. Refuses to replace what it must not: see `admit`.

import { chmod, link, lstat, mkdir, rename, symlink, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { CID } from 'multiformats/cid'
import type { Branches } from '../content/branches.ts'
import { orAborted } from '../deadline.ts'
import type { Hasher } from '../content/hasher.ts'
import { type WalkedEntry, walkTree } from '../content/walk.ts'
import type { Log } from '../log.ts'
import { type CopyOptions, diskCopier } from '../store/copy-file.ts'
import { type Database, del, put, type Table } from '../store/database.ts'
import { removeTree } from '../store/disposal.ts'
import { renameDurably, syncPath, syncTree } from '../store/durable.ts'
import type { FilePool } from '../store/file-pool.ts'
import { errno, PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { FILES_IN_A_TASK, LEAF_BYTES } from '../../proto/limits.ts'
import { checkLocal } from './check-local.ts'
import { OwnFolder, realpathOf } from './own-folder.ts'
import { stampOf, Written } from './written.ts'

export interface DeliverParts {
  readonly database: Database
  readonly pool: FilePool
  readonly hasher: Hasher
  /** The data folder, into which nothing is delivered. */
  readonly data: string
  readonly home: string
  readonly log: Log
  /** New text each time, for temporary names. */
  readonly unique: () => string
}

export interface Delivery {
  readonly root: CID
  readonly kind: 'file' | 'directory'
  readonly size: number
  /** Where its bytes lie here. */
  readonly from: string
  readonly branches: Branches
}

export interface DeliverOptions {
  readonly overwrite: boolean
  /** The caller's working directory. */
  readonly cwd: string | undefined
  readonly signal: AbortSignal
  readonly onBytes: (bytes: number) => void
}

interface DeliveryRow {
  readonly to: string
  readonly temporary: string
  /** What was there before, moved aside. */
  readonly aside: string
  /** What the directory looks like that is about to be put into place. */
  readonly stamp?: string
}

export class Deliveries {
  readonly #parts: DeliverParts
  readonly #rows: Table<string, DeliveryRow>
  readonly #written: Written
  /** Who writes to a destination: one after the other. */
  readonly #writing = new Map<string, Promise<unknown>>()

  constructor(parts: DeliverParts) {
    this.#parts = parts
    this.#rows = parts.database.table<DeliveryRow>('deliveries')
    this.#written = new Written(parts.database)
  }

  /** Clears what a crash left beside a destination, and puts back what had been moved aside and not yet replaced. */
  async open(): Promise<void> {
    for await (const [id, row] of this.#rows.iterator()) {
      try {
        if (row.stamp !== undefined) await this.#written.noteIfThere(row.to, row.stamp)
        await this.#clear(id, row)
      } catch (error) {
        // A destination that cannot be reached now must not keep the daemon from starting.
        this.#parts.log.warn('a destination was not cleared; it is tried again at the next start', {
          to: row.to,
          error
        })
      }
    }
  }

  /**
   * Refuses a destination before anything is fetched for it: DENIED for `/`, the home and working directories and those
   * above them, and the data folder; ALREADY_EXISTS unless it may be overwritten: files may, a directory only if pathmesh
   * wrote it and it is unchanged; NOT_FOUND if its folder is missing.
   */
  async admit(to: string, { overwrite, cwd }: Pick<DeliverOptions, 'overwrite' | 'cwd'>): Promise<void> {
    const { home, data } = this.#parts
    for (const place of [home, cwd, process.cwd(), '/']) {
      if (place !== undefined && isAtOrAbove(to, place))
        throw new PathmeshError(
          'DENIED',
          `${to} is, or contains, ${place}: it is never replaced; choose another destination`
        )
    }
    ;(await OwnFolder.at(data)).refuse(join(await realpathOf(dirname(to)), basename(to)))
    const parent = await lstatOf(dirname(to))
    if (parent === undefined)
      throw new PathmeshError('NOT_FOUND', `the folder ${dirname(to)} does not exist: make it first`)
    const there = await lstatOf(to)
    if (there === undefined) return
    if (!overwrite)
      throw new PathmeshError('ALREADY_EXISTS', `${to} exists: choose another destination, or pass --overwrite`)
    if (there.isDirectory()) await this.#written.mayReplace(to)
    else if (!there.isFile() && !there.isSymbolicLink())
      throw new PathmeshError('DENIED', `${to} is neither a file nor a directory, and is not replaced`)
  }

  /** Writes content to `to`; all of it or nothing. */
  deliver(delivery: Delivery, to: string, options: DeliverOptions): Promise<void> {
    const before = this.#writing.get(to) ?? Promise.resolve()
    const turn = orAborted(before, options.signal).then(() => this.#deliver(delivery, to, options))
    // Who gives up waiting leaves the one before it in the way of those behind it.
    const settled = Promise.allSettled([before, turn])
    this.#writing.set(to, settled)
    void settled.then(() => this.#writing.get(to) === settled && this.#writing.delete(to))
    return turn
  }

  async #deliver(delivery: Delivery, to: string, options: DeliverOptions): Promise<void> {
    options.signal.throwIfAborted()
    await this.admit(to, options)
    const id = this.#parts.unique()
    const beside = (what: string) => join(dirname(to), `.pathmesh-${what}-${id}`)
    const row = { to, temporary: beside('new'), aside: beside('old') }
    await this.#parts.database.commit([put(this.#rows, id, row)])
    try {
      await this.#copy(delivery, row.temporary, options)
      await checkLocal(row.temporary, delivery.root, delivery.branches, this.#parts.hasher, {
        size: delivery.size,
        signal: options.signal
      })
      options.signal.throwIfAborted()
      // Noted before, so that a kill right after the rename leaves a directory that is known as ours.
      const stamp = delivery.kind === 'directory' ? await stampOf(row.temporary) : undefined
      if (stamp !== undefined) await this.#parts.database.commit([put(this.#rows, id, { ...row, stamp })])
      await this.#intoPlace(delivery, row, options)
      if (stamp !== undefined) await this.#written.note(to, stamp)
    } catch (error) {
      options.signal.throwIfAborted()
      throw toPathmeshError(error, `writing ${to}`)
    } finally {
      // What cannot be cleared now is cleared at the next start; the row is kept for it.
      await this.#clear(id, row).catch((error: unknown) =>
        this.#parts.log.warn('temporary files were left', { ...row, error })
      )
    }
  }

  async #copy(delivery: Delivery, temporary: string, { signal, onBytes }: DeliverOptions): Promise<void> {
    const at = (base: string, path: string) => (path === '' ? base : join(base, path))
    const umask = process.umask()
    const mode = (executable: boolean) => (executable ? 0o777 : 0o666) & ~umask
    let small: WalkedEntry[] = []
    const links: WalkedEntry[] = []
    const paths: string[] = []
    const flush = async () => {
      const tasks = small.map(file => ({
        from: at(delivery.from, file.path),
        to: at(temporary, file.path),
        mode: mode(file.executable)
      }))
      const bytes = small.reduce((sum, file) => sum + file.size, 0)
      small = []
      await this.#parts.pool.copy(tasks)
      onBytes(bytes)
    }
    for await (const entry of walkTree(delivery.root, delivery.branches, { signal, size: delivery.size })) {
      if (entry.kind === 'symlink') links.push(entry)
      else paths.push(at(temporary, entry.path))
      if (entry.kind === 'directory') await mkdir(at(temporary, entry.path))
      else if (entry.kind === 'file' && entry.size > LEAF_BYTES)
        await copyLarge(at(delivery.from, entry.path), at(temporary, entry.path), mode(entry.executable), {
          signal,
          onBytes
        })
      else if (entry.kind === 'file') small.push(entry)
      if (small.length >= FILES_IN_A_TASK) await flush()
    }
    await flush()
    // Links come last, so that nothing is written through one.
    for (const entry of links) if (entry.target !== undefined) await symlink(entry.target, at(temporary, entry.path))
    await syncTree(dirname(temporary), paths, signal)
  }

  async #intoPlace({ kind }: Delivery, { to, temporary, aside }: DeliveryRow, options: DeliverOptions): Promise<void> {
    // It may have changed since it was looked at.
    await this.admit(to, options)
    const there = await lstatOf(to)
    if (there === undefined) return kind === 'file' ? placeNewFile(temporary, to) : renameDurably(temporary, to)
    if (kind === 'file' && !there.isDirectory()) return renameDurably(temporary, to)
    await rename(to, aside)
    await renameDurably(temporary, to)
  }

  async #clear(id: string, { to, temporary, aside }: DeliveryRow): Promise<void> {
    if ((await lstatOf(to)) === undefined && (await lstatOf(aside)) !== undefined) await renameDurably(aside, to)
    await removeTree(temporary)
    await removeTree(aside)
    await this.#parts.database.note([del(this.#rows, id)])
  }
}

/** Fails where something is there by now, which a rename would silently replace. */
async function placeNewFile(temporary: string, to: string): Promise<void> {
  try {
    await link(temporary, to)
    await unlink(temporary)
    await syncPath(dirname(to))
  } catch (error) {
    const code = errno(error)
    if (code === 'EEXIST')
      throw new PathmeshError('ALREADY_EXISTS', `${to} was made by somebody else meanwhile`, { cause: error })
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'EMLINK' && code !== 'ENOSYS')
      throw error
    // A file system without hard links.
    await renameDurably(temporary, to)
  }
}

/** What became shorter, or was written to, meanwhile shows when the copy is hashed. */
async function copyLarge(from: string, to: string, mode: number, options: CopyOptions): Promise<void> {
  if (await diskCopier.reflink(from, to)) options.onBytes((await lstat(to)).size)
  else await diskCopier.copy(from, to, options)
  await chmod(to, mode)
}

async function lstatOf(path: string) {
  try {
    return await lstat(path)
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined
    throw toPathmeshError(error, `looking at ${path}`)
  }
}

function isAtOrAbove(path: string, below: string): boolean {
  return path === '/' || below === path || below.startsWith(`${path}/`)
}
