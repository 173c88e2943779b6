// One simulated node: the real transfers over virtual time, and what the others see of it. What it is at fault for follows from
// its role; it fetches for as long as it is honest and has not all of it.

import { getEventListeners } from 'node:events'
import type { Clock } from '../../../daemon/clock.ts'
import { Budget } from '../../../daemon/exchange/budget.ts'
import { Heard } from '../../../daemon/exchange/heard.ts'
import { RateLimit } from '../../../daemon/exchange/rate-limit.ts'
import { Transfers } from '../../../daemon/exchange/transfers.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import { ASK_MS, PROVIDER_STALL_MS, STALL_MS } from '../../../proto/limits.ts'
import type { Seeded } from '../../helpers/seeded.ts'
import { Violation } from '../oracle.ts'
import type { Schedule } from '../schedule.ts'
import type { SimContent } from './content.ts'
import { SimDestination } from './destination.ts'
import { isLiar, type NodePlan } from './plan.ts'
import { SimProvider } from './provider.ts'

/** What all nodes of a simulation have in common. */
export interface World {
  readonly schedule: Schedule
  readonly content: SimContent
  readonly random: Seeded
  readonly loss: number
  readonly nodes: SimNode[]
  /** Requests that are open. */
  readonly open: Set<SimProvider>
}

/** What passes between the last progress and the end of a fetch, beyond the stall deadline: what is asked once more at its end. */
const SLACK_MS = ASK_MS + 1_000
/** An honest node that has all, and is there for so long, has been asked: the longest rest, a look, and the question. */
const NOTICED_MS = PROVIDER_STALL_MS + 5_000

export class SimNode {
  readonly plan: NodePlan
  readonly destination: SimDestination
  readonly world: World
  isUp = false
  isWhole: boolean
  /** Since when it has all and is there; undefined while it is not. */
  availableSince: number | undefined
  sentBytes = 0
  sentLeaves = 0
  /** When its uplink has sent all that was given to it. */
  uplinkFreeAt = 0
  /** Fetches that came to their end, well or not. */
  fetched = 0
  failed = 0
  readonly struck = new Set<string>()
  /** Who insisted, to this node, on wrong bytes. */
  readonly insisted = new Set<string>()
  /** Ends what waits on this node. */
  readonly waits = new Set<(error: PathmeshError) => void>()
  transfers: Transfers<boolean>
  #timers = 0
  #movedAt = 0
  #gone: AbortController | undefined

  constructor(plan: NodePlan, world: World) {
    this.plan = plan
    this.world = world
    this.isWhole = plan.isWhole && (!isLiar(plan.role) || plan.role === 'insists' || plan.role === 'mute')
    this.destination = new SimDestination(plan.id, world.content, error => world.schedule.fail(error))
    this.transfers = this.#newTransfers()
  }

  get id(): string {
    return this.plan.id
  }

  get isHonest(): boolean {
    return !isLiar(this.plan.role)
  }

  /** Timers that it set and that have neither run nor been cancelled. */
  get timers(): number {
    return this.#timers
  }

  start(): void {
    this.isUp = true
    this.#noteAvailable()
    if (this.isHonest && !this.plan.isWhole && !this.isWhole) void this.#fetch()
  }

  /** It is gone, with all that was under way; what it has stays. */
  crash(): void {
    if (!this.isUp) return
    this.isUp = false
    this.availableSince = undefined
    this.#gone?.abort(new PathmeshError('ABORTED', `${this.id} crashed`))
    for (const fail of this.waits) fail(new PathmeshError('NO_PROVIDERS', `the connection to ${this.id} was lost`))
  }

  restart(): void {
    if (this.isUp) return
    this.transfers = this.#newTransfers()
    this.start()
  }

  /** It found out that what it shared has changed. */
  withdraw(): void {
    this.isWhole = false
    this.availableSince = undefined
  }

  has(ordinal: number): boolean {
    return (
      this.isWhole ||
      (this.transfers.isRunning(this.world.content.root.toString()) && this.destination.ledger.has(ordinal))
    )
  }

  /** Verified bytes came. */
  moved(): void {
    this.#movedAt = this.world.schedule.now
  }

  async #fetch(): Promise<void> {
    const { schedule, content } = this.world
    const gone = new AbortController()
    this.#gone = gone
    this.#movedAt = schedule.now
    const request = { root: content.root, hints: [], name: null }
    try {
      await this.transfers.fetch(request, this.destination, { signal: gone.signal })
      this.isWhole = true
      this.fetched++
      this.#noteAvailable()
    } catch (error) {
      if (!gone.signal.aborted) this.#judge(error)
      else if (error !== gone.signal.reason) schedule.fail(new Violation(`an abort ended with ${String(error)}`))
    }
    const late = schedule.now - this.#movedAt - STALL_MS - SLACK_MS
    if (late > 0 && !gone.signal.aborted) schedule.fail(new Violation(`${this.id} ended ${late} ms too late`))
    if (getEventListeners(gone.signal, 'abort').length > 0) schedule.fail(new Violation(`${this.id} left a listener`))
  }

  /** Whether a fetch may have failed so. */
  #judge(error: unknown): void {
    const { schedule, nodes } = this.world
    this.failed++
    const isTyped =
      error instanceof PathmeshError && ['NO_PROVIDERS', 'TIMEOUT', 'CORRUPT', 'SOURCE_CHANGED'].includes(error.code)
    if (!isTyped) return schedule.fail(new Violation(`${this.id} failed with ${String(error)}`))
    const idle = nodes.find(
      node =>
        node !== this && node.plan.role === 'honest' && schedule.now - (node.availableSince ?? Infinity) > NOTICED_MS
    )
    if (idle !== undefined)
      schedule.fail(
        new Violation(`${this.id} failed with ${error.code} while ${idle.id} had all of it: ${error.message}`)
      )
    const isChanged = nodes.some(node => node.plan.role === 'changed')
    if (
      error.code === 'SOURCE_CHANGED' &&
      !isChanged &&
      nodes.every(node => node.plan.role !== 'claims' && node.plan.role !== 'mute')
    )
      schedule.fail(new Violation(`${this.id} says that a source changed, and none did`))
  }

  #noteAvailable(): void {
    if (this.isUp && this.isWhole && this.isHonest) this.availableSince = this.world.schedule.now
  }

  #newTransfers(): Transfers<boolean> {
    const { nodes } = this.world
    const clock = this.#clock()
    return new Transfers({
      self: this.id,
      clock,
      budget: new Budget(),
      heard: new Heard(clock),
      download: new RateLimit(clock, 0),
      strikes: {
        struck: peer => {
          this.struck.add(peer)
          if (nodes.find(({ id }) => id === peer)?.isHonest !== false)
            this.world.schedule.fail(new Violation(`${this.id} struck ${peer}, which is honest`))
        }
      },
      peers: {
        connected: () => nodes.filter(node => node !== this && node.isUp).map(({ id }) => id),
        provider: async peer => {
          const node = nodes.find(({ id }) => id === peer)
          if (node?.isUp !== true) throw new PathmeshError('NO_PROVIDERS', `${peer} cannot be reached`)
          return new SimProvider(this, node)
        }
      }
    })
  }

  #clock(): Clock {
    const { schedule } = this.world
    return {
      now: () => schedule.now,
      monotonic: () => schedule.now,
      after: (ms, run) => {
        this.#timers++
        let isSet = true
        const end = (): void => {
          if (isSet) this.#timers--
          isSet = false
        }
        const cancel = schedule.after(ms, () => {
          end()
          run()
        })
        return () => {
          end()
          cancel()
        }
      }
    }
  }
}
