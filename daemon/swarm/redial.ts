// When which member is dialled: at once, then again and again with growing pauses, a bounded number at a time.
// Knows no network: it is told who is wanted, connected or lost, and is handed a `dial`.
//
//   want/lost ──> waiting ──due──> dialling ──> (connected: forgotten here)
//                    ^                │
//                    └── pause x 2 ───┘ failed

import { toPathmeshError } from '../../proto/errors.ts'
import { DIALS_AT_ONCE, REDIAL_FIRST_MS, REDIAL_LAST_MS } from '../../proto/limits.ts'
import type { Clock, Log, Random } from './ports.ts'

export interface RedialParts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly dial: (peer: string) => Promise<void>
  /** Whether to go on after this failure. */
  readonly goesOn: (peer: string, failures: number) => boolean
}

interface Entry {
  pauseMs: number
  /** Null while dialling. */
  dueAt: number | null
  failures: number
  lastError: string | undefined
}

export interface RedialState {
  readonly nextDialAt?: number
  readonly lastError?: string
}

export class Redial {
  readonly #parts: RedialParts
  readonly #entries = new Map<string, Entry>()
  #dialling = 0
  #cancelTimer = () => {}
  #stopped = false

  constructor(parts: RedialParts) {
    this.#parts = parts
  }

  /** Begins to dial `peer`, unless that has begun; the first time within REDIAL_FIRST_MS, so that not all come at once. */
  want(peer: string): void {
    if (this.#stopped || this.#entries.has(peer)) return
    const dueAt = this.#parts.clock.now() + this.#parts.random() * REDIAL_FIRST_MS
    this.#entries.set(peer, { pauseMs: REDIAL_FIRST_MS, dueAt, failures: 0, lastError: undefined })
    this.#pump()
  }

  /** Dials a waiting peer now: there is a new address. Its pauses grow on. */
  hurry(peer: string): void {
    const entry = this.#entries.get(peer)
    if (entry === undefined || entry.dueAt === null) return
    entry.dueAt = this.#parts.clock.now()
    this.#pump()
  }

  /** `peer` is connected, or no longer wanted. */
  forget(peer: string): void {
    this.#entries.delete(peer)
  }

  state(peer: string): RedialState {
    const entry = this.#entries.get(peer)
    if (entry === undefined) return {}
    return {
      ...(entry.dueAt === null ? {} : { nextDialAt: entry.dueAt }),
      ...(entry.lastError === undefined ? {} : { lastError: entry.lastError })
    }
  }

  stop(): void {
    this.#stopped = true
    this.#entries.clear()
    this.#cancelTimer()
  }

  #pump(): void {
    this.#cancelTimer()
    const now = this.#parts.clock.now()
    let next = Infinity
    for (const [peer, entry] of this.#entries) {
      if (entry.dueAt === null) continue
      if (entry.dueAt > now) next = Math.min(next, entry.dueAt)
      else if (this.#dialling < DIALS_AT_ONCE) void this.#dial(peer, entry)
    }
    // Those that are due and found no room are taken when a dial ends.
    if (next < Infinity) this.#cancelTimer = this.#parts.clock.after(next - now, () => this.#pump())
  }

  async #dial(peer: string, entry: Entry): Promise<void> {
    this.#dialling++
    entry.dueAt = null
    try {
      await this.#parts.dial(peer)
      // Connected, and so forgotten; or connected and lost since, and so wanted anew.
      if (this.#entries.get(peer) === entry) this.#entries.delete(peer)
    } catch (error) {
      if (this.#entries.get(peer) === entry) this.#failed(peer, entry, error)
    } finally {
      this.#dialling--
      if (!this.#stopped) this.#pump()
    }
  }

  #failed(peer: string, entry: Entry, error: unknown): void {
    const { clock, random, log, goesOn } = this.#parts
    const { message, code } = toPathmeshError(error, `dialling ${peer}`)
    entry.failures++
    entry.lastError = message
    if (!goesOn(peer, entry.failures)) {
      this.#entries.delete(peer)
      log.debug('dial given up', { peer, code, message })
      return
    }
    const pauseMs = entry.pauseMs * (0.5 + random() / 2)
    entry.dueAt = clock.now() + pauseMs
    entry.pauseMs = Math.min(2 * entry.pauseMs, REDIAL_LAST_MS)
    log.debug('dial failed', { peer, code, message, failures: entry.failures, pauseMs })
  }
}
