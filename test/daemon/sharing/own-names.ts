// Names of one node for tests of what is kept for them: the rules of the catalogue's window, in memory.

import type { CID } from 'multiformats/cid'
import type { Draft, GoAlong, NewVersion, Published } from '../../../daemon/catalogue/own-publications.ts'
import type { RetirementRecord, VersionRecord } from '../../../daemon/catalogue/record.ts'
import type { OwnCatalogue } from '../../../daemon/sharing/own.ts'
import type { Write } from '../../../daemon/store/database.ts'
import { PathmeshError } from '../../../proto/errors.ts'

export interface OwnNamesParts {
  readonly commit: (writes: readonly Write[]) => Promise<void>
  readonly holding: (run: () => Promise<void>) => Promise<void>
}

export class OwnNames implements OwnCatalogue {
  readonly own = this
  readonly self = 'self'
  /** Versions of each name that keep their roots, the newest first. */
  readonly windows = new Map<string, VersionRecord[]>()
  readonly #parts: OwnNamesParts
  /** Fails the next publish, as a conflict of names does. */
  refuse: PathmeshError | undefined

  constructor(parts: OwnNamesParts) {
    this.#parts = parts
  }

  async admit(): Promise<void> {
    if (this.refuse !== undefined) throw this.refuse
  }

  async publish(
    { name, root, kind, size, meta, keep = 1 }: NewVersion,
    along: GoAlong<Write> = nothing
  ): Promise<Published> {
    if (this.refuse !== undefined) throw this.refuse
    const window = this.windows.get(name) ?? []
    const [newest] = window
    if (newest?.root.equals(root) === true) {
      await this.#write({ unchanged: true, released: [] }, along)
      return { record: newest, unchanged: true, retired: [], released: [] }
    }
    const seq = (newest?.seq ?? 0) + 1
    const base = { origin: this.self, number: seq, name, seq, time: 1 }
    const record: VersionRecord = {
      ...base,
      type: 'version',
      root,
      kind,
      size,
      meta: meta ?? null,
      of: null,
      encoding: null
    }
    const after = new Map(this.windows).set(name, [record, ...window].slice(0, keep))
    const released = window.map(version => version.root).filter(gone => !isNamed(gone, after))
    await this.#write({ unchanged: false, released }, along)
    this.windows.set(name, after.get(name) ?? [])
    return { record, unchanged: false, retired: [], released }
  }

  async retire(name: string, along: GoAlong<Write> = nothing): Promise<RetirementRecord> {
    const [newest, ...others] = this.windows.get(name) ?? []
    if (newest === undefined) throw new PathmeshError('NOT_FOUND', name)
    const after = new Map(this.windows)
    after.delete(name)
    const released = [newest, ...others].map(version => version.root).filter(gone => !isNamed(gone, after))
    await this.#write({ unchanged: false, released }, along)
    this.windows.delete(name)
    return { type: 'retirement', origin: this.self, number: newest.seq + 1, name, seq: newest.seq + 1, time: 1 }
  }

  async namesOf(root: CID): Promise<string[]> {
    return [...this.windows].flatMap(([name, window]) => (isNamed(root, new Map([[name, window]])) ? [name] : []))
  }

  async known(name: string): Promise<VersionRecord[]> {
    return this.windows.get(name)?.slice(0, 1) ?? []
  }

  originsCalled(): string[] {
    return [this.self]
  }

  #write(draft: Draft, along: GoAlong<Write>): Promise<void> {
    return this.#parts.holding(async () => {
      const { writes, apply } = await along(draft)
      if (writes.length > 0) await this.#parts.commit(writes)
      apply?.()
    })
  }
}

const nothing = async () => ({ writes: [] })
const isNamed = (root: CID, windows: ReadonlyMap<string, readonly VersionRecord[]>): boolean =>
  [...windows.values()].flat().some(version => version.root.equals(root))
