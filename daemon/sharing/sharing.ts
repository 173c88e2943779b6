// What users ask for, in one place: the only one that joins catalogue, exchange and store. It decides order (indexed before
// recorded, recorded before acknowledged) and leaves the work to its neighbours in this folder.

import type { CID } from 'multiformats/cid'
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { VersionRecord } from '../catalogue/record.ts'
import type { Hasher } from '../content/hasher.ts'
import { parseCid } from '../content/verify.ts'
import type { Clock } from '../clock.ts'
import { withDeadline } from '../deadline.ts'
import type { Peers } from '../exchange/sources.ts'
import { RemoteReader } from '../exchange/remote-reader.ts'
import type { Transfers } from '../exchange/transfers.ts'
import type { Write } from '../store/database.ts'
import type { Holding } from '../store/holding-table.ts'
import type { Store } from '../store/store.ts'
import type {
  Entry,
  GetRequest,
  Got,
  Name,
  ShareDone,
  ShareRequest,
  Stat,
  Unshared,
  WorkFolder,
  Dropped
} from '../../proto/api.ts'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import { ASK_MS } from '../../proto/limits.ts'
import { formatRef } from '../../proto/ref.ts'
import type { Deliveries } from './deliver.ts'
import { getContent, type OnProgress } from './fetch.ts'
import { makeWorkFolder, shareInPlace, unshare, urlOf, workOf } from './own.ts'
import { entriesOf, rangeOf } from './read.ts'
import { find, type Names, type Resolved, type ResolveParts, settle, type TreeReader } from './resolve.ts'

export interface SharingParts {
  readonly self: string
  readonly nodeName: string
  readonly store: Store
  readonly hasher: Hasher
  readonly catalogue: Catalogue<Write>
  readonly transfers: Transfers<Holding>
  readonly deliveries: Deliveries
  readonly peers: Peers
  readonly clock: Clock
}

export interface RefRequest {
  readonly ref: string
  readonly version?: string | undefined
  readonly providers?: readonly string[] | undefined
  readonly stallMs?: number | undefined
}

/** A file, and how to read a part of it. */
export interface Content {
  readonly cid: CID
  readonly size: number
  read(start: number, end: number): AsyncGenerator<Uint8Array>
}

export class Sharing {
  readonly #parts: SharingParts

  constructor(parts: SharingParts) {
    this.#parts = parts
  }

  // --- own names ---------------------------------------------------------------------------------------------------

  /** Shares a local file or directory in place. When it resolves, a power cut loses nothing of it. */
  async share(request: ShareRequest, signal: AbortSignal, onProgress: OnProgress): Promise<ShareDone> {
    const published = await shareInPlace(request, this.#parts, signal, onProgress)
    return { ...published, copies: (await this.#holders(parseCid(published.cid), signal)).length }
  }

  /** Retires an own name; its files are served no more unless another name shares them. They are not touched. */
  unshare(text: string): Promise<Unshared> {
    return unshare(text, this.#parts)
  }

  /** Removes the local copy of fetched content, or what a transfer has written so far. Files shared in place are not touched. */
  async drop(request: RefRequest, signal: AbortSignal): Promise<Dropped> {
    const { store, transfers } = this.#parts
    const { entry, root } = await this.#find(request, signal)
    const { cid } = entry
    if (transfers.isRunning(cid.toString())) {
      throw new PathmeshError('IN_USE', `${request.ref} is being fetched: cancel that first`)
    }
    for (const holding of store.holdings.of(cid)) {
      if (holding.class !== 'managed') continue
      await store.remove(holding)
      return { roots: 1, files: holding.entries, bytes: holding.size }
    }
    const bytes = await store.discardPartial(cid)
    if (bytes !== undefined) return { roots: 1, files: 0, bytes }
    if (store.holdings.of(cid).length > 0) {
      const why = 'is shared from where it lies, and is not a copy: unshare it instead'
      throw new PathmeshError('INVALID_ARGUMENT', `${request.ref} ${why}`)
    }
    if (!root.equals(cid) && store.holdings.of(root).length > 0) {
      throw new PathmeshError(
        'INVALID_ARGUMENT',
        `${request.ref} is a part of what is here, and goes with the whole of it: drop that`
      )
    }
    return { roots: 0, files: 0, bytes: 0 }
  }

  /** The folder of a work of this node, made if it is missing. */
  async workFolder(work: string): Promise<WorkFolder> {
    const { store, self } = this.#parts
    return { work, origin: self, folder: await makeWorkFolder(work, store.data) }
  }

  // --- anybody's content -------------------------------------------------------------------------------------------

  get(request: GetRequest, signal: AbortSignal, onProgress: OnProgress): Promise<Got> {
    return getContent(
      request,
      {
        ...this.#parts,
        resolve: (asked, until) => this.#find(asked, until),
        holders: (root, until) => this.#holders(root, until)
      },
      signal,
      onProgress
    )
  }

  /** Names that begin with `prefix`, of this node and of those connected, in order. */
  async *names(prefix: string, signal: AbortSignal): AsyncGenerator<Name> {
    const { catalogue, store } = this.#parts
    await catalogue.refresh(prefix, signal)
    for await (const { record, isAlone } of withNeighbours(catalogue.list(prefix))) {
      signal.throwIfAborted()
      const work = workOf(record.name)
      const { kind, size, seq, origin, time } = record
      yield {
        url: urlOf(record, isAlone),
        work,
        path: record.name.slice(work.length + 1),
        kind,
        cid: record.root.toString(),
        size,
        seq,
        origin,
        modified: time,
        local: store.holdings.of(record.root).length > 0
      }
    }
  }

  async stat(request: RefRequest, signal: AbortSignal): Promise<Stat> {
    const { ref, record, root, sub, entry } = await this.#find(request, signal)
    const providers = await this.#holders(root, signal)
    const local = (await this.#parts.store.findHolding(entry.cid)) ?? (await this.#parts.store.findHolding(root))
    const [work, path] = ref.type === 'name' ? [ref.work, ref.path] : ['', ref.path]
    const size = sub === '' && record !== null ? record.size : entry.size
    return {
      url: formatRef(ref),
      work,
      path,
      kind: entry.kind,
      cid: entry.cid.toString(),
      size,
      seq: record?.seq ?? null,
      origin: record?.origin ?? null,
      modified: record?.time ?? 0,
      local: local !== undefined,
      root: root.toString(),
      sub,
      executable: entry.executable,
      target: entry.target ?? null,
      meta: record?.meta ?? null,
      copies: providers.length,
      providers
    }
  }

  /** What a directory holds, by the bytes of names. */
  async *list(request: RefRequest, signal: AbortSignal): AsyncGenerator<Entry> {
    const resolved = await this.#find(request, signal)
    yield* entriesOf(resolved, this.#reader(resolved, request, signal), signal)
  }

  /** A file to read from, wherever it lies; every byte is verified before it is handed out. */
  async content(request: RefRequest, signal: AbortSignal): Promise<Content> {
    const resolved = await this.#find(request, signal)
    const { entry } = resolved
    if (entry.kind !== 'file')
      throw new PathmeshError('INVALID_ARGUMENT', `${request.ref} is a ${entry.kind}, not a file`)
    const reader = this.#reader(resolved, request, signal)
    const isOwn = resolved.record?.origin === this.#parts.self
    return {
      cid: entry.cid,
      size: entry.size,
      read: (start, end) => ownFault(isOwn, rangeOf(reader, entry, start, end))
    }
  }

  /** Whether the content of a reference can be had: whole, here; or from a connected node; or either. */
  async exists(request: RefRequest, where: 'anywhere' | 'local' | 'remote', signal: AbortSignal): Promise<boolean> {
    const { store, self, catalogue } = this.#parts
    try {
      if (where === 'local') {
        const { root, entry } = await find(
          await settle(request.ref, request.version, { ...this.#naming(), names: asKnown(catalogue) }, signal),
          localReader(store),
          signal
        )
        return ((await store.findHolding(entry.cid)) ?? (await store.findHolding(root))) !== undefined
      }
      const { entry, root } = await this.#find(request, signal)
      const isLocal =
        where !== 'remote' && ((await store.findHolding(entry.cid)) ?? (await store.findHolding(root))) !== undefined
      if (isLocal) return true
      return (await this.#holders(root, signal)).some(peer => peer !== self)
    } catch (error) {
      if (hasCode(error, 'NOT_FOUND', 'VERSION_GONE', 'NO_PROVIDERS')) return false
      throw error
    }
  }

  // --- in common ---------------------------------------------------------------------------------------------------

  async #find(request: RefRequest, signal: AbortSignal): Promise<Resolved> {
    const settled = await settle(request.ref, request.version, this.#naming(), signal)
    return find(settled, this.#reader(settled, request, signal), signal)
  }

  #naming(): ResolveParts {
    const { catalogue, self, peers } = this.#parts
    return { names: catalogue, self, peers: () => peers.connected().length }
  }

  #reader({ root, hints }: Pick<Resolved, 'root' | 'hints'>, request: RefRequest, signal: AbortSignal): RemoteReader {
    const { store, peers, clock, self } = this.#parts
    const asked = [...(request.providers ?? []), ...hints].filter(peer => peer !== self)
    return new RemoteReader(
      { roots: [root], hints: asked, stallMs: request.stallMs, signal },
      { local: store.reader, peers, clock }
    )
  }

  /** Nodes that hold a root whole, this one first. */
  async #holders(root: CID, signal: AbortSignal): Promise<string[]> {
    const { peers, store, self, clock } = this.#parts
    const answers = await Promise.all(
      peers.connected().map(async peer => {
        try {
          const [has] = await withDeadline(clock, ASK_MS, `asking ${peer}`, signal, async until =>
            (await peers.provider(peer)).have([root], { signal: until })
          )
          return has === true ? [peer] : []
        } catch {
          // It does not answer: then nobody can say that it holds it.
          signal.throwIfAborted()
          return []
        }
      })
    )
    return [...((await store.findHolding(root)) === undefined ? [] : [self]), ...answers.flat()]
  }
}

/** Names as they are known, nobody being asked. */
function asKnown(catalogue: Catalogue<Write>): Names {
  return {
    resolve: path => catalogue.known(path),
    originsCalled: node => catalogue.originsCalled(node),
    nodeName: peerId => catalogue.nodeName(peerId)
  }
}

function localReader({ reader }: Store): TreeReader {
  const block = (cid: CID) => reader.block(cid)
  return { get: block, leafSize: async cid => (await block(cid))?.length ?? 0 }
}

/** What this node shares and nobody can send has changed here. */
async function* ownFault(isOwn: boolean, bytes: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes
  } catch (error) {
    if (!isOwn || !hasCode(error, 'NO_PROVIDERS', 'TIMEOUT')) throw error
    throw new PathmeshError('SOURCE_CHANGED', 'this file changed here since it was shared: share it again', {
      cause: error
    })
  }
}

/** Records in order of names, and whether no other origin has the same one: only then is the name enough to find it. */
async function* withNeighbours(
  records: AsyncIterable<VersionRecord>
): AsyncGenerator<{ record: VersionRecord; isAlone: boolean }> {
  let last: { record: VersionRecord; isShared: boolean } | undefined
  for await (const record of records) {
    const isShared: boolean = last?.record.name === record.name
    if (last !== undefined) yield { record: last.record, isAlone: !last.isShared && !isShared }
    last = { record, isShared }
  }
  if (last !== undefined) yield { record: last.record, isAlone: !last.isShared }
}
