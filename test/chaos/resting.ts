// What daemons hold when they rest: after everything, as much as after their start. Sockets and other descriptors, files of content,
// memory, and what lies in the folders of the store. Linux tells.

import { readdir, readFile, readlink } from 'node:fs/promises'
import type { ChaosNode } from './chaos-node.ts'
import { DESCRIPTORS_SLACK, MEMORY_BYTES_MAX, SOCKETS_SLACK } from './limits.ts'

const MiB = 2 ** 20
/** Folders of a data folder that hold nothing once everything was fetched and dropped. */
const EMPTIED = ['partial', 'content', 'trash']

export interface Holding {
  readonly sockets: number
  /** Open files that are content: of the store, or in place. */
  readonly files: number
  /** Pipes, event descriptors and the like; the files of the index are not counted. */
  readonly others: number
  readonly memoryBytes: number
  readonly peakBytes: number
}

/** Undefined where the system does not tell. */
export async function holdingOf(node: ChaosNode): Promise<Holding | undefined> {
  if (process.platform !== 'linux') return undefined
  const counts = { sockets: 0, files: 0, others: 0 }
  const contents = EMPTIED.map(name => node.path(name))
  for (const target of await descriptors(node.pid)) {
    if (target.startsWith('socket:')) counts.sockets++
    else if (contents.some(folder => target.startsWith(folder))) counts.files++
    else if (!target.startsWith('/') || target.startsWith('/dev/')) counts.others++
    else if (!target.startsWith(node.data)) counts.files++
  }
  const status = await readFile(`/proc/${node.pid}/status`, 'utf8')
  const bytes = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) * 1024
  return { ...counts, memoryBytes: bytes('VmRSS'), peakBytes: bytes('VmHWM') }
}

async function descriptors(pid: number): Promise<string[]> {
  const folder = `/proc/${pid}/fd`
  const links = (await readdir(folder)).map(name => readlink(`${folder}/${name}`).catch(() => undefined))
  return (await Promise.all(links)).filter(link => link !== undefined)
}

/** What a node holds that it should not, as sentences. */
export function leaksOf({ name }: Pick<ChaosNode, 'name'>, before: Holding, after: Holding): string[] {
  const leaks: string[] = []
  if (after.sockets > before.sockets + SOCKETS_SLACK)
    leaks.push(`${name} has ${after.sockets} sockets open, and had ${before.sockets} after its start`)
  if (after.others > before.others + DESCRIPTORS_SLACK)
    leaks.push(`${name} has ${after.others} other descriptors open, and had ${before.others}`)
  if (after.files > 0) leaks.push(`${name} has ${after.files} files of content open`)
  if (after.memoryBytes > MEMORY_BYTES_MAX)
    leaks.push(`${name} has ${Math.round(after.memoryBytes / MiB)} MiB resident, at rest`)
  return leaks
}

/** What lies in its store although everything was dropped. */
export async function leftoversOf(node: ChaosNode): Promise<string[]> {
  const found = EMPTIED.map(async folder => {
    const names = await readdir(node.path(folder)).catch(() => [])
    return names.map(entry => `${node.name} still has ${folder}/${entry}`)
  })
  return (await Promise.all(found)).flat()
}
