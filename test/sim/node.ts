// One node of a simulation: a disk that lasts, and one life after the other, each with the real catalogue on the virtual clock
// and network. A life that has ended hears nothing any more, and nothing of it is heard.

import { Catalogue, type CatalogueComponents } from '../../daemon/catalogue/catalogue.ts'
import type { VerifySignature } from '../../daemon/catalogue/record.ts'
import type { Clock } from '../../daemon/clock.ts'
import type { Bytes } from '../../daemon/frames.ts'
import { type Log, silentLog } from '../../daemon/log.ts'
import { PathmeshError } from '../../proto/errors.ts'
import type { Answer } from '../../daemon/rpc.ts'
import type { Seeded } from '../helpers/seeded.ts'
import { Content, Disk, type Write } from './disk.ts'
import type { Keys } from './keys.ts'
import type { Lies } from './liar.ts'
import type { Network, Station } from './network.ts'
import { type Oracle, Violation, type Watched } from './oracle.ts'
import type { Schedule } from './schedule.ts'

/** What a simulation needs of a catalogue: the real one, or one that is broken on purpose. */
export type Brain = Pick<
  Catalogue<Write>,
  'own' | 'open' | 'start' | 'stop' | 'connected' | 'disconnected' | 'handlers' | 'announced' | 'known' | 'holder'
>

/** How the nodes of a simulation are made. */
export interface Build {
  readonly brain?: (parts: CatalogueComponents<Write>) => Brain
  readonly verify?: VerifySignature
  /** Acknowledges what is not on the disk. */
  readonly hasDisksThatLie?: boolean
}

export interface NodeParts {
  readonly schedule: Schedule
  readonly random: Seeded
  readonly network: Network
  readonly oracle: Oracle
  readonly keys: Keys
  readonly build: Build
  readonly slowReads: number
  /** How far its clock is off. */
  readonly skewMs: number
  readonly lies: Lies | undefined
  readonly log?: Log
}

const EPOCH = 1_700_000_000_000
/** The longest that a node may take to stop. */
const STOP_MS = 5_000

export class Life implements Station {
  readonly id: string
  readonly number: number
  readonly view = new Map<string, number>()
  readonly brain: Brain
  /** Writes as this life. */
  readonly commit: (writes: readonly Write[]) => Promise<void>
  isAlive = true
  isOpen = false
  readonly #parts: NodeParts
  readonly #handlers: ReturnType<Brain['handlers']>

  constructor(id: string, number: number, disk: Disk, parts: NodeParts) {
    const { network, keys, random, build, lies, log = silentLog } = parts
    this.id = id
    this.number = number
    this.#parts = parts
    const tables = disk.open(build.hasDisksThatLie)
    this.commit = writes => tables.commit(writes)
    const make = build.brain ?? (all => new Catalogue(all))
    this.brain = make({
      tables,
      signer: keys.signer(id),
      mesh: keys.mesh,
      verify: build.verify ?? keys.verify,
      clock: this.#clock(),
      random: () => random.next(),
      log,
      caller: async peer => {
        const asking = await network.caller(this, peer)
        return lies === undefined ? asking : lies.asking(this, peer, asking)
      },
      knowsOthers: () => true,
      connected: () => [...this.view.keys()]
    })
    this.#handlers = this.brain.handlers()
  }

  async start(): Promise<void> {
    await this.brain.open()
    if (!this.isAlive) return
    this.isOpen = true
    this.brain.start()
    this.#parts.network.attach(this)
  }

  connected(peer: string): void {
    this.brain.connected(peer)
  }

  disconnected(peer: string): void {
    this.brain.disconnected(peer)
  }

  answer(from: string, method: string, body: Bytes, signal: AbortSignal): AsyncIterable<Answer> {
    const handler = this.#handlers[method]
    if (handler === undefined) throw new PathmeshError('INCOMPATIBLE', `this node does not know ${method}`)
    const answers = handler(body, { peer: from, signal })
    return this.#parts.lies?.answers(this, from, method, body, answers) ?? answers
  }

  #clock(): Clock {
    const { schedule, skewMs } = this.#parts
    const startedAt = schedule.now
    return {
      now: () => EPOCH + skewMs + Math.floor(schedule.now),
      monotonic: () => schedule.now - startedAt,
      after: (ms, run) => schedule.after(ms, () => this.isAlive && run())
    }
  }
}

export class SimNode implements Watched {
  readonly id: string
  readonly isHonest: boolean
  readonly #disk: Disk
  readonly #parts: NodeParts
  wasRestored = false
  life: Life | undefined
  #lives = 0
  #isStopping = false

  constructor(id: string, parts: NodeParts) {
    const { schedule, random, slowReads, oracle } = parts
    this.id = id
    this.isHonest = parts.lies === undefined
    this.#parts = parts
    this.#disk = new Disk({ schedule, random, slowReads, onCommit: writes => oracle.writes(this, writes) })
  }

  get content(): Content {
    return this.#disk.content
  }

  /** Of the life that is there now; undefined while it is down or on its way. */
  get up(): Life | undefined {
    return this.life?.isOpen === true && !this.#isStopping ? this.life : undefined
  }

  start(): void {
    if (this.life !== undefined) return
    const life = new Life(this.id, ++this.#lives, this.#disk, this.#parts)
    this.life = life
    life.start().catch((error: unknown) => this.#parts.schedule.fail(error))
  }

  crash(): void {
    if (this.life === undefined) return
    this.life.isAlive = false
    this.#parts.network.detach(this.life)
    this.life = undefined
    this.#isStopping = false
    this.#disk.crash()
  }

  /** Stops in order, within a bounded time. */
  async stop(): Promise<void> {
    const { life } = this
    if (life === undefined || this.#isStopping) return
    this.#isStopping = true
    const late = this.#parts.schedule.after(STOP_MS, () => {
      if (life.isAlive) throw new Violation(`${this.id} does not stop`)
    })
    await life.brain.stop()
    late()
    if (this.life === life) this.crash()
  }

  backup(): Content {
    return new Content(this.content)
  }

  /** Puts an earlier disk in the place of this one. The node must be down. */
  restore(backup: Content): void {
    this.#disk.content = new Content(backup)
    this.wasRestored = true
  }
}
