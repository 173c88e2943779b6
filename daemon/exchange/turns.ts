// Who is served when: each peer so many requests and bytes at a time, however many streams and lanes it opens, and all together no
// more than this node can send well. One that does not read holds up itself alone.

import { PEERS_MAX, SERVE_ALL_REQUESTS, SERVE_BYTES, SERVE_REQUESTS } from '../../proto/limits.ts'
import { Window } from './window.ts'

export class Turns {
  readonly #all: Window
  readonly #peers = new Map<string, Window>()

  /** `atOnce`: requests of all peers that are answered at the same time. */
  constructor(atOnce: number = SERVE_ALL_REQUESTS) {
    this.#all = new Window({ bytes: Infinity, requests: atOnce })
  }

  /** Resolves when a request of a peer, for an answer of up to `bytes` at a time, may be served. The result ends its turn. */
  async take(peer: string, bytes: number, signal: AbortSignal): Promise<() => void> {
    const own = this.#of(peer)
    await own.take(bytes, signal)
    try {
      await this.#all.take(bytes, signal)
    } catch (error) {
      own.release(bytes)
      throw error
    }
    let isDone = false
    return () => {
      if (isDone) return
      isDone = true
      this.#all.release(bytes)
      own.release(bytes)
    }
  }

  #of(peer: string): Window {
    const own = this.#peers.get(peer) ?? new Window({ bytes: SERVE_BYTES, requests: SERVE_REQUESTS })
    // Whoever asked longest ago makes room; what it is being sent goes on.
    this.#peers.delete(peer)
    this.#peers.set(peer, own)
    for (const oldest of this.#peers.keys()) {
      if (this.#peers.size <= PEERS_MAX) break
      this.#peers.delete(oldest)
    }
    return own
  }
}
