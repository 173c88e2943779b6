// A list of callbacks for one kind of news. One that throws is logged and does not keep the others from hearing.

import type { Log } from './ports.ts'

export class Listeners<T> {
  readonly #log: Log
  readonly #listeners = new Set<(news: T) => void>()

  constructor(log: Log) {
    this.#log = log
  }

  /** Returns a function that removes it. */
  add(listener: (news: T) => void): () => void {
    const own = (news: T) => listener(news)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  tell(news: T): void {
    for (const listener of this.#listeners) {
      try {
        listener(news)
      } catch (error) {
        this.#log.error('listener failed', { error })
      }
    }
  }
}
