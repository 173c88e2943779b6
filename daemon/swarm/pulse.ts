// Pings a link every PING_MS, for its latency and to notice a peer that was unplugged: TCP alone takes a quarter hour.
// Refuses to hang up a link that is merely busy: only one that brought nothing at all for PEER_SILENT_MS.

import { PEER_SILENT_MS, PING_MS } from '../../proto/limits.ts'
import type { Clock } from './ports.ts'

/** What a pulse is of: a link, in the daemon. */
export interface Beating {
  heardAt: number
  latencyMs: number | null
}

export interface PulseParts {
  readonly clock: Clock
  /** Resolves when the other side has answered. */
  readonly ping: (signal: AbortSignal) => Promise<void>
  readonly hangUp: (reason: Error) => void
}

/** Begins at once; returns a function that ends it. */
export function startPulse(link: Beating, { clock, ping, hangUp }: PulseParts): () => void {
  let controller = new AbortController()
  let cancelTimer = () => {}
  let stopped = false

  const beat = async () => {
    controller = new AbortController()
    const cancelDeadline = clock.after(PING_MS, () => controller.abort(new Error('no answer to a ping')))
    const begun = clock.now()
    try {
      await ping(controller.signal)
      link.latencyMs = clock.now() - begun
      link.heardAt = clock.now()
    } catch (cause) {
      const silentMs = clock.now() - link.heardAt
      if (!stopped && silentMs >= PEER_SILENT_MS) hangUp(new Error(`silent for ${silentMs} ms`, { cause }))
    } finally {
      cancelDeadline()
    }
    if (!stopped) cancelTimer = clock.after(PING_MS, () => void beat())
  }
  void beat()

  return () => {
    stopped = true
    cancelTimer()
    controller.abort(new Error('stopped'))
  }
}
