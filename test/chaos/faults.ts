// The faults of a run: at moments that follow from the seed, some node is frozen for a while, or killed and started again after one.

import { setTimeout as pause } from 'node:timers/promises'
import type { Seeded } from '../helpers/seeded.ts'
import type { ChaosNode } from './chaos-node.ts'

export interface FaultOptions {
  /** Milliseconds between two faults, on average. */
  readonly calmMs: number
  /** The longest that one lasts. */
  readonly lastMs: number
  readonly talk: (line: string) => void
}

export interface FaultCounts {
  frozen: number
  killed: number
}

/** Goes on until it is aborted; resolves when all nodes are up again. One node at least is always up. */
export async function befall(
  nodes: readonly ChaosNode[],
  chance: Seeded,
  { calmMs, lastMs, talk }: FaultOptions,
  signal: AbortSignal
): Promise<FaultCounts> {
  const counts: FaultCounts = { frozen: 0, killed: 0 }
  const lasting = new Set<Promise<void>>()
  while (await rested(chance.between(calmMs / 4, (calmMs * 7) / 4), signal)) {
    const node = chance.pick(nodes)
    const forMs = chance.between(100, lastMs)
    const isKill = chance.chance(0.5)
    if (!node.isUp || nodes.filter(({ isUp }) => isUp).length < 2) continue
    counts[isKill ? 'killed' : 'frozen']++
    talk(`${node.name} is ${isKill ? 'killed' : 'frozen'} for ${(forMs / 1000).toFixed(1)} s`)
    const fault = (isKill ? killed(node, forMs, signal) : frozen(node, forMs, signal)).finally(() =>
      lasting.delete(fault)
    )
    // Told at the end; until then nobody is there to hear it.
    fault.catch(() => undefined)
    lasting.add(fault)
  }
  await Promise.all(lasting)
  return counts
}

async function frozen(node: ChaosNode, forMs: number, signal: AbortSignal): Promise<void> {
  node.freeze()
  await rested(forMs, signal)
  node.thaw()
}

async function killed(node: ChaosNode, forMs: number, signal: AbortSignal): Promise<void> {
  await node.kill()
  await rested(forMs, signal)
  await node.revive()
}

/** Whether the time passed without an abort. */
async function rested(ms: number, signal: AbortSignal): Promise<boolean> {
  return await pause(ms, true, { signal }).catch(() => false)
}
