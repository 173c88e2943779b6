// Real daemons for benches: processes of their own in a temporary folder, joined to one mesh, gone at the end.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, chmod, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { connect, type Mesh } from '../client/index.ts'

const BIN = fileURLToPath(new URL('../bin.js', import.meta.url))

export interface BenchNode {
  readonly mesh: Mesh
  readonly data: string
  /** Milliseconds from spawning to the ready line. */
  readonly readyMs: number
  /** The most memory it ever had resident, in bytes; 0 where the system does not tell. */
  peakMemory(): Promise<number>
  memory(): Promise<number>
  /** Bytes it has read from files and sockets; 0 where the system does not tell. */
  bytesRead(): Promise<number>
  stop(): Promise<void>
}

export interface Place {
  readonly folder: string
  start(name: string, invite?: string): Promise<BenchNode>
  dispose(): Promise<void>
}

/** A temporary folder and the daemons in it. */
export async function makePlace(): Promise<Place> {
  const folder = await mkdtemp(join(process.env['PATHMESH_BENCH_DIR'] ?? tmpdir(), 'pm-bench-'))
  const nodes: BenchNode[] = []
  return {
    folder,
    start: async (name, invite) => {
      const node = await startNode(join(folder, name), name, invite)
      nodes.push(node)
      return node
    },
    dispose: async () => {
      await Promise.all(nodes.map(node => node.stop()))
      await makeWritable(folder)
      await rm(folder, { recursive: true, force: true })
    }
  }
}

/** Two nodes that know each other. */
export async function makePair(place: Place): Promise<[BenchNode, BenchNode]> {
  const a = await place.start('a')
  const { invite } = await a.mesh.invite()
  return [a, await place.start('b', invite)]
}

async function startNode(data: string, name: string, invite?: string): Promise<BenchNode> {
  await mkdir(data, { recursive: true })
  const started = performance.now()
  const join = invite === undefined ? [] : ['--join', invite]
  const args = [
    BIN,
    'up',
    '--json',
    '--data',
    data,
    '--name',
    name,
    '--no-mdns',
    '--listen',
    '/ip4/127.0.0.1/tcp/0',
    ...join
  ]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const lines = createInterface(child.stdout)
  await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error(`the daemon ${name} did not start`)))
  ])
  const readyMs = performance.now() - started
  const mesh = await connect({ data })
  return {
    mesh,
    data,
    readyMs,
    peakMemory: () => statusBytes(child, 'VmHWM'),
    memory: () => statusBytes(child, 'VmRSS'),
    bytesRead: () => ioBytes(child, 'rchar'),
    stop: async () => {
      await mesh.close()
      if (child.exitCode !== null || child.signalCode !== null) return
      const exit = once(child, 'exit')
      child.kill('SIGTERM')
      await exit
    }
  }
}

async function statusBytes({ pid }: ChildProcess, field: string): Promise<number> {
  if (process.platform !== 'linux') return 0
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) * 1024
}

async function ioBytes({ pid }: ChildProcess, field: string): Promise<number> {
  if (process.platform !== 'linux') return 0
  return Number(new RegExp(`${field}: (\\d+)`).exec(await readFile(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0)
}

async function makeWritable(path: string): Promise<void> {
  await chmod(path, 0o700)
  for (const entry of await readdir(path, { withFileTypes: true }))
    if (entry.isDirectory()) await makeWritable(join(path, entry.name))
}
