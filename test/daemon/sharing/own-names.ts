// Names of one node for tests of what is kept for them: the rules of the catalogue's window, in memory.

import type { CID } from 'multiformats/cid'
import type { VersionRecord } from '../../../daemon/catalogue/record.ts'
import type { OwnCatalogue, OwnPublished, OwnVersion } from '../../../daemon/sharing/own.ts'
import type { Write } from '../../../daemon/store/database.ts'
import { PathmeshError } from '../../../proto/errors.ts'

export class OwnNames implements OwnCatalogue {
  readonly own = this
  readonly self = 'self'
  /** Versions of each name that keep their roots, the newest first. */
  readonly windows = new Map<string, VersionRecord[]>()
  /** Fails the next publish, as a conflict of names does. */
  refuse: PathmeshError | undefined

  async publish<T>(
    { name, root, kind, size, meta, keep }: OwnVersion,
    commit: (published: OwnPublished) => Promise<T>
  ): Promise<T> {
    if (this.refuse !== undefined) throw this.refuse
    const window = this.windows.get(name) ?? []
    const [newest] = window
    if (newest?.root.equals(root) === true) return commit({ record: newest, unchanged: true, writes: [], released: [] })
    const seq = (newest?.seq ?? 0) + 1
    const base = { origin: this.self, number: seq, name, seq, time: 1 }
    const record: VersionRecord = { ...base, type: 'version', root, kind, size, meta, of: null, encoding: null }
    const after = new Map(this.windows).set(name, [record, ...window].slice(0, keep))
    const released = window.map(version => version.root).filter(gone => !isNamed(gone, after))
    const result = await commit({ record, unchanged: false, writes: [], released })
    this.windows.set(name, after.get(name) ?? [])
    return result
  }

  async retire<T>(
    name: string,
    commit: (
      retirement: { seq: number },
      retired: VersionRecord,
      writes: readonly Write[],
      released: readonly CID[]
    ) => Promise<T>
  ): Promise<T> {
    const window = this.windows.get(name) ?? []
    const [newest] = window
    if (newest === undefined) throw new PathmeshError('NOT_FOUND', name)
    const after = new Map(this.windows)
    after.delete(name)
    const released = window.map(version => version.root).filter(gone => !isNamed(gone, after))
    const result = await commit({ seq: newest.seq + 1 }, newest, [], released)
    this.windows.delete(name)
    return result
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
}

const isNamed = (root: CID, windows: ReadonlyMap<string, readonly VersionRecord[]>): boolean =>
  [...windows.values()].flat().some(version => version.root.equals(root))
