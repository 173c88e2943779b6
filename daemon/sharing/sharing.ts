// What users ask for, in one place: the only one that joins catalogue, exchange and store. It decides order (indexed before
// recorded, recorded before acknowledged) and leaves the work to its neighbours in this folder.

import type { CID } from 'multiformats/cid'
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { Hasher } from '../content/hasher.ts'
import { parseCid } from '../content/verify.ts'
import type { Clock } from '../clock.ts'
import type { Peers } from '../exchange/sources.ts'
import type { ReaderRequest, RemoteReader } from '../exchange/remote-reader.ts'
import type { Transfers } from '../exchange/transfers.ts'
import type { Log } from '../log.ts'
import type { Write } from '../store/database.ts'
import type { Holding } from '../store/holding-table.ts'
import type { Store } from '../store/store.ts'
import type {
  AliasRequest,
  Change,
  Dropped,
  Entry,
  FolderEvent,
  GetRequest,
  Got,
  GotBytes,
  Name,
  NamesQuery,
  ProviderLine,
  Put,
  PutQuery,
  ShareDone,
  Shared,
  ShareRequest,
  ShareWatchRequest,
  Stat,
  Unshared,
  WatchEvent,
  WatchQuery
} from '../../proto/api.ts'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import { COPIES_MS } from '../../proto/limits.ts'
import { formatRef } from '../../proto/ref.ts'
import type { WorkFolder, WorkRequest } from '../../proto/works-api.ts'
import { aliasVersion } from './alias.ts'
import type { Deliveries } from './deliver.ts'
import { dropCopy } from './drop.ts'
import type { Eager } from './eager.ts'
import { getContent, type OnProgress } from './fetch.ts'
import { InlineFiles } from './inline.ts'
import { holdersOf, providersOf } from './holders.ts'
import type { Retention } from './keep-retention.ts'
import { aliasOf, encodingOf, historyOf, listNames, watchNames } from './names.ts'
import { share, unshare } from './own.ts'
import { putPayload, type Sent } from './put.ts'
import { entriesOf, rangeOf } from './read.ts'
import { find, namesMeant, type Resolved, type ResolveParts, type Settled, settle, type TreeReader } from './resolve.ts'
import { untilPublished } from './wait.ts'
import { type GoneParts, versionGone } from './version-gone.ts'
import { watchShared } from './share-watch.ts'
import { type KnownWork, listWorks, openWork, type WorksParts } from './works.ts'

export interface SharingParts {
  readonly self: string
  readonly nodeName: string
  readonly store: Store
  readonly hasher: Hasher
  readonly catalogue: Catalogue<Write>
  readonly transfers: Transfers<Holding>
  readonly deliveries: Deliveries
  readonly retention: Retention
  readonly peers: Peers
  /** Reads content that may not be here. */
  readonly openReader: (request: ReaderRequest) => RemoteReader
  readonly clock: Clock
  readonly log: Log
  readonly eager?: Eager | undefined
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
  readonly #inlineFiles: InlineFiles

  constructor(parts: SharingParts) {
    this.#parts = parts
    this.#inlineFiles = new InlineFiles(parts.store, root => parts.transfers.isRunning(root))
  }

  // --- own names ---------------------------------------------------------------------------------------------------

  /** Shares a local file or directory. When it resolves, a power cut loses nothing of it, and connected nodes know it. */
  async share(request: ShareRequest, signal: AbortSignal, onProgress: OnProgress): Promise<ShareDone> {
    const published = await share(request, this.#parts, signal, onProgress)
    await this.#parts.catalogue.announced()
    return { ...published, copies: (await this.#copies(parseCid(published.cid), signal)).length }
  }

  /** Publishes a Payload: an encoded value. When it resolves, it is durable, and connected nodes know it. */
  async put(query: PutQuery, sent: Sent, signal: AbortSignal, onProgress: OnProgress): Promise<Put> {
    const put = await putPayload(query, sent, this.#parts, signal, onProgress)
    await this.#parts.catalogue.announced()
    return put
  }

  /** Publishes what changes as it settles, until the signal is aborted. */
  shareWatch(request: ShareWatchRequest, signal: AbortSignal): AsyncGenerator<FolderEvent> {
    const parts = {
      ...this.#parts,
      share: (one: ShareRequest, until: AbortSignal, onProgress: OnProgress) => this.share(one, until, onProgress),
      unshare: (name: string) => this.unshare(name)
    }
    return watchShared(request, parts, signal)
  }

  /** Another own name for a version of anybody; no bytes move. */
  async alias(request: AliasRequest, signal: AbortSignal): Promise<Shared> {
    const { ref, version } = request
    const resolved = await this.#find({ ref, version }, signal)
    const alias = await aliasVersion(request, resolved, this.#reader(resolved, { ref }, signal), this.#parts, signal)
    await this.#parts.catalogue.announced()
    return { ...alias, copies: (await this.#copies(resolved.root, signal)).length }
  }

  /** Retires an own name; its files are served no more unless another name shares them. They are not touched. */
  async unshare(text: string): Promise<Unshared> {
    const unshared = await unshare(text, this.#parts)
    await this.#parts.catalogue.announced()
    return unshared
  }

  /** Removes the local copy of fetched content, or what a transfer has written so far. Files shared in place are not touched. */
  async drop(request: RefRequest, signal: AbortSignal): Promise<Dropped> {
    return dropCopy(request.ref, await this.#find(request, signal), this.#parts)
  }

  /** Makes this node the home of a work, and its folder. */
  openWork(request: WorkRequest): Promise<WorkFolder> {
    return openWork(request, this.#works())
  }

  // --- what there is -----------------------------------------------------------------------------------------------

  names(query: NamesQuery, signal: AbortSignal): AsyncGenerator<Name> {
    return listNames(query, this.#parts, signal)
  }

  /** What became of the name that a reference is of, or lies in. */
  async *history(request: RefRequest, signal: AbortSignal): AsyncGenerator<Change> {
    for (const name of await namesMeant(request.ref, this.#naming(), signal))
      yield* historyOf(name, this.#parts, signal)
  }

  watch(query: WatchQuery, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    return watchNames(query, this.#parts, signal)
  }

  works(signal: AbortSignal): AsyncGenerator<KnownWork> {
    return listWorks(this.#works(), signal)
  }

  /** Connected nodes that hold what a reference means, whole or in part, this one first. */
  async *providers(request: RefRequest, signal: AbortSignal): AsyncGenerator<ProviderLine> {
    const { root } = await settle(request.ref, request.version, this.#naming(), signal)
    for await (const { peerId, complete, bytes } of providersOf(root, this.#parts, signal))
      yield { peerId, name: this.#parts.catalogue.nodeName(peerId) ?? null, complete, bytes }
  }

  async stat(request: RefRequest, signal: AbortSignal): Promise<Stat> {
    const { ref, record, root, beyond, entry } = await this.#find(request, signal)
    const providers = await this.#copies(root, signal)
    const [work, path] = ref.type === 'name' ? [ref.work, ref.path] : ['', ref.path]
    return {
      url: formatRef(ref),
      work,
      path,
      kind: entry.kind,
      cid: entry.cid.toString(),
      size: beyond === '' && record !== null ? record.size : entry.size,
      seq: record?.seq ?? null,
      origin: record?.origin ?? null,
      aliasOf: aliasOf(record),
      modified: record?.time ?? 0,
      ...encodingOf(beyond === '' ? record : null),
      local: await this.#isHere(root, entry.cid),
      root: (record?.root ?? root).toString(),
      sub: beyond,
      executable: entry.executable,
      target: entry.target ?? null,
      meta: record?.meta ?? null,
      copies: providers.length,
      providers
    }
  }

  /** Whether it is known, and, inside a directory, there; or whether it can be had here, or from a connected node. */
  async exists(request: RefRequest, where: 'anywhere' | 'local' | 'remote', signal: AbortSignal): Promise<boolean> {
    try {
      const settled = await settle(request.ref, request.version, this.#naming(), signal)
      if (where === 'local') {
        const { root, entry } = await find(settled, this.#localReader(), signal)
        return await this.#isHere(root, entry.cid)
      }
      if (where === 'remote') {
        const { root } = await find(settled, this.#reader(settled, request, signal), signal)
        return (await this.#holders(root, signal)).some(peer => peer !== this.#parts.self)
      }
      if (settled.sub !== '') await find(settled, this.#reader(settled, request, signal), signal)
      return true
    } catch (error) {
      if (hasCode(error, 'NOT_FOUND', 'VERSION_GONE', 'NO_PROVIDERS')) return false
      throw error
    }
  }

  // --- anybody's content -------------------------------------------------------------------------------------------

  get(request: GetRequest, signal: AbortSignal, onProgress: OnProgress): Promise<Got | GotBytes> {
    const parts = {
      ...this.#parts,
      inlineFiles: this.#inlineFiles,
      settle: (asked: GetRequest, until: AbortSignal) => settle(asked.ref, asked.version, this.#naming(), until),
      find: async (settled: Settled, asked: GetRequest, until: AbortSignal) => {
        const reader = this.#reader(settled, asked, until)
        return { ...(await find(settled, reader, until)), came: reader.came }
      },
      ...this.#asking()
    }
    const run = (): Promise<Got | GotBytes> => getContent(request, parts, signal, onProgress)
    return request.waitMs === undefined
      ? run()
      : untilPublished(request.ref, request.waitMs, run, this.#parts, signal, onProgress)
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

  // --- in common ---------------------------------------------------------------------------------------------------

  async #find(request: RefRequest, signal: AbortSignal): Promise<Resolved> {
    const settled = await settle(request.ref, request.version, this.#naming(), signal)
    if (!(await this.#isHere(settled.root, settled.root))) {
      const parts = { ...this.#parts, ...this.#asking() }
      const gone = await versionGone(settled, settled.newest, parts, signal)
      if (gone !== undefined) throw gone
    }
    return find(settled, this.#reader(settled, request, signal), signal)
  }

  async #isHere(root: CID, cid: CID): Promise<boolean> {
    const { store } = this.#parts
    return ((await store.findHolding(cid)) ?? (await store.findHolding(root))) !== undefined
  }

  #naming(): ResolveParts {
    const { catalogue, self, peers } = this.#parts
    return { names: catalogue, self, peers: () => peers.connected().length }
  }

  #works(): WorksParts {
    const { self, store, catalogue, peers } = this.#parts
    return { self, data: store.data, catalogue, connected: () => peers.connected() }
  }

  #localReader(): TreeReader {
    const block = (cid: CID) => this.#parts.store.reader.block(cid)
    return { get: block, leafSize: async cid => (await block(cid))?.length ?? 0 }
  }

  #reader({ root, hints }: Pick<Settled, 'root' | 'hints'>, request: RefRequest, signal: AbortSignal): RemoteReader {
    const { openReader, self } = this.#parts
    const asked = [...(request.providers ?? []), ...hints].filter(peer => peer !== self)
    return openReader({ roots: [root], hints: asked, stallMs: request.stallMs, signal })
  }

  #asking(): Pick<GoneParts, 'holders' | 'newestOf'> {
    const { catalogue } = this.#parts
    return {
      holders: (root, signal) => this.#holders(root, signal),
      newestOf: (name, origin) => catalogue.newestOf(name, origin)
    }
  }

  /** Told along with something else, so that nobody waits long for one that does not answer. */
  #copies(root: CID, signal: AbortSignal): Promise<string[]> {
    return holdersOf(root, this.#parts, signal, COPIES_MS)
  }

  #holders(root: CID, signal: AbortSignal): Promise<string[]> {
    return holdersOf(root, this.#parts, signal)
  }
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
