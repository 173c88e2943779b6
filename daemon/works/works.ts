// What programs of this node ask about works: host one, call one here or on another node, see them all. It decides which node is meant;
// what happens there is in local-works.ts and remote-works.ts.

import { setMaxListeners } from 'node:events'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import { CALL_NOTES_MAX } from '../../proto/limits.ts'
import type {
  CallEvents,
  CallEventsQuery,
  CallRequest,
  Called,
  CancelRequest,
  HostLine,
  HostRequest,
  Hosting,
  ReportRequest,
  WorkLine
} from '../../proto/works-api.ts'
import type { Handler } from '../rpc.ts'
import type { KnownWork } from '../sharing/works.ts'
import { type CallRows, CallTable } from './call-table.ts'
import { type DayRows, DayTable } from './day-table.ts'
import { LocalWorks, type LocalWorksParts } from './local-works.ts'
import { RemoteWorks, type RemoteWorksParts } from './remote-works.ts'

/** Nodes, and where works live. */
export interface WorkNodes {
  readonly connected: () => readonly string[]
  /** PeerIds that a PeerId or a name means, known or not. */
  readonly called: (node: string) => readonly string[]
  /** Whether a PeerId was ever heard of. */
  readonly isKnown: (peerId: string) => boolean
  readonly nameOf: (peerId: string) => string | undefined
  /** The node that a work lives on, by its claims. */
  readonly holder: (work: string) => Promise<string | undefined>
  /** Whether what this node knows of others is more than nothing: see NOT_SYNCED. */
  readonly isSynced: () => boolean
  readonly works: (signal: AbortSignal) => AsyncIterable<KnownWork>
}

export interface WorksParts<W>
  extends Omit<LocalWorksParts<W>, 'table'>, Pick<RemoteWorksParts, 'commands' | 'questions' | 'catalogue'> {
  readonly rows: CallRows<W>
  /** Under the id of a call, the PeerId of the node that it was sent to. */
  readonly sent: DayRows<string>
  readonly nodes: WorkNodes
}

export class Works<W> {
  readonly #self: string
  readonly #nodes: WorkNodes
  readonly #local: LocalWorks<W>
  readonly #remote: RemoteWorks
  /** Where calls went whose node this one chose: the same call again goes there again, although the work may have moved. */
  readonly #sentTo: DayTable<string>

  constructor({ rows, sent, nodes, commands, questions, catalogue, ...parts }: WorksParts<W>) {
    this.#self = parts.self
    this.#nodes = nodes
    this.#sentTo = new DayTable(sent, parts.clock, CALL_NOTES_MAX)
    this.#local = new LocalWorks({ ...parts, table: new CallTable(rows, parts.clock) })
    this.#remote = new RemoteWorks({ commands, questions, catalogue, local: this.#local, clock: parts.clock })
  }

  /** Reads what is left of calls of earlier lives of this daemon. */
  async open(): Promise<void> {
    await this.#sentTo.open()
    await this.#local.open()
  }

  /** To be called once programs can reach this daemon: only then can a host come back. */
  start(): void {
    this.#local.start()
  }

  stop(): void {
    this.#local.stop()
  }

  /** What other nodes may ask of this one. */
  handlers(): Record<string, Handler> {
    return this.#remote.handlers()
  }

  host(request: HostRequest, signal: AbortSignal): AsyncGenerator<HostLine> {
    return this.#local.host(request, signal)
  }

  report(request: ReportRequest): Promise<void> {
    return this.#local.report(request)
  }

  /**
   * Begins a call, or finds the one of that id, on the node that is named; else here if the work is hosted here, else where it
   * lives. Errors as LocalWorks.call; ALREADY_EXISTS for the id of a call on another node, NO_PROVIDERS while the node is not
   * connected, NOT_FOUND for an unknown one, TIMEOUT.
   */
  async call({ node, ...request }: CallRequest, signal: AbortSignal): Promise<Called> {
    const peer = node === undefined ? await this.#home(request) : this.#meant(node)
    if (peer === this.#self) return this.#local.call(request, this.#self)
    this.#mustReach(peer)
    const sent = await this.#sentTo.get(request.id)
    if (sent !== undefined && sent !== peer)
      throw new PathmeshError(
        'ALREADY_EXISTS',
        `the call ${request.id} was made on ${this.#nodes.nameOf(sent) ?? sent}: ask there what came of it, or choose another id`
      )
    const noted = await this.#sentTo.note(request.id, peer)
    try {
      return await this.#remote.call(peer, request, signal)
    } catch (error) {
      // It did not begin there, and may elsewhere.
      const isRefused = hasCode(error, 'NOT_FOUND', 'IN_USE', 'INCOMPATIBLE', 'TOO_LARGE', 'INVALID_ARGUMENT')
      const isUnsent = error instanceof PathmeshError && error.details?.['sent'] === false
      if (noted !== undefined && (isRefused || isUnsent)) await this.#sentTo.forget(noted)
      throw error
    }
  }

  /** What became of a call, where it runs. */
  async events({ id, node, after = '0' }: CallEventsQuery, signal: AbortSignal): Promise<CallEvents> {
    const peer = await this.#where(id, node)
    if (peer === this.#self) return this.#local.events(id, Number(after), this.#self, signal)
    this.#mustReach(peer)
    return this.#remote.events(peer, id, Number(after), signal)
  }

  async cancel({ id, node }: CancelRequest, signal: AbortSignal): Promise<void> {
    const peer = await this.#where(id, node)
    if (peer === this.#self) return this.#local.cancel(id, this.#self)
    this.#mustReach(peer)
    return this.#remote.cancel(peer, id, signal)
  }

  /** Every work of the mesh, with what it does where its node says so. */
  async *list(signal: AbortSignal): AsyncGenerator<WorkLine> {
    const { connected, nameOf, works } = this.#nodes
    const asked = connected().filter(peer => peer !== this.#self)
    // As many wait on it as there are peers.
    const until = AbortSignal.any([signal])
    setMaxListeners(0, until)
    const hosted = new Map<string, Map<string, Hosting>>([[this.#self, byWork(this.#local.list())]])
    await Promise.all(asked.map(async peer => hosted.set(peer, byWork((await this.#remote.list(peer, until)) ?? []))))
    for await (const line of works(signal)) {
      const hosting = hosted.get(line.origin)?.get(line.work)
      hosted.get(line.origin)?.delete(line.work)
      yield { ...line, hosting: hosting === undefined ? null : told(hosting) }
    }
    // Their claims have not arrived yet.
    for (const [origin, rest] of hosted) {
      for (const [work, hosting] of rest) {
        const line = { work, origin, node: nameOf(origin) ?? null, connected: true, home: false, epoch: 0, names: 0 }
        yield { ...line, hosting: told(hosting) }
      }
    }
  }

  // --- which node --------------------------------------------------------------------------------------------------

  async #home({ id, work }: Pick<CallRequest, 'id' | 'work'>): Promise<string> {
    if (await this.#local.knows(id)) return this.#self
    const sent = await this.#sentTo.get(id)
    if (sent !== undefined) return sent
    if (this.#local.hosts(work)) return this.#self
    const holder = await this.#nodes.holder(work)
    if (holder === undefined) this.#mustKnow(work)
    return holder ?? this.#self
  }

  async #where(id: string, node: string | undefined): Promise<string> {
    if (node !== undefined) return this.#meant(node)
    return (await this.#local.knows(id)) ? this.#self : ((await this.#sentTo.get(id)) ?? this.#self)
  }

  /** The one node of a PeerId or a name. */
  #meant(node: string): string {
    const { called, isKnown } = this.#nodes
    const [peer, ...others] = called(node).filter(found => found === this.#self || isKnown(found))
    if (peer === undefined) this.#mustKnow(node)
    if (peer === undefined)
      throw new PathmeshError('NOT_FOUND', `no node of this mesh is called ${node}: see \`pathmesh peers\``)
    if (others.length > 0)
      throw new PathmeshError('AMBIGUOUS_WORK', `several nodes are called ${node}: say which by its PeerId`, {
        details: { origins: [peer, ...others] }
      })
    return peer
  }

  #mustKnow(what: string): void {
    if (this.#nodes.isSynced()) return
    throw new PathmeshError(
      'NOT_SYNCED',
      `${what} is not known here, and no other node was heard since this one started: try again, or see \`pathmesh peers\``,
      { details: { sent: false } }
    )
  }

  #mustReach(peer: string): void {
    const { connected, nameOf } = this.#nodes
    if (connected().includes(peer)) return
    throw new PathmeshError(
      'NO_PROVIDERS',
      `${nameOf(peer) ?? peer} is not connected, and the work is there: see \`pathmesh peers\``,
      { details: { peerId: peer, sent: false } }
    )
  }
}

const byWork = (list: readonly Hosting[]): Map<string, Hosting> => new Map(list.map(one => [one.work, one]))

function told({ work: _work, ...hosting }: Hosting): NonNullable<WorkLine['hosting']> {
  return hosting
}
