// What this node says: of its names, the works it is the home of, and itself. Each record has the next number of this origin,
// one at a time, so that no number is used twice. Refuses names inside published ones.

import type { CID } from 'multiformats/cid'
import type { Meta } from '../../proto/api.ts'
import type { Encoding } from '../../proto/codec.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { KEPT_VERSIONS, NUMBER_STEP_MAX } from '../../proto/limits.ts'
import { OwnLosses } from './own-losses.ts'
import { OwnRoots } from './own-roots.ts'
import { namesAbove } from './paths.ts'
import {
  type CatalogueRecord,
  type NameRecord,
  type NodeRecord,
  type RecordBase,
  type Signed,
  type Signer,
  signRecord,
  type Source,
  type VersionRecord
} from './record.ts'
import type { Records } from './records.ts'

export interface OwnRecordsComponents<Write> {
  readonly records: Records<Write>
  readonly signer: Signer
  /** The mesh's public key. */
  readonly mesh: Uint8Array
  readonly clock: { now(): number }
  /** A node's human name, for messages. */
  nodeName(peerId: string): string | undefined
  /** Resolves once this node may count on: others have shown it what it may have lost, or there is nobody to ask. */
  mayNumber(): Promise<void>
}

export interface NewVersion {
  readonly name: string
  readonly root: CID
  readonly kind: 'file' | 'directory'
  readonly size: number
  readonly meta: Meta | null
  readonly of?: Source | null
  readonly encoding?: Encoding | null
  /** Versions of this name that are kept, the newest included. */
  readonly keep?: number
  /** The root that it lies in, if that is another: kept for as long. */
  readonly within?: CID
}

export interface Published<Write> {
  readonly record: VersionRecord
  /** Nothing new: the newest version says the same. */
  readonly unchanged: boolean
  /** Names that lay inside a directory and are retired with this. */
  readonly retired: readonly NameRecord[]
  /** Roots that no own name keeps any more. */
  readonly released: readonly CID[]
  readonly writes: readonly Write[]
}

/** What a record says, less what this node fills in. */
type Saying<R extends CatalogueRecord = CatalogueRecord> = R extends CatalogueRecord
  ? Omit<R, Exclude<keyof RecordBase, 'name'>>
  : never

export class OwnRecords<Write> {
  readonly #parts: OwnRecordsComponents<Write>
  readonly #roots: OwnRoots<Write>
  readonly #losses: OwnLosses<Write>
  #confirmed = 0

  constructor(parts: OwnRecordsComponents<Write>) {
    this.#parts = parts
    this.#roots = new OwnRoots(parts.records)
    this.#losses = new OwnLosses(parts.records, parts.signer.peerId)
  }

  async open(): Promise<void> {
    const { records, signer } = this.#parts
    const last = records.head(signer.peerId).number
    this.#confirmed = Math.min((await records.tables.confirmed.get()) ?? last, last)
    this.#losses.open(this.#confirmed)
    await records.tables.commit([records.tables.confirmed.put(this.#confirmed)])
  }

  /** Somebody else has everything that this node has said, up to this number. */
  confirm(number: number): void {
    this.#confirmed = Math.max(this.#confirmed, number)
  }

  /**
   * Makes the next version of an own name and hands its writes to `commit`, which puts them on the disk together with what
   * they speak of. NAME_CONFLICT if the name lies inside a published one, or is a file and contains one.
   */
  publish<T>(version: NewVersion, commit: (published: Published<Write>) => Promise<T>): Promise<T> {
    const { records, signer } = this.#parts
    return this.#inTurn(async () => {
      const { name, root, kind, size, meta, of = null, encoding = null, keep = KEPT_VERSIONS, within } = version
      const before = (await records.get(name, signer.peerId))?.record
      if (before?.type === 'version' && saysTheSame(before, version))
        return commit({ record: before, unchanged: true, retired: [], released: [], writes: [] })
      const inside = await this.#conflicts(name, kind)
      const said = await this.#say([
        ...inside.map(retired => ({ type: 'retirement' as const, name: retired.name })),
        { type: 'version', name, root, kind, size, meta, of, encoding }
      ])
      const record = said.at(-1)?.record
      if (record?.type !== 'version') throw new TypeError(`${name} did not become a version`)
      const staged = await this.#stage(said)
      const { writes, released } = await this.#roots.replace(record, { keep, within }, inside)
      const result = await commit({
        record,
        unchanged: false,
        retired: inside,
        released,
        writes: [...staged.writes, ...writes]
      })
      staged.apply()
      return result
    })
  }

  /** Retires an own name. NOT_FOUND if it is not published, NOT_ORIGIN if only another node publishes it. */
  retire<T>(
    name: string,
    commit: (
      retirement: NameRecord,
      retired: VersionRecord,
      writes: readonly Write[],
      released: readonly CID[]
    ) => Promise<T>
  ): Promise<T> {
    const { records, signer } = this.#parts
    return this.#inTurn(async () => {
      const known = (await records.get(name, signer.peerId))?.record
      if (known?.type !== 'version') throw await this.#notOurs(name)
      const said = await this.#say([{ type: 'retirement', name }])
      const staged = await this.#stage(said)
      const { writes, released } = await this.#roots.retire([known])
      const [retirement] = said
      if (retirement?.record.type !== 'retirement') throw new TypeError(`${name} was not retired`)
      const result = await commit(retirement.record, known, [...staged.writes, ...writes], released)
      staged.apply()
      return result
    })
  }

  /** Claims a work: this node is its home from now on. */
  claim(work: string, epoch: number): Promise<void> {
    return this.#inTurn(async () => this.#keep(await this.#say([{ type: 'claim', name: work, epoch }])))
  }

  /** Tells of this node, if what was told before is not so any more. */
  announce(node: Pick<NodeRecord, 'called' | 'software' | 'addresses'>): Promise<void> {
    const { records, signer } = this.#parts
    return this.#inTurn(async () => {
      const told = (await records.get('', signer.peerId))?.record
      if (told?.type === 'node' && told.called === node.called && told.software === node.software) {
        const known = new Set(told.addresses)
        if (known.size === node.addresses.length && node.addresses.every(address => known.has(address))) return
      }
      await this.#keep(await this.#say([{ type: 'node', name: '', ...node }]))
    })
  }

  /**
   * Keeps own records that somebody else had: this node lost them, because its folder is a backup, or its key is used twice.
   * It counts on from the highest, and says again what it has said since and they would take the place of.
   */
  adopt(incoming: readonly Signed[]): Promise<readonly Signed[]> {
    const { records, signer } = this.#parts
    return records.exclusively(async () => {
      const lost = await this.#losses.of(incoming)
      const highest = incoming.reduce((most, { record }) => Math.max(most, record.number), 0)
      const again = await this.#say(lost, incoming, highest)
      const last = again.at(-1)?.record.number ?? highest
      const staged = await records.stage([...incoming, ...again], { origin: signer.peerId, number: last })
      const moved: Write[] = []
      for (const [i, record] of lost.entries())
        if (record.type === 'version')
          moved.push(...(await this.#roots.move(record, again[i]?.record.seq ?? record.seq)))
      if (staged.writes.length > 0) await records.tables.commit([...staged.writes, ...moved])
      staged.apply()
      this.#losses.adopted(staged.changes, again)
      return staged.changes
    })
  }

  /** Own names that keep a root: it is the newest of them, or among those that are kept. */
  namesOf(root: CID): Promise<string[]> {
    return this.#roots.namesOf(root)
  }

  // --- in common ---------------------------------------------------------------------------------------------------

  async #inTurn<T>(run: () => Promise<T>): Promise<T> {
    await this.#parts.mayNumber()
    return this.#parts.records.exclusively(run)
  }

  /** Signs what is to be said, with the numbers that follow. */
  async #say(all: readonly Saying[], besides: readonly Signed[] = [], above = 0): Promise<Signed[]> {
    const { records, signer, mesh, clock } = this.#parts
    let number = Math.max(records.head(signer.peerId).number, above)
    if (number > Number.MAX_SAFE_INTEGER - NUMBER_STEP_MAX)
      throw new PathmeshError(
        'CORRUPT',
        'the numbers of this node are used up, by somebody who has its key: move its folder away to become a new node'
      )
    const said: Signed[] = []
    for (const saying of all) {
      const known = (await records.get(saying.name, signer.peerId))?.record.seq ?? 0
      const seq = besides.reduce(
        (most, { record }) => (record.name === saying.name ? Math.max(most, record.seq) : most),
        known
      )
      const base = { origin: signer.peerId, number: ++number, seq: seq + 1, time: clock.now() }
      said.push(await signRecord({ ...saying, ...base }, mesh, signer))
    }
    return said
  }

  async #stage(said: readonly Signed[]): Promise<Awaited<ReturnType<Records<Write>['stage']>>> {
    const { records, signer } = this.#parts
    const last = said.at(-1)?.record.number ?? 0
    const staged = await records.stage(said, { origin: signer.peerId, number: last })
    this.#losses.saidAnew(said)
    return { ...staged, writes: [...staged.writes, records.tables.confirmed.put(this.#confirmed)] }
  }

  async #keep(said: readonly Signed[]): Promise<void> {
    const staged = await this.#stage(said)
    await this.#parts.records.tables.commit(staged.writes)
    staged.apply()
  }

  /** Own names inside `name`; throws where `name` may not be. */
  async #conflicts(name: string, kind: 'file' | 'directory'): Promise<VersionRecord[]> {
    const { records, signer } = this.#parts
    for (const above of namesAbove(name)) {
      const outer = (await records.get(above, signer.peerId))?.record
      if (outer?.type === 'version')
        throw new PathmeshError(
          'NAME_CONFLICT',
          `${name} lies inside ${above}, which is published: write into that ${outer.kind} and publish it, or unshare it first`
        )
    }
    const inside: VersionRecord[] = []
    for await (const { record } of records.list(`${name}/`))
      if (record.origin === signer.peerId && record.type === 'version') inside.push(record)
    const [first] = inside
    if (first !== undefined && kind === 'file')
      throw new PathmeshError(
        'NAME_CONFLICT',
        `${name} is a file, and ${first.name} is published inside that name: unshare it first`
      )
    return inside
  }

  async #notOurs(name: string): Promise<PathmeshError> {
    for await (const { record } of this.#parts.records.named(name)) {
      if (record.type !== 'version') continue
      const where = this.#parts.nodeName(record.origin) ?? record.origin
      return new PathmeshError('NOT_ORIGIN', `${name} is published by ${where}: unshare it there`)
    }
    return new PathmeshError('NOT_FOUND', `${name} is not shared by this node`)
  }
}

function saysTheSame(before: VersionRecord, { root, kind, meta, of = null, encoding = null }: NewVersion): boolean {
  return (
    before.root.equals(root) &&
    before.kind === kind &&
    before.encoding?.codec === encoding?.codec &&
    before.encoding?.mediaType === encoding?.mediaType &&
    JSON.stringify(before.meta) === JSON.stringify(meta) &&
    isSameSource(before.of, of)
  )
}

const isSameSource = (a: Source | null, b: Source | null): boolean =>
  a === b ||
  (a !== null &&
    b !== null &&
    a.root.equals(b.root) &&
    a.path === b.path &&
    a.name === b.name &&
    a.origin === b.origin &&
    a.seq === b.seq)
