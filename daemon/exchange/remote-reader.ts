// Reading without keeping: branches and leaves of content that is not here, fetched as they are needed and verified. It
// holds the branches that it opened, up to a bound, and a few leaves.

import type { CID } from 'multiformats/cid'
import type { Branches } from '../content/branches.ts'
import { type Leaf, leaves } from '../content/leaves.ts'
import { DAG_PB } from '../content/multihash.ts'
import { verify } from '../content/verify.ts'
import type { TreeEntry } from '../content/walk.ts'
import { orAborted } from '../deadline.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { ASK_MS, LEAF_BYTES, READ_AHEAD_LEAVES, READER_BRANCHES_BYTES, READ_STALL_MS } from '../../proto/limits.ts'
import { Download, type DownloadParts, type Landing } from './download.ts'
import { Patience } from './patience.ts'
import type { FileLeaf } from './plan.ts'
import type { Provider } from './provider.ts'
import { isOwnFault, type Peers, Sources } from './sources.ts'

/** What lies here already. */
export interface LocalBlocks {
  block(cid: CID): Promise<Uint8Array | undefined>
  /** A leaf that a transfer is receiving: it comes before all others then. Undefined where none does. */
  readonly arriving?: (file: CID, leaf: Leaf, signal: AbortSignal) => Promise<Uint8Array | undefined>
}

export interface ReaderRequest {
  readonly roots: readonly CID[]
  readonly hints: readonly string[]
  readonly stallMs?: number | undefined
  readonly signal: AbortSignal
}

export interface ReaderParts extends DownloadParts {
  readonly local: LocalBlocks
  readonly peers: Peers
}

export class RemoteReader implements Branches {
  readonly #parts: ReaderParts
  readonly #sources: Sources
  readonly #request: ReaderRequest
  readonly #branches = new Map<string, Uint8Array>()
  #branchBytes = 0

  constructor(request: ReaderRequest, parts: ReaderParts) {
    this.#request = request
    this.#parts = parts
    this.#sources = new Sources(request, parts.peers, parts.clock)
  }

  async get(cid: CID): Promise<Uint8Array | undefined> {
    const key = cid.toString()
    const known = this.#branches.get(key) ?? (await this.#parts.local.block(cid))
    if (known !== undefined) return known
    return this.#ask(async (provider, signal) => {
      const { blocks } = await provider.tree([cid], { signal })
      for (const block of blocks) this.#remember(block.cid.toString(), block.bytes)
      const wanted = blocks.find(block => block.cid.equals(cid))
      if (wanted === undefined) throw new PathmeshError('NOT_FOUND', `${provider.peer} does not have ${key}`)
      return wanted.bytes
    })
  }

  /** A branch that came on the way to what was read, verified; undefined where none did. */
  readonly came = (cid: CID): Uint8Array | undefined => this.#branches.get(cid.toString())

  /** Bytes of a leaf of which only the CID is known; it is fetched to find out. */
  async leafSize(cid: CID): Promise<number> {
    return (await this.#whole(cid)).length
  }

  /** Bytes [start, end) of a file, in order, in pieces of up to a leaf. The next ones are on their way while one is read. */
  async *read(file: TreeEntry, start: number, end: number): AsyncGenerator<Uint8Array> {
    if (start >= end) return
    const small = file.inline ?? (file.cid.code === DAG_PB ? undefined : await this.#whole(file.cid))
    if (small !== undefined) {
      yield small.subarray(start, end)
      return
    }
    const from = Math.floor(start / LEAF_BYTES)
    const to = Math.ceil(end / LEAF_BYTES)
    let position = from * LEAF_BYTES
    const wanted = leaves(file.cid, this, { from, to, size: file.size, signal: this.#request.signal })
    for await (const bytes of this.#leaves(file, wanted)) {
      yield bytes.subarray(Math.max(0, start - position), Math.max(0, end - position))
      position += bytes.length
    }
  }

  /** Leaves in their order, some of them ahead of the reader, from all who can send them. */
  async *#leaves(file: TreeEntry, wanted: AsyncIterable<Leaf>): AsyncGenerator<Uint8Array> {
    const landing = new MemoryLanding()
    const stop = new AbortController()
    const signal = AbortSignal.any([this.#request.signal, stop.signal])
    let stall: Patience | undefined
    let download: Download | undefined
    const queue: Promise<Uint8Array>[] = []
    const next = async (): Promise<Uint8Array> => {
      // Only while somebody waits: one that reads slowly is not the peers' fault.
      stall = this.#patience(() => download?.isWaiting !== false)
      try {
        return await orAborted(
          queue.shift() ?? Promise.reject(new Error('no leaf')),
          AbortSignal.any([signal, stall.signal])
        )
      } finally {
        stall.stop()
      }
    }
    try {
      for await (const leaf of wanted) {
        const local = await this.#here(file, leaf)
        if (local !== undefined) queue.push(Promise.resolve(local))
        else {
          download ??= this.#download(
            landing,
            signal,
            error => stop.abort(error),
            () => stall?.moved()
          )
          queue.push(landing.expect(leaf.index))
          await download.add(unitOf(file, leaf))
        }
        if (queue.length >= READ_AHEAD_LEAVES) yield await next()
      }
      while (queue.length > 0) yield await next()
    } finally {
      stop.abort(new PathmeshError('ABORTED', 'nobody reads on'))
      await download?.close()
    }
  }

  #download(landing: Landing, signal: AbortSignal, onFailed: (error: unknown) => void, onMoved: () => void): Download {
    const download = new Download(
      { sources: this.#sources, landing, signal, isInOrder: true, onProgress: onMoved, onCame: onMoved },
      this.#parts
    )
    download.failed.catch(onFailed)
    return download
  }

  /** What lies here, or comes here by a transfer. */
  async #here(file: TreeEntry, leaf: Leaf): Promise<Uint8Array | undefined> {
    const { local } = this.#parts
    const stored = await local.block(leaf.cid)
    if (stored !== undefined) return stored
    const arriving = await local.arriving?.(file.cid, leaf, this.#request.signal)
    if (arriving !== undefined) verify(leaf.cid, arriving)
    return arriving
  }

  /** A block that is a whole file. */
  async #whole(cid: CID): Promise<Uint8Array> {
    return (
      (await this.#parts.local.block(cid)) ??
      (await this.#ask(async (provider, signal) => {
        for await (const [block] of provider.small([{ cid, size: undefined, into: [] }], { signal }))
          if (block?.bytes !== undefined) return block.bytes
        throw new PathmeshError(
          'SOURCE_CHANGED',
          `${provider.peer} no longer has ${cid.toString()}: it changed there since it was shared`,
          { details: { peerId: provider.peer } }
        )
      }))
    )
  }

  /**
   * One question, to one provider after the other: one that is silent for half of the stall deadline is left for the next.
   * Without anybody to ask, it does not wait as long as a transfer would.
   */
  async #ask<T>(ask: (provider: Provider, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock } = this.#parts
    const half = (this.#request.stallMs ?? READ_STALL_MS) / 2
    let isAlone = false
    const stall = this.#patience(() => isAlone)
    const outer = AbortSignal.any([this.#request.signal, stall.signal])
    const stopLooking = this.#sources.use()
    try {
      while (true) {
        isAlone = true
        const provider = await this.#sources.one(outer, () => undefined)
        isAlone = false
        stall.moved()
        const silent = (): Error => new PathmeshError('TIMEOUT', `${provider.peer} sent nothing for ${half / 1000} s`)
        const patience = new Patience(clock, half, silent)
        try {
          return await ask(provider, AbortSignal.any([outer, patience.signal]))
        } catch (error) {
          outer.throwIfAborted()
          if (isOwnFault(error)) throw error
          this.#sources.failed(provider.peer, error)
        } finally {
          patience.stop()
        }
      }
    } finally {
      stopLooking()
      stall.stop()
    }
  }

  /** Ends a wait that has gone on for too long; sooner where there is nobody to ask. */
  #patience(isAlone: () => boolean): Patience {
    const stallMs = this.#request.stallMs ?? READ_STALL_MS
    const fault = (code: 'TIMEOUT' | 'NO_PROVIDERS', what: string) =>
      new PathmeshError(code, what, { details: { tried: this.#sources.tried() } })
    return new Patience(
      this.#parts.clock,
      stallMs,
      () =>
        isAlone()
          ? fault('NO_PROVIDERS', `nobody can send it: ${this.#sources.why()}`)
          : fault('TIMEOUT', `nothing arrived for ${stallMs / 1000} s`),
      { sooner: { ms: Math.min(stallMs, ASK_MS), isIdle: isAlone } }
    )
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

/** Leaves that are handed to whoever waits for them. */
class MemoryLanding implements Landing {
  readonly #expected = new Map<number, (bytes: Uint8Array) => void>()

  expect(index: number): Promise<Uint8Array> {
    return new Promise(resolve => this.#expected.set(index, resolve))
  }

  async into(): Promise<undefined> {
    return undefined
  }

  async smallInto(): Promise<undefined> {
    return undefined
  }

  async leaf({ job }: FileLeaf, bytes: Uint8Array | undefined): Promise<void> {
    if (bytes !== undefined) this.#expected.get(job.index)?.(bytes)
    this.#expected.delete(job.index)
  }

  async small(): Promise<void> {
    throw new PathmeshError('INTERNAL', 'a reader asked for no small files')
  }
}

function unitOf(file: TreeEntry, { index, cid, size }: Leaf): FileLeaf {
  const { executable } = file
  const job = { ordinal: index, index, cid, size }
  return {
    type: 'leaf',
    ordinals: [index],
    bytes: size,
    group: '',
    file: { path: '', cid: file.cid, size: file.size, executable },
    job
  }
}
