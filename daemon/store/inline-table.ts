// Small content that lies in the index itself: a file for each would cost more than its bytes. Whole files of one raw leaf, by
// their hash. What comes in has been verified by its caller.

import type { CID } from 'multiformats/cid'
import { RAW } from '../content/multihash.ts'
import type { Database, Table, Write } from './database.ts'
import { del, lookUp, lookUpMany, put } from './database.ts'

export class InlineTable {
  readonly #files: Table<Uint8Array, Uint8Array>

  constructor(database: Database) {
    this.#files = database.bytesTable('inline')
  }

  /** The whole file, or undefined where it does not lie in the index. */
  async get(root: CID): Promise<Uint8Array | undefined> {
    return root.code === RAW ? lookUp(this.#files, root.multihash.bytes) : undefined
  }

  /** The same of several, in the order asked. */
  async getMany(roots: readonly CID[]): Promise<(Uint8Array | undefined)[]> {
    const keys = roots.map(root => root.multihash.bytes)
    const found = await lookUpMany(this.#files, keys)
    return roots.map((root, i) => (root.code === RAW ? found[i] : undefined))
  }

  put(root: CID, bytes: Uint8Array): Write {
    return put(this.#files, root.multihash.bytes, bytes)
  }

  delete(root: CID): Write {
    return del(this.#files, root.multihash.bytes)
  }
}
