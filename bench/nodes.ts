// Real daemons for benches: processes of their own in a temporary folder, joined to one mesh, gone at the end whatever ends it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect, type Mesh } from '../client/index.ts'
import { endChild, watched } from './children.ts'
import { type Cpu, cpuOf, ioBytes, statusBytes } from './processes.ts'
import { type Undo, undoLater } from './undo.ts'

const BIN = fileURLToPath(new URL('../bin.js', import.meta.url))
const CONNECTED_MS = 60_000

export interface NodeOptions {
  /** An invite to the mesh; the first node makes one. */
  readonly invite?: string
  /** Settings beyond those of every bench, as in the environment: PATHMESH_UPLOAD_LIMIT and the like. */
  readonly env?: Readonly<Record<string, string>>
  /** What runs it elsewhere, put before the command, and the address that it has there. */
  readonly elsewhere?: { readonly prefix: readonly string[]; readonly address: string }
}

export interface BenchNode {
  readonly mesh: Mesh
  readonly data: string
  readonly pid: number
  /** Milliseconds from spawning to the ready line. */
  readonly readyMs: number
  /** The most memory it ever had resident, in bytes; 0 where the system does not tell, as for all that follow. */
  peakMemory(): Promise<number>
  memory(): Promise<number>
  /** Bytes it has read from files and sockets. */
  bytesRead(): Promise<number>
  /** Bytes it has written to files and sockets. */
  bytesWritten(): Promise<number>
  cpu(): Promise<Cpu>
  /** Ends it as a power cut would. */
  kill(): Promise<void>
  stop(): Promise<void>
}

export interface Place {
  readonly folder: string
  start(name: string, options?: NodeOptions): Promise<BenchNode>
  /** What else is to be undone with it, after its daemons have ended. */
  own(undo: Undo): void
  readonly dispose: Undo
}

/** A temporary folder and the daemons in it. */
export async function makePlace(): Promise<Place> {
  const folder = await mkdtemp(join(process.env['PATHMESH_BENCH_DIR'] ?? tmpdir(), 'pm-bench-'))
  const started: Promise<BenchNode>[] = []
  const owned: Undo[] = []
  return {
    folder,
    start: async (name, options = {}) => {
      const node = startNode(join(folder, name), name, options)
      started.push(node)
      return await node
    },
    own: undo => void owned.push(undo),
    dispose: undoLater(async () => {
      for (const outcome of await Promise.allSettled(started))
        if (outcome.status === 'fulfilled') await outcome.value.stop()
      for (const undo of owned.toReversed()) await undo()
      await makeWritable(folder)
      await rm(folder, { recursive: true, force: true })
    })
  }
}

/** Two nodes that know each other. */
export async function makePair(place: Place, options: NodeOptions = {}): Promise<[BenchNode, BenchNode]> {
  const a = await place.start('a', options)
  const { invite } = await a.mesh.invite()
  return [a, await place.start('b', { ...options, invite })]
}

/** Resolves once each of them is connected to all others. */
export async function allConnected(nodes: readonly BenchNode[]): Promise<void> {
  const end = performance.now() + CONNECTED_MS
  for (const { mesh } of nodes) {
    while ((await connectedPeers(mesh)) < nodes.length - 1) {
      if (performance.now() > end) throw new Error(`not all nodes are connected after ${CONNECTED_MS / 1000} s`)
      await wait(50)
    }
  }
}

async function connectedPeers(mesh: Mesh): Promise<number> {
  let count = 0
  for await (const { connected } of mesh.peers()) if (connected) count++
  return count
}

async function startNode(
  data: string,
  name: string,
  { invite, env = {}, elsewhere: { prefix, address } = { prefix: [], address: '127.0.0.1' } }: NodeOptions
): Promise<BenchNode> {
  await mkdir(data, { recursive: true })
  const started = performance.now()
  const flags = ['--data', data, '--name', name, '--no-mdns', '--listen', `/ip4/${address}/tcp/0`]
  const joining = invite === undefined ? [] : ['--join', invite]
  const [program = '', ...args] = [...prefix, process.execPath, BIN, 'up', '--json', ...flags, ...joining]
  const child = watched(
    spawn(program, args, {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, PATHMESH_LANE_PORT: '0', ...env },
      // A Ctrl-C at the terminal is for the bench, which ends its daemons in order.
      detached: true
    })
  )
  const { pid, stdout } = child
  if (pid === undefined || stdout === null) throw new Error(`${program} could not be started`)
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`the daemon ${name} did not start`)))
  await Promise.race([once(createInterface(stdout), 'line'), ended])
  ended.catch(() => undefined)
  const readyMs = performance.now() - started
  const mesh = await connect({ data })
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    await mesh.close()
    await endChild(child, signal)
  }
  return {
    mesh,
    data,
    pid,
    readyMs,
    peakMemory: () => statusBytes(pid, 'VmHWM'),
    memory: () => statusBytes(pid, 'VmRSS'),
    bytesRead: () => ioBytes(pid, 'rchar'),
    bytesWritten: () => ioBytes(pid, 'wchar'),
    cpu: () => cpuOf(pid),
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM')
  }
}

async function makeWritable(path: string): Promise<void> {
  await chmod(path, 0o700)
  for (const entry of await readdir(path, { withFileTypes: true }))
    if (entry.isDirectory()) await makeWritable(join(path, entry.name))
}
