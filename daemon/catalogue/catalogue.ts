// Everything that is known of names, works and nodes of the mesh, of this node and of the others: a name resolves here at
// once, whoever is there. It never moves content; what it refuses is in its parts.

import type { Handler } from '../rpc.ts'
import { orAborted, withDeadline } from '../deadline.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { HistoryRequest } from '../../proto/generated/catalogue.ts'
import { ASK_MS, CATCH_UP_MS, NOT_SYNCED_MS, RECORDS_ANSWER_BYTES_MAX } from '../../proto/limits.ts'
import { Feed } from './feed.ts'
import { decodeRecords } from './messages.ts'
import { OwnRecords } from './own-records.ts'
import { namesAbove } from './paths.ts'
import { Reconciler, type ReconcilerParts } from './reconcile.ts'
import {
  type ClaimRecord,
  type NameRecord,
  type NodeRecord,
  openRecord,
  type RetirementRecord,
  type Signed,
  type Signer,
  type VersionRecord
} from './record.ts'
import { Records } from './records.ts'
import { catalogueHandlers } from './serve.ts'
import type { CatalogueTables } from './tables.ts'
import { Waiters } from './waiters.ts'

export interface CatalogueComponents<Write> extends Omit<ReconcilerParts<Write>, 'records' | 'own' | 'self'> {
  readonly tables: CatalogueTables<Write>
  readonly signer: Signer
  connected(): readonly string[]
  /** Runs while nothing goes away of what is held; by default nothing does. */
  readonly holding?: (<T>(run: () => Promise<T>) => Promise<T>) | undefined
}

/** By PeerId, a number of its records. */
export type Reach = Readonly<Record<string, number>>

/** Peers asked for a version that nobody here remembers. */
const HISTORIES_ASKED = 8

export class Catalogue<Write> {
  readonly own: OwnRecords<Write>
  readonly feed: Feed<Write>
  readonly #parts: CatalogueComponents<Write>
  readonly #records: Records<Write>
  readonly #reconciler: Reconciler<Write>
  readonly #nodes = new Map<string, NodeRecord>()
  #called: string | undefined
  readonly #onNode = new Set<(node: NodeRecord) => void>()
  readonly #waiters: Waiters

  constructor(parts: CatalogueComponents<Write>) {
    const { tables, signer } = parts
    this.#parts = parts
    this.#records = new Records(tables)
    this.feed = new Feed(this.#records)
    this.own = new OwnRecords({
      ...parts,
      records: this.#records,
      nodeName: peerId => this.nodeName(peerId),
      mayNumber: () => this.#reconciler.mayNumber()
    })
    this.#reconciler = new Reconciler({ ...parts, self: signer.peerId, records: this.#records, own: this.own })
    this.#waiters = new Waiters(parts.clock)
    this.#records.onChanges(changes => {
      this.#heardOfNodes(changes.map(({ record }) => record))
      this.#waiters.wake()
    })
  }

  async open(): Promise<void> {
    await this.#records.open()
    await this.own.open()
    const nodes: NodeRecord[] = []
    for await (const { record } of this.#records.named('')) if (record.type === 'node') nodes.push(record)
    this.#heardOfNodes(nodes)
  }

  /** Begins to keep up with others. */
  start(): void {
    this.#reconciler.start()
  }

  stop(): Promise<void> {
    this.#waiters.end()
    return this.#reconciler.stop()
  }

  connected(peer: string): void {
    this.#reconciler.connected(peer)
  }

  disconnected(peer: string): void {
    this.#reconciler.disconnected(peer)
  }

  handlers(): Record<string, Handler> {
    return catalogueHandlers({
      records: this.#records,
      onHeads: (peer, heard) => this.#reconciler.heard(peer, heard)
    })
  }

  /** Resolves when connected peers have heard of what this node has said, or after a moment. */
  announced(): Promise<void> {
    return this.#reconciler.announced()
  }

  /** How far this node knows itself and those that it is connected to: the number of each one's head. */
  get reach(): Reach {
    const peers = [this.#parts.signer.peerId, ...this.#parts.connected()]
    return Object.fromEntries(peers.map(peer => [peer, this.#records.head(peer).number]))
  }

  /** Resolves once this node knows as much, or after a moment: of one that was restored, some numbers never come. */
  reached(reach: Reach, signal?: AbortSignal): Promise<void> {
    const isReached = () =>
      Object.entries(reach).every(([origin, number]) => this.#records.head(origin).number >= number)
    return this.#waiters.until(isReached, CATCH_UP_MS, signal)
  }

  // --- nodes -------------------------------------------------------------------------------------------------------

  /** Whether this node has caught up with some peer since it started, or knows of none. */
  get isSynced(): boolean {
    return this.#reconciler.isSynced
  }

  /** A node's human name, if it was heard. */
  nodeName(peerId: string): string | undefined {
    if (peerId === this.#parts.signer.peerId && this.#called !== undefined) return this.#called
    return this.#nodes.get(peerId)?.called
  }

  /** Origins that a node text means: a PeerId, or every node of that human name. */
  originsCalled(node: string): string[] {
    const named = [this.#parts.signer.peerId, ...this.#nodes.keys()].filter(peerId => this.nodeName(peerId) === node)
    return [...new Set([node, ...named])]
  }

  nodes(): Iterable<NodeRecord> {
    return this.#nodes.values()
  }

  /** What this node is called from now on, before others have heard it. */
  callSelf(name: string): void {
    this.#called = name
  }

  /** Hears of each node that is new, was renamed or has moved. */
  onNode(listener: (node: NodeRecord) => void): void {
    this.#onNode.add(listener)
  }

  // --- names -------------------------------------------------------------------------------------------------------

  /** Names that are known and not retired. */
  get names(): number {
    let names = 0
    for (const head of this.#records.heads.values()) names += head.names
    return names
  }

  /**
   * Versions of the name that `path` is or lies in, one an origin. Where none is known, and this node has not caught up with
   * any other yet, it waits for that; NOT_SYNCED when it does not come about.
   */
  async resolve(path: string, signal?: AbortSignal): Promise<VersionRecord[]> {
    const known = await this.known(path)
    if (known.length > 0 || this.isSynced) return known
    const isSynced = await this.#reconciler.whenSynced(NOT_SYNCED_MS, signal)
    const heard = await this.known(path)
    if (heard.length > 0 || isSynced) return heard
    throw new PathmeshError(
      'NOT_SYNCED',
      `${path} is not known here, and no other node was heard since this one started: try again, or see \`pathmesh peers\``
    )
  }

  /** The same, without waiting. */
  async known(path: string): Promise<VersionRecord[]> {
    const found = await this.#named(path)
    return found.filter(record => record.type === 'version')
  }

  /** The newest version of exactly this name at one origin. */
  async newestOf(name: string, origin: string): Promise<VersionRecord | undefined> {
    const record = (await this.#records.get(name, origin))?.record
    return record?.type === 'version' ? record : undefined
  }

  /** Retirements of names that `path` is or lies in, the longest name first. */
  async retired(path: string): Promise<RetirementRecord[]> {
    const found = await this.#named(path)
    return found.filter(record => record.type === 'retirement')
  }

  /** Newest versions of names that begin with `prefix`, by name and origin. */
  async *list(prefix: string): AsyncGenerator<VersionRecord> {
    for await (const { record } of this.#records.list(prefix)) if (record.type === 'version') yield record
  }

  /** What became of a name at one origin, the latest first, as far as it is remembered here. */
  async *history(name: string, origin: string): AsyncGenerator<NameRecord> {
    const newest = await this.#records.get(name, origin)
    if (newest !== undefined && isOfName(newest.record)) yield newest.record
    for await (const { record } of this.#records.history(name, origin)) if (isOfName(record)) yield record
  }

  /** One version, remembered here, or by a connected peer: then it is asked, the origin first. */
  async version(name: string, origin: string, seq: number, signal?: AbortSignal): Promise<VersionRecord | undefined> {
    const found = (await this.#records.version(name, origin, seq))?.record
    if (found?.seq === seq) return found.type === 'version' ? found : undefined
    const peers = this.#parts.connected().toSorted((a, b) => Number(b === origin) - Number(a === origin))
    const asked = peers.slice(0, HISTORIES_ASKED).map(async peer => {
      const told = await this.#askHistory(peer, name, origin, signal)
      const record = told.find(({ record: old }) => old.name === name && old.seq === seq)?.record
      return record?.type === 'version' ? record : Promise.reject(new PathmeshError('NOT_FOUND', 'not remembered'))
    })
    // The first that remembers it; one that is silent does not hold up the others.
    return Promise.any(asked).catch(() => {
      signal?.throwIfAborted()
      return undefined
    })
  }

  /** Whether another version is known that claims the place of this one: the key of its origin is used twice. */
  async isContested({ name, origin, seq }: NameRecord): Promise<boolean> {
    const signed = await this.#records.version(name, origin, seq)
    return signed !== undefined && (await this.#records.isContested(signed))
  }

  // --- works -------------------------------------------------------------------------------------------------------

  /** Claims of all works, or of one, by work and origin. */
  async *claims(work?: string): AsyncGenerator<ClaimRecord> {
    const all = work === undefined ? this.#records.list('') : this.#records.named(work)
    for await (const { record } of all) if (record.type === 'claim') yield record
  }

  /** The claim that holds: that with the highest epoch; of two, that of the smaller origin. */
  async holder(work: string): Promise<ClaimRecord | undefined> {
    let holder: ClaimRecord | undefined
    for await (const claim of this.claims(work)) if (holder === undefined || claim.epoch > holder.epoch) holder = claim
    return holder
  }

  /** Newest records of the name that `path` is or lies in, the longest name first. */
  async #named(path: string): Promise<Signed['record'][]> {
    const of = async (name: string): Promise<Signed['record'][]> => {
      const records: Signed['record'][] = []
      for await (const { record } of this.#records.named(name)) records.push(record)
      return records
    }
    return (await Promise.all([path, ...namesAbove(path)].map(of))).flat()
  }

  async #askHistory(peer: string, name: string, origin: string, signal?: AbortSignal): Promise<Signed[]> {
    const { clock, caller, mesh, verify, log } = this.#parts
    try {
      return await withDeadline(clock, ASK_MS, `asking ${peer}`, signal, async until => {
        const asking = await orAborted(caller(peer), until)
        const found: Signed[] = []
        const options = { signal: until, maxBytes: RECORDS_ANSWER_BYTES_MAX }
        for await (const { body } of asking.call('history', HistoryRequest.encode({ name, origin }), options))
          for (const bytes of decodeRecords(body)) found.push(await openRecord(bytes, mesh, verify))
        return found.filter(({ record }) => record.origin === origin)
      })
    } catch (error) {
      signal?.throwIfAborted()
      log.debug('a peer did not tell the history of a name', { peer, name, error })
      return []
    }
  }

  #heardOfNodes(records: readonly Signed['record'][]): void {
    for (const record of records) {
      if (record.type !== 'node') continue
      this.#nodes.set(record.origin, record)
      for (const listener of this.#onNode) listener(record)
    }
  }
}

const isOfName = (record: Signed['record']): record is NameRecord =>
  record.type === 'version' || record.type === 'retirement'
