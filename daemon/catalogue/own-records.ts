// What this node says: of its names, the works it is the home of, and itself. Each record has the next number of this origin,
// one at a time, so that no number is used twice.

import type { CID } from 'multiformats/cid'
import { PathmeshError } from '../../proto/errors.ts'
import { NUMBER_STEP_MAX } from '../../proto/limits.ts'
import { OwnLosses } from './own-losses.ts'
import {
  type Draft,
  type GoAlong,
  type NewVersion,
  OwnPublications,
  type Published,
  type Saying
} from './own-publications.ts'
import { OwnRoots } from './own-roots.ts'
import { type NameRecord, type NodeRecord, type Signed, type Signer, signRecord } from './record.ts'
import type { Records } from './records.ts'

export interface OwnRecordsComponents<Write> {
  readonly records: Records<Write>
  readonly signer: Signer
  /** The mesh's public key. */
  readonly mesh: Uint8Array
  readonly clock: { now(): number }
  /** A node's human name, for messages. */
  nodeName(peerId: string): string | undefined
  /** Runs while nothing goes away of what is held, which a version may stand for. */
  readonly holding?: (<T>(run: () => Promise<T>) => Promise<T>) | undefined
  /** Resolves once this node may count on: others have shown it what it may have lost, or there is nobody to ask. */
  mayNumber(): Promise<void>
}

export class OwnRecords<Write> {
  readonly #parts: OwnRecordsComponents<Write>
  readonly #roots: OwnRoots<Write>
  readonly #losses: OwnLosses<Write>
  readonly #publications: OwnPublications<Write>
  #confirmed = 0

  constructor(parts: OwnRecordsComponents<Write>) {
    this.#parts = parts
    this.#roots = new OwnRoots(parts.records)
    this.#losses = new OwnLosses(parts.records, parts.signer.peerId)
    this.#publications = new OwnPublications({
      self: parts.signer.peerId,
      records: parts.records,
      roots: this.#roots,
      inTurn: run => this.#inTurn(run),
      sign: all => this.#sign(all),
      stage: said => this.#stage(said)
    })
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
   * Makes the next version of an own name; what goes `along` is on the disk with it. NAME_CONFLICT if the name lies inside a published
   * one, or is a file and contains one.
   */
  publish(version: NewVersion, along: GoAlong<Write> = nothing): Promise<Published> {
    return this.#publications.publish(version, along)
  }

  /** Refuses a name that `publish` would refuse now, with NAME_CONFLICT: before much is done for it. */
  admit(name: string, kind: NewVersion['kind']): Promise<void> {
    return this.#publications.admit(name, kind)
  }

  /** Retires an own name. NOT_FOUND if it is not published, NOT_ORIGIN if only another node publishes it. */
  retire(name: string, along: GoAlong<Write, Pick<Draft, 'released'>> = nothing): Promise<NameRecord> {
    const { records, signer } = this.#parts
    return this.#inTurn(async () => {
      const known = (await records.get(name, signer.peerId))?.record
      if (known?.type !== 'version') throw await this.#notOurs(name)
      const { writes: rootWrites, released } = await this.#roots.retire([known])
      const { writes, apply } = await along({ released })
      const said = await this.#sign([{ saying: { type: 'retirement', name }, seq: known.seq + 1 }])
      const [retirement] = said
      if (retirement?.record.type !== 'retirement') throw new TypeError(`${name} was not retired`)
      const staged = await this.#stage(said)
      await records.tables.commit([...staged.writes, ...rootWrites, ...writes])
      staged.apply()
      apply?.()
      return retirement.record
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
    const { records, holding } = this.#parts
    return records.exclusively(() => (holding === undefined ? run() : holding(run)))
  }

  /** Signs what is to be said, after what is known of each name, here and in records `besides`. */
  async #say(all: readonly Saying[], besides: readonly Signed[] = [], above = 0): Promise<Signed[]> {
    const { records, signer } = this.#parts
    const known = await Promise.all(all.map(({ name }) => records.get(name, signer.peerId)))
    const seqOf = (name: string, here = 0): number =>
      besides.reduce((most, { record }) => (record.name === name ? Math.max(most, record.seq) : most), here)
    return this.#sign(
      all.map((saying, i) => ({ saying, seq: seqOf(saying.name, known[i]?.record.seq) + 1 })),
      above
    )
  }

  /** Signs with the numbers that follow. */
  #sign(all: readonly { readonly saying: Saying; readonly seq: number }[], above = 0): Promise<Signed[]> {
    const { records, signer, mesh, clock } = this.#parts
    const last = Math.max(records.head(signer.peerId).number, above)
    if (last > Number.MAX_SAFE_INTEGER - NUMBER_STEP_MAX)
      throw new PathmeshError(
        'CORRUPT',
        'the numbers of this node are used up, by somebody who has its key: move its folder away to become a new node'
      )
    return Promise.all(
      all.map(({ saying, seq }, i) => {
        const base = { origin: signer.peerId, number: last + 1 + i, seq, time: clock.now() }
        return signRecord({ ...saying, ...base }, mesh, signer)
      })
    )
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

  async #notOurs(name: string): Promise<PathmeshError> {
    for await (const { record } of this.#parts.records.named(name)) {
      if (record.type !== 'version') continue
      const where = this.#parts.nodeName(record.origin) ?? record.origin
      return new PathmeshError('NOT_ORIGIN', `${name} is published by ${where}: unshare it there`)
    }
    return new PathmeshError('NOT_FOUND', `${name} is not shared by this node`)
  }
}

const nothing = async (): Promise<{ writes: [] }> => ({ writes: [] })
