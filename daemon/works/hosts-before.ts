// The works that programs hosted here when this daemon's earlier life ended: calls of them wait until their hosts are back, as long as
// those have for it. Losing this memory only costs that patience, so a disk that does not take it keeps nobody from hosting.

import { HOST_BACK_MS } from '../../proto/limits.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { type Database, del, put } from '../store/database.ts'
import type { CallIdentity } from './call.ts'
import { cancelled } from './outcomes.ts'

/** Names of works on the disk. */
export interface HostedNames {
  list(): Promise<string[]>
  put(work: string): Promise<void>
  remove(works: readonly string[]): Promise<void>
}

export interface HostsBeforeParts {
  readonly names: HostedNames
  readonly clock: Pick<Clock, 'after'>
  readonly log: Log
}

interface Waiting extends Pick<CallIdentity, 'id' | 'caller'> {
  readonly goOn: () => void
  readonly cancel: () => void
}

export class HostsBefore {
  readonly #parts: HostsBeforeParts
  /** By work, the calls that wait for its host. */
  readonly #awaited = new Map<string, Set<Waiting>>()
  #cancel: () => void = () => undefined

  constructor(parts: HostsBeforeParts) {
    this.#parts = parts
  }

  async open(): Promise<void> {
    for (const work of await this.#parts.names.list()) this.#awaited.set(work, new Set())
  }

  /** Hosts can come from now on, and have a while to do so. */
  start(): void {
    if (this.#awaited.size === 0) return
    this.#cancel = this.#parts.clock.after(HOST_BACK_MS, () => {
      const absent = [...this.#awaited.keys()]
      this.#release()
      void this.#kept(this.#parts.names.remove(absent))
    })
  }

  /**
   * Resolves when a work that was hosted before is hosted again, or when it is too late for that; of any other, at once. ABORTED
   * when the call that waits for it is cancelled.
   */
  async back({ id, work, caller }: CallIdentity): Promise<void> {
    const waiting = this.#awaited.get(work)
    if (waiting === undefined) return
    await new Promise<void>((goOn, reject) =>
      waiting.add({ id, caller, goOn, cancel: () => reject(cancelled({ work })) })
    )
  }

  /** Ends the wait of a call. False where none of this caller waits under that id. */
  cancel(id: string, caller: string): boolean {
    const all = [...this.#awaited.values()].flatMap(waiting => [...waiting])
    const meant = all.filter(one => one.id === id && one.caller === caller)
    for (const one of meant) one.cancel()
    return meant.length > 0
  }

  /** A program is about to host it. */
  async coming(work: string): Promise<void> {
    await this.#kept(this.#parts.names.put(work))
  }

  /** A program hosts it. */
  came(work: string): void {
    for (const { goOn } of this.#awaited.get(work) ?? []) goOn()
    this.#awaited.delete(work)
  }

  /** No program hosts it any more, while this daemon runs on. */
  left(work: string): void {
    void this.#kept(this.#parts.names.remove([work]))
  }

  stop(): void {
    this.#cancel()
    this.#release()
  }

  #release(): void {
    for (const work of this.#awaited.keys()) this.came(work)
  }

  async #kept(write: Promise<void>): Promise<void> {
    try {
      await write
    } catch (error) {
      this.#parts.log.warn('which works are hosted here could not be written down', { error })
    }
  }
}

/** The names in the store's database. */
export function hostedNames(database: Database): HostedNames {
  const names = database.table<true>('hosted-works')
  return {
    list: () => names.keys().all(),
    put: work => database.note([put(names, work, true)]),
    remove: works => database.note(works.map(work => del(names, work)))
  }
}
