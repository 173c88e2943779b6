// Path: a reference that can be asked, read, fetched and, on its origin, written. Immutable, but that one without a work is attached
// once; arithmetic makes new ones and keeps the origin. Its calls go to the daemon of the mesh it was made by, or of its owner;
// without one it is a value only.

import { once } from 'node:events'
import { access, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { errno, hasCode, PathmeshError, toPathmeshError } from '../proto/errors.ts'
import { isOfNoWork, parsePathJson, refOfFacts, type PathJson } from '../proto/path-json.ts'
import { formatRef, type NameRef, type Ref } from '../proto/ref.ts'
import type { CallOptions, Calls, RangeOptions } from './calls.ts'
import { ContentStream } from './content-stream.ts'
import { fetchRef, type GetOptions, type GetResult } from './get.ts'
import { OwnFileStream, TEMPORARY_GLOB } from './own-file.ts'
import { Attachment } from './owner.ts'
import { joinRef, relativeStem } from './path-arithmetic.ts'
import { PathValue, type ValueParts } from './path-value.ts'
import { revive } from './reviver.ts'
import { shareFile, type Publication, type PublishOptions } from './share.ts'
import { versionOfShare } from './version.ts'
import type { WrittenFiles } from './written-files.ts'

/** What a Path needs of a mesh. */
export interface PathHome {
  readonly calls: Calls
  /** The local node: names whose origin it is can be written. */
  readonly peerId: string
  readonly written: WrittenFiles
  /** Absolute path of the folder of a work of the local node; claims the work. */
  folder(work: string, options: CallOptions): Promise<string>
}

export interface PathParts extends ValueParts {
  readonly home?: PathHome | undefined
}

export interface WriteOptions extends PublishOptions {
  /** Of the data, when it is a string. */
  readonly encoding?: BufferEncoding
  /** Permissions of the file. */
  readonly mode?: number
}

export type WriteData = string | Uint8Array | Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>

export class Path extends PathValue<Path> {
  readonly #mesh: PathHome | undefined

  /**
   * The Path of a file, or with a slash at its end of a directory, that the Work publishes whose attribute it becomes. Until then it
   * is a value: it can be calculated with, and asks nothing. INVALID_ARGUMENT for a path that no name can have.
   */
  constructor(path: string)
  /** Made by `mesh.path()`, `work.path()` and `Path.from()`; not meant to be called elsewhere. */
  constructor(ref: Ref, parts?: PathParts)
  constructor(of: string | Ref, { home, ...value }: PathParts = {}) {
    if (typeof of === 'string') super(relativeStem(of), { attachment: new Attachment() })
    else super(of, value)
    this.#mesh = home
  }

  /** The Path in its JSON form. With a mesh it can be used; without one it is a value. INVALID_ARGUMENT for any other value. */
  static from(json: unknown, mesh?: { path(ref: PathJson): Path }): Path {
    const parsed = parsePathJson(json)
    if (mesh !== undefined) return mesh.path(parsed)
    const attachment = isOfNoWork(parsed.$path) ? new Attachment() : undefined
    return new Path(refOfFacts(parsed.$path), { facts: parsed.$path, attachment })
  }

  /** For `JSON.parse(text, Path.reviver)`: as `mesh.reviver`, but its Paths are values and belong to no mesh. */
  static readonly reviver = (key: string, value: unknown): unknown =>
    revive(key, value, { path: json => Path.from(json) })

  /** The same Path, of another mesh. One that belongs to no Work yet stays as it is: its owner has the mesh. */
  bind(home: PathHome): Path {
    if (this.known === undefined) return this
    return new Path(this.ref, { home, facts: this.facts, declared: this.declared })
  }

  // --- asking

  /** Whether anybody knows it: the catalogue, or the work's folder here, where it may lie unpublished. */
  override async exists(options: CallOptions = {}): Promise<boolean> {
    try {
      return (await this.calls().exists(this.ref, 'anywhere', options)) || (await this.#liesHere(options))
    } catch (error) {
      if (hasCode(error, 'NOT_SYNCED') && (await this.#liesHere(options))) return true
      throw error
    }
  }

  /** Whether its bytes are on this machine, whole: in the work's folder, or in the store. */
  override async existsLocal(options: CallOptions = {}): Promise<boolean> {
    return (await this.calls().exists(this.ref, 'local', options)) || (await this.#liesHere(options))
  }

  /** Yields what lies in a directory, sorted, each fixed when this Path is. */
  async *list(options: CallOptions = {}): AsyncGenerator<Path, void, undefined> {
    for await (const { name, kind, cid, size } of this.calls().list(this.ref, options)) {
      const facts = { kind, cid, ...(size === null ? {} : { size }) }
      const ref = joinRef(this.ref, [kind === 'directory' ? `${name}/` : name])
      const declared = this.declared ?? this.ref.path
      yield new Path(ref, { home: this.#home, facts, declared })
    }
  }

  // --- reading

  /** Fetches it; resolves to a verified local path. The version is fixed at the start. */
  async get(options: GetOptions = {}): Promise<GetResult> {
    return await fetchRef(this.calls(), this.ref, { ...options, providers: this.facts.providers })
  }

  /** Its bytes from `start` to `end` (both included); fetches no more than is read. */
  createReadStream(options: RangeOptions = {}): Readable {
    checkRange(options)
    const calls = this.calls()
    return new ContentStream(signal => calls.content(this.ref, { ...options, signal }), options)
  }

  /** The whole of it, in memory: a Buffer, or a string in an encoding. */
  async readFile(options?: CallOptions): Promise<Buffer>
  async readFile(options: BufferEncoding | (CallOptions & { readonly encoding: BufferEncoding })): Promise<string>
  async readFile(
    options: BufferEncoding | (CallOptions & { readonly encoding?: BufferEncoding }) = {}
  ): Promise<Buffer | string> {
    const { encoding, signal } = typeof options === 'string' ? { encoding: options } : { signal: undefined, ...options }
    const pieces: Buffer[] = []
    for await (const piece of this.calls().content(this.ref, { signal })) pieces.push(piece)
    const whole = Buffer.concat(pieces)
    return encoding === undefined ? whole : whole.toString(encoding)
  }

  // --- writing, on the origin only

  /**
   * The absolute local path in the work's folder, whose parent exists: where to write by any other means. A promise, since the
   * daemon says where the folder is. NOT_ORIGIN unless this node publishes the work.
   */
  get local(): Promise<string> {
    return this.#local()
  }

  /** Publishes what lies at `local` under this name. Resolves when that is durable; unchanged content makes no new version. */
  async publish(options: PublishOptions = {}): Promise<Publication> {
    const { work, path } = this.#own()
    const { meta, keep, signal, onProgress } = options
    const local = await this.#place({ signal })
    const request = { as: `${work}/${path}`, exclude: [TEMPORARY_GLOB], meta, keep, signal, onProgress }
    const written = await this.#home?.written.within(local)
    const done = await shareFile(this.calls(), local, { ...request, ...(written === undefined ? {} : { written }) })
    const { kept, copies, unchanged } = done
    return { ...versionOfShare(done, meta), kept, copies, unchanged }
  }

  /** Writes the file, durably, whole or not at all; then publishes it, unless it lies in a declared directory. */
  async writeFile(data: WriteData, options: WriteOptions = {}): Promise<void> {
    const pieces =
      typeof data === 'string' ? [Buffer.from(data, options.encoding)] : data instanceof Uint8Array ? [data] : data
    const file = this.createWriteStream(options)
    try {
      await pipeline(Readable.from(pieces), file, options.signal === undefined ? {} : { signal: options.signal })
    } finally {
      if (!file.closed) await once(file, 'close')
    }
  }

  /** As `writeFile`; 'finish' comes once the file is durable, and published. */
  createWriteStream(options: WriteOptions = {}): OwnFileStream {
    this.#own()
    const alone = this.declared === undefined
    const mode = options.mode === undefined ? {} : { mode: options.mode }
    const publish = async (): Promise<void> => {
      if (alone) await this.publish(options)
    }
    const written = this.#home?.written
    return new OwnFileStream(async () => await this.#place(options), { onWritten: publish, written, ...mode })
  }

  protected override derive(ref: Ref, parts: ValueParts = { declared: this.declared }): Path {
    return new Path(ref, { ...parts, home: this.#mesh, attachment: this.attachment })
  }

  protected override calls(): Calls {
    const { ref } = this
    const home = this.#home
    if (home === undefined) throw new TypeError(`${formatRef(ref)} belongs to no mesh: hand it to mesh.path()`)
    return home.calls
  }

  get #home(): PathHome | undefined {
    return this.#mesh ?? this.attachment?.home
  }

  #isOwn(): boolean {
    const { ref } = this
    const home = this.#home
    return home !== undefined && ref.type === 'name' && ref.node === home.peerId && ref.version === undefined
  }

  #own(): NameRef {
    this.calls()
    if (this.ref.type === 'name' && this.#isOwn()) return this.ref
    const hint =
      this.version === undefined
        ? 'Only the node that publishes a work can write it: take the Path from mesh.work(name).path(…)'
        : 'A version never changes'
    throw new PathmeshError('NOT_ORIGIN', `${this.toString()} cannot be written here. ${hint}`)
  }

  async #place({ signal }: CallOptions): Promise<string> {
    const { work, path } = this.#own()
    const home = this.#home
    if (home === undefined) throw new TypeError('a Path of a mesh has one')
    return join(await home.folder(work, { signal }), path)
  }

  async #liesHere(options: CallOptions): Promise<boolean> {
    if (!this.#isOwn()) return false
    try {
      return await isThere(await this.#place(options))
    } catch (error) {
      // The work has another home by now.
      if (hasCode(error, 'WORK_IN_USE')) return false
      throw error
    }
  }

  async #local(): Promise<string> {
    const place = await this.#place({})
    try {
      await mkdir(this.directory ? place : dirname(place), { recursive: true })
    } catch (error) {
      throw toPathmeshError(error, `cannot make the folder of ${place}`)
    }
    return place
  }
}

function checkRange({ start = 0, end = start }: RangeOptions): void {
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && end >= start) return
  throw new RangeError(`bytes ${start} to ${end} are not a range`)
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return false
    throw toPathmeshError(error, `cannot look at ${path}`)
  }
}
