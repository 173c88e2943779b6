// The first half of a fetch: every branch of a root, breadth-first from what is missing, verified, kept, and then checked
// as a whole. It keeps no bytes in memory beyond an answer; branches that nobody asked for are refused.

import type { CID } from 'multiformats/cid'
import { type Branches, openBlock } from '../content/branches.ts'
import type { Branch } from '../content/file-dag.ts'
import { cidKey, RAW } from '../content/multihash.ts'
import { branchesOf } from '../content/walk.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { REQUEST_CIDS_MAX, TREE_BRANCHES_MAX } from '../../proto/limits.ts'
import type { BulkOptions, Provider } from './provider.ts'

/** Where branches are kept. */
export interface BranchStore extends Branches {
  getMany(cids: readonly CID[]): Promise<(Uint8Array | undefined)[]>
  keep(blocks: readonly Branch[]): Promise<void>
}

const REQUEST_CIDS = Math.min(256, REQUEST_CIDS_MAX)

export class StructureFetch {
  readonly #store: BranchStore
  /** Branches that are wanted and not here, in the order they were found. */
  readonly #missing = new Map<string, CID>()
  readonly #seen = new Set<string>()
  /** Branches that are wanted and may be here. */
  readonly #found = new Map<string, CID>()

  constructor(root: CID, store: BranchStore) {
    this.#store = store
    this.#seen.add(cidKey(root))
    if (root.code !== RAW) this.#found.set(cidKey(root), root)
  }

  /** Branches known so far. */
  get known(): number {
    return this.#seen.size
  }

  /** Whether everything is here, after looking at what is here already. */
  async isComplete(signal: AbortSignal): Promise<boolean> {
    while (this.#found.size > 0) {
      signal.throwIfAborted()
      const some = [...firstOf(this.#found.values(), REQUEST_CIDS)]
      for (const cid of some) this.#found.delete(cidKey(cid))
      for (const [i, bytes] of (await this.#store.getMany(some)).entries()) {
        const cid = some[i]
        if (cid === undefined) continue
        if (bytes === undefined) this.#missing.set(cidKey(cid), cid)
        else this.#open(cid, bytes)
      }
    }
    return this.#missing.size === 0
  }

  /** Asks a provider for some of what is missing. Bytes that came; never 0. */
  async step(provider: Provider, options: BulkOptions): Promise<number> {
    const asked = [...firstOf(this.#missing.values(), REQUEST_CIDS)]
    const { blocks, missing } = await provider.tree(asked, options)
    const [gone] = missing
    if (gone !== undefined)
      throw new PathmeshError('NOT_FOUND', `${provider.peer} no longer has the branch ${gone.toString()}`)
    const wanted: Branch[] = []
    let bytes = 0
    for (const { cid, bytes: block } of blocks) {
      const key = cidKey(cid)
      // What lies below an asked branch is wanted from the moment that its parent was read, which comes before it.
      if (!this.#missing.delete(key) && !this.#found.delete(key)) continue
      this.#open(cid, block)
      wanted.push({ cid, bytes: block })
      bytes += block.length
    }
    if (wanted.length === 0)
      throw new PathmeshError('CORRUPT', `${provider.peer} sent none of the branches it was asked for`)
    await this.#store.keep(wanted)
    return bytes
  }

  #open(cid: CID, bytes: Uint8Array): void {
    for (const child of branchesOf(openBlock(cid, bytes, this.#store).node)) {
      const key = cidKey(child)
      if (this.#seen.has(key)) continue
      this.#seen.add(key)
      this.#found.set(key, child)
    }
    if (this.#seen.size > TREE_BRANCHES_MAX)
      throw new PathmeshError('TOO_LARGE', `${cid.toString()} has more than ${TREE_BRANCHES_MAX} branches`)
  }
}

function* firstOf<T>(values: Iterable<T>, count: number): Generator<T> {
  let left = count
  for (const value of values) {
    if (left-- <= 0) return
    yield value
  }
}
