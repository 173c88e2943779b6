// One root on its way here, from "who has it" to "held". It knows providers only by their face, so it does not care how
// bytes travel; time and peers are handed in. Every phase ends: by its work, by its caller, or by the stall deadline.
//
//   resolving ──> structure ──> transferring ──> materialising ──> done
//       ^ └───────────── waiting (no provider) <──┘                      any state ──> failed

import type { CID } from 'multiformats/cid'
import { checkTree, type CheckedTree } from '../content/check-tree.ts'
import { RAW } from '../content/multihash.ts'
import { PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { PROVIDER_STALL_MS, STALL_MS, WINDOW_BYTES, WINDOW_REQUESTS } from '../../proto/limits.ts'
import { BatchFetch } from './batch-fetch.ts'
import { LargeFiles } from './large-files.ts'
import { Patience } from './patience.ts'
import { plan } from './plan.ts'
import type { Provider } from './provider.ts'
import { RateMeter } from './rate-meter.ts'
import type { SessionComponents, SessionRequest, SessionSink, SessionState, SessionStatus } from './session-types.ts'
import { isOwnFault, Sources } from './sources.ts'
import { StructureFetch } from './structure.ts'
import { Window } from './window.ts'

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
  /** With which peers somebody is patient. */
  readonly #patience = new Map<Patience, string>()
  #stall: Patience | undefined

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
    const stallMs = this.#request.stallMs ?? STALL_MS
    const stall = new Patience(this.#parts.clock, stallMs, () => this.#stalled(stallMs))
    stall.signal.addEventListener('abort', () => this.#stop.abort(stall.signal.reason))
    this.#stall = stall
    try {
      await this.#structure()
      const sink = await this.#parts.destination.open()
      const checked = await this.#transfer(sink)
      this.#enter('materialising')
      await sink.checkpoint()
      // The disk's time is not the peers' fault: syncing a large tree verifies nothing for a while.
      stall.stop()
      const held = await this.#parts.destination.finish(sink, checked, this.#signal)
      this.#enter('done')
      return held
    } catch (error) {
      const phase = this.#state
      this.#state = 'failed'
      throw this.#explained(error, phase)
    } finally {
      stall.stop()
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
      const batches = this.#batchFetch(sink)
      const checked = this.#checked ?? checkedLeaf(await batches.onlyLeaf(this.root))
      this.#checked = checked
      await this.#fetchAll(sink, checked, batches)
      return checked
    } catch (error) {
      // What has been written stays, and is noted, so that the next attempt goes on from it.
      this.#stop.abort(error)
      await sink.checkpoint().catch(() => undefined)
      await sink.close().catch(() => undefined)
      throw error
    }
  }

  async #fetchAll(sink: SessionSink, checked: CheckedTree, fetcher: BatchFetch): Promise<void> {
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
    try {
      for await (const batch of batches) {
        await window.take(batch.bytes, this.#signal)
        const fetching = fetcher
          .fetch(batch, large)
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
    } catch (error) {
      this.#stop.abort(error)
      // What runs may still be writing; nothing is written any more once this has ended.
      await Promise.all(running)
      throw error
    }
    await Promise.all(running)
    const [first] = failed
    if (first !== undefined) throw first.error
    this.#signal.throwIfAborted()
  }

  #batchFetch(sink: SessionSink): BatchFetch {
    return new BatchFetch({
      sink,
      clock: this.#parts.clock,
      signal: this.#signal,
      ask: request => this.#withProvider('transferring', request),
      onCame: (provider, bytes) => this.#came(provider, bytes),
      onWrote: (bytes, files) => this.#wrote(bytes, files)
    })
  }

  // --- providers, progress, deadlines ------------------------------------------------------------------------------

  /** Runs one request with a provider. Its failure is noted, and the caller tries what is left again with the next one. */
  async #withProvider(
    phase: 'structure' | 'transferring',
    ask: (provider: Provider, signal: AbortSignal) => Promise<void>
  ): Promise<void> {
    const provider = await this.#sources.get(this.#signal, why => this.#wait(why))
    this.#enter(phase)
    const { peer } = provider
    const patience = new Patience(
      this.#parts.clock,
      PROVIDER_STALL_MS,
      () => new PathmeshError('TIMEOUT', `${peer} sent nothing for ${PROVIDER_STALL_MS / 1000} s`)
    )
    this.#patience.set(patience, peer)
    try {
      await ask(provider, AbortSignal.any([this.#signal, patience.signal]))
      this.#sources.delivered(provider)
    } catch (error) {
      this.#signal.throwIfAborted()
      if (isOwnFault(error)) throw error
      this.#sources.failed(provider, error)
    } finally {
      patience.stop()
      this.#patience.delete(patience)
    }
  }

  #came(provider: Provider, bytes: number): void {
    this.#bytesFetched += bytes
    this.#rate.add(bytes)
    this.#providers.set(provider.peer, (this.#providers.get(provider.peer) ?? 0) + bytes)
    this.#stall?.moved()
    for (const [patience, peer] of this.#patience) if (peer === provider.peer) patience.moved()
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
