// A few MiB of the disk that are kept for the index: given up when a write failed for want of room, so that the index can
// be opened again and what is here can still be found, served and removed; taken back when there is room.

import { open, rm, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { RESERVE_BYTES } from '../../proto/limits.ts'

export class Reserve {
  readonly #path: string
  #held = false

  constructor(path: string) {
    this.#path = path
  }

  get isHeld(): boolean {
    return this.#held
  }

  /** Takes it, if there is room for it and as much again. */
  async take(): Promise<void> {
    const { bavail, bsize } = await statfs(dirname(this.#path))
    if (bavail * bsize < 2 * RESERVE_BYTES) return
    try {
      const handle = await open(this.#path, 'w', 0o600)
      try {
        await handle.writeFile(Buffer.alloc(RESERVE_BYTES))
        this.#held = true
      } finally {
        await handle.close()
      }
    } catch {
      // It was not to be had; then it is not held, and is tried again later.
      await this.giveUp()
    }
  }

  async giveUp(): Promise<void> {
    this.#held = false
    await rm(this.#path, { force: true })
  }
}
