// The directory that a watch stands on, and whether it is still the one that it was. What vanished with it, or with the file
// system it lay on, was not deleted. Refuses to guess: on another device it stays away.

import type { BigIntStats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { PathmeshError, toPathmeshError } from '../../../proto/errors.ts'

export class WatchedRoot {
  readonly directory: string
  readonly dev: bigint
  #ino: bigint

  private constructor(directory: string, { dev, ino }: BigIntStats) {
    this.directory = directory
    this.dev = dev
    this.#ino = ino
  }

  /** NOT_FOUND, DENIED and so on as the operating system says. */
  static async open(directory: string): Promise<WatchedRoot> {
    try {
      return new WatchedRoot(directory, await stat(directory, { bigint: true }))
    } catch (error) {
      throw toPathmeshError(error, `watching ${directory}`)
    }
  }

  /** Why nothing that is missing may be taken for deleted; undefined while the directory is where and what it was. */
  async fault(): Promise<PathmeshError | undefined> {
    const found = await this.#look()
    if (found instanceof PathmeshError) return found
    if (found.ino === this.#ino) return undefined
    return this.#gone('was replaced by another directory', 'it is watched from now on')
  }

  /** Whether the path leads to a directory of the same file system again, which is watched from then on. */
  async isBack(): Promise<boolean> {
    const found = await this.#look()
    if (found instanceof PathmeshError) return false
    this.#ino = found.ino
    return true
  }

  async #look(): Promise<BigIntStats | PathmeshError> {
    const advice = 'put it back, or mount its file system again, and the watch goes on'
    try {
      const stats = await stat(this.directory, { bigint: true })
      if (stats.dev !== this.dev)
        return this.#gone('lies on another file system now', `${advice}; or end the watch and start it anew`)
      return stats.isDirectory() ? stats : this.#gone('is no directory any more', advice)
    } catch (error) {
      return this.#gone('cannot be reached', advice, error)
    }
  }

  #gone(what: string, advice: string, cause?: unknown): PathmeshError {
    const message = `the watched folder ${this.directory} ${what}; nothing is published or retired: ${advice}`
    return new PathmeshError('NOT_FOUND', message, { cause })
  }
}
