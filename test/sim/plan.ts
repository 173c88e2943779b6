// What happens in one simulation, drawn from its seed: how large the mesh is and who is connected with whom, how bad its
// network, disks and members are. Each kind of fault is there in some seeds and not in others, so that pairs of them meet.

import { Seeded } from '../helpers/seeded.ts'

export const NODES = 20

export interface Plan {
  readonly nodes: number
  /** The last so many of them lie. */
  readonly liars: number
  /** Whether they go on lying when all else is well. */
  readonly liarsStay: boolean
  /** Pairs that keep a connection. */
  readonly links: readonly (readonly [a: number, b: number])[]
  /** Of requests, and of answers. */
  readonly loss: number
  readonly duplication: number
  /** Of answers that end in their middle. */
  readonly cut: number
  /** The longest that a message is on its way. */
  readonly delayMs: number
  readonly slowReads: number
  readonly partitions: number
  readonly crashes: number
  readonly restarts: number
  readonly restores: number
  /** Of nodes, that are started late. */
  readonly late: number
  readonly bursts: number
  readonly opsInBurst: number
  /** Whether some versions carry so much that answers have several pages. */
  readonly heavy: boolean
  readonly chaosMs: number
}

export function drawPlan(seed: string, nodes = NODES): Plan {
  const random = new Seeded(`${seed} plan`)
  const sometimes = <T>(chance: number, draw: () => T, otherwise: T): T => (random.chance(chance) ? draw() : otherwise)
  const liars = sometimes(0.4, () => random.between(1, 3), 0)
  return {
    nodes,
    liars,
    liarsStay: random.chance(0.5),
    links: drawLinks(random, nodes, nodes - liars),
    loss: sometimes(0.6, () => 0.3 * random.next(), 0),
    duplication: sometimes(0.5, () => 0.5 * random.next(), 0),
    cut: sometimes(0.5, () => 0.2 * random.next(), 0),
    delayMs: random.pick([5, 50, 50, 400, 2_000]),
    slowReads: sometimes(0.3, () => 0.05 * random.next(), 0),
    partitions: sometimes(0.5, () => random.between(1, 5), 0),
    crashes: sometimes(0.6, () => random.between(1, 8), 0),
    restarts: sometimes(0.4, () => random.between(1, 5), 0),
    restores: sometimes(0.5, () => random.between(1, 3), 0),
    late: sometimes(0.3, () => random.between(1, 4), 0),
    bursts: random.between(4, 9),
    opsInBurst: random.between(3, 12),
    heavy: random.chance(0.05),
    chaosMs: random.between(6_000, 20_000)
  }
}

/** The honest are connected with each other, at least through others that are; who lies is connected with some of them. */
function drawLinks(random: Seeded, nodes: number, honest: number): [number, number][] {
  const links = new Map<string, [number, number]>()
  const join = (a: number, b: number): void => {
    if (a !== b) links.set(`${Math.min(a, b)} ${Math.max(a, b)}`, [Math.min(a, b), Math.max(a, b)])
  }
  const shape = random.chance(0.08) ? 'full' : random.pick(['sparse', 'sparse', 'ring', 'chain', 'star'] as const)
  for (let i = 1; i < honest; i++) {
    if (shape === 'full') for (let j = 0; j < i; j++) join(i, j)
    else if (shape === 'star') join(i, 0)
    else if (shape === 'sparse') for (let n = 0; n < 2; n++) join(i, random.between(0, i))
    else join(i, i - 1)
  }
  if (shape === 'ring') join(0, honest - 1)
  for (let liar = honest; liar < nodes; liar++) {
    for (let n = 0; n < 4; n++) join(liar, random.between(0, honest))
    if (shape === 'full') for (let i = 0; i < honest; i++) join(liar, i)
  }
  return [...links.values()]
}
