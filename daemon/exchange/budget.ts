// What all transfers of a node may have under way: bytes that were asked for and are not yet written. It is what they cost in
// memory, and it is shared evenly between those that run.

import { WINDOW_ALL_BYTES, WINDOW_TRANSFER_BYTES } from '../../proto/limits.ts'

export class Budget {
  readonly #users = new Set<object>()

  /** Bytes that each of them may have under way. */
  get share(): number {
    return Math.max(WINDOW_TRANSFER_BYTES, Math.floor(WINDOW_ALL_BYTES / Math.max(1, this.#users.size)))
  }

  join(user: object): void {
    this.#users.add(user)
  }

  leave(user: object): void {
    this.#users.delete(user)
  }
}
