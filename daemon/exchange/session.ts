// One root on its way here, from "who has it" to "held". It knows providers only by their face, so it does not care how
// bytes travel; time and peers are handed in. Every phase ends: by its work, by its caller, or by the stall deadline.
//
//   resolving ──> structure ──> transferring ──> materialising ──> done
//       ^ └───────────── waiting (no provider) <──┘                      any state ──> failed

import type { CID } from 'multiformats/cid'
import { checkTree, type CheckedTree } from '../content/check-tree.ts'
import { leafRange } from '../content/file-dag.ts'
import { RAW } from '../content/multihash.ts'
import { verify } from '../content/verify.ts'
import type { Clock } from '../clock.ts'
import { hasCode, PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { ASK_MS, LEAF_BYTES, PROVIDER_STALL_MS, STALL_MS, WINDOW_BYTES, WINDOW_REQUESTS } from '../../proto/limits.ts'
import { type Batch, type LeafJob, plan, type Sink, type SmallJob } from './plan.ts'
import type { Provider } from './provider.ts'
import { LargeFiles } from './large-files.ts'
import { RateMeter } from './rate-meter.ts'
import { type Peers, Sources } from './sources.ts'
import { type BranchStore, StructureFetch } from './structure.ts'
import { Window } from './window.ts'

export type SessionState = 'resolving' | 'structure' | 'transferring' | 'waiting' | 'materialising' | 'done' | 'failed'

/** Where a transfer stands; a snapshot. */
export interface SessionStatus {
  readonly state: SessionState
  /** What it waits for. */
  readonly why: string | null
  /** Verified and written, in earlier attempts too. */
  readonly bytesDone: number
  readonly bytesTotal: number | null
  readonly filesDone: number
  readonly filesTotal: number | null
  readonly bytesPerSecond: number
  /** Bytes of content that came in this session. */
  readonly bytesFetched: number
  readonly providers: readonly { readonly peerId: string; readonly bytes: number }[]
}

/** What a session writes into, and what makes that whole. */
export interface Destination<Held> {
  readonly branches: BranchStore
  /** NO_SPACE if so much cannot be written. */
  needSpace(bytes: number): Promise<void>
  open(): Promise<SessionSink>
  finish(sink: SessionSink, checked: CheckedTree, signal: AbortSignal): Promise<Held>
}

export interface SessionSink extends Sink {
  readonly bytes: number
  finishLarge(path: string, size: number, executable: boolean): Promise<void>
  checkpoint(): Promise<void>
  close(): Promise<void>
}

export interface SessionRequest {
  readonly root: CID
  /** The share that `root` lies in: who holds that has it as well. */
  readonly within?: CID | undefined
  /** Peers to ask first. */
  readonly hints: readonly string[]
  /** Bytes of a root that is a leaf; without it, the leaf tells. */
  readonly size?: number | undefined
  readonly stallMs?: number | undefined
  readonly signal: AbortSignal
}

export interface SessionComponents<Held> {
  readonly peers: Peers
  readonly clock: Clock
  readonly destination: Destination<Held>
}

export class Session<Held> {
  readonly root: CID
  readonly #request: SessionRequest
  readonly #parts: SessionComponents<Held>
  readonly #sources: Sources
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #rate: RateMeter
  readonly #providers = new Map<string, number>()
  #state: SessionState = 'resolving'
  #why: string | null = null
  #checked: CheckedTree | undefined
  #bytesDone = 0
  #filesDone = 0
  #bytesFetched = 0
  #movedAt = 0

  constructor(request: SessionRequest, parts: SessionComponents<Held>) {
    this.root = request.root
    this.#request = request
    this.#parts = parts
    this.#signal = AbortSignal.any([request.signal, this.#stop.signal])
    this.#sources = new Sources(
      request.within === undefined ? [request.root] : [request.root, request.within],
      request.hints,
      parts.peers,
      parts.clock
    )
    this.#rate = new RateMeter(parts.clock)
  }

  get status(): SessionStatus {
    return {
      state: this.#state,
      why: this.#why,
      bytesDone: this.#bytesDone,
      bytesTotal: this.#checked?.size ?? null,
      filesDone: this.#filesDone,
      filesTotal: this.#checked?.files ?? null,
      bytesPerSecond: this.#rate.perSecond(),
      bytesFetched: this.#bytesFetched,
      providers: [...this.#providers].map(([peerId, bytes]) => ({ peerId, bytes }))
    }
  }

  /** Runs to the end; call it once. Rejects with a typed error that says how far it came, or the caller's abort reason. */
  async run(): Promise<Held> {
    this.#movedAt = this.#parts.clock.monotonic()
    const stopWatch = this.#watch()
    try {
      await this.#structure()
      const sink = await this.#parts.destination.open()
      const checked = await this.#transfer(sink)
      this.#enter('materialising')
      const held = await this.#parts.destination.finish(sink, checked, this.#signal)
      this.#enter('done')
      return held
    } catch (error) {
      const phase = this.#state
      this.#state = 'failed'
      throw this.#explained(error, phase)
    } finally {
      stopWatch()
      // Whatever still runs for this session ends with it.
      this.#stop.abort(new PathmeshError('ABORTED', 'the transfer ended'))
    }
  }

  // --- structure ---------------------------------------------------------------------------------------------------

  async #structure(): Promise<void> {
    const fetch = new StructureFetch(this.root, this.#parts.destination.branches)
    while (!(await fetch.isComplete(this.#signal))) {
      await this.#withProvider('structure', async (provider, signal) => {
        const bytes = await fetch.step(provider, signal)
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

  // --- content -----------------------------------------------------------------------------------------------------

  async #transfer(sink: SessionSink): Promise<CheckedTree> {
    try {
      const checked = this.#checked ?? (await this.#onlyLeaf(sink))
      this.#checked = checked
      await this.#fetchAll(sink, checked)
      return checked
    } catch (error) {
      // What has been written stays, and is noted, so that the next attempt goes on from it.
      this.#stop.abort(error)
      await sink.checkpoint().catch(() => undefined)
      await sink.close().catch(() => undefined)
      throw error
    }
  }

  async #fetchAll(sink: SessionSink, checked: CheckedTree): Promise<void> {
    const window = new Window({ bytes: WINDOW_BYTES, requests: WINDOW_REQUESTS })
    const running = new Set<Promise<void>>()
    const failed: { error: unknown }[] = []
    const large = new LargeFiles(async file => {
      await sink.finishLarge(file.path, file.size, file.executable)
      this.#filesDone++
    })
    const batches = plan(this.root, this.#parts.destination.branches, sink, {
      signal: this.#signal,
      size: checked.size,
      onFile: (file, leavesToCome) => large.planned(file, leavesToCome),
      onBytes: (bytes, files) => this.#wrote(bytes, files)
    })
    this.#enter('transferring')
    for await (const batch of batches) {
      await window.take(batch.bytes, this.#signal)
      const fetching = this.#fetchBatch(batch, sink, large)
        .catch((error: unknown) => {
          failed.push({ error })
          this.#stop.abort(error)
        })
        .finally(() => {
          window.release(batch.bytes)
          running.delete(fetching)
        })
      running.add(fetching)
    }
    await Promise.all(running)
    const [first] = failed
    if (first !== undefined) throw first.error
    this.#signal.throwIfAborted()
  }

  async #fetchBatch(batch: Batch, sink: SessionSink, large: LargeFiles): Promise<void> {
    if (batch.type === 'small') {
      const left = new Map(batch.jobs.map(job => [job.ordinal, job]))
      while (left.size > 0)
        await this.#withProvider('transferring', (provider, signal) => this.#fetchSmall(provider, left, sink, signal))
      return
    }
    const { file } = batch
    const left = new Map(batch.jobs.map(job => [job.index, job]))
    while (left.size > 0) {
      await this.#withProvider('transferring', async (provider, signal) => {
        for await (const { index, bytes } of provider.leaves(file.cid, rangesOf(left.values()), { signal })) {
          const job = left.get(index)
          if (job === undefined) throw new PathmeshError('CORRUPT', `${provider.peer} sent leaf ${index} twice`)
          await this.#checkLeaf(provider, file.cid, job, bytes)
          this.#came(provider, bytes.length)
          await sink.writeLeaf({
            ordinal: job.ordinal,
            path: file.path,
            fileSize: file.size,
            executable: file.executable,
            offset: leafRange(file.size, index).offset,
            bytes
          })
          left.delete(index)
          this.#wrote(bytes.length, 0)
          await large.arrived(file)
        }
      })
    }
  }

  /** Takes out of `left` what it wrote. */
  async #fetchSmall(
    provider: Provider,
    left: Map<number, SmallJob>,
    sink: SessionSink,
    signal: AbortSignal
  ): Promise<void> {
    // The same content at several places is asked for once.
    const wanted = new Map<string, SmallJob[]>()
    for (const job of left.values()) wanted.set(job.cid.toString(), [...(wanted.get(job.cid.toString()) ?? []), job])
    const cids = [...wanted.values()].flatMap(([job]) => (job === undefined ? [] : [job.cid]))
    for await (const blocks of provider.small(cids, { signal })) {
      this.#came(
        provider,
        blocks.reduce((sum, block) => sum + (block.bytes?.length ?? 0), 0)
      )
      const files = blocks.flatMap(({ cid, bytes }) => {
        if (bytes === undefined)
          throw new PathmeshError(
            'SOURCE_CHANGED',
            `${provider.peer} no longer has ${cid.toString()}: a file changed since it was shared; share it again there`
          )
        return (wanted.get(cid.toString()) ?? []).map(job => {
          if (bytes.length !== job.size)
            throw new PathmeshError(
              'CORRUPT',
              `${job.path} has ${bytes.length} bytes, and the directory says ${job.size}`
            )
          return { ordinal: job.ordinal, path: job.path, executable: false, bytes }
        })
      })
      await sink.writeSmall(files)
      for (const file of files) left.delete(file.ordinal)
      this.#wrote(
        files.reduce((sum, file) => sum + file.bytes.length, 0),
        files.length
      )
    }
  }

  /** A root that is one leaf, of a size that nobody stated. */
  async #onlyLeaf(sink: SessionSink): Promise<CheckedTree> {
    let size = -1
    while (size < 0)
      await this.#withProvider('transferring', async (provider, signal) => {
        for await (const [block] of provider.small([this.root], { signal })) {
          if (block?.bytes === undefined)
            throw new PathmeshError('NOT_FOUND', `${provider.peer} no longer has ${this.root.toString()}`)
          const { length } = block.bytes
          if (length > LEAF_BYTES)
            throw new PathmeshError('CORRUPT', `${this.root.toString()} is a leaf of ${length} bytes`)
          this.#came(provider, length)
          await sink.writeSmall([{ ordinal: 0, path: '', executable: false, bytes: block.bytes }])
          size = length
        }
      })
    return checkedLeaf(size)
  }

  async #checkLeaf(provider: Provider, file: CID, job: LeafJob, bytes: Uint8Array): Promise<void> {
    try {
      verify(job.cid, bytes)
    } catch (error) {
      if (!hasCode(error, 'CORRUPT')) throw error
      const withdrawn = await provider
        .wrong(file, job.index, { signal: AbortSignal.timeout(ASK_MS) })
        .catch(() => false)
      const what = withdrawn ? 'changed there since it was shared: share it again' : 'did not match its hash'
      throw new PathmeshError(
        withdrawn ? 'SOURCE_CHANGED' : 'CORRUPT',
        `leaf ${job.index} from ${provider.peer} ${what}`,
        { cause: error }
      )
    }
  }

  // --- providers, progress, deadlines ------------------------------------------------------------------------------

  /** Runs one request with a provider. Its failure is noted, and the caller tries what is left again with the next one. */
  async #withProvider(
    phase: 'structure' | 'transferring',
    ask: (provider: Provider, signal: AbortSignal) => Promise<void>
  ): Promise<void> {
    const provider = await this.#sources.get(this.#signal, why => this.#wait(why))
    this.#enter(phase)
    const patience = new AbortController()
    const stopPatience = this.#patience(provider, patience)
    try {
      await ask(provider, AbortSignal.any([this.#signal, patience.signal]))
      this.#sources.delivered(provider)
    } catch (error) {
      this.#signal.throwIfAborted()
      if (hasCode(error, 'NO_SPACE', 'DENIED', 'IO', 'UNSAFE_NAME', 'INTERNAL') || !(error instanceof PathmeshError))
        throw error
      this.#sources.failed(provider, error)
    } finally {
      stopPatience()
    }
  }

  /** Aborts when a provider sends nothing for a while. */
  #patience({ peer }: Provider, patience: AbortController): () => void {
    const { clock } = this.#parts
    let seen = -1
    let cancel: () => void = () => undefined
    const look = () => {
      const now = this.#providers.get(peer) ?? 0
      if (now === seen)
        patience.abort(new PathmeshError('TIMEOUT', `${peer} sent nothing for ${PROVIDER_STALL_MS / 1000} s`))
      else cancel = clock.after(PROVIDER_STALL_MS, look)
      seen = now
    }
    look()
    return () => cancel()
  }

  #came(provider: Provider, bytes: number): void {
    this.#bytesFetched += bytes
    this.#rate.add(bytes)
    this.#providers.set(provider.peer, (this.#providers.get(provider.peer) ?? 0) + bytes)
    this.#movedAt = this.#parts.clock.monotonic()
  }

  #wrote(bytes: number, files: number): void {
    this.#bytesDone += bytes
    this.#filesDone += files
    this.#movedAt = this.#parts.clock.monotonic()
  }

  #enter(state: SessionState): void {
    this.#state = state
    this.#why = null
  }

  #wait(why: string): void {
    this.#state = 'waiting'
    this.#why = why
  }

  /** Ends the session when nothing was verified for the stall deadline. */
  #watch(): () => void {
    const { clock } = this.#parts
    const stallMs = this.#request.stallMs ?? STALL_MS
    let cancel: () => void = () => undefined
    const look = () => {
      const idle = clock.monotonic() - this.#movedAt
      // The disk's time is not the peers' fault: syncing a large tree verifies nothing for a while.
      if (idle < stallMs || this.#state === 'materialising') cancel = clock.after(Math.max(50, stallMs - idle), look)
      else this.#stop.abort(this.#stalled(stallMs))
    }
    cancel = clock.after(stallMs, look)
    return () => cancel()
  }

  #stalled(stallMs: number): PathmeshError {
    const waited = `${stallMs / 1000} s`
    if (this.#state === 'waiting' && this.#providers.size === 0) {
      return new PathmeshError(
        'NO_PROVIDERS',
        `no node could send ${this.root.toString()} within ${waited}: ${this.#why ?? 'none answered'}`
      )
    }
    return new PathmeshError(
      'TIMEOUT',
      `nothing arrived for ${waited} while ${this.#state}${this.#why === null ? '' : ` (${this.#why})`}; run it again to go on from there`
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

function rangesOf(jobs: Iterable<LeafJob>): { from: number; to: number }[] {
  const ranges: { from: number; to: number }[] = []
  for (const { index } of jobs) {
    const last = ranges.at(-1)
    if (last?.to === index) last.to = index + 1
    else ranges.push({ from: index, to: index + 1 })
  }
  return ranges
}
