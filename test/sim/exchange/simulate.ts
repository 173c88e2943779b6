// One simulation of the exchange, from one seed: nodes fetch a root from each other while what the plan draws goes wrong, and
// every fetch comes to its end: with all bytes, or with an error that is true. The same seed gives the same run.

import { createHash } from 'node:crypto'
import { Seeded } from '../../helpers/seeded.ts'
import { Violation } from '../oracle.ts'
import { Schedule } from '../schedule.ts'
import { contentOf } from './content.ts'
import { SimNode, type World } from './node.ts'
import { drawPlan, type Plan } from './plan.ts'

/** Long enough for every fetch to end; and then for what was let go of to be over. */
const RUN_MS = 600_000
const REST_MS = 60_000

export interface ExchangeOutcome {
  readonly seed: string
  /** Of all that was sent, by whom, and when it ended. */
  readonly trace: string
  readonly events: number
  readonly fetched: number
  readonly failed: number
  /** Bytes sent by those that had all of it from the start, for each byte of it. */
  readonly copies: number
  readonly ms: number
}

/** Runs one seed, or a plan. Throws Violation where a promise is broken. */
export async function simulateExchange(seed: string, plan: Plan = drawPlan(seed)): Promise<ExchangeOutcome> {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return await run(seed, plan)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

async function run(seed: string, plan: Plan): Promise<ExchangeOutcome> {
  const schedule = new Schedule()
  const random = new Seeded(`${seed} faults`)
  const content = await contentOf(plan.leaves, plan.small)
  const world: World = { schedule, content, random, loss: plan.loss, nodes: [], open: new Set() }
  for (const node of plan.nodes) world.nodes.push(new SimNode(node, world))
  for (const node of world.nodes) begin(node, world)
  const fetching = world.nodes.filter(node => node.isHonest && !node.plan.isWhole)
  const isOver = (): boolean =>
    schedule.now > 30_000 && fetching.every(node => !node.transfers.isRunning(content.root.toString()))
  await schedule.runUntil(RUN_MS, isOver)
  if (!isOver()) throw new Violation('a fetch has not ended')
  const ms = schedule.now
  await schedule.runUntil(ms + REST_MS)
  for (const { id, timers, struck, insisted } of world.nodes) {
    if (timers > 0) throw new Violation(`${id} left ${timers} timers`)
    for (const peer of insisted)
      if (!struck.has(peer)) throw new Violation(`${id} did not strike ${peer}, which insisted`)
  }
  for (const { peer } of world.open) throw new Violation(`a request to ${peer} is still open`)
  const sum = (of: (node: SimNode) => number): number => world.nodes.reduce((all, node) => all + of(node), 0)
  const trace = createHash('sha256')
  for (const { id, sentBytes, fetched, failed } of world.nodes)
    trace.update(`${id} ${sentBytes} ${fetched} ${failed} ${ms}\n`)
  return {
    seed,
    trace: trace.digest('hex').slice(0, 16),
    events: schedule.happened,
    fetched: sum(node => node.fetched),
    failed: sum(node => node.failed),
    copies: sum(node => (node.plan.isWhole ? node.sentBytes : 0)) / content.size,
    ms
  }
}

function begin(node: SimNode, { schedule, random }: World): void {
  schedule.after(node.plan.fromMs, () => node.start())
  if (node.plan.role !== 'restarts') return
  for (let at = node.plan.fromMs + random.between(100, 5_000), n = 0; n < 2; n++) {
    const awayMs = random.between(50, 8_000)
    schedule.after(at, () => node.crash())
    schedule.after(at + awayMs, () => node.restart())
    at += awayMs + random.between(100, 8_000)
  }
}
