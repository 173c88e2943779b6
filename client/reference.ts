// What Path and Payload have in common: a name or content, asked of the daemon of the mesh that it belongs to. Immutable; moves
// no content. Refuses to be added or compared, which would lose the origin.

import type { Dropped, ProviderLine, Stat, Unshared } from '../proto/api.ts'
import { PathmeshError } from '../proto/errors.ts'
import { formatRef, parseVersion, type Ref } from '../proto/ref.ts'
import type { CallOptions, Calls } from './calls.ts'
import { waitForVersion, watchPath, type PathEvent, type WaitForOptions, type WatchOptions } from './path-watch.ts'
import { following, versionOfChange, versionOfStat, type Version } from './version.ts'

export abstract class Reference<Self> {
  /** What it names. */
  abstract readonly ref: Ref

  /** The daemon that is asked. TypeError for one that belongs to no mesh. */
  protected abstract calls(): Calls

  /** One of the same mesh that names something else. */
  protected abstract derive(ref: Ref): Self

  /** The work; undefined for content alone. */
  get work(): string | undefined {
    return this.ref.type === 'name' ? this.ref.work : undefined
  }

  /** PeerId or name of the node that publishes it, where the reference says so. */
  get origin(): string | undefined {
    return this.ref.type === 'name' ? this.ref.node : undefined
  }

  /** The path inside the work, without a slash at the end. */
  get path(): string {
    return this.ref.path
  }

  /** The `seq` or root that it is fixed at; undefined when it follows its name. */
  get version(): number | string | undefined {
    return this.ref.type === 'name' ? this.ref.version : this.ref.cid
  }

  /** Whether anybody knows it. */
  async exists(options: CallOptions = {}): Promise<boolean> {
    return await this.calls().exists(this.ref, 'anywhere', options)
  }

  /** Whether its bytes are on this machine, whole. */
  async existsLocal(options: CallOptions = {}): Promise<boolean> {
    return await this.calls().exists(this.ref, 'local', options)
  }

  /** Whether another node says that it has it; asks, with a deadline. */
  async existsRemote(options: CallOptions = {}): Promise<boolean> {
    return await this.calls().exists(this.ref, 'remote', options)
  }

  /** What lies there, without fetching more than its structure. */
  async stat(options: CallOptions = {}): Promise<Stat> {
    return await this.calls().stat(this.ref, options)
  }

  /** The newest version of its name that is known. NOT_FOUND where there is none; `waitFor()` waits for one. */
  async latest(options: CallOptions = {}): Promise<Version> {
    const ref = following(this.ref)
    return versionOfStat(ref, await this.calls().stat(ref, options))
  }

  /**
   * Yields the versions of its name that are known, the newest first; for a path inside a published directory, those of the
   * directory. Retirements are left out: `mesh.history()` has them.
   */
  async *history(options: CallOptions = {}): AsyncGenerator<Version, void, undefined> {
    for await (const change of this.calls().history(following(this.ref), options))
      if (change.event === 'version') yield versionOfChange(change)
  }

  /**
   * Yields what becomes of its name, as it comes: `watching`, then new versions and retirements, each with a cursor to go on from. A
   * retirement ends nothing: the name may come back. Without `@NODE`, of every node that publishes it. For a path inside a published
   * directory, as `history()`, the changes of the directory: each Version is the directory's, and may leave the path as it was,
   * or be without it (`latest()` says what lies there). Ends when it is left, or with an error.
   */
  watch(options: WatchOptions = {}): AsyncGenerator<PathEvent, void, undefined> {
    return watchPath(this.calls(), following(this.ref), options)
  }

  /**
   * The first version that there is, now or later: also of a reference that was handed on before its content existed, and of a path
   * inside a directory, once a version of that contains it. TIMEOUT after `timeoutMs`.
   */
  async waitFor(options: WaitForOptions = {}): Promise<Version> {
    return await waitForVersion(this.calls(), this.ref, options)
  }

  /** Yields the nodes that hold it, or a part of it. */
  providers(options: CallOptions = {}): AsyncIterable<ProviderLine> {
    return this.calls().providers(this.ref, options)
  }

  /** Retires the name. Own names only. */
  async unshare(options: CallOptions = {}): Promise<Unshared> {
    return await this.calls().unshare(this.ref, options)
  }

  /** Removes the local copy; the name stays. */
  async drop(options: CallOptions = {}): Promise<Dropped> {
    return await this.calls().drop(this.ref, options)
  }

  /** The same name fixed at a version: a `seq`, a root CID, or a Version. */
  at(version: number | string | Pick<Version, 'root'>): Self {
    if (this.ref.type === 'content')
      throw new PathmeshError('INVALID_ARGUMENT', `${this.toString()} is content: it has no versions`)
    const wanted =
      typeof version === 'object' ? version.root : typeof version === 'string' ? parseVersion(version) : version
    return this.derive({ ...this.ref, version: wanted })
  }

  equals(other: { toString(): string }): boolean {
    return this.toString() === other.toString()
  }

  /** Its URL. */
  toString(): string {
    return formatRef(this.ref)
  }

  [Symbol.toPrimitive](hint: string): string {
    if (hint === 'string') return this.toString()
    throw new TypeError(`a ${this.constructor.name} is not added or compared: use equals() or toString()`)
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `${this.constructor.name}(${this.toString()})`
  }
}
