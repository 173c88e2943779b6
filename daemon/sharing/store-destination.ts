// Where a session's content goes: the store, by way of a partial tree.

import type { CID } from 'multiformats/cid'
import { OpenedBranches } from '../content/branches.ts'
import type { Branch } from '../content/file-dag.ts'
import type { CheckedTree } from '../content/check-tree.ts'
import type { LargeFile, LeafJob } from '../exchange/plan.ts'
import type { Destination, SessionSink } from '../exchange/session-types.ts'
import type { RemoteReader } from '../exchange/remote-reader.ts'
import type { BranchStore } from '../exchange/structure.ts'
import type { Holding } from '../store/holding-table.ts'
import { PartialTree } from '../store/partial-tree.ts'
import type { PartialOptions, Store } from '../store/store.ts'
import type { Unfinished } from '../store/unfinished.ts'
import { PathmeshError } from '../../proto/errors.ts'

export class StoreDestination implements Destination<Holding> {
  readonly branches: BranchStore
  readonly #store: Store
  readonly #root: CID
  readonly #options: PartialOptions
  #unfinished: Promise<Unfinished> | undefined

  /** `came` has branches that are here and not kept. */
  constructor(store: Store, root: CID, options: PartialOptions, came: RemoteReader['came'] = () => undefined) {
    this.#store = store
    this.#root = root
    this.#options = options
    // Looked at when it comes, checked, planned and put in place: four times.
    this.branches = {
      opened: new OpenedBranches(),
      get: cid => store.blocks.get(cid),
      getMany: async cids => {
        const kept = await store.branches.getMany(cids)
        const found = cids.map((cid, i) => kept[i] ?? came(cid))
        await this.branches.keep(
          cids.flatMap((cid, i) => {
            const bytes = found[i]
            return bytes === undefined || bytes === kept[i] ? [] : [{ cid, bytes }]
          })
        )
        return found
      },
      keep: (blocks: readonly Branch[]) =>
        store.database.commit(blocks.map(({ cid, bytes }) => store.branches.put(cid, bytes)))
    }
  }

  async needSpace(bytes: number): Promise<void> {
    await this.#store.needSpace(Math.max(0, bytes - (await this.#store.partialBytes(this.#root))))
  }

  async local(cids: readonly CID[], signal: AbortSignal): Promise<(Uint8Array | undefined)[]> {
    const { files, holdings, reader } = this.#store
    const places = await files.newest(cids)
    const unfinished = await this.#others(signal)
    return Promise.all(
      cids.map(async (cid, i) =>
        holdings.covers(places[i]?.facts.path ?? '') ? reader.block(cid) : unfinished.small(cid)
      )
    )
  }

  async unfinished(
    file: LargeFile,
    { index, size, cid }: LeafJob,
    signal: AbortSignal
  ): Promise<Uint8Array | undefined> {
    return (await this.#others(signal)).leaf(file, index, size, cid)
  }

  #others(signal: AbortSignal): Promise<Unfinished> {
    return (this.#unfinished ??= this.#store.unfinished(this.#root, signal))
  }

  open(): Promise<SessionSink> {
    return this.#store.startPartial(this.#root, this.#options)
  }

  finish(sink: SessionSink, checked: CheckedTree, signal: AbortSignal): Promise<Holding> {
    if (!(sink instanceof PartialTree))
      throw new PathmeshError('INTERNAL', 'a session ended with a sink that it was not given')
    return this.#store.finish(sink, checked.size, signal, this.branches)
  }
}
