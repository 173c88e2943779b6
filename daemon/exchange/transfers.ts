// The sessions that run: two requests for one root share one, which ends when nobody waits for it any more.

import type { Clock } from '../clock.ts'
import { orAborted } from '../deadline.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { PROGRESS_MS, STOP_MS, TRANSFERS_MAX } from '../../proto/limits.ts'
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
  readonly session: Session<Held>
  readonly stop: AbortController
  readonly result: Promise<Held>
  waiters: number
}

export class Transfers<Held> {
  readonly #peers: Peers
  readonly #clock: Clock
  readonly #running = new Map<string, Running<Held>>()

  constructor(peers: Peers, clock: Clock) {
    this.#peers = peers
    this.#clock = clock
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
      if (running.waiters === 0) await this.#ended(running, STOP_MS)
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
  #ended({ result }: Running<Held>, ms: number): Promise<void> {
    return new Promise(resolve => {
      const cancel = this.#clock.after(ms, resolve)
      const end = (): void => {
        cancel()
        resolve()
      }
      result.then(end, end)
    })
  }

  *list(): Generator<{ root: string; name: string | null; status: SessionStatus }> {
    for (const [root, { name, session }] of this.#running) yield { root, name, status: session.status }
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
      { peers: this.#peers, clock: this.#clock, destination }
    )
    const result = session.run().finally(() => this.#running.delete(key))
    result.catch(() => undefined)
    const running = { name: request.name, session, stop, result, waiters: 0 }
    this.#running.set(key, running)
    return running
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
