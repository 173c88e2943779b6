// What swarm needs of the rest of the daemon: time, chance, a log and a place to remember members.
// Declared here and handed in, so that supervision runs under a virtual clock.

export interface Clock {
  now(): number
  /** Runs `run` once after `ms`; returns a function that cancels it. */
  after(ms: number, run: () => void): () => void
}

/** A number in [0, 1). */
export type Random = () => number

export interface Log {
  debug(event: string, facts?: Record<string, unknown>): void
  info(event: string, facts?: Record<string, unknown>): void
  warn(event: string, facts?: Record<string, unknown>): void
  error(event: string, facts?: Record<string, unknown>): void
}

/** A peer that once completed a handshake of this mesh. `lastSeen` is milliseconds since 1970. */
export interface Member {
  readonly peerId: string
  readonly addresses: readonly string[]
  readonly lastSeen: number | null
}

export interface MemberStore {
  list(): AsyncIterable<Member>
  put(member: Member): Promise<void>
}
