// Files that this client writes into a work's folder: a temporary file beside the target, fsync, rename, fsync of the folder.
// After that a crash leaves the old file or the new one, whole. Publishes nothing.

import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Writable } from 'node:stream'
import { fingerprint, type WrittenFiles } from './written-files.ts'

/** What a publication leaves out: files that are being written. */
export const TEMPORARY_GLOB = '**/.pathmesh-*.tmp'

export interface OwnFileOptions {
  /** Where it is noted that nobody will write this file again: the next one has an inode of its own. */
  readonly written?: WrittenFiles | undefined
  /** Called once the file is durable under its name; a failure fails the stream. */
  readonly onWritten?: () => Promise<void>
  /** Permissions of the new file, less the umask. */
  readonly mode?: number
}

/** Bytes on their way to a file that appears under `target()` when the stream finishes, and not at all when it fails. */
export class OwnFileStream extends Writable {
  readonly #target: () => Promise<string>
  readonly #options: OwnFileOptions
  #path = ''
  /** The outermost folder that had to be made. */
  #made: string | undefined
  #temporary: string | undefined
  #file: FileHandle | undefined

  constructor(target: () => Promise<string>, options: OwnFileOptions = {}) {
    super()
    this.#target = target
    this.#options = options
  }

  override _construct(callback: (error?: Error | null) => void): void {
    void settle(this.#open(), callback)
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    void settle(this.#write(chunk), callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    void settle(this.#finish(), callback)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    void settle(this.#discard(), failure => callback(error ?? failure ?? null))
  }

  async #open(): Promise<void> {
    this.#path = await this.#target()
    const folder = dirname(this.#path)
    this.#made = await mkdir(folder, { recursive: true })
    const temporary = join(folder, `.pathmesh-${randomBytes(9).toString('base64url')}.tmp`)
    this.#file = await open(temporary, 'wx', this.#options.mode)
    this.#temporary = temporary
  }

  async #write(chunk: Buffer): Promise<void> {
    for (let written = 0; written < chunk.length;) written += (await this.#opened().write(chunk, written)).bytesWritten
  }

  async #finish(): Promise<void> {
    const file = this.#opened()
    await file.sync()
    const print = fingerprint(await file.stat({ bigint: true }))
    await file.close()
    this.#file = undefined
    if (this.#temporary !== undefined) await rename(this.#temporary, this.#path)
    this.#temporary = undefined
    this.#options.written?.note(this.#path, print)
    const top = dirname(this.#made ?? this.#path)
    for (let folder = dirname(this.#path); ; folder = dirname(folder)) {
      await syncFolder(folder)
      if (folder === top || folder === '/') break
    }
    await this.#options.onWritten?.()
  }

  async #discard(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
    if (this.#temporary !== undefined) await rm(this.#temporary, { force: true })
    this.#temporary = undefined
  }

  #opened(): FileHandle {
    if (this.#file === undefined) throw new TypeError('the file is not open')
    return this.#file
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function settle(work: Promise<void>, callback: (error?: Error | null) => void): Promise<void> {
  let failure: Error | null = null
  try {
    await work
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
  }
  callback(failure)
}
