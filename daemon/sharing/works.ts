// Works: where each lives, and the folder of those of this node. A work lives on one node at a time; opening it here claims
// it. Refuses one whose home is connected, unless it is taken over.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { Write } from '../store/database.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { checkWork } from '../../proto/ref.ts'
import type { WorkFolder, WorkLine, WorkRequest } from '../../proto/works-api.ts'
import { workOf } from './names.ts'

/** A work as the catalogue knows it: what it does is not told there. */
export type KnownWork = Omit<WorkLine, 'hosting'>

export interface WorksParts {
  readonly self: string
  /** The data folder. */
  readonly data: string
  readonly catalogue: Catalogue<Write>
  readonly connected: () => readonly string[]
}

/** Makes this node the home of a work. WORK_IN_USE where another is, and is connected, unless it is taken over. */
export async function openWork({ name, takeOver = false }: WorkRequest, parts: WorksParts): Promise<WorkFolder> {
  const { self, catalogue, data } = parts
  checkWork(name)
  const holder = await catalogue.holder(name)
  if (holder !== undefined && holder.origin !== self && !takeOver && parts.connected().includes(holder.origin)) {
    const where = catalogue.nodeName(holder.origin) ?? holder.origin
    throw new PathmeshError(
      'WORK_IN_USE',
      `${name} lives on ${where}, which is connected: \`takeOver\` (\`--take-over\`) moves it here; or publish under another name`,
      { details: { origin: holder.origin, epoch: holder.epoch } }
    )
  }
  if (holder?.origin !== self) {
    await catalogue.own.claim(name, (holder?.epoch ?? 0) + 1)
    await catalogue.announced()
  }
  return { work: name, origin: self, folder: await makeWorkFolder(name, data) }
}

export const workFolder = (work: string, data: string): string => join(data, 'works', encodeURIComponent(work))

async function makeWorkFolder(work: string, data: string): Promise<string> {
  const folder = workFolder(work, data)
  await mkdir(folder, { recursive: true })
  return folder
}

/** Every work of the mesh, on each node that publishes or claimed it. */
export async function* listWorks(
  { self, catalogue, connected }: WorksParts,
  signal: AbortSignal
): AsyncGenerator<KnownWork> {
  const works = new Map<string, Map<string, { names: number; epoch: number }>>()
  const at = (work: string, origin: string): { names: number; epoch: number } => {
    const origins = works.get(work) ?? new Map<string, { names: number; epoch: number }>()
    works.set(work, origins)
    const line = origins.get(origin) ?? { names: 0, epoch: 0 }
    origins.set(origin, line)
    return line
  }
  for await (const { name, origin } of catalogue.list('')) at(workOf(name), origin).names++
  for await (const { name, origin, epoch } of catalogue.claims()) at(name, origin).epoch = epoch
  const reachable = new Set([self, ...connected()])
  for (const [work, origins] of [...works].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
    signal.throwIfAborted()
    const holder = await catalogue.holder(work)
    for (const [origin, { names, epoch }] of origins) {
      const home = holder === undefined ? origins.size === 1 : holder.origin === origin
      const node = catalogue.nodeName(origin) ?? null
      yield { work, origin, node, connected: reachable.has(origin), home, epoch, names }
    }
  }
}
