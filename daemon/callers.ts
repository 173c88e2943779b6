// One long-lived stream per peer and protocol, opened when it is first needed and again after it was lost.

import { systemClock } from './clock.ts'
import { withDeadline } from './deadline.ts'
import { PathmeshError } from '../proto/errors.ts'
import { OPEN_STREAM_MS } from '../proto/limits.ts'
import type { Duplex } from './frames.ts'
import { Caller } from './rpc.ts'

export interface Dialler {
  /** A new stream to a peer. NO_PROVIDERS if it cannot be reached, INCOMPATIBLE if it does not speak the protocol. */
  open(peer: string, protocol: string, options: { signal: AbortSignal }): Promise<Duplex>
}

export class Callers {
  readonly #dialler: Dialler
  readonly #protocol: string
  readonly #callers = new Map<string, Promise<Caller>>()
  readonly #bytesIn = new Map<string, number>()

  constructor(dialler: Dialler, protocol: string) {
    this.#dialler = dialler
    this.#protocol = protocol
  }

  /** The caller for a peer; concurrent callers share the opening. */
  get(peer: string): Promise<Caller> {
    const known = this.#callers.get(peer)
    if (known !== undefined) return known
    const opening = this.#open(peer)
    this.#callers.set(peer, opening)
    opening.catch(() => this.#forget(peer, opening))
    return opening
  }

  /** Gives up the stream to a peer that does not answer; the next `get` opens another. */
  drop(peer: string): void {
    const caller = this.#callers.get(peer)
    if (caller === undefined) return
    this.#callers.delete(peer)
    caller.then(open => open.close()).catch(() => undefined)
  }

  /** Payload bytes received from a peer. */
  bytesIn(peer: string): number {
    return this.#bytesIn.get(peer) ?? 0
  }

  close(): void {
    for (const peer of this.#callers.keys()) this.drop(peer)
  }

  async #open(peer: string): Promise<Caller> {
    let stream: Duplex
    try {
      stream = await withDeadline(systemClock, OPEN_STREAM_MS, `opening a stream to ${peer}`, undefined, signal =>
        this.#dialler.open(peer, this.#protocol, { signal })
      )
    } catch (error) {
      if (error instanceof PathmeshError) throw error
      throw new PathmeshError('NO_PROVIDERS', `${peer} cannot be reached`, { cause: error, details: { peerId: peer } })
    }
    const caller = new Caller(stream, bytes => this.#bytesIn.set(peer, this.bytesIn(peer) + bytes))
    const opened = this.#callers.get(peer)
    void caller.closed.then(() => opened !== undefined && this.#forget(peer, opened))
    return caller
  }

  #forget(peer: string, caller: Promise<Caller>): void {
    if (this.#callers.get(peer) === caller) this.#callers.delete(peer)
  }
}
