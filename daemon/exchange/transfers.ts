// The sessions that run: two requests for one root share one, which ends when nobody waits for it any more.

import type { CID } from 'multiformats/cid'
import type { Clock } from '../clock.ts'
import { orAborted } from '../deadline.ts'
import { PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { DROP_WAIT_MS, PROGRESS_MS, STOP_MS, TRANSFERS_MAX, TRANSFERS_REMEMBERED } from '../../proto/limits.ts'
import type { DownloadParts } from './download.ts'
import type { ReceivedFile } from './held-log.ts'
import type { Span } from './provider.ts'
import { Session } from './session.ts'
import type { Destination, SessionRequest, SessionStatus } from './session-types.ts'
import type { Peers } from './sources.ts'

export interface TransferRequest extends Omit<SessionRequest, 'signal'> {
  /** What the user calls it, for lists. */
  readonly name: string | null
}

export interface FetchOptions {
  readonly signal: AbortSignal
  readonly onStatus?: ((status: SessionStatus) => void) | undefined
}

interface Running<Held> {
  readonly name: string | null
  readonly within: string | undefined
  readonly session: Session<Held>
  readonly stop: AbortController
  readonly result: Promise<Held>
  waiters: number
}

/** A transfer that is over. */
export interface EndedTransfer {
  readonly root: string
  readonly name: string | null
  /** When, in milliseconds since the epoch. */
  readonly at: number
  readonly status: SessionStatus
  /** Null where it came to its end. */
  readonly error: PathmeshError | null
}

/** Where a file lies that is being received. */
export interface Arriving extends ReceivedFile {
  readonly absolute: string
  /** Whether its leaf of this index has been verified and written. */
  readonly has: (index: number) => boolean
}

export interface TransfersParts extends DownloadParts {
  readonly peers: Peers
}

export class Transfers<Held> {
  readonly #parts: TransfersParts
  readonly #clock: Clock
  readonly #running = new Map<string, Running<Held>>()
  readonly #ended: EndedTransfer[] = []

  constructor(parts: TransfersParts) {
    this.#parts = parts
    this.#clock = parts.clock
  }

  /** Fetches a root, or joins whoever does. Rejects as the session does, or with the signal's reason. */
  async fetch(
    request: TransferRequest,
    destination: Destination<Held>,
    { signal, onStatus }: FetchOptions
  ): Promise<{ held: Held; status: SessionStatus }> {
    const running = await this.#join(request, destination, signal)
    running.waiters++
    const stopTelling = this.#tell(running.session, onStatus)
    try {
      const held = await orAborted(running.result, signal)
      return { held, status: running.session.status }
    } finally {
      stopTelling()
      if (--running.waiters === 0) running.stop.abort(new PathmeshError('ABORTED', 'nobody waits for it any more'))
      // The last to leave waits until what was written is noted, so that the next attempt finds it; but not for ever.
      if (running.waiters === 0) await this.#untilEnded(running, STOP_MS)
    }
  }

  /** The session that fetches this root, or a new one. One that is being stopped is not joined: its end is waited for. */
  async #join(request: TransferRequest, destination: Destination<Held>, signal: AbortSignal): Promise<Running<Held>> {
    for (
      let running = this.#running.get(request.root.toString());
      ;
      running = this.#running.get(request.root.toString())
    ) {
      signal.throwIfAborted()
      if (running === undefined) return this.#start(request, destination)
      if (!running.stop.signal.aborted) return running
      await orAborted(
        running.result.then(
          () => undefined,
          () => undefined
        ),
        signal
      )
    }
  }

  /** Resolves when it has ended, or after so long. */
  #untilEnded({ result }: Running<Held>, ms: number): Promise<void> {
    return new Promise(resolve => {
      const cancel = this.#clock.after(ms, resolve)
      const end = (): void => {
        cancel()
        resolve()
      }
      result.then(end, end)
    })
  }

  *list(): Generator<{ root: string; within: string | undefined; name: string | null; status: SessionStatus }> {
    for (const [root, { name, within, session }] of this.#running) yield { root, within, name, status: session.status }
  }

  /** Those that are over, the last first; of one root, or all that are remembered. */
  ended(root?: string): readonly EndedTransfer[] {
    return root === undefined ? this.#ended : this.#ended.filter(one => one.root === root)
  }

  /** Where a file is being received, of which some may have come. */
  arriving(file: CID): Arriving | undefined {
    for (const { session } of this.#running.values()) {
      const received = session.held.file(file)
      const absolute = received === undefined ? undefined : session.pathOf(received.path)
      if (received !== undefined && absolute !== undefined)
        return { ...received, absolute, has: index => session.held.has(received.ordinal + index) }
    }
    return undefined
  }

  /** A leaf that is on its way, before all others, by another transfer than that of a root. Undefined where it is not. */
  async leaf(
    file: CID,
    { index, size }: { index: number; size: number },
    signal: AbortSignal,
    except?: CID
  ): Promise<Uint8Array | undefined> {
    for (const { session } of this.#running.values()) {
      if (except !== undefined && session.root.equals(except)) continue
      const bytes = await session.leaf(file, index, size, signal)
      if (bytes !== undefined) return bytes
    }
    return undefined
  }

  /** What a transfer of this root has, and then what comes; ends at once where there is none. `peer` is who asks. */
  async *follow(
    root: CID,
    peer: string,
    signal: AbortSignal
  ): AsyncGenerator<{ spans: readonly Span[]; bytes: number }> {
    const running = this.#running.get(root.toString())
    if (running === undefined) return
    running.session.followedBy(peer)
    for await (const spans of running.session.held.follow(signal))
      yield { spans, bytes: running.session.status.bytesDone }
  }

  /** Resolves when a transfer that was just cancelled has ended, and soon in any case. */
  async settled(root: string): Promise<void> {
    const running = this.#running.get(root)
    if (running !== undefined) await this.#untilEnded(running, DROP_WAIT_MS)
  }

  isRunning(root: string): boolean {
    return this.#running.has(root)
  }

  /** Stops all of them; what they wrote stays. */
  async stop(): Promise<void> {
    const running = [...this.#running.values()]
    for (const { stop } of running)
      stop.abort(new PathmeshError('ABORTED', 'the daemon stops; run it again to go on from there'))
    await Promise.allSettled(running.map(({ result }) => result))
  }

  #start(request: TransferRequest, destination: Destination<Held>): Running<Held> {
    if (this.#running.size >= TRANSFERS_MAX)
      throw new PathmeshError('TOO_LARGE', `${TRANSFERS_MAX} transfers run already: wait for one to end`)
    const key = request.root.toString()
    const stop = new AbortController()
    const session = new Session(
      { ...request, signal: stop.signal },
      { ...this.#parts, destination, arriving: (root, file, leaf, until) => this.leaf(file, leaf, until, root) }
    )
    const result = session.run().finally(() => this.#running.delete(key))
    result.then(
      () => this.#over(request, session, null),
      (error: unknown) => this.#over(request, session, toPathmeshError(error, key))
    )
    const within = request.within?.toString()
    const running = { name: request.name, within, session, stop, result, waiters: 0 }
    this.#running.set(key, running)
    return running
  }

  #over({ root, name }: TransferRequest, { status }: Session<Held>, error: PathmeshError | null): void {
    this.#ended.unshift({ root: root.toString(), name, at: this.#clock.now(), status, error })
    if (this.#ended.length > TRANSFERS_REMEMBERED) this.#ended.pop()
  }

  #tell(session: Session<Held>, onStatus: FetchOptions['onStatus']): () => void {
    if (onStatus === undefined) return () => undefined
    let cancel: () => void = () => undefined
    const tell = () => {
      onStatus(session.status)
      cancel = this.#clock.after(PROGRESS_MS, tell)
    }
    tell()
    return () => {
      cancel()
      onStatus(session.status)
    }
  }
}
