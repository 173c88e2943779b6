// What `mesh.work()` gives: publishes as one work, on the local node. Asking for its folder claims the work, which writing and
// publishing do; naming it claims nothing. Runs nothing.

import { checkWork } from '../proto/ref.ts'
import type { CallOptions } from './calls.ts'
import { Path, type PathHome } from './path.ts'
import { Payload } from './payload.ts'
import { put, type PutOptions } from './put.ts'
import { shareWatch, type FolderEvent, type FolderWatchOptions } from './share-watch.ts'

export interface PublisherOptions {
  /** Whether the work moves here although its home, another node, is connected. */
  readonly takeOver?: boolean | undefined
}

export class Publisher {
  readonly name: string
  readonly #home: PathHome
  /** Taken over once: a node that takes it back keeps it, or the two would go on for ever. */
  #takeOver: boolean

  /** Made by `mesh.work()`. */
  constructor(name: string, home: PathHome, { takeOver = false }: PublisherOptions = {}) {
    checkWork(name)
    this.name = name
    this.#takeOver = takeOver
    this.#home = { ...home, folder: async (_, options) => await this.folder(options) }
  }

  /** The Path of a file, or with a slash at its end of a directory, that this work publishes. */
  path(path: string): Path {
    const directory = path.endsWith('/')
    const bare = directory ? path.slice(0, -1) : path
    const ref = { type: 'name', work: this.name, node: this.#home.peerId, path: bare, directory } as const
    return new Path(ref, { home: this.#home })
  }

  /** The Payload of a name that this work publishes, still to be fetched. */
  payload<T = unknown>(path: string): Payload<T> {
    return new Payload<T>(undefined, { ref: this.path(path).ref, calls: this.#home.calls })
  }

  /** As `mesh.put()`, of this work: it lives here from then on. WORK_IN_USE as `folder()`. */
  async put<P extends Payload>(path: string, payload: P, options?: PutOptions): Promise<P>
  async put<T>(path: string, value: T, options?: PutOptions): Promise<Payload<T>>
  async put(path: string, value: unknown, options: PutOptions = {}): Promise<Payload> {
    await this.folder(options)
    return await put(this.#home.calls, `${this.name}/${path}`, value, options)
  }

  /**
   * Absolute path of its folder on this node, which is its home from then on. WORK_IN_USE while another connected node is, unless
   * `takeOver` was given.
   */
  async folder({ signal }: CallOptions = {}): Promise<string> {
    const takeOver = this.#takeOver ? { takeOver: true } : {}
    const { folder } = await this.#home.calls.work({ name: this.name, ...takeOver }, { signal })
    this.#takeOver = false
    return folder
  }

  /**
   * Publishes what changes in its folder, each entry under its own name, as it settles or when a marker appears; a deleted entry
   * retires its name. A link out of the folder is `failed`, unless `dereference` is asked for. Yields what it does, `watching`
   * first; ends when it is left, or with an error. Best effort by nature: a tool that pauses for longer than `settleMs` is published half-way, and again when it has gone on.
   */
  async *watch(options: FolderWatchOptions = {}): AsyncGenerator<FolderEvent, void, undefined> {
    await this.folder(options)
    yield* shareWatch(this.#home.calls, { work: this.name }, options)
  }

  toString(): string {
    return this.name
  }
}
