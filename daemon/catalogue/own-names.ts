// Names of this node: their next versions and retirements, each with the next number of this origin. One at a time, so that
// no number is used twice. Refuses names inside published ones.

import type { Meta } from '../../proto/api.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { namesAbove } from './paths.ts'
import { type NameRecord, type Signer, signRecord, type VersionRecord } from './record.ts'
import type { Kept, RecordTable } from './record-table.ts'

export interface OwnNamesComponents<Write> {
  readonly records: RecordTable<Write>
  readonly signer: Signer
  /** The mesh's public key. */
  readonly mesh: Uint8Array
  readonly clock: { now(): number }
  /** The highest number this node has used; `put` keeps a new one. */
  readonly lastNumber: { get(): Promise<number>; put(value: number): Write }
  /** A node's human name, for messages. */
  nodeName(peerId: string): string | undefined
}

export interface NewVersion {
  readonly name: string
  readonly root: VersionRecord['root']
  readonly kind: 'file' | 'directory'
  readonly size: number
  readonly meta: Meta | null
}

export interface Published<Write> {
  readonly record: VersionRecord
  /** Nothing new: the newest version says the same. */
  readonly unchanged: boolean
  /** Names that lay inside a directory and are retired with this. */
  readonly retired: readonly NameRecord[]
  readonly writes: readonly Write[]
}

export class OwnNames<Write> {
  readonly #parts: OwnNamesComponents<Write>
  #publishing: Promise<unknown> = Promise.resolve()

  constructor(parts: OwnNamesComponents<Write>) {
    this.#parts = parts
  }

  /**
   * Makes the next version of an own name and hands its writes to `commit`, which puts them on the disk together with what
   * they speak of. NAME_CONFLICT if the name lies inside a published one, or is a file and contains one.
   */
  publish<T>(version: NewVersion, commit: (published: Published<Write>) => Promise<T>): Promise<T> {
    return this.#oneAtATime(async () => commit(await this.#nextVersion(version)))
  }

  /** Retires an own name. NOT_FOUND if it is not published, NOT_ORIGIN if only another node publishes it. */
  retire<T>(
    name: string,
    commit: (retirement: NameRecord, retired: VersionRecord, writes: readonly Write[]) => Promise<T>
  ): Promise<T> {
    return this.#oneAtATime(async () => {
      const known = await this.#parts.records.get(name, this.#parts.signer.peerId)
      if (known?.record.type !== 'version') {
        for await (const { record } of this.#parts.records.named(name)) {
          if (record.type === 'version')
            throw new PathmeshError(
              'NOT_ORIGIN',
              `${name} is published by ${this.#parts.nodeName(record.origin) ?? record.origin}: unshare it there`
            )
        }
        throw new PathmeshError('NOT_FOUND', `${name} is not shared by this node`)
      }
      const number = (await this.#parts.lastNumber.get()) + 1
      const kept = await this.#retirement(known.record, number)
      return commit(kept.record, known.record, [this.#parts.records.put(kept), this.#parts.lastNumber.put(number)])
    })
  }

  /** Versions of own names, for whoever needs to know which roots they stand for. */
  async *list(): AsyncGenerator<VersionRecord> {
    const { records, signer } = this.#parts
    for await (const { record } of records.list('')) {
      if (record.origin === signer.peerId && record.type === 'version') yield record
    }
  }

  async #nextVersion({ name, root, kind, size, meta }: NewVersion): Promise<Published<Write>> {
    const { records, signer, mesh, clock } = this.#parts
    const origin = signer.peerId
    const before = await records.get(name, origin)
    if (
      before?.record.type === 'version' &&
      before.record.root.equals(root) &&
      before.record.kind === kind &&
      sameMeta(before.record.meta, meta)
    ) {
      return { record: before.record, unchanged: true, retired: [], writes: [] }
    }
    const inside = await this.#conflicts(name, kind)
    let number = await this.#parts.lastNumber.get()
    const writes: Write[] = []
    const retired: NameRecord[] = []
    for (const record of inside) {
      const kept = await this.#retirement(record, ++number)
      retired.push(record)
      writes.push(records.put(kept))
    }
    const record: VersionRecord = {
      type: 'version',
      origin,
      number: ++number,
      name,
      seq: (before?.record.seq ?? 0) + 1,
      time: clock.now(),
      root,
      kind,
      size,
      meta
    }
    writes.push(
      records.put({ record, bytes: await signRecord(record, mesh, signer) }),
      this.#parts.lastNumber.put(number)
    )
    return { record, unchanged: false, retired, writes }
  }

  /** Own names inside `name`; throws where `name` may not be. */
  async #conflicts(name: string, kind: 'file' | 'directory'): Promise<VersionRecord[]> {
    const { records, signer } = this.#parts
    for (const above of namesAbove(name)) {
      const outer = await records.get(above, signer.peerId)
      if (outer?.record.type === 'version')
        throw new PathmeshError(
          'NAME_CONFLICT',
          `${name} lies inside ${above}, which is published: write into that ${outer.record.kind} and publish it, or unshare it first`
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

  async #retirement({ name, seq, origin }: NameRecord, number: number): Promise<Kept> {
    const record: NameRecord = { type: 'retirement', origin, number, name, seq: seq + 1, time: this.#parts.clock.now() }
    return { record, bytes: await signRecord(record, this.#parts.mesh, this.#parts.signer) }
  }

  #oneAtATime<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#publishing.then(run, run)
    this.#publishing = turn.catch(() => undefined)
    return turn
  }
}

const sameMeta = (a: Meta | null, b: Meta | null): boolean => JSON.stringify(a) === JSON.stringify(b)
