// What one simulation of the exchange is made of, drawn from its seed: who has the content, who fetches it, and who is at fault.

import { Seeded } from '../../helpers/seeded.ts'

/**
 * `honest`: sends what it has. `changed`: a leaf changed there, which it finds out when it is told. `pauses`: sends nothing for a
 * while now and then. `vanishes`: is gone for good in the middle. `restarts`: is gone for a while, and what it fetched stays.
 * The others lie: `insists` on wrong bytes, `claims` to have all and has none, tells of leaves that it lacks (`spans`), or of
 * many too many (`huge`), or says nothing (`stalls`), next to nothing (`trickles`), or nothing when it is told (`mute`).
 */
export type Role = (typeof HONEST)[number] | (typeof LIARS)[number]

const HONEST = ['honest', 'changed', 'pauses', 'vanishes', 'restarts'] as const
const LIARS = ['insists', 'claims', 'spans', 'huge', 'stalls', 'trickles', 'mute'] as const

export const isLiar = (role: Role): boolean => LIARS.some(liar => liar === role)

export interface NodePlan {
  readonly id: string
  readonly role: Role
  /** Has all of it from the start; others that are honest fetch it. */
  readonly isWhole: boolean
  /** When it is there first. */
  readonly fromMs: number
  readonly latencyMs: number
  readonly uplink: number
}

export interface Plan {
  readonly leaves: number
  readonly small: number
  /** How often a request is cut off, of 1. */
  readonly loss: number
  readonly nodes: readonly NodePlan[]
}

const MiB = 1024 * 1024

export function drawPlan(seed: string): Plan {
  const random = new Seeded(`${seed} plan`)
  const nodes: NodePlan[] = []
  const add = (count: number, isWhole: boolean, roles: readonly Role[]): void => {
    for (let n = 0; n < count; n++)
      nodes.push({
        id: `node-${nodes.length}-${random.between(0, 2 ** 31).toString(36)}`,
        role: random.pick(roles),
        isWhole,
        fromMs: random.chance(0.3) ? random.between(0, 20_000) : 0,
        latencyMs: random.between(1, 120),
        uplink: random.between(8, 100) * MiB
      })
  }
  add(random.between(0, 3), true, ['honest', 'honest', 'changed', 'pauses', 'vanishes', 'restarts'])
  add(random.between(1, 6), false, ['honest', 'honest', 'honest', 'pauses', 'vanishes', 'restarts'])
  add(random.chance(0.7) ? random.between(1, 7) : 0, true, LIARS)
  return {
    leaves: random.between(2, 25),
    small: random.between(0, 6),
    loss: random.pick([0, 0, 0.05, 0.2]),
    // The order in which they are known says nothing of them.
    nodes: nodes
      .map(node => ({ node, at: random.next() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ node }) => node)
  }
}

/** One that has all, and as many as one likes that fetch it at once, all of them as fast as each other. */
export function broadcastPlan(nodes: number, leaves: number): Plan {
  const node = (n: number): NodePlan => ({
    id: `broadcast-${n}`,
    role: 'honest',
    isWhole: n === 0,
    fromMs: 0,
    latencyMs: 5,
    uplink: 50 * MiB
  })
  return { leaves, small: 0, loss: 0, nodes: Array.from({ length: nodes + 1 }, (_, n) => node(n)) }
}
