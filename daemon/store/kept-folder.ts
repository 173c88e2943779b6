// Where kept versions lie: `kept/<id>/<basename>`, a folder of its own for each. A row is on the disk before anything is made
// there and goes with the batch that holds the version, so that a start removes what a crash left. Scans nothing.

import { mkdir, rm, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { Clock } from '../clock.ts'
import type { Random } from '../random.ts'
import { errno, toPathmeshError } from '../../proto/errors.ts'
import { KEPT_SERVED_MS } from '../../proto/limits.ts'
import type { Copier } from './copy-file.ts'
import { type Database, del, put, type Table, type Write } from './database.ts'

export interface KeptFolderComponents {
  readonly database: Database
  readonly data: string
  readonly clock: Clock
  readonly random: Random
  readonly copier: Copier
  /** Removes a folder, with these writes in the batch that notes it. */
  readonly discard: (folder: string, writes: readonly Write[]) => Promise<void>
}

/** A version on its way to be kept. */
export interface Stage {
  readonly id: string
  readonly folder: string
  /** The file or directory itself. */
  readonly path: string
  /** When its folder was made, by the clock of the file system, in milliseconds since the epoch. */
  readonly madeAt: number
}

export class KeptFolder {
  readonly copier: Copier
  readonly #parts: KeptFolderComponents
  readonly #folder: string
  readonly #intents: Table<string, true>
  /** When a file in each of them was last read for somebody. */
  readonly #reads = new Map<string, number>()
  #probing: Promise<boolean> = Promise.resolve(false)

  constructor(parts: KeptFolderComponents) {
    this.#parts = parts
    this.copier = parts.copier
    this.#folder = join(parts.data, 'kept')
    this.#intents = parts.database.table<true>('stages')
  }

  get path(): string {
    return this.#folder
  }

  /** Removes what a crash left half made. */
  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    await rm(this.#probe, { force: true })
    for await (const id of this.#intents.keys())
      await this.#parts.discard(join(this.#folder, id), [del(this.#intents, id)])
  }

  /** A new folder for a version of this basename. */
  async begin(basename: string): Promise<Stage> {
    const { random, database } = this.#parts
    const id = [random(), random(), random()].map(part => Math.floor(part * 2 ** 32).toString(36)).join('-')
    const folder = join(this.#folder, id)
    await database.commit([put(this.#intents, id, true)])
    try {
      await mkdir(folder, { mode: 0o700 })
      return { id, folder, path: join(folder, basename), madeAt: (await stat(folder)).ctimeMs }
    } catch (error) {
      throw toPathmeshError(error, `making ${folder}`)
    }
  }

  /** The write that goes in the batch of the holding. */
  finished({ id }: Stage): Write {
    return del(this.#intents, id)
  }

  /** Removes what was made; `writes` forget what was said of it. */
  discard({ id, folder }: Stage, writes: readonly Write[]): Promise<void> {
    return this.#parts.discard(folder, [...writes, del(this.#intents, id)])
  }

  /** Whether files of this one's file system can be kept without a copy of their bytes. One attempt at a time. */
  canReflink(from: string): Promise<boolean> {
    const probe = async () => {
      try {
        return await this.copier.reflink(from, this.#probe)
      } catch (error) {
        // It vanished: whoever reads it next says so.
        if (errno(error) === 'ENOENT') return false
        throw toPathmeshError(error, `keeping ${from}`)
      } finally {
        await rm(this.#probe, { force: true })
      }
    }
    return (this.#probing = this.#probing.then(probe, probe))
  }

  /** Remembers that a file was read for somebody. */
  read(path: string): void {
    this.#reads.set(this.#idOf(path), this.#parts.clock.monotonic())
  }

  /** Whether a file beside or below this one was read for somebody lately. */
  isRead(path: string): boolean {
    const at = this.#reads.get(this.#idOf(path))
    return at !== undefined && this.#parts.clock.monotonic() - at < KEPT_SERVED_MS
  }

  /** It was removed. */
  forget(path: string): void {
    this.#reads.delete(this.#idOf(path))
  }

  get #probe(): string {
    return join(this.#folder, '.probe')
  }

  #idOf(path: string): string {
    return relative(this.#folder, path).split(sep)[0] ?? ''
  }
}
