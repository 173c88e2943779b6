// One simulation, from one seed: a mesh is started, its users work while what the plan draws goes wrong, then all that is wrong
// ends, and within a bounded time every honest node must know the same. The same seed gives the same run, event by event.

import { createHash } from 'node:crypto'
import type { Log } from '../../daemon/log.ts'
import { Seeded } from '../helpers/seeded.ts'
import type { Content } from './disk.ts'
import { Keys } from './keys.ts'
import { Lies } from './liar.ts'
import { Network } from './network.ts'
import { type Build, SimNode } from './node.ts'
import { Oracle, Violation } from './oracle.ts'
import { drawPlan, NODES, type Plan } from './plan.ts'
import { Schedule } from './schedule.ts'
import { Work } from './work.ts'

/**
 * From the end of all faults until every honest node knows the same. What may have to pass one after the other: connections
 * are noticed (5 s), a question that is not answered is given up (15 s), its peer rests (5 s) and is looked at again
 * (RECONCILE_MS and a quarter); and on a chain of 20 each of 19 links adds a relay and a pull (1 s).
 */
export const HEAL_MS = 120_000

export interface Outcome {
  readonly seed: string
  /** Of all that happened. */
  readonly trace: string
  readonly events: number
  readonly messages: number
  readonly acknowledged: number
  /** From the end of all faults until all were the same. */
  readonly healedMs: number
}

export interface SimulateOptions {
  readonly build?: Build
  readonly nodes?: number
  /** Sees what nodes log, for whoever looks for a fault. */
  readonly log?: (now: number, node: string, event: string, facts: Record<string, unknown>) => void
  readonly onTrace?: (now: number, what: string, body?: Uint8Array) => void
}

/** Runs one seed. Throws Violation where a promise is broken. */
export async function simulate(seed: string, options: SimulateOptions = {}): Promise<Outcome> {
  const simulation = new Simulation(seed, drawPlan(seed, options.nodes ?? NODES), options)
  // Thousands of errors are made and expected; where each was made costs more than all else about it.
  const { stackTraceLimit } = Error
  if (options.log === undefined) Error.stackTraceLimit = 0
  try {
    return await simulation.run()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

class Simulation {
  readonly #seed: string
  readonly #plan: Plan
  readonly #schedule = new Schedule()
  readonly #oracle = new Oracle()
  readonly #nodes: SimNode[] = []
  readonly #network: Network
  readonly #random: Seeded
  readonly #work: Work
  readonly #hash = createHash('sha256')
  readonly #onTrace: SimulateOptions['onTrace']

  constructor(seed: string, plan: Plan, { build = {}, log, onTrace }: SimulateOptions) {
    this.#seed = seed
    this.#plan = plan
    this.#onTrace = onTrace
    this.#random = new Seeded(`${seed} faults`)
    const schedule = this.#schedule
    const ids = Array.from({ length: plan.nodes }, (_, i) => `node${i}`)
    const links = plan.links.map(([a, b]) => [`node${a}`, `node${b}`] as const)
    this.#network = new Network(schedule, new Seeded(`${seed} network`), plan, links, this.#trace.bind(this))
    const keys = new Keys(this.#oracle)
    for (const [i, id] of ids.entries()) {
      const random = new Seeded(`${seed} ${id}`)
      const isLiar = i >= plan.nodes - plan.liars
      this.#nodes.push(
        new SimNode(id, {
          schedule,
          random,
          network: this.#network,
          oracle: this.#oracle,
          keys,
          build,
          slowReads: plan.slowReads,
          skewMs: random.between(-86_400_000, 86_400_000),
          lies: isLiar ? new Lies(random, schedule, keys, ids) : undefined,
          ...(log === undefined ? {} : { log: logOf(schedule, id, log) })
        })
      )
    }
    const parts = { schedule, oracle: this.#oracle, nodes: this.#nodes, heavy: plan.heavy }
    this.#work = new Work({ ...parts, random: new Seeded(`${seed} work`) })
  }

  async run(): Promise<Outcome> {
    const { chaosMs } = this.#plan
    this.#start()
    this.#goWrong()
    this.#keepBusy()
    await this.#schedule.runUntil(chaosMs)
    const healedMs = await this.#heal()
    this.#oracle.atRest(this.#nodes, this.#settled())
    return {
      seed: this.#seed,
      trace: this.#hash.digest('hex').slice(0, 16),
      events: this.#schedule.happened,
      messages: this.#network.messages,
      acknowledged: this.#work.acknowledged,
      healedMs
    }
  }

  #start(): void {
    for (const [i, node] of this.#nodes.entries()) {
      const ms = this.#random.next() * (i > 0 && i <= this.#plan.late ? this.#plan.chaosMs : 500)
      this.#schedule.after(ms, () => node.start())
    }
  }

  #goWrong(): void {
    const { partitions, crashes, restarts, restores } = this.#plan
    for (let n = 0; n < partitions; n++) this.#sometime(() => this.#cut())
    for (let n = 0; n < crashes; n++) this.#sometime(() => this.#crash(this.#random.pick(this.#nodes)))
    for (let n = 0; n < restarts; n++)
      this.#sometime(() => {
        const node = this.#random.pick(this.#nodes)
        this.#trace(`${node.id} stops`)
        node.stop().then(
          () => this.#startAgain(node),
          (error: unknown) => this.#schedule.fail(error)
        )
      })
    for (let n = 0; n < restores; n++) this.#sometime(() => this.#restore())
  }

  #keepBusy(): void {
    const { bursts, opsInBurst } = this.#plan
    for (let n = 0; n < bursts; n++)
      this.#sometime(() => {
        for (let op = 0; op < opsInBurst; op++)
          this.#schedule.after(this.#random.next() * 400, () => this.#work.once(this.#busy()))
      })
  }

  #crash(node: SimNode): void {
    this.#trace(`${node.id} crashes`)
    node.crash()
    this.#startAgain(node)
  }

  #startAgain(node: SimNode): void {
    this.#schedule.after(10 + 6_000 * this.#random.next() ** 2, () => node.start())
  }

  /** Copies the folder of a node now, and puts the copy back later. */
  #restore(): void {
    const node = this.#busy()
    const backup: Content = node.backup()
    const later = this.#random.next() * Math.max(0, this.#plan.chaosMs - this.#schedule.now)
    this.#goOn(node, Math.min(later, 3_000))
    this.#schedule.after(later, () => {
      this.#trace(`${node.id} is restored`)
      node.crash()
      node.restore(backup)
      this.#oracle.rolledBack(this.#nodes)
      const ms = 10 + 2_000 * this.#random.next()
      this.#schedule.after(ms, () => {
        node.start()
        // Its users go on at once, and perhaps it hears nobody for longer than it waits to be told what it has lost.
        this.#goOn(node, 6_000)
      })
      if (this.#random.chance(0.6)) this.#isolate(node)
    })
  }

  /** What a backup does not have, and what is said over it, is of the same names. */
  #goOn(node: SimNode, ms: number): void {
    for (let n = this.#random.between(0, 6); n > 0; n--) {
      const isSame = this.#random.chance(0.5)
      const at = Math.min(this.#schedule.now + this.#random.next() * ms, this.#plan.chaosMs - 1)
      const run = (): void => (isSame ? this.#work.again(node) : this.#work.once(node))
      this.#schedule.after(Math.max(0, at - this.#schedule.now), run)
    }
  }

  #isolate({ id }: SimNode): void {
    const pairs = this.#nodes.flatMap(other => [[id, other.id] as const, [other.id, id] as const])
    this.#schedule.after(this.#random.between(3_000, 10_000), this.#network.block(pairs))
  }

  /** Halves that do not hear each other, or one of them not the other, or a few links that are dead. */
  #cut(): void {
    const random = this.#random
    const side = new Set(this.#nodes.filter(() => random.chance(0.5)).map(({ id }) => id))
    const isOneWay = random.chance(0.3)
    const isPartial = random.chance(0.4)
    const pairs = this.#plan.links
      .flatMap(([a, b]) => [[`node${a}`, `node${b}`] as const, [`node${b}`, `node${a}`] as const])
      .filter(([from, to]) => {
        if (isPartial) return random.chance(0.2)
        return side.has(from) !== side.has(to) && (!isOneWay || side.has(from))
      })
    this.#trace(`cut ${pairs.length}`)
    const undo = this.#network.block(pairs)
    this.#schedule.after(200 + 10_000 * random.next() ** 2, undo)
  }

  /** Ends all faults; resolves, to the time it took, when all honest nodes are the same. */
  async #heal(): Promise<number> {
    const healedAt = this.#schedule.now
    this.#trace('all is well')
    this.#network.heal()
    for (const node of this.#nodes) {
      if (node.isHonest || this.#plan.liarsStay) node.start()
      else node.crash()
    }
    const origins = this.#settled()
    let difference: string | undefined
    do {
      if (this.#schedule.now - healedAt > HEAL_MS)
        throw new Violation(`not all is the same ${HEAL_MS / 1000} s after all was well: ${difference}`)
      await this.#schedule.runUntil(this.#schedule.now + 250)
      if (!this.#plan.liarsStay) for (const node of this.#nodes) if (!node.isHonest) node.crash()
      difference = this.#difference(origins)
    } while (difference !== undefined)
    return this.#schedule.now - healedAt
  }

  #difference(origins: ReadonlySet<string>): string | undefined {
    if (this.#work.isBusy) return 'a node still has something to do'
    const down = this.#nodes.find(node => node.isHonest && node.up === undefined)
    return down === undefined ? this.#oracle.difference(this.#nodes, origins) : `${down.id} is not up`
  }

  /** Whose records must be the same in the end: those of who goes on saying one thing here and another there cannot. */
  #settled(): ReadonlySet<string> {
    const settled = this.#nodes.filter(({ isHonest }) => isHonest || !this.#plan.liarsStay)
    return new Set(settled.map(({ id }) => id))
  }

  /** Any node, and some more often than others. */
  #busy(): SimNode {
    const random = this.#random
    return random.pick(random.chance(0.6) ? this.#nodes.slice(0, 3) : this.#nodes)
  }

  #sometime(run: () => void): void {
    const ms = 600 + this.#random.next() * (this.#plan.chaosMs - 600)
    this.#schedule.after(ms, run)
  }

  #trace(what: string, body?: Uint8Array): void {
    this.#hash.update(`${this.#schedule.now} ${what}\n`)
    if (body !== undefined) this.#hash.update(body)
    this.#onTrace?.(this.#schedule.now, what, body)
  }
}

function logOf(schedule: Schedule, id: string, log: NonNullable<SimulateOptions['log']>): Log {
  const write = (event: string, facts: Record<string, unknown> = {}): void => log(schedule.now, id, event, facts)
  return { debug: write, info: write, warn: write, error: write }
}
