// Bytes a second over the last few seconds.

import type { Clock } from '../clock.ts'

const SPAN_MS = 5_000
const SLOT_MS = 250

export class RateMeter {
  readonly #clock: Clock
  readonly #slots: { at: number; bytes: number }[] = []
  readonly #since: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#since = clock.monotonic()
  }

  add(bytes: number): void {
    const now = this.#clock.monotonic()
    const last = this.#slots.at(-1)
    if (last !== undefined && now - last.at < SLOT_MS) last.bytes += bytes
    else this.#slots.push({ at: now, bytes })
    while ((this.#slots[0]?.at ?? now) < now - SPAN_MS) this.#slots.shift()
  }

  perSecond(): number {
    const now = this.#clock.monotonic()
    const recent = this.#slots.filter(slot => slot.at >= now - SPAN_MS)
    const span = Math.max(SLOT_MS, Math.min(SPAN_MS, now - this.#since))
    return Math.round((recent.reduce((sum, slot) => sum + slot.bytes, 0) * 1000) / span)
  }
}
