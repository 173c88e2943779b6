// Which roots own names keep: of each name those of its newest versions, as many as were asked for. What no name keeps any
// more is told, once. It decides nothing about bytes.

import { CID } from 'multiformats/cid'
import { readRootKey, rootKey, startingWith } from './keys.ts'
import type { VersionRecord } from './record.ts'
import type { Records } from './records.ts'

/** What it takes to let versions go, and their roots that nothing keeps then. */
export interface LetGo<Write> {
  readonly writes: readonly Write[]
  /** Roots of versions that go, whether or not something else keeps them. */
  readonly gone: readonly CID[]
  readonly released: readonly CID[]
}

type OwnVersion = Pick<VersionRecord, 'name' | 'origin' | 'root' | 'seq'>

interface KeepOptions {
  /** Versions that are kept, the newest included. */
  readonly keep: number
  /** The root that it lies in, if that is another. */
  readonly within?: CID | undefined
  /** Whether the name never had a version. */
  readonly isNew?: boolean
}

export class OwnRoots<Write> {
  readonly #records: Records<Write>

  constructor(records: Records<Write>) {
    this.#records = records
  }

  /** Own names of which some version that is kept has this root. */
  async namesOf(root: CID): Promise<string[]> {
    const names = new Set<string>()
    for await (const { name } of this.#keepers(root)) names.add(name)
    return [...names]
  }

  /**
   * Keeps a new version, and lets go those of its name beyond the newest `keep`, and all of the `retired`. What is `within`
   * another root keeps that one too: it may lie nowhere else.
   */
  async replace(
    version: OwnVersion,
    { keep, within = version.root, isNew = false }: KeepOptions,
    retired: readonly VersionRecord[]
  ): Promise<LetGo<Write>> {
    const { root } = version
    const window = isNew ? [] : (await this.#versions(version)).slice(Math.max(0, keep - 1))
    const letGo = await this.#letGo([...window, ...(await this.#all(retired))], [root, within])
    return { ...letGo, writes: [...letGo.writes, ...this.#keep(version, version.seq, within)] }
  }

  /** Lets go every version of these names. */
  async retire(retired: readonly VersionRecord[]): Promise<LetGo<Write>> {
    return this.#letGo(await this.#all(retired))
  }

  /** What was said once more, with another number, keeps what it kept. */
  async move(version: VersionRecord, to: number): Promise<Write[]> {
    const { name, root, seq } = version
    const { roots } = this.#records.tables
    const bytes = await roots.get(rootKey(root.bytes, name, seq))
    const within = bytes === undefined || bytes.length === 0 ? root : CID.decode(bytes)
    const old = [root, within].map(kept => roots.del(rootKey(kept.bytes, name, seq)))
    return [...old, ...this.#keep(version, to, within)]
  }

  /** A row for each root; that of the version says in which other it lies. */
  #keep({ name, root }: Pick<OwnVersion, 'name' | 'root'>, seq: number, within: CID): Write[] {
    const { roots } = this.#records.tables
    if (within.toString() === root.toString()) return [roots.put(rootKey(root.bytes, name, seq), EMPTY)]
    return [roots.put(rootKey(within.bytes, name, seq), EMPTY), roots.put(rootKey(root.bytes, name, seq), within.bytes)]
  }

  async #letGo(versions: readonly VersionRecord[], published: readonly CID[] = []): Promise<LetGo<Write>> {
    const { roots } = this.#records.tables
    if (versions.length === 0) return { writes: [], gone: [], released: [] }
    const rows = await roots.getMany(versions.map(({ root, name, seq }) => rootKey(root.bytes, name, seq)))
    // Those that were let go before are remembered still, and not told of again.
    const gone = versions.flatMap((version, i) => {
      const row = rows[i]
      if (row === undefined) return []
      return [{ version, roots: row.length === 0 ? [version.root] : [version.root, CID.decode(row)] }]
    })
    const released = new Map<string, CID>()
    for (const root of gone.flatMap(({ roots: kept }) => kept)) {
      if (published.some(other => other.equals(root)) || released.has(root.toString())) continue
      let isKept = false
      for await (const { name, seq } of this.#keepers(root))
        isKept ||= !gone.some(({ version }) => version.name === name && version.seq === seq)
      if (!isKept) released.set(root.toString(), root)
    }
    const writes = gone.flatMap(({ version: { name, seq }, roots: kept }) =>
      kept.map(root => roots.del(rootKey(root.bytes, name, seq)))
    )
    return { writes, gone: gone.flatMap(({ roots: kept }) => kept), released: [...released.values()] }
  }

  async #all(retired: readonly VersionRecord[]): Promise<VersionRecord[]> {
    return (await Promise.all(retired.map(version => this.#versions(version)))).flat()
  }

  /** Versions of a name that are known, the latest first. */
  async #versions({ name, origin }: Pick<OwnVersion, 'name' | 'origin'>): Promise<VersionRecord[]> {
    const newest = (await this.#records.get(name, origin))?.record
    const versions = newest?.type === 'version' ? [newest] : []
    for await (const { record } of this.#records.history(name, origin))
      if (record.type === 'version') versions.push(record)
    return versions
  }

  async *#keepers(root: CID): AsyncGenerator<{ name: string; seq: number }> {
    for await (const [key] of this.#records.tables.roots.iterator(startingWith(root.bytes)))
      yield readRootKey(key, root.bytes)
  }
}

const EMPTY = new Uint8Array(0)
