// Fetches of one large file from one node to another, each beside the TLS floor and whatever else is to be compared: what the benches
// `fetch` and `stream` have in common.

import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { median, seconds } from './figures.ts'
import { makeFile } from './files.ts'
import { type BenchNode, makePair, type NodeOptions, type Place } from './nodes.ts'
import { CpuMeter } from './processes.ts'
import { run } from './run.ts'
import { tlsFloor } from './tls-floor.ts'

const MiB = 2 ** 20
const GiB = 2 ** 30
const NAME = 'bench/file'

export interface FetchRuns {
  readonly runs: number
  readonly bytes: number
  readonly talk: (line: string) => void
}

/** Seconds of each run, and what both sides and the floor took of the processors. */
export interface FetchTimes {
  readonly ours: readonly number[]
  readonly floor: readonly number[]
  readonly figures: Readonly<Record<string, number>>
}

/** `beside` is run after each fetch, with what was made for it: the file, and its number. */
export async function fetchRuns(
  place: Place,
  nodes: NodeOptions,
  { runs, bytes, talk }: FetchRuns,
  beside: (path: string, index: number) => Promise<void> = async () => undefined
): Promise<FetchTimes> {
  const [a, b] = await makePair(place, nodes)
  const path = join(place.folder, 'file.bin')
  await makeFile(path, bytes)
  await a.mesh.share(path, { as: NAME })
  await warmUp(b, bytes)
  const [ours, floor]: [number[], number[]] = [[], []]
  const [sender, receiver] = [new CpuMeter(), new CpuMeter()]
  const floorCpu = { sender: 0, receiver: 0 }
  for (let i = 0; i < runs; i++) {
    const { seconds: took, senderCpu, receiverCpu } = await tlsFloor(bytes)
    floor.push(took)
    floorCpu.sender += (senderCpu * GiB) / bytes / runs
    floorCpu.receiver += (receiverCpu * GiB) / bytes / runs
    await settled(place, bytes)
    const before = [await a.cpu(), await b.cpu()] as const
    ours.push(await seconds(() => fetchOnce(b, bytes)))
    sender.add(a.pid, before[0], await a.cpu(), bytes)
    receiver.add(b.pid, before[1], await b.cpu(), bytes)
    await b.mesh.drop(NAME)
    await beside(path, i)
    talk(`fetch ${i + 1}/${runs}`)
  }
  return {
    ours,
    floor,
    figures: {
      fetchMiBPerSecond: bytes / MiB / median(ours),
      floorMiBPerSecond: bytes / MiB / median(floor),
      ...sender.figures('sender'),
      ...receiver.figures('receiver'),
      floorSenderCpuSecondsPerGiB: floorCpu.sender,
      floorReceiverCpuSecondsPerGiB: floorCpu.receiver
    }
  }
}

/** Daemons are measured as they run for long: their code compiled. What they are compared with needs no such thing. */
async function warmUp(node: BenchNode, bytes: number): Promise<void> {
  await fetchOnce(node, bytes)
  await node.mesh.drop(NAME)
}

async function fetchOnce({ mesh }: BenchNode, bytes: number): Promise<void> {
  const got = await mesh.path(NAME).get()
  await got.release()
  if (got.bytesFetched < bytes) throw new Error(`${got.bytesFetched} bytes were fetched of ${bytes}`)
}

/**
 * The same start for everybody: nothing of what came before waits to be written, and memory for three times `bytes` has just been in
 * use. A virtual machine gives memory that was not back to its host, and whoever touches it first pays for getting it again.
 */
export async function settled(place: Place, bytes: number): Promise<void> {
  await run('sync', ['-f', place.folder])
  const path = join(place.folder, 'scratch.bin')
  const piece = Buffer.alloc(MiB, 7)
  const handle = await open(path, 'w')
  try {
    for (let at = 0; at < 3 * bytes; at += piece.length) await handle.write(piece, 0, piece.length, at)
  } finally {
    await handle.close()
    await rm(path)
  }
}

/** Writes and syncs so many bytes, which come from nowhere. */
export async function writeSynced(path: string, bytes: number): Promise<void> {
  const piece = Buffer.alloc(MiB, 7)
  const handle = await open(path, 'w')
  try {
    for (let at = 0; at < bytes; at += piece.length)
      await handle.write(piece, 0, Math.min(piece.length, bytes - at), at)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
