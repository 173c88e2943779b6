// The disk of a simulated node: which branches and leaves are on it. It outlives restarts, and takes no wrong byte.

import type { CID } from 'multiformats/cid'
import { leafCount, type Branch } from '../../../daemon/content/file-dag.ts'
import type { Destination, SessionSink } from '../../../daemon/exchange/session-types.ts'
import { Ledger } from '../../../daemon/store/ledger.ts'
import { Violation } from '../oracle.ts'
import type { SimContent } from './content.ts'

export class SimDestination implements Destination<boolean> {
  readonly ledger = new Ledger()
  readonly #kept = new Set<string>()
  readonly #content: SimContent
  readonly #id: string
  readonly #fail: (error: unknown) => void
  /** Files of several leaves that were finished. */
  #wholeFiles = 0

  /** `fail` ends the simulation: what the exchange makes of an error is its own affair. */
  constructor(id: string, content: SimContent, fail: (error: unknown) => void) {
    this.#fail = fail
    this.#id = id
    this.#content = content
  }

  keepsBranch(cid: CID): boolean {
    return this.#kept.has(cid.toString())
  }

  readonly branches = {
    get: (cid: CID) => this.#branch(cid),
    getMany: (cids: readonly CID[]) => Promise.all(cids.map(cid => this.#branch(cid))),
    keep: async (blocks: readonly Branch[]) => {
      for (const { cid } of blocks) this.#kept.add(cid.toString())
    }
  }

  async needSpace(): Promise<void> {}

  async local(cids: readonly CID[]): Promise<undefined[]> {
    return cids.map(() => undefined)
  }

  async unfinished(): Promise<undefined> {}

  async open(): Promise<SessionSink> {
    let isClosed = false
    const write = (ordinal: number, bytes: Uint8Array | null): void => {
      const right = this.#content.byOrdinal[ordinal]
      if (isClosed) throw this.#violation(`${this.#id} writes after its end`)
      if (right === undefined || bytes === null || (bytes !== right && Buffer.compare(bytes, right) !== 0))
        throw this.#violation(`${this.#id} writes wrong bytes at ${ordinal}`)
      this.ledger.add(ordinal)
    }
    const { ledger } = this
    return {
      suspect: false,
      ledger,
      bytes: 0,
      at: path => path,
      target: async () => undefined,
      smallTargets: async () => undefined,
      looked: () => undefined,
      wrote: async () => undefined,
      makeDirectory: async () => undefined,
      writeSmall: async files => {
        for (const { ordinal, bytes } of files) write(ordinal, bytes)
      },
      writeLeaf: async ({ ordinal, bytes }) => write(ordinal, bytes),
      read: async () => undefined,
      finishLarge: async (_path, size) => {
        const { first } = this.#content
        for (let index = 0; index < leafCount(size); index++)
          if (!ledger.has(first + index)) throw this.#violation(`${this.#id} finishes a file that lacks leaf ${index}`)
        this.#wholeFiles++
      },
      checkpoint: async () => undefined,
      close: async () => void (isClosed = true)
    }
  }

  async finish(): Promise<boolean> {
    const { byOrdinal, leaves } = this.#content
    if (this.ledger.count !== byOrdinal.length)
      throw this.#violation(`${this.#id} finishes with ${this.ledger.count} leaves of ${byOrdinal.length}`)
    if (leaves.length > 1 && this.#wholeFiles === 0) throw this.#violation(`${this.#id} finished no file`)
    return true
  }

  #violation(what: string): Violation {
    const violation = new Violation(what)
    this.#fail(violation)
    return violation
  }

  async #branch(cid: CID): Promise<Uint8Array | undefined> {
    return this.keepsBranch(cid) ? this.#content.branches.get(cid) : undefined
  }
}
