// Events on their way to whoever reads a watch. Of each subject only the newest is kept, and of all only so many, so that a slow
// reader costs no memory; a reader that must know every version asks the catalogue.

import type { Clock } from '../../clock.ts'
import type { FolderEvent } from '../../../proto/api.ts'
import { Alarm } from './alarm.ts'

/** Events that wait for their reader: each is some hundred bytes. The oldest go first. */
const EVENTS_WAITING_MAX = 1_000

export class Outbox {
  readonly #clock: Pick<Clock, 'after'>
  readonly #alarm = new Alarm()
  readonly #waiting = new Map<string, FolderEvent>()

  constructor(clock: Pick<Clock, 'after'>) {
    this.#clock = clock
  }

  /** Takes the place of what waits under the same subject. */
  put(subject: string, event: FolderEvent): void {
    this.#waiting.delete(subject)
    this.#waiting.set(subject, event)
    if (this.#waiting.size > EVENTS_WAITING_MAX) {
      for (const oldest of this.#waiting.keys()) {
        this.#waiting.delete(oldest)
        break
      }
    }
    this.#alarm.ring()
  }

  /** Events as they come, until the signal is aborted. */
  async *drain(signal: AbortSignal): AsyncGenerator<FolderEvent> {
    while (!signal.aborted) {
      for (const [subject, event] of this.#waiting) {
        this.#waiting.delete(subject)
        yield event
        if (signal.aborted) return
      }
      await this.#alarm.wait(this.#clock, Infinity, signal)
    }
  }
}
