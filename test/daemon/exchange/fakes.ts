// Peers and destinations in memory for the exchange: content by its blocks, a provider that can be told to misbehave, and a
// destination that remembers what was written, in which order.

import { setMaxListeners } from 'node:events'
import type { CID } from 'multiformats/cid'
import type { Branch } from '../../../daemon/content/file-dag.ts'
import { leafCount, leafRange, wrapLeaf } from '../../../daemon/content/file-dag.ts'
import { RAW, cidFromDigest } from '../../../daemon/content/multihash.ts'
import { verify } from '../../../daemon/content/verify.ts'
import { expand, walkTree } from '../../../daemon/content/walk.ts'
import { Heard } from '../../../daemon/exchange/heard.ts'
import { Budget } from '../../../daemon/exchange/budget.ts'
import type { DownloadParts } from '../../../daemon/exchange/download.ts'
import type {
  BulkOptions,
  CameLeaf,
  CameSmall,
  Held,
  HeldMore,
  LeavesOrder,
  Provider,
  TreeAnswer,
  WaitOptions,
  WantedSmall
} from '../../../daemon/exchange/provider.ts'
import { RateLimit } from '../../../daemon/exchange/rate-limit.ts'
import type { SentLeaf, Source } from '../../../daemon/exchange/serve.ts'
import type { Clock } from '../../../daemon/clock.ts'
import type { Destination, SessionSink } from '../../../daemon/exchange/session-types.ts'
import type { Peers } from '../../../daemon/exchange/sources.ts'
import { Ledger } from '../../../daemon/store/ledger.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import { MemoryBranches, type Tree, buildTree, leafDigests } from '../../helpers/trees.ts'
import { bytesAt, sizeOf } from '../../helpers/stores.ts'

/** Everything that a holder of some trees can be asked for. */
export class Content {
  readonly branches = new MemoryBranches()
  readonly blocks = new Map<string, Uint8Array>()
  readonly files = new Map<string, readonly Uint8Array[]>()
  readonly roots = new Set<string>()

  async add(tree: Tree): Promise<CID> {
    const { cid } = buildTree(tree, 'blake3', this.branches)
    this.roots.add(cid.toString())
    for await (const entry of walkTree(cid, this.branches, { size: sizeOf(tree) })) {
      if (entry.kind !== 'file') continue
      const bytes = bytesAt(tree, entry.path)
      if (entry.inline !== undefined) this.blocks.set(entry.cid.toString(), wrapLeaf(bytes, 'blake3').block)
      else if (entry.cid.code === RAW) this.blocks.set(entry.cid.toString(), bytes)
      else this.#addLeaves(entry.cid, bytes)
    }
    return cid
  }

  #addLeaves(file: CID, bytes: Uint8Array): void {
    const digests = leafDigests(bytes, 'blake3')
    const leaves = Array.from({ length: leafCount(bytes.length) }, (_, index) => {
      const { offset, length } = leafRange(bytes.length, index)
      const leaf = bytes.subarray(offset, offset + length)
      this.blocks.set(cidFromDigest(RAW, 'blake3', digests.subarray(32 * index, 32 * index + 32)).toString(), leaf)
      return leaf
    })
    this.files.set(file.toString(), leaves)
  }

  async block(cid: CID): Promise<Uint8Array | undefined> {
    return (await this.branches.get(cid)) ?? this.blocks.get(cid.toString())
  }

  /** As the store of a node would serve it. */
  source(): Source {
    const { files } = this
    const block = (cid: CID) => this.block(cid)
    return {
      block,
      branches: cids => Promise.all(cids.map(cid => this.branches.get(cid))),
      small: async function* (this: void, cids) {
        for (const cid of cids) yield [{ cid, bytes: await block(cid) }]
      },
      async *leaves(file, ranges) {
        for (const { from, to } of ranges) {
          for (let index = from; index < to; index++) {
            const bytes = files.get(file.toString())?.[index]
            if (bytes === undefined) throw new PathmeshError('NOT_FOUND', 'no such leaf')
            yield { index, bytes }
          }
        }
      },
      held: async root => ({ complete: this.roots.has(root.toString()), bytes: 0 }),
      async *follow() {},
      onAsked: () => undefined,
      recheck: async () => false
    }
  }
}

/** Answers everything rightly, at once; tests replace what is to go wrong. Notes what it was asked. */
export class FakeProvider implements Provider {
  readonly peer: string
  readonly via = 'stream'
  readonly content: Content
  readonly asked = { tree: 0, small: new Array<string>(), leaves: new Array<number>(), wrong: new Array<number>() }
  /** Branches an answer to `tree` holds. */
  treeBranches = 100
  /** Waited for before each leaf and each answer with small files. */
  before: (signal: AbortSignal | undefined) => Promise<void> = async () => undefined
  /** What is sent for a leaf. */
  leaf: (bytes: Uint8Array, index: number) => SentLeaf | undefined = (bytes, index) => ({ index, bytes })
  withdraws = false

  constructor(peer: string, content: Content) {
    this.peer = peer
    this.content = content
  }

  async tree(cids: readonly CID[]): Promise<TreeAnswer> {
    this.asked.tree++
    const [blocks, missing]: [Branch[], CID[]] = [[], []]
    const queue = [...cids]
    for (const cid of queue) {
      if (blocks.length >= this.treeBranches) break
      const bytes = await this.content.branches.get(cid)
      if (bytes === undefined) missing.push(cid)
      else {
        blocks.push({ cid, bytes })
        queue.push(...expand(cid, bytes))
      }
    }
    return { blocks, missing }
  }

  async *small(wanted: readonly WantedSmall[], { signal }: BulkOptions = {}): AsyncGenerator<readonly CameSmall[]> {
    this.asked.small.push(...wanted.map(({ cid }) => cid.toString()))
    for (const { cid } of wanted) {
      await this.before(signal)
      signal?.throwIfAborted()
      const bytes = await this.content.block(cid)
      yield [{ cid, bytes, is: bytes === undefined ? 'missing' : 'here', size: bytes?.length ?? 0 }]
    }
  }

  async *leaves({ file, leaves }: LeavesOrder, { signal }: BulkOptions = {}): AsyncGenerator<CameLeaf> {
    const left = new Map(leaves.map(leaf => [leaf.index, leaf]))
    this.asked.leaves.push(...left.keys())
    for (const { index } of leaves) {
      await this.before(signal)
      signal?.throwIfAborted()
      const bytes = this.content.files.get(file.toString())?.[index]
      if (bytes === undefined) throw new PathmeshError('NOT_FOUND', `${this.peer} has no such file`)
      const sent = this.leaf(bytes, index)
      if (sent === undefined) continue
      // As every provider does: what it hands out has been verified.
      const asked = left.get(sent.index)
      const details = { peerId: this.peer }
      if (!left.delete(sent.index) || asked === undefined)
        throw new PathmeshError('CORRUPT', `leaf ${sent.index} was not asked for`, { details })
      try {
        verify(asked.cid, sent.bytes)
      } catch (cause) {
        throw new PathmeshError('CORRUPT', 'wrong bytes', { cause, details: { ...details, wrongLeaf: index } })
      }
      yield sent
    }
    if (left.size > 0) throw new PathmeshError('CORRUPT', 'a leaf is missing', { details: { peerId: this.peer } })
  }

  async *follow(root: CID, { signal }: WaitOptions = {}): AsyncGenerator<HeldMore> {
    signal?.throwIfAborted()
    const [held] = await this.held([root])
    if (held?.complete === true) yield { ...held, spans: [] }
  }

  async have(cids: readonly CID[]): Promise<boolean[]> {
    return cids.map(cid => this.content.roots.has(cid.toString()))
  }

  async held(cids: readonly CID[]): Promise<Held[]> {
    return (await this.have(cids)).map(complete => ({ complete, bytes: 0 }))
  }

  async wrong(_file: CID, index: number): Promise<boolean> {
    this.asked.wrong.push(index)
    return this.withdraws
  }
}

/** Peers that are connected until they are taken out. */
export class FakePeers implements Peers {
  readonly all = new Map<string, Provider>()

  constructor(...providers: readonly Provider[]) {
    for (const provider of providers) this.all.set(provider.peer, provider)
  }

  connected(): readonly string[] {
    return [...this.all.keys()]
  }

  async provider(peer: string): Promise<Provider> {
    const provider = this.all.get(peer)
    if (provider === undefined) throw new PathmeshError('NO_PROVIDERS', `${peer} cannot be reached`)
    return provider
  }
}

/** Waits until it is cancelled, as for a peer that says nothing. */
export function forever(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted === true) return reject(signal.reason)
    if (signal !== undefined) setMaxListeners(0, signal)
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

export class MemoryDestination implements Destination<MemoryDestination> {
  readonly kept = new MemoryBranches()
  readonly written = new Map<string, Buffer>()
  readonly directories = new Set<string>()
  readonly finished = new Set<string>()
  ledger = new Ledger()
  /** Whether what the ledger lists has to be hashed before it is believed. */
  suspect = false
  notes = 0
  closes = 0
  finishes = 0
  /** Writes that came after the session had closed its sink. */
  lateWrites = 0
  needed = 0
  beforeWrite: () => Promise<void> = async () => undefined

  readonly branches = {
    get: (cid: CID) => this.kept.get(cid),
    getMany: (cids: readonly CID[]) => Promise.all(cids.map(cid => this.kept.get(cid))),
    keep: async (blocks: readonly Branch[]) => void this.kept.add(...blocks)
  }

  /** What lies elsewhere on the node. */
  elsewhere: Content | undefined

  async needSpace(bytes: number): Promise<void> {
    this.needed = bytes
  }

  async local(cids: readonly CID[]): Promise<(Uint8Array | undefined)[]> {
    return Promise.all(cids.map(async cid => this.elsewhere?.block(cid)))
  }

  async unfinished(): Promise<undefined> {}

  async open(): Promise<SessionSink> {
    let isClosed = false
    const write = async (path: string, size: number, offset: number, bytes: Uint8Array) => {
      await this.beforeWrite()
      if (isClosed) this.lateWrites++
      const file = this.written.get(path) ?? Buffer.alloc(size)
      file.set(bytes, offset)
      this.written.set(path, file)
    }
    const { ledger } = this
    return {
      suspect: this.suspect,
      ledger,
      bytes: 0,
      at: path => path,
      target: async () => undefined,
      smallTargets: async () => undefined,
      looked: () => undefined,
      wrote: async () => undefined,
      makeDirectory: async path => void this.directories.add(path),
      writeSmall: async files => {
        for (const { path, bytes, ordinal } of files) {
          await write(path, bytes.length, 0, bytes)
          ledger.add(ordinal)
        }
      },
      writeLeaf: async ({ path, fileSize, offset, bytes, ordinal }) => {
        await write(path, fileSize, offset, bytes ?? new Uint8Array(0))
        ledger.add(ordinal)
      },
      read: async (path, offset, length) => this.written.get(path)?.subarray(offset, offset + length),
      finishLarge: async path => void this.finished.add(path),
      checkpoint: async () => void this.notes++,
      close: async () => {
        isClosed = true
        this.closes++
      }
    }
  }

  async finish(): Promise<MemoryDestination> {
    this.finishes++
    return this
  }
}

/** What the downloads of a node have in common; who was struck is noted. */
export function downloadParts(clock: Clock): DownloadParts & { readonly struck: readonly string[] } {
  const struck: string[] = []
  return {
    self: 'self',
    clock,
    budget: new Budget(),
    heard: new Heard(clock),
    download: new RateLimit(clock, 0),
    strikes: { struck: peer => struck.push(peer) },
    struck
  }
}
