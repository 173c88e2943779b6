// The branches of every DAG that is here: small dag-pb blocks, by multihash. What comes in has been verified by its caller.

import type { CID } from 'multiformats/cid'
import type { Database, Table, Write } from './database.ts'
import { del, put } from './database.ts'

export class BranchTable {
  readonly #blocks: Table<Uint8Array, Uint8Array>

  constructor(database: Database) {
    this.#blocks = database.bytesTable('branches')
  }

  /** The block, or undefined where it is not here. */
  get(cid: CID): Promise<Uint8Array | undefined> {
    return this.#blocks.get(cid.multihash.bytes)
  }

  /** The blocks in the order asked, undefined where one is not here. */
  getMany(cids: readonly CID[]): Promise<(Uint8Array | undefined)[]> {
    return this.#blocks.getMany(cids.map(cid => cid.multihash.bytes))
  }

  put(cid: CID, bytes: Uint8Array): Write {
    return put(this.#blocks, cid.multihash.bytes, bytes)
  }

  delete(cid: CID): Write {
    return del(this.#blocks, cid.multihash.bytes)
  }
}
