// What the users of a simulation's nodes do: publish, publish again, retire, alias, claim, and read. What they are told goes to
// the oracle.

import type { NewVersion } from '../../daemon/catalogue/own-publications.ts'
import { RAW, cidOf } from '../../daemon/content/multihash.ts'
import { PathmeshError } from '../../proto/errors.ts'
import type { Seeded } from '../helpers/seeded.ts'
import type { Life, SimNode } from './node.ts'
import { type Oracle, Violation } from './oracle.ts'
import type { Schedule } from './schedule.ts'

/** Names that several nodes publish, each for itself. */
const SHARED = ['data/a', 'data/b', 'data/dir', 'data/dir/x', 'data/dir/y']
const OWN = ['last', 'last', 'last', 'best', 'logs', 'logs/1', 'logs/2', 'logs/deep/3']
/** Waiting to number is bounded by seconds, and what is before it in turn is too. */
const OP_MS = 60_000

export interface WorkParts {
  readonly schedule: Schedule
  readonly random: Seeded
  readonly oracle: Oracle
  readonly nodes: readonly SimNode[]
  readonly heavy: boolean
}

export class Work {
  /** What users were told is done. */
  acknowledged = 0
  /** What lives were asked for that still exist, and is not done. */
  readonly #open = new Map<number, { life: Life; since: number }>()
  readonly #parts: WorkParts
  #wishes = 0

  constructor(parts: WorkParts) {
    this.#parts = parts
  }

  /** Whether a node that lives still has something to do. */
  get isBusy(): boolean {
    for (const [wish, { life, since }] of this.#open) {
      if (!life.isAlive) this.#open.delete(wish)
      else if (this.#parts.schedule.now - since > OP_MS)
        throw new Violation(`${life.id} does not end what it was asked`)
    }
    return this.#open.size > 0
  }

  /** A user of this node says something else of its name that changes most. */
  again(node: SimNode): void {
    const [life, name] = [node.up, `${node.id}/${OWN[0]}`]
    if (life === undefined) return
    if (this.#parts.random.chance(0.8)) this.#publish(node, life, { ...this.#version(), name })
    else this.#retire(node, life, name)
  }

  /** A user of this node does one thing. */
  once(node: SimNode): void {
    const { random } = this.#parts
    const life = node.up
    if (life === undefined) return
    const name = random.chance(0.3) ? random.pick(SHARED) : `${node.id}/${random.pick(OWN)}`
    const what = random.next()
    if (what < 0.55) this.#publish(node, life, { ...this.#version(), name })
    else if (what < 0.7) this.#retire(node, life, name)
    else if (what < 0.78) this.#do(node, life, () => this.#alias(node, life, name))
    else if (what < 0.83) this.#do(node, life, () => this.#claim(life, random.pick(['data', 'train', node.id])))
    else if (what < 0.87) this.#do(node, life, () => this.#announce(life))
    else this.#do(node, life, () => this.read(node, life))
    if (this.#parts.heavy && random.chance(0.05))
      for (let n = 0; n < 50; n++) this.#publish(node, life, { ...this.#version(), name: `heavy/${n}`, meta: HEAVY })
  }

  /** All names that a reader finds are as new as what it found before. */
  async read(node: SimNode, life: Life): Promise<void> {
    const { random, oracle, nodes } = this.#parts
    const names = [random.pick(SHARED), `${random.pick(nodes).id}/${random.pick(OWN)}`]
    for (const name of names) {
      const found = await life.brain.known(name)
      if (life.isAlive) for (const record of found) oracle.read(node, life.number, record)
    }
  }

  #version(): Omit<NewVersion, 'name'> {
    const { random } = this.#parts
    const root = cidOf(RAW, 'blake3', Buffer.from(`${random.next()}`))
    return {
      root,
      kind: random.chance(0.4) ? 'directory' : 'file',
      size: 1,
      meta: random.chance(0.2) ? { epoch: 3 } : null
    }
  }

  #publish(node: SimNode, life: Life, version: NewVersion): void {
    const { oracle } = this.#parts
    const what = `version ${version.root.toString()}`
    this.#wish(node, life, version.name, what, async wish => {
      const { record, retired, unchanged } = await life.brain.own.publish(version)
      if (unchanged) return oracle.refused(node, version.name, wish)
      oracle.acknowledged(node, life.number, record, wish)
      for (const { name, seq } of retired) oracle.acknowledged(node, life.number, { name, seq: seq + 1 }, -1)
      await life.brain.announced()
    })
  }

  #retire(node: SimNode, life: Life, name: string): void {
    this.#wish(node, life, name, 'retirement', async wish => {
      const record = await life.brain.own.retire(name)
      this.#parts.oracle.acknowledged(node, life.number, record, wish)
      await life.brain.announced()
    })
  }

  /** Another name for something that is known here. */
  async #alias(node: SimNode, life: Life, name: string): Promise<void> {
    const [source] = await life.brain.known(this.#parts.random.pick(SHARED))
    if (source === undefined || !life.isAlive) return
    const { root, kind, size, meta } = source
    const of = { name: source.name, origin: source.origin, seq: source.seq, root, path: '' }
    this.#publish(node, life, { name, root, kind, size, meta, of })
  }

  async #claim(life: Life, work: string): Promise<void> {
    const holder = await life.brain.holder(work)
    await life.brain.own.claim(work, (holder?.epoch ?? 0) + 1)
  }

  #announce(life: Life): Promise<void> {
    const addresses = [`/ip4/10.0.0.${this.#parts.random.between(1, 5)}/tcp/4747`]
    return life.brain.own.announce({ called: life.id, software: '1.0.0', addresses })
  }

  #wish(node: SimNode, life: Life, name: string, what: string, run: (wish: number) => Promise<void>): void {
    const { oracle } = this.#parts
    this.#do(node, life, async wish => {
      oracle.wished(node, life.number, name, wish, what)
      try {
        await run(wish)
        this.acknowledged++
      } catch (error) {
        oracle.refused(node, name, wish)
        throw error
      }
    })
  }

  #do(_: SimNode, life: Life, run: (wish: number) => Promise<void>): void {
    const { schedule } = this.#parts
    const wish = ++this.#wishes
    this.#open.set(wish, { life, since: schedule.now })
    run(wish)
      .catch((error: unknown) => {
        // A name that may not be published, or is not there to be retired.
        if (!(error instanceof PathmeshError) || error.code === 'INTERNAL') schedule.fail(error)
      })
      .finally(() => this.#open.delete(wish))
  }
}

const HEAVY = { notes: 'x'.repeat(3_900) }
