// Where a session's content goes: the store, by way of a partial tree.

import type { CID } from 'multiformats/cid'
import type { Branch } from '../content/file-dag.ts'
import type { CheckedTree } from '../content/check-tree.ts'
import type { Destination, SessionSink } from '../exchange/session-types.ts'
import type { BranchStore } from '../exchange/structure.ts'
import type { Holding } from '../store/holding-table.ts'
import { PartialTree } from '../store/partial-tree.ts'
import type { Store } from '../store/store.ts'
import { PathmeshError } from '../../proto/errors.ts'

export class StoreDestination implements Destination<Holding> {
  readonly branches: BranchStore
  readonly #store: Store
  readonly #root: CID
  readonly #basename: string

  /** `basename` is what the file or directory is to be called. */
  constructor(store: Store, root: CID, basename: string) {
    this.#store = store
    this.#root = root
    this.#basename = basename
    this.branches = {
      get: cid => store.blocks.get(cid),
      getMany: cids => store.branches.getMany(cids),
      keep: (blocks: readonly Branch[]) =>
        store.database.commit(blocks.map(({ cid, bytes }) => store.branches.put(cid, bytes)))
    }
  }

  async needSpace(bytes: number): Promise<void> {
    await this.#store.needSpace(Math.max(0, bytes - (await this.#store.partialBytes(this.#root))))
  }

  async local(cids: readonly CID[]): Promise<(Uint8Array | undefined)[]> {
    const { files, holdings, reader } = this.#store
    const places = await files.newest(cids)
    return Promise.all(
      cids.map(async (cid, i) => (holdings.covers(places[i]?.facts.path ?? '') ? reader.block(cid) : undefined))
    )
  }

  open(): Promise<SessionSink> {
    return this.#store.startPartial(this.#root, { basename: this.#basename })
  }

  finish(sink: SessionSink, checked: CheckedTree, signal: AbortSignal): Promise<Holding> {
    if (!(sink instanceof PartialTree))
      throw new PathmeshError('INTERNAL', 'a session ended with a sink that it was not given')
    return this.#store.finish(sink, checked.size, signal)
  }
}
