// A root that is being fetched, below `partial/<root>/`: verified leaves are written where they will stay, and noted after
// they were written, so that a killed transfer goes on where it was. Refuses nothing: names and bytes were verified.

import { constants } from 'node:fs'
import { chmod, lstat, mkdir, symlink, type FileHandle, open } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { CID } from 'multiformats/cid'
import type { Fingerprint } from '../content/fingerprint.ts'
import { errno, toPathmeshError } from '../../proto/errors.ts'
import { CHECKPOINT_BYTES, CHECKPOINT_FILES, FLUSH_BYTES, LOOKS_MAX, PARTIAL_FILES_OPEN } from '../../proto/limits.ts'
import type { FilePool } from './file-pool.ts'
import type { Ledger } from './ledger.ts'

/** A whole small file. `path` is inside the root, '' for the root itself. */
export interface SmallFile {
  readonly ordinal: number
  readonly path: string
  readonly executable: boolean
  readonly bytes: Uint8Array
}

/** A leaf of a file that has several. */
export interface LargeLeaf {
  readonly ordinal: number
  readonly path: string
  readonly fileSize: number
  readonly executable: boolean
  readonly offset: number
  /** Null for a leaf of zeros, which stays a hole. */
  readonly bytes: Uint8Array | null
}

export interface PartialComponents {
  readonly pool: FilePool
  /** Keeps the ledger; what it loses in a power cut costs time, not truth. */
  readonly note: (ledger: Ledger, bytes: number) => Promise<void>
  /** The machine was started since: what the ledger lists has to be hashed before it is believed. */
  readonly suspect: boolean
  /** Bytes that the ledger stands for. */
  readonly bytes: number
}

interface OpenFile {
  readonly handle: FileHandle
  /** Writers that have it; it is not closed under them. */
  using: number
  unflushed: number
  flushing: Promise<void>
}

export class PartialTree {
  readonly root: CID
  /** The file or directory that grows. */
  readonly path: string
  readonly ledger: Ledger
  readonly suspect: boolean
  /** Bytes verified and written, in this process and before. */
  bytes: number
  readonly #parts: PartialComponents
  readonly #directories = new Map<string, Promise<void>>()
  readonly #open = new Map<string, Promise<OpenFile>>()
  /** Small files that others were to write; false where that was asked of two, and either may have been the last. */
  readonly #looks = new Map<string, Fingerprint | true | false>()
  #bytesSinceNote = 0
  #filesSinceNote = 0

  constructor(root: CID, path: string, ledger: Ledger, parts: PartialComponents) {
    this.root = root
    this.path = path
    this.ledger = ledger
    this.suspect = parts.suspect
    this.bytes = parts.bytes
    this.#parts = parts
  }

  get basename(): string {
    return basename(this.path)
  }

  at(path: string): string {
    return path === '' ? this.path : `${this.path}/${path}`
  }

  /** Makes a directory and those above it. */
  makeDirectory(path: string): Promise<void> {
    const made = this.#directories.get(path)
    if (made !== undefined) return made
    const making = mkdir(this.at(path), { recursive: true }).then(() => undefined)
    this.#directories.set(path, making)
    return making
  }

  /** Links come last, so that nothing is ever written through one. */
  async makeLink(path: string, target: string): Promise<void> {
    await this.#makeParent(path)
    try {
      await symlink(target, this.at(path))
    } catch (error) {
      if (errno(error) !== 'EEXIST') throw toPathmeshError(error, `making the link ${path}`)
    }
  }

  async writeSmall(files: readonly SmallFile[]): Promise<void> {
    await Promise.all(files.map(file => this.#makeParent(file.path)))
    const bytes = new Uint8Array(files.reduce((sum, file) => sum + file.bytes.length, 0))
    let at = 0
    const tasks = files.map(file => {
      bytes.set(file.bytes, at)
      const from = at
      at += file.bytes.length
      return { path: this.at(file.path), mode: modeOf(file.executable), from, to: at }
    })
    await this.#parts.pool.write({ tasks, bytes })
    for (const file of files) this.ledger.add(file.ordinal)
    await this.#written(at, files.length)
  }

  /** Makes a file of its final size, for leaves that others write into it: its absolute path. */
  async target(path: string, fileSize: number): Promise<string> {
    const file = await this.#acquire(path, fileSize)
    file.using--
    return this.at(path)
  }

  /** Makes the directories of small files that others write, with this mode. */
  async smallTargets(paths: readonly string[]): Promise<{ path: string; mode: number }[]> {
    const parents = new Set(paths.filter(path => path !== '').map(parentOf))
    await Promise.all([...parents].map(parent => this.makeDirectory(parent)))
    for (const path of paths)
      if (this.#looks.has(path) || this.#looks.size < LOOKS_MAX) this.#looks.set(path, !this.#looks.has(path))
    return paths.map(path => ({ path: this.at(path), mode: modeOf(false) }))
  }

  /** What a small file that others wrote looked like then. */
  looked(path: string, look: Fingerprint): void {
    if (this.#looks.get(path) === true) this.#looks.set(path, look)
  }

  /** What a file looks like, where that is known. */
  lookOf(path: string): Fingerprint | undefined {
    const look = this.#looks.get(path)
    return typeof look === 'object' ? look : undefined
  }

  /** Others have written these leaves. */
  async wrote(ordinals: readonly number[], bytes: number): Promise<void> {
    for (const ordinal of ordinals) this.ledger.add(ordinal)
    await this.#written(bytes, ordinals.length)
  }

  /** Bytes that an earlier process wrote, or undefined where it did not. */
  async read(path: string, offset: number, length: number): Promise<Uint8Array | undefined> {
    try {
      const handle = await open(this.at(path), constants.O_RDONLY | constants.O_NOFOLLOW)
      try {
        const bytes = Buffer.alloc(length)
        return (await handle.read(bytes, 0, length, offset)).bytesRead === length ? bytes : undefined
      } finally {
        await handle.close()
      }
    } catch (error) {
      if (errno(error) === 'ENOENT' || errno(error) === 'EACCES') return undefined
      throw toPathmeshError(error, `reading ${this.at(path)}`)
    }
  }

  async writeLeaf(leaf: LargeLeaf): Promise<void> {
    const file = await this.#acquire(leaf.path, leaf.fileSize)
    try {
      if (leaf.bytes !== null) await this.#write(file, leaf.path, leaf.bytes, leaf.offset)
    } finally {
      file.using--
    }
    this.ledger.add(leaf.ordinal)
    await this.#written(leaf.bytes?.length ?? 0, 0)
  }

  /** Gives a file that is whole its final mode, and makes one that is all holes. */
  async finishLarge(path: string, fileSize: number, executable: boolean): Promise<void> {
    if (!this.#open.has(path) && (await this.#isFinished(path, executable))) return
    const file = await this.#acquire(path, fileSize)
    file.using--
    await file.handle.chmod(modeOf(executable))
    await this.#close(path)
  }

  /** Notes what has been written until now. */
  async checkpoint(): Promise<void> {
    this.#bytesSinceNote = 0
    this.#filesSinceNote = 0
    await this.#parts.note(this.ledger, this.bytes)
  }

  /** Closes what is open; rejects if anything did not reach the disk. */
  async close(): Promise<void> {
    const closing = await Promise.allSettled([...this.#open.keys()].map(path => this.#close(path)))
    for (const outcome of closing)
      if (outcome.status === 'rejected') throw toPathmeshError(outcome.reason, `writing ${this.path}`)
  }

  async #makeParent(path: string): Promise<void> {
    if (path !== '') await this.makeDirectory(parentOf(path))
  }

  async #isFinished(path: string, executable: boolean): Promise<boolean> {
    try {
      return ((await lstat(this.at(path))).mode & 0o777) === modeOf(executable)
    } catch (error) {
      if (errno(error) === 'ENOENT') return false
      throw toPathmeshError(error, `looking at ${this.at(path)}`)
    }
  }

  /** The open file, kept from being closed until `using` is counted down. */
  async #acquire(path: string, size: number): Promise<OpenFile> {
    const opening = this.#open.get(path) ?? this.#create(path, size)
    this.#open.delete(path)
    this.#open.set(path, opening)
    try {
      const file = await opening
      file.using++
      await this.#closeIdle()
      return file
    } catch (error) {
      this.#open.delete(path)
      throw toPathmeshError(error, `writing ${this.at(path)}`)
    }
  }

  async #create(path: string, size: number): Promise<OpenFile> {
    await this.#makeParent(path)
    const handle = await openToWrite(this.at(path))
    if ((await handle.stat()).size !== size) await handle.truncate(size)
    return { handle, using: 0, unflushed: 0, flushing: Promise.resolve() }
  }

  async #write(file: OpenFile, path: string, bytes: Uint8Array, offset: number): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;)
        at += (await file.handle.write(bytes, at, bytes.length - at, offset + at)).bytesWritten
    } catch (error) {
      throw toPathmeshError(error, `writing ${this.at(path)}`)
    }
    file.unflushed += bytes.length
    if (file.unflushed < FLUSH_BYTES) return
    file.unflushed = 0
    // Not awaited here; a failure is met when the file is closed, and never forgotten.
    file.flushing = Promise.all([file.flushing, file.handle.datasync()]).then(() => undefined)
    file.flushing.catch(() => undefined)
  }

  async #closeIdle(): Promise<void> {
    for (const path of this.#open.keys()) {
      if (this.#open.size <= PARTIAL_FILES_OPEN) return
      const file = await this.#open.get(path)
      if (file?.using === 0) await this.#close(path)
    }
  }

  async #close(path: string): Promise<void> {
    const opening = this.#open.get(path)
    if (opening === undefined) return
    this.#open.delete(path)
    const { handle, flushing } = await opening
    try {
      await flushing
    } catch (error) {
      throw toPathmeshError(error, `writing ${this.at(path)}`)
    } finally {
      await handle.close()
    }
  }

  async #written(bytes: number, files: number): Promise<void> {
    this.bytes += bytes
    this.#bytesSinceNote += bytes
    this.#filesSinceNote += files
    if (this.#bytesSinceNote >= CHECKPOINT_BYTES || this.#filesSinceNote >= CHECKPOINT_FILES) await this.checkpoint()
  }
}

/** Not through a link, and writable by its owner until it is whole, so that an ordinary user can go on with it. */
async function openToWrite(path: string): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW
  try {
    return await open(path, flags, 0o600)
  } catch (error) {
    if (errno(error) !== 'EACCES') throw error
    // It was finished, and then a kill took the note of its last leaf.
    await chmod(path, 0o600)
    return open(path, flags, 0o600)
  }
}

/** Inside the root, of what is not the root itself. */
function parentOf(path: string): string {
  const parent = dirname(path)
  return parent === '.' ? '' : parent
}

const modeOf = (executable: boolean): number => (executable ? 0o555 : 0o444)
