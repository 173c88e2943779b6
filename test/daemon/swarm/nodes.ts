// Swarms on 127.0.0.1 for tests, stopped after each test; real time, a log that is kept, members in memory.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Admission } from '../../../daemon/swarm/admission.ts'
import type { ByteStream } from '../../../daemon/swarm/byte-stream.ts'
import { loadIdentity } from '../../../daemon/swarm/identity.ts'
import type { NodeIdentity } from '../../../daemon/swarm/identity.ts'
import { createMesh } from '../../../daemon/swarm/mesh-file.ts'
import type { Mesh } from '../../../daemon/swarm/mesh-file.ts'
import type { Clock, Log, Member, MemberStore } from '../../../daemon/swarm/ports.ts'
import { createSwarm } from '../../../daemon/swarm/swarm.ts'
import type { Swarm } from '../../../daemon/swarm/swarm.ts'

export const PROTOCOL = '/test/1'

export const realClock: Clock = {
  now: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  }
}

export interface Entry {
  readonly level: string
  readonly event: string
}

export function keptLog(): Log & { entries: Entry[] } {
  const entries: Entry[] = []
  const at = (level: string) => (event: string) => void entries.push({ level, event })
  return { entries, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

export class MemoryMembers implements MemberStore {
  readonly members = new Map<string, Member>()

  async *list(): AsyncIterable<Member> {
    yield* this.members.values()
  }

  async put(member: Member): Promise<void> {
    this.members.set(member.peerId, member)
  }
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pathmesh-swarm-'))
  cleanups.push(async () => await rm(folder, { recursive: true, force: true }))
  return folder
}

export async function newMesh(): Promise<Mesh> {
  return await createMesh(await temporaryFolder())
}

export async function newIdentity(): Promise<NodeIdentity> {
  return await loadIdentity(await temporaryFolder())
}

export function otherSecret(mesh: Mesh): Mesh {
  return { ...mesh, secret: new Uint8Array(randomBytes(32)) }
}

export interface TestNode extends Swarm {
  readonly store: MemoryMembers
  readonly entries: Entry[]
  readonly connects: string[]
  readonly disconnects: string[]
}

interface NodeParts {
  readonly identity?: NodeIdentity
  readonly admission?: Admission
  readonly store?: MemoryMembers
  readonly listen?: readonly string[]
  readonly clock?: Clock
}

export async function startNode(mesh: Mesh, parts: NodeParts = {}): Promise<TestNode> {
  const {
    listen = ['/ip4/127.0.0.1/tcp/0'],
    store = new MemoryMembers(),
    identity = await newIdentity(),
    clock = realClock
  } = parts
  const log = keptLog()
  const admission = parts.admission === undefined ? {} : { admission: parts.admission }
  const base = { identity, mesh, members: store, clock, random: Math.random, log }
  const swarm = await createSwarm({ ...base, ...admission }, { listen, mdns: false })
  cleanups.push(async () => await swarm.stop())
  const connects: string[] = []
  const disconnects: string[] = []
  swarm.onConnect(peer => void connects.push(peer))
  swarm.onDisconnect(peer => void disconnects.push(peer))
  await swarm.start()
  return Object.assign(swarm, { store, entries: log.entries, connects, disconnects })
}

/** Two members of one mesh, connected, and both ends of a stream from the first to the second. */
export async function streamPair(): Promise<{ here: ByteStream; there: ByteStream; a: TestNode; b: TestNode }> {
  const mesh = await newMesh()
  const [a, b] = [await startNode(mesh), await startNode(mesh)]
  const arrived: ByteStream[] = []
  b.handle(PROTOCOL, stream => void arrived.push(stream))
  await a.dial(b.addresses())
  const here = await a.open(b.peerId, PROTOCOL)
  await until('the stream arrives', () => arrived.length === 1)
  const [there] = arrived
  assert(there !== undefined)
  return { here, there, a, b }
}

export async function until(what: string, holds: () => boolean, timeoutMs = 10_000): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!holds()) {
    if (Date.now() > end) throw new Error(`not in ${timeoutMs} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

const cleanups: (() => Promise<void>)[] = []

/** Stops what a test has started: `afterEach(cleanUp)` in each spec, since a hook of this file would be that of the first alone. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
}
