// Units of work on their way here, from all who can send them at once. It joins the scheduler, which decides, with the sources, who
// are asked, and with those who land what came. A peer that fails loses what it was asked for to the others; one that sends what
// is wrong is told so, and struck if it insists. It ends when all that was added is here, or by a fault of this node.

import type { CID } from 'multiformats/cid'
import { cidKey } from '../content/multihash.ts'
import { hasCode, PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import {
  PUMP_FIRST_MS,
  PUMP_MS,
  UNITS_CHOICE,
  UNITS_PLANNED_MAX,
  WINDOW_LANE_BYTES,
  WINDOW_PEER_MS,
  WINDOW_STREAM_BYTES
} from '../../proto/limits.ts'
import { Asked, type Request } from './asked.ts'
import type { Budget } from './budget.ts'
import { complain, type ComplaintParts } from './complaint.ts'
import type { Heard } from './heard.ts'
import type { FileLeaf, LandedSmall, LargeFile, SmallFiles, SmallJob, Work } from './plan.ts'
import type { Provider, SmallTarget } from './provider.ts'
import type { RateLimit } from './rate-limit.ts'
import { Scheduler } from './scheduler.ts'
import { isOwnFault, type Sources } from './sources.ts'

/** Where what came goes. */
export interface Landing {
  /** A file that leaves may be written into by others; undefined where they are to be handed over. */
  into(file: LargeFile): Promise<string | undefined>
  /** Files that these may be written to; undefined where they are to be handed over. */
  smallInto(jobs: readonly SmallJob[]): Promise<SmallTarget[] | undefined>
  /** Verified; without `bytes` it was written into the file. */
  leaf(work: FileLeaf, bytes: Uint8Array | undefined): Promise<void>
  /** The same, for files that are not here yet. */
  small(files: readonly LandedSmall[]): Promise<void>
}

/** What all downloads of a node have in common. */
export interface DownloadParts extends ComplaintParts {
  /** What the others know this node by. */
  readonly self: string
  readonly budget: Budget
  readonly download: Pick<RateLimit, 'take' | 'perSecond'>
  readonly heard: Heard
}

export interface DownloadRequest {
  readonly sources: Sources
  readonly landing: Landing
  readonly signal: AbortSignal
  /** Whether somebody waits for the first before the second. */
  readonly isInOrder: boolean
  /** Bytes came from a peer, verified or not: enough of them to be progress. */
  readonly onProgress: (bytes: number) => void
  /** Verified bytes of content came from a peer. */
  readonly onCame: (provider: Provider, bytes: number) => void
}

export class Download {
  readonly #parts: DownloadParts
  readonly #request: DownloadRequest
  readonly #scheduler: Scheduler
  /** Small files of a unit that have not come. */
  readonly #left = new Map<Work, Map<number, SmallJob>>()
  readonly #asked = new Map<string, Asked>()
  /** Peers that sent something wrong and have not answered for it: they are asked for nothing meanwhile. */
  readonly #accused = new Set<string>()
  readonly #running = new Set<Promise<void>>()
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #stopHearing: () => void
  readonly #stopLooking: () => void
  #waiting: (() => void)[] = []
  #cancelPump: (() => void) | undefined
  /** Requests that wait for this node's own limit. */
  #heldBack = 0

  constructor(request: DownloadRequest, parts: DownloadParts) {
    this.#parts = parts
    this.#request = request
    this.#scheduler = new Scheduler(parts.self, request)
    this.#signal = AbortSignal.any([request.signal, this.#stop.signal])
    this.#stopHearing = request.sources.onChange(() => this.#meet())
    parts.budget.join(this)
    this.#stopLooking = request.sources.use()
    this.#meet()
  }

  /** What a peer brings a second, and whether something is asked of it. */
  of(peer: string): { perSecond: number; isAsked: boolean } {
    return { perSecond: this.#scheduler.perSecond(peer, this.#parts.clock.monotonic()), isAsked: this.#asked.has(peer) }
  }

  /** Whether nothing is asked for because this node's own limit holds it back. */
  get isHeldBack(): boolean {
    return this.#heldBack > 0 && this.#heldBack === this.#running.size
  }

  /** Whether it is no sign of trouble that nothing came since: this node holds it back, or who is asked sends to another transfer. */
  isExcused(since: number): boolean {
    return this.isHeldBack || [...this.#asked.keys()].some(peer => this.#parts.heard.isRecent(peer, since))
  }

  /** Whether work waits for somebody to ask. */
  get isWaiting(): boolean {
    return this.#scheduler.open > 0 && this.#asked.size === 0
  }

  /** Rejects once the download has failed by a fault of this node, or cannot go on. Never resolves. */
  get failed(): Promise<never> {
    return new Promise((_, reject) => {
      const onAbort = (): void => reject(this.#signal.reason)
      this.#signal.addEventListener('abort', onAbort, { once: true })
      if (this.#signal.aborted) onAbort()
    })
  }

  /** Resolves when there is room for more. Rejects once the download has failed. */
  async add(work: Work): Promise<void> {
    this.#signal.throwIfAborted()
    if (work.type === 'small') this.#left.set(work, new Map(work.jobs.map(job => [job.ordinal, job])))
    this.#scheduler.add(work)
    // Once there is something to choose from: several nodes that begin at the same time are not to begin with the same.
    if (this.#request.isInOrder || this.#scheduler.pending >= UNITS_CHOICE) this.#pump()
    else this.#cancelPump ??= this.#parts.clock.after(PUMP_FIRST_MS, () => this.#pumpAgain())
    while (this.#scheduler.pending >= UNITS_PLANNED_MAX) await this.#change()
  }

  /** These leaves are waited for. False where they have come, or are not asked for yet. */
  hurry(ordinals: ReadonlySet<number>): boolean {
    const found = this.#scheduler.hurry(ordinals)
    this.#pump()
    return found
  }

  /** Resolves when all that was added is here. */
  async finish(): Promise<void> {
    this.#pump()
    while (this.#scheduler.open > 0) {
      this.#signal.throwIfAborted()
      await this.#change()
    }
  }

  /** Stops what still runs, and resolves when nothing of it writes any more. */
  async close(): Promise<void> {
    this.#stop.abort(new PathmeshError('ABORTED', 'the transfer ended'))
    this.#stopHearing()
    this.#stopLooking()
    this.#cancelPump?.()
    this.#parts.budget.leave(this)
    await Promise.all(this.#running)
  }

  // --- asking ------------------------------------------------------------------------------------------------------

  /** Those that joined or left since. */
  #meet(): void {
    const { joined } = this.#request.sources
    const now = this.#parts.clock.monotonic()
    for (const peer of this.#scheduler.peers) if (!joined.has(peer)) this.#scheduler.leave(peer)
    for (const [peer, { provider, holds }] of joined) {
      if (this.#accused.has(peer)) continue
      this.#scheduler.join(peer, holds, provider.via === 'lane' ? WINDOW_LANE_BYTES : WINDOW_STREAM_BYTES, now)
    }
    this.#pump()
    this.#wake()
  }

  /** Gives everybody as much to do as it may have. */
  #pump(): void {
    if (this.#signal.aborted) return
    const now = this.#parts.clock.monotonic()
    const room = this.#room
    let isAnyGiven = false
    for (let isGiven = true; isGiven;) {
      isGiven = false
      // A request each in turn, so that the first does not get all of what little there is.
      for (const [peer, { provider }] of this.#request.sources.joined) {
        const units = this.#scheduler.take(peer, room, now).filter(isWork)
        if (units.length === 0) continue
        isGiven = isAnyGiven = true
        this.#start(provider, units)
      }
    }
    if (isAnyGiven) this.#wake()
    this.#giveUp()
    // What others need too long for may be worth asking again.
    if (this.#scheduler.open > 0) this.#cancelPump ??= this.#parts.clock.after(PUMP_MS, () => this.#pumpAgain())
  }

  /** What may be under way: where a rate is set, no more than passes well before it would be called a stall. */
  get #room(): number {
    const { budget, download } = this.#parts
    return download.perSecond === 0
      ? budget.share
      : Math.min(budget.share, (download.perSecond * WINDOW_PEER_MS) / 1000)
  }

  #pumpAgain(): void {
    this.#cancelPump = undefined
    this.#pump()
  }

  /** Ends it where everybody who could be asked has failed for good. */
  #giveUp(): void {
    if (this.#scheduler.open === 0 || this.#request.sources.joined.size > 0) return
    try {
      this.#request.sources.assertHope()
    } catch (error) {
      this.#stop.abort(error)
    }
  }

  #start(provider: Provider, work: readonly Work[]): void {
    const { peer } = provider
    const asked = this.#asked.get(peer) ?? new Asked(peer, this.#parts.clock, this.#parts.heard)
    this.#asked.set(peer, asked)
    const request = { work, stop: new AbortController() }
    asked.requests.add(request)
    const running = this.#run(provider, request, asked).finally(() => {
      this.#running.delete(running)
      asked.requests.delete(request)
      if (asked.requests.size === 0 && this.#asked.get(peer) === asked) this.#asked.delete(peer)
      this.#pump()
      this.#wake()
    })
    this.#running.add(running)
  }

  /** Never rejects: what fails is somebody's fault. */
  async #run(provider: Provider, request: Request, asked: Asked): Promise<void> {
    const { peer } = provider
    const { work, stop } = request
    const signal = AbortSignal.any([this.#signal, stop.signal, asked.lost])
    try {
      const bytes = work.reduce((sum, unit) => sum + unit.bytes, 0)
      this.#heldBack++
      await this.#parts.download.take(bytes, signal).finally(() => this.#heldBack--)
      signal.throwIfAborted()
      const stopExpecting = asked.expect()
      await this.#fetch(provider, work, asked, signal).finally(stopExpecting)
      this.#request.sources.delivered(peer)
    } catch (error) {
      if (!this.#signal.aborted && !stop.signal.aborted) await this.#failed(provider, request, asked, error)
    } finally {
      this.#scheduler.giveBack(peer, work, false)
    }
  }

  async #fetch(provider: Provider, work: readonly Work[], asked: Asked, signal: AbortSignal): Promise<void> {
    const onBytes = (bytes: number): void => {
      const progress = asked.came(bytes)
      if (progress > 0) this.#request.onProgress(progress)
    }
    const [first] = work
    if (first?.type === 'small') return this.#fetchSmall(provider, first, asked, { signal, onBytes })
    if (first === undefined) return
    const { file } = first
    const byIndex = new Map(work.flatMap(unit => (unit.type === 'leaf' ? [[unit.job.index, unit] as const] : [])))
    const wanted = [...byIndex.values()].map(({ job: { index, cid, size } }) => ({ index, cid, size }))
    const into = await this.#request.landing.into(file)
    signal.throwIfAborted()
    for await (const { index, bytes } of provider.leaves(
      { file: file.cid, leaves: wanted, into },
      { signal, onBytes }
    )) {
      const unit = byIndex.get(index)
      if (unit === undefined) throw new PathmeshError('CORRUPT', `${provider.peer} sent leaf ${index} twice`)
      byIndex.delete(index)
      asked.moved()
      // Another may have been faster.
      if (!this.#scheduler.isOpen(unit)) continue
      await this.#request.landing.leaf(unit, bytes)
      this.#came(provider, unit, unit.bytes)
    }
  }

  async #fetchSmall(
    provider: Provider,
    unit: SmallFiles,
    asked: Asked,
    options: { signal: AbortSignal; onBytes: (bytes: number) => void }
  ): Promise<void> {
    const left = this.#left.get(unit) ?? new Map<number, SmallJob>()
    const { landing } = this.#request
    const targets = await landing.smallInto([...left.values()])
    // The same content at several places is asked for once.
    const wanted = new Map<string, { cid: CID; size: number; into: SmallTarget[]; jobs: SmallJob[] }>()
    for (const job of left.values()) {
      const { cid, size } = job
      const same = wanted.get(cidKey(cid)) ?? { cid, size, into: [], jobs: [] }
      const target = targets?.shift()
      if (target !== undefined) same.into.push(target)
      same.jobs.push(job)
      wanted.set(cidKey(cid), same)
    }
    for await (const came of provider.small([...wanted.values()], options)) {
      asked.moved()
      const files = came.flatMap(({ cid, bytes, is, looks }) => {
        const jobs = is === 'missing' ? [] : (wanted.get(cidKey(cid))?.jobs ?? [])
        return jobs.map((job, i) => ({ job, bytes, look: looks?.[i] })).filter(({ job }) => left.has(job.ordinal))
      })
      for (const { job, bytes } of files)
        if (bytes !== undefined && bytes.length !== job.size)
          throw new PathmeshError(
            'CORRUPT',
            `${job.path} has ${bytes.length} bytes, and its directory says ${job.size}`,
            {
              details: { peerId: provider.peer }
            }
          )
      if (files.length > 0) await landing.small(files)
      for (const { job } of files) left.delete(job.ordinal)
      const bytes = came.reduce((sum, { size }) => sum + size, 0)
      if (left.size === 0 && this.#scheduler.isOpen(unit)) this.#came(provider, unit, bytes)
      // That something is missing is no progress.
      else if (bytes > 0) this.#request.onCame(provider, bytes)
      const gone = came.find(({ is }) => is === 'missing')
      if (gone !== undefined) throw noLonger(provider, gone.cid.toString(), wanted.get(cidKey(gone.cid))?.jobs[0]?.path)
    }
  }

  // --- what came, and what did not ---------------------------------------------------------------------------------

  #came(provider: Provider, unit: Work, bytes: number): void {
    this.#left.delete(unit)
    const others = this.#scheduler.came(provider.peer, unit, this.#parts.clock.monotonic())
    this.#request.onCame(provider, bytes)
    for (const other of others) {
      for (const request of this.#asked.get(other)?.requests ?? [])
        if (request.work.every(one => !this.#scheduler.isOpen(one)))
          request.stop.abort(new PathmeshError('ABORTED', 'another peer was faster'))
    }
    // More is asked for when a request is over: one for each leaf that came would be many small ones.
    if (this.#scheduler.open === 0) this.#wake()
  }

  async #failed(provider: Provider, request: Request, asked: Asked, error: unknown): Promise<void> {
    const { sources } = this.#request
    const { peer } = provider
    if (isOwnFault(error)) return this.#stop.abort(error)
    const joined = sources.joined.get(peer)
    // Of many requests that fail with one peer, the first tells; the others are late.
    if (joined?.provider !== provider) return
    if (joined.holds !== undefined && hasCode(error, 'NOT_FOUND', 'SOURCE_CHANGED')) {
      // It is still receiving, and may not have it any more; that says nothing of the rest.
      this.#scheduler.giveBack(peer, request.work, true)
      return
    }
    if (hasCode(error, 'TIMEOUT')) provider.gaveUp?.()
    this.#scheduler.leave(peer)
    this.#asked.delete(peer)
    for (const other of asked.requests) if (other !== request) other.stop.abort(error)
    this.#pump()
    let fault = toPathmeshError(error, peer)
    if (hasCode(error, 'CORRUPT')) {
      this.#accused.add(peer)
      // Where this ends first, nothing is known of the peer.
      fault = await complain(provider, request.work, error, this.#parts, this.#signal).catch(() => fault)
    }
    sources.failed(peer, fault)
    this.#accused.delete(peer)
  }

  /** Resolves when something may be different now. Rejects once the download has failed. */
  #change(): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#signal.removeEventListener('abort', end)
        if (this.#signal.aborted) reject(this.#signal.reason)
        else resolve()
      }
      this.#signal.addEventListener('abort', end, { once: true })
      this.#waiting.push(end)
      if (this.#signal.aborted) end()
    })
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

const isWork = (unit: object): unit is Work => 'type' in unit

function noLonger({ peer }: Provider, cid: string, path: string | undefined): PathmeshError {
  const what = path === undefined || path === '' ? cid : path
  return new PathmeshError(
    'SOURCE_CHANGED',
    `${peer} no longer has ${what}: it changed there since it was shared; share it again`,
    { details: { peerId: peer } }
  )
}
