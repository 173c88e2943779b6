// One root on its way here, from "who has it" to "held". It knows providers only by their face, so it does not care how
// bytes travel; time and peers are handed in. Every phase ends: by its work, by its caller, or by the stall deadline.
//
//   resolving ──> structure ──> transferring ──> materialising ──> done
//       ^ └───────────── waiting (no provider) <──┘                      any state ──> failed

import type { CID } from 'multiformats/cid'
import { checkTree, type CheckedTree } from '../content/check-tree.ts'
import { RAW } from '../content/multihash.ts'
import { PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { LEAF_BYTES, PROVIDER_STALL_MS, STALL_MS, STRUCTURE_STALL_MS } from '../../proto/limits.ts'
import { Download, type DownloadParts } from './download.ts'
import { HeldLog } from './held-log.ts'
import { onlyLeaf, SinkLanding } from './landing.ts'
import { Patience } from './patience.ts'
import { type LeafJob, plan } from './plan.ts'
import type { Provider } from './provider.ts'
import { RateMeter } from './rate-meter.ts'
import type {
  Destination,
  ProviderStatus,
  SessionRequest,
  SessionSink,
  SessionState,
  SessionStatus
} from './session-types.ts'
import { isOwnFault, type Peers, Sources } from './sources.ts'
import { StructureFetch } from './structure.ts'

export interface SessionComponents<Held> extends DownloadParts {
  /** A leaf that another transfer than that of `root` is receiving. */
  readonly arriving: (root: CID, file: CID, leaf: LeafJob, signal: AbortSignal) => Promise<Uint8Array | undefined>
  readonly peers: Peers
  readonly destination: Destination<Held>
}

export class Session<Held> {
  readonly root: CID
  /** What has been verified, for those that follow. */
  readonly held: HeldLog
  readonly #request: SessionRequest
  readonly #parts: SessionComponents<Held>
  readonly #sources: Sources
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #rate: RateMeter
  readonly #providers = new Map<string, { bytes: number; via: ProviderStatus['via'] }>()
  /** How often a peer that was asked alone said nothing. */
  readonly #silent = new Map<string, number>()
  #state: SessionState = 'resolving'
  #why: string | null = null
  #checked: CheckedTree | undefined
  #bytesDone = 0
  #filesDone = 0
  #bytesFetched = 0
  #stall: Patience | undefined
  #download: Download | undefined
  /** Who was asked for structure last. */
  #asked: string | undefined
  /** Raw bytes that the rate knows and that are not verified yet. */
  #ahead = 0
  #sink: SessionSink | undefined

  constructor(request: SessionRequest, parts: SessionComponents<Held>) {
    this.root = request.root
    this.held = new HeldLog(parts.clock)
    this.#request = request
    this.#parts = parts
    this.#signal = AbortSignal.any([request.signal, this.#stop.signal])
    this.#sources = new Sources(
      {
        roots: request.within === undefined ? [request.root] : [request.root, request.within],
        hints: request.hints
      },
      parts.peers,
      parts.clock
    )
    this.#rate = new RateMeter(parts.clock)
  }

  get status(): SessionStatus {
    const bytesPerSecond = this.#rate.perSecond()
    const bytesTotal = this.#checked?.size ?? null
    const [state, why] = this.#stateNow()
    return {
      state,
      why,
      bytesDone: this.#bytesDone,
      bytesTotal,
      filesDone: this.#filesDone,
      filesTotal: this.#checked?.files ?? null,
      bytesPerSecond,
      etaSeconds:
        state !== 'transferring' || bytesTotal === null || bytesPerSecond === 0
          ? null
          : Math.max(0, bytesTotal - this.#bytesDone) / bytesPerSecond,
      bytesFetched: this.#bytesFetched,
      providers: this.#providerStatus()
    }
  }

  /** A peer asks what is here of this root: so it is receiving it as well. */
  followedBy(peer: string): void {
    this.#sources.look(peer)
  }

  /**
   * A leaf of a file that this session receives, which comes before all others now. Undefined where it is not on its way, or the
   * session ended before it came.
   */
  async leaf(file: CID, index: number, size: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const received = this.held.file(file)
    if (received === undefined) return undefined
    const ordinal = received.ordinal + index
    if (!this.held.has(ordinal) && this.#download?.hurry(new Set([ordinal])) !== true) return undefined
    await this.held.until(ordinal, signal)
    return this.#sink?.read(received.path, index * LEAF_BYTES, size)
  }

  /** Where the bytes of a path inside the root are written; undefined before and after. */
  pathOf(path: string): string | undefined {
    return this.#sink?.at(path)
  }

  /** Runs to the end; call it once. Rejects with a typed error that says how far it came, or the caller's abort reason. */
  async run(): Promise<Held> {
    const stallMs = this.#request.stallMs ?? STALL_MS
    const isExcused = (movedAt: number): boolean =>
      this.#download?.isExcused(movedAt) ??
      (this.#asked !== undefined && this.#parts.heard.isRecent(this.#asked, movedAt))
    const stall = new Patience(this.#parts.clock, stallMs, () => this.#stalled(stallMs), { isExcused })
    stall.signal.addEventListener('abort', () => this.#stop.abort(stall.signal.reason))
    this.#stall = stall
    const stopLooking = this.#sources.use()
    try {
      await this.#structure()
      const sink = await this.#parts.destination.open()
      this.#sink = sink
      const checked = await this.#transfer(sink)
      this.#enter('materialising')
      await sink.checkpoint()
      // The disk's time is not the peers' fault: syncing a large tree verifies nothing for a while.
      stall.stop()
      const held = await this.#parts.destination.finish(sink, checked, this.#signal)
      this.#enter('done')
      return held
    } catch (error) {
      const phase = this.#stateNow()[0]
      const explained = this.#explained(error, phase)
      this.#state = 'failed'
      throw explained
    } finally {
      stall.stop()
      stopLooking()
      this.#sink = undefined
      this.held.end()
      // Whatever still runs for this session ends with it.
      this.#stop.abort(new PathmeshError('ABORTED', 'the transfer ended'))
    }
  }

  // --- structure ---------------------------------------------------------------------------------------------------

  async #structure(): Promise<void> {
    const fetch = new StructureFetch(this.root, this.#parts.destination.branches)
    while (!(await fetch.isComplete(this.#signal))) {
      await this.#withProvider(async (provider, signal, onBytes) => {
        const bytes = await fetch.step(provider, { signal, onBytes })
        this.#came(provider, bytes)
      })
    }
    if (this.root.code !== RAW) {
      this.#checked = await checkTree(this.root, this.#parts.destination.branches, { signal: this.#signal })
      await this.#parts.destination.needSpace(this.#checked.size)
    } else if (this.#request.size !== undefined) {
      this.#checked = checkedLeaf(this.#request.size)
    }
  }

  /** Runs one request with a provider. Its failure is noted, and the caller asks again, whoever is next. */
  async #withProvider(
    ask: (provider: Provider, signal: AbortSignal, onBytes: (bytes: number) => void) => Promise<void>
  ): Promise<void> {
    const provider = await this.#sources.one(this.#signal, why => this.#wait(why))
    this.#enter('structure')
    const { peer } = provider
    const ms = this.#patienceWith(peer)
    const patience = new Patience(
      this.#parts.clock,
      ms,
      () => new PathmeshError('TIMEOUT', `${peer} sent nothing for ${ms / 1000} s`),
      { isExcused: movedAt => this.#parts.heard.isRecent(peer, movedAt) }
    )
    const onBytes = (): void => {
      patience.moved()
      this.#stall?.moved()
      this.#parts.heard.came(peer)
    }
    this.#asked = peer
    try {
      await ask(provider, AbortSignal.any([this.#signal, patience.signal]), onBytes)
      this.#sources.delivered(peer)
    } catch (error) {
      this.#signal.throwIfAborted()
      if (isOwnFault(error)) throw error
      if (patience.signal.aborted) this.#silent.set(peer, 1 + (this.#silent.get(peer) ?? 0))
      if (toPathmeshError(error, peer).code === 'CORRUPT') this.#parts.strikes.struck(peer, String(error))
      this.#sources.failed(peer, error)
    } finally {
      patience.stop()
    }
  }

  /** They are asked one after the other: were many silent for long, the one that is not would be asked too late. */
  #patienceWith(peer: string): number {
    if (this.#sources.joined.size < 2) return PROVIDER_STALL_MS
    return Math.min(PROVIDER_STALL_MS, STRUCTURE_STALL_MS * 2 ** (this.#silent.get(peer) ?? 0))
  }

  // --- content -----------------------------------------------------------------------------------------------------

  async #transfer(sink: SessionSink): Promise<CheckedTree> {
    try {
      const checked = this.#checked ?? checkedLeaf(await this.#sizeOfLeaf(sink))
      this.#checked = checked
      await this.#fetchAll(sink, checked)
      return checked
    } catch (error) {
      // What has been written stays, and is noted, so that the next attempt goes on from it.
      await sink.checkpoint().catch(() => undefined)
      await sink.close().catch(() => undefined)
      throw error
    }
  }

  async #sizeOfLeaf(sink: SessionSink): Promise<number> {
    let size: number | undefined
    while (size === undefined) {
      await this.#withProvider(async (provider, signal) => {
        const bytes = await onlyLeaf(this.root, provider, signal)
        this.#came(provider, bytes.length)
        await sink.writeSmall([{ ordinal: 0, path: '', executable: false, bytes }])
        size = bytes.length
      })
    }
    return size
  }

  async #fetchAll(sink: SessionSink, checked: CheckedTree): Promise<void> {
    const landing = new SinkLanding(sink, this.held, {
      onWrote: (bytes, files) => this.#wrote(bytes, files),
      onWhole: () => this.#filesDone++
    })
    const download = new Download(
      {
        sources: this.#sources,
        landing,
        signal: this.#signal,
        isInOrder: false,
        onProgress: bytes => this.#moved(bytes),
        onCame: (provider, bytes) => this.#came(provider, bytes)
      },
      this.#parts
    )
    this.#enter('transferring')
    this.#download = download
    try {
      const works = plan(this.root, this.#parts.destination.branches, sink, {
        signal: this.#signal,
        size: checked.size,
        local: cids => this.#parts.destination.local(cids, this.#signal),
        unfinished: (file, job) => this.#parts.destination.unfinished(file, job, this.#signal),
        arriving: (file, job) => this.#parts.arriving(this.root, file, job, this.#signal),
        ...landing.planned
      })
      for await (const work of works) await download.add(work)
      await download.finish()
    } finally {
      if (download.isWaiting && !this.#signal.aborted) this.#wait(this.#sources.why())
      // Nothing is written any more once this has ended.
      await download.close()
      this.#download = undefined
    }
  }

  // --- progress, deadlines -----------------------------------------------------------------------------------------

  #came(provider: Provider, bytes: number): void {
    this.#bytesFetched += bytes
    this.#rate.add(Math.max(0, bytes - this.#ahead))
    this.#ahead = Math.max(0, this.#ahead - bytes)
    const before = this.#providers.get(provider.peer)?.bytes ?? 0
    this.#providers.set(provider.peer, { bytes: before + bytes, via: provider.via })
    this.#stall?.moved()
  }

  /** Bytes came, verified or not. */
  #moved(bytes: number): void {
    this.#rate.add(bytes)
    this.#ahead += bytes
    this.#stall?.moved()
  }

  #wrote(bytes: number, files: number): void {
    this.#bytesDone += bytes
    this.#filesDone += files
    this.#stall?.moved()
  }

  #enter(state: SessionState): void {
    this.#state = state
    this.#why = null
  }

  #wait(why: string): void {
    this.#state = 'waiting'
    this.#why = why
  }

  #stateNow(): [SessionState, string | null] {
    if (this.#download?.isHeldBack === true)
      return [
        'waiting',
        `held back by the download limit of this node, ${this.#parts.download.perSecond} bytes a second`
      ]
    const isAlone = this.#state === 'transferring' && this.#download?.isWaiting === true
    return isAlone ? ['waiting', this.#sources.why()] : [this.#state, this.#why]
  }

  #providerStatus(): ProviderStatus[] {
    const peers = new Set([
      ...this.#providers.keys(),
      ...this.#sources.joined.keys(),
      ...this.#sources.tried().map(({ peerId }) => peerId)
    ])
    return [...peers].map(peerId => {
      const known = this.#providers.get(peerId)
      const joined = this.#sources.joined.get(peerId)
      const trial = this.#sources.trial(peerId)
      const now = this.#download?.of(peerId)
      const resting = trial?.again === Infinity ? 'left' : 'resting'
      return {
        peerId,
        bytes: known?.bytes ?? 0,
        bytesPerSecond: Math.round(now?.isAsked === true ? now.perSecond : 0),
        via: joined?.provider.via ?? known?.via ?? 'stream',
        state: joined === undefined && trial !== undefined ? resting : now?.isAsked === true ? 'sending' : 'idle',
        said: trial === undefined ? null : { code: trial.error.code, message: trial.error.message }
      }
    })
  }

  #stalled(stallMs: number): PathmeshError {
    const waited = `${stallMs / 1000} s`
    const [state, why] = this.#stateNow()
    if (state === 'waiting') this.#wait(why ?? '')
    const telling = this.#sources.joined.size === 0 ? this.#sources.telling : undefined
    if (telling !== undefined) return new PathmeshError(telling.code, telling.message, { cause: telling })
    if (state === 'waiting' && this.#providers.size === 0) {
      return new PathmeshError(
        'NO_PROVIDERS',
        `no node could send ${this.root.toString()} within ${waited}: ${why ?? 'none answered'}`
      )
    }
    return new PathmeshError(
      'TIMEOUT',
      `nothing arrived for ${waited} while ${state}${why === null ? '' : ` (${why})`}; run it again to go on from there`
    )
  }

  #explained(error: unknown, phase: SessionState): unknown {
    if (this.#request.signal.aborted) return this.#request.signal.reason
    const known = toPathmeshError(error, `fetching ${this.root.toString()}`)
    const details = {
      ...known.details,
      phase,
      bytesVerified: this.#bytesDone,
      bytesTotal: this.#checked?.size ?? null,
      tried: this.#sources.tried()
    }
    return new PathmeshError(known.code, known.message, { cause: known.cause ?? error, details })
  }
}

function checkedLeaf(size: number): CheckedTree {
  return { kind: 'file', size, entries: 1, files: 1, leaves: 1, depth: 0 }
}
