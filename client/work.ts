// A work to publish as, on the local node. It is a name so far: it claims nothing.

import { formatRef } from '../proto/ref.ts'
import { Path, type PathHome } from './path.ts'

export class Work {
  readonly name: string
  readonly #home: PathHome

  /** Made by `mesh.work()`. */
  constructor(name: string, home: PathHome) {
    formatRef({ type: 'name', work: name, path: 'check', directory: false })
    this.name = name
    this.#home = home
  }

  /** The Path of a file, or with a slash at its end of a directory, that this work publishes. */
  path(path: string): Path {
    const directory = path.endsWith('/')
    const bare = directory ? path.slice(0, -1) : path
    const ref = { type: 'name', work: this.name, node: this.#home.peerId, path: bare, directory } as const
    return new Path(ref, { home: this.#home })
  }

  toString(): string {
    return this.name
  }
}
