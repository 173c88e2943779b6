// Reading without keeping: branches and leaves of content that is not here, fetched as they are needed and verified. It
// holds the branches that it opened, up to a bound, and a few leaves.

import type { CID } from 'multiformats/cid'
import type { Branches } from '../content/branches.ts'
import { leafRange } from '../content/file-dag.ts'
import { type Leaf, leaves } from '../content/leaves.ts'
import { DAG_PB } from '../content/multihash.ts'
import { verify } from '../content/verify.ts'
import type { TreeEntry } from '../content/walk.ts'
import type { Clock } from '../clock.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { ASK_MS, LEAF_BYTES, LEAVES_REQUEST, READER_BRANCHES_BYTES, READ_STALL_MS } from '../../proto/limits.ts'
import { Patience } from './patience.ts'
import type { Provider } from './provider.ts'
import { isOwnFault, type Peers, Sources } from './sources.ts'

/** What lies here already. */
export interface LocalBlocks {
  block(cid: CID): Promise<Uint8Array | undefined>
}

export interface ReaderRequest {
  readonly roots: readonly CID[]
  readonly hints: readonly string[]
  readonly stallMs?: number | undefined
  readonly signal: AbortSignal
}

interface AskOptions {
  readonly signal: AbortSignal
  /** To be called when something arrived. */
  readonly onCame: () => void
}

export class RemoteReader implements Branches {
  readonly #local: LocalBlocks
  readonly #sources: Sources
  readonly #clock: Clock
  readonly #request: ReaderRequest
  readonly #branches = new Map<string, Uint8Array>()
  #branchBytes = 0

  constructor(request: ReaderRequest, parts: { local: LocalBlocks; peers: Peers; clock: Clock }) {
    this.#request = request
    this.#local = parts.local
    this.#clock = parts.clock
    this.#sources = new Sources(request.roots, request.hints, parts.peers, parts.clock)
  }

  async get(cid: CID): Promise<Uint8Array | undefined> {
    const key = cid.toString()
    const known = this.#branches.get(key) ?? (await this.#local.block(cid))
    if (known !== undefined) return known
    return this.#ask(async (provider, { signal }) => {
      const { blocks } = await provider.tree([cid], { signal })
      for (const block of blocks) this.#remember(block.cid.toString(), block.bytes)
      const wanted = blocks.find(block => block.cid.equals(cid))
      if (wanted === undefined) throw new PathmeshError('NOT_FOUND', `${provider.peer} does not have ${key}`)
      return wanted.bytes
    })
  }

  /** Bytes of a leaf of which only the CID is known; it is fetched to find out. */
  async leafSize(cid: CID): Promise<number> {
    const local = await this.#local.block(cid)
    if (local !== undefined) return local.length
    const fetched = await this.#ask((provider, options) =>
      fetchLeaves(provider, { kind: 'file', cid, size: 0, executable: false }, [], options)
    )
    return fetched.get(0)?.length ?? 0
  }

  /** Bytes [start, end) of a file, in order, in pieces of up to a leaf. The next ones are on their way while one is read. */
  async *read(file: TreeEntry, start: number, end: number): AsyncGenerator<Uint8Array> {
    if (start >= end) return
    if (file.inline !== undefined) {
      yield file.inline.subarray(start, end)
      return
    }
    const from = Math.floor(start / LEAF_BYTES)
    const to = Math.ceil(end / LEAF_BYTES)
    const runs: Promise<Uint8Array[]>[] = []
    let position = from * LEAF_BYTES
    const cutOf = (bytes: Uint8Array) => bytes.subarray(Math.max(0, start - position), Math.max(0, end - position))
    for await (const run of inRuns(
      leaves(file.cid, this, { from, to, size: file.size, signal: this.#request.signal })
    )) {
      const fetching = this.#leaves(file, run)
      fetching.catch(() => undefined)
      runs.push(fetching)
      if (runs.length < 2) continue
      for (const bytes of (await runs.shift()) ?? []) {
        yield cutOf(bytes)
        position += bytes.length
      }
    }
    for (const fetching of runs) {
      for (const bytes of await fetching) {
        yield cutOf(bytes)
        position += bytes.length
      }
    }
  }

  async #leaves(file: TreeEntry, run: readonly Leaf[]): Promise<Uint8Array[]> {
    const local = await Promise.all(run.map(leaf => this.#local.block(leaf.cid)))
    const missing = run.filter((_, i) => local[i] === undefined)
    const fetched =
      missing.length === 0
        ? new Map<number, Uint8Array>()
        : await this.#ask((provider, options) => fetchLeaves(provider, file, missing, options))
    return run.map((leaf, i) => {
      const bytes = local[i] ?? fetched.get(leaf.index)
      if (bytes === undefined) throw new PathmeshError('INTERNAL', `leaf ${leaf.index} was lost on the way`)
      return bytes
    })
  }

  /**
   * One question, to one provider after the other: one that is silent for half of the stall deadline is left for the next.
   * Without anybody to ask, it does not wait as long as a transfer would.
   */
  async #ask<T>(ask: (provider: Provider, options: AskOptions) => Promise<T>): Promise<T> {
    const stallMs = this.#request.stallMs ?? READ_STALL_MS
    let why: string | undefined
    const fault = (code: 'TIMEOUT' | 'NO_PROVIDERS', what: string) =>
      new PathmeshError(code, what, { details: { tried: this.#sources.tried() } })
    const nobody = () => fault('NO_PROVIDERS', `nobody can send it: ${why ?? 'none answered'}`)
    const stall = new Patience(this.#clock, stallMs, () =>
      why === undefined ? fault('TIMEOUT', `nothing arrived for ${stallMs / 1000} s`) : nobody()
    )
    let lonely: Patience | undefined
    const alone = new AbortController()
    const outer = AbortSignal.any([this.#request.signal, stall.signal, alone.signal])
    const onWaiting = (reason: string): void => {
      why = reason
      lonely ??= new Patience(this.#clock, Math.min(stallMs, ASK_MS), () => {
        const fault = nobody()
        alone.abort(fault)
        return fault
      })
    }
    try {
      while (true) {
        const provider = await this.#sources.get(outer, onWaiting)
        lonely?.stop()
        ;[lonely, why] = [undefined, undefined]
        const patience = new Patience(
          this.#clock,
          stallMs / 2,
          () => new PathmeshError('TIMEOUT', `${provider.peer} sent nothing for ${stallMs / 2000} s`)
        )
        const onCame = (): void => {
          stall.moved()
          patience.moved()
        }
        try {
          return await ask(provider, { signal: AbortSignal.any([outer, patience.signal]), onCame })
        } catch (error) {
          outer.throwIfAborted()
          if (isOwnFault(error)) throw error
          this.#sources.failed(provider, error)
        } finally {
          patience.stop()
        }
      }
    } finally {
      lonely?.stop()
      stall.stop()
    }
  }

  #remember(key: string, bytes: Uint8Array): void {
    if (this.#branches.has(key)) return
    this.#branches.set(key, bytes)
    this.#branchBytes += bytes.length
    for (const [oldest, block] of this.#branches) {
      if (this.#branchBytes <= READER_BRANCHES_BYTES) return
      this.#branches.delete(oldest)
      this.#branchBytes -= block.length
    }
  }
}

async function fetchLeaves(
  provider: Provider,
  file: TreeEntry,
  wanted: readonly Leaf[],
  { signal, onCame }: AskOptions
): Promise<Map<number, Uint8Array>> {
  const byIndex = new Map(wanted.map(leaf => [leaf.index, leaf]))
  const fetched = new Map<number, Uint8Array>()
  if (file.cid.code !== DAG_PB) {
    for await (const [block] of provider.small([file.cid], { signal })) {
      if (block?.bytes === undefined)
        throw new PathmeshError(
          'SOURCE_CHANGED',
          `${provider.peer} no longer has ${file.cid.toString()}: it changed there since it was shared`
        )
      fetched.set(0, block.bytes)
    }
    return fetched
  }
  const ranges = wanted.map(({ index }) => ({ from: index, to: index + 1 }))
  for await (const { index, bytes } of provider.leaves(file.cid, ranges, { signal })) {
    const leaf = byIndex.get(index)
    if (leaf === undefined || bytes.length !== leafRange(file.size, index).length)
      throw new PathmeshError('CORRUPT', `${provider.peer} sent leaf ${index} in another size`)
    verify(leaf.cid, bytes)
    fetched.set(index, bytes)
    onCame()
  }
  return fetched
}

async function* inRuns(all: AsyncIterable<Leaf>): AsyncGenerator<Leaf[]> {
  let run: Leaf[] = []
  for await (const leaf of all) {
    run.push(leaf)
    if (run.length < LEAVES_REQUEST) continue
    yield run
    run = []
  }
  if (run.length > 0) yield run
}
