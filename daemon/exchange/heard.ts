// When a peer last brought something to this node, for whichever transfer. One that sends to another transfer at the moment is busy,
// not silent.

import type { Clock } from '../clock.ts'
import { PEERS_MAX, PROVIDER_STALL_MS } from '../../proto/limits.ts'

export class Heard {
  readonly #clock: Pick<Clock, 'monotonic'>
  /** The one that was heard longest ago first. */
  readonly #at = new Map<string, number>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Enough came from a peer to be progress. */
  came(peer: string): void {
    this.#at.delete(peer)
    this.#at.set(peer, this.#clock.monotonic())
    for (const oldest of this.#at.keys()) {
      if (this.#at.size <= PEERS_MAX) return
      this.#at.delete(oldest)
    }
  }

  /** Whether it brought something of late, and later than at `since`, by the monotonic clock. */
  isRecent(peer: string, since: number): boolean {
    const at = this.#at.get(peer)
    return at !== undefined && at > since && this.#clock.monotonic() - at < PROVIDER_STALL_MS
  }
}
