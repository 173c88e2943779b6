// Two nodes with lanes in one process, over real sockets on loopback: what the one asks the other, it asks in memory.

import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { systemClock } from '../../../../daemon/clock.ts'
import { fingerprintOf } from '../../../../daemon/content/fingerprint.ts'
import { leafCount, leafRange } from '../../../../daemon/content/file-dag.ts'
import { cidOf, DAG_PB, RAW } from '../../../../daemon/content/multihash.ts'
import type { LaneSource } from '../../../../daemon/exchange/lanes/lane-serving.ts'
import { Lanes, type LanesParts } from '../../../../daemon/exchange/lanes/lanes.ts'
import type { LeavesPlace, SmallPlace } from '../../../../daemon/exchange/lanes/messages.ts'
import type { CameSmall, LeavesOrder, WantedSmall } from '../../../../daemon/exchange/provider.ts'
import { RateLimit } from '../../../../daemon/exchange/rate-limit.ts'
import { silentLog } from '../../../../daemon/log.ts'
import { answer, Caller, type Handler } from '../../../../daemon/rpc.ts'
import { PathmeshError } from '../../../../proto/errors.ts'
import { LEAF_BYTES } from '../../../../proto/limits.ts'
import { duplexPair } from '../../../helpers/memory-duplex.ts'
import { temporaryFolder } from '../../../helpers/trees.ts'

export const never: AbortSignal = new AbortController().signal

/** What one node serves: files by CID, and small blocks by CID; and what was asked of it. */
export class FakeSource implements LaneSource {
  readonly files = new Map<string, { path: string; bytes: Buffer; isGrowing?: boolean }>()
  readonly blocks = new Map<string, SmallPlace>()
  readonly asked: string[] = []
  /** Turns that were taken and not given back. */
  busy = 0
  hold: Promise<void> | undefined
  /** Where every file lies, in place of where it does. */
  place: LeavesPlace | undefined

  reset(): void {
    this.files.clear()
    this.blocks.clear()
    this.asked.length = 0
    this.hold = this.place = undefined
  }

  async leaves(file: CID): Promise<LeavesPlace> {
    this.asked.push('leaves')
    if (this.place !== undefined) return this.place
    const known = this.files.get(file.toString())
    if (known === undefined) throw new PathmeshError('NOT_FOUND', 'no such file here')
    const handle = await open(known.path)
    const stamp = known.isGrowing === true ? null : fingerprintOf(await handle.stat({ bigint: true }))
    await handle.close()
    return { path: known.path, size: known.bytes.length, stamp }
  }

  async small(cids: readonly CID[]): Promise<SmallPlace[]> {
    this.asked.push('small')
    return cids.map(cid => this.blocks.get(cid.toString()))
  }

  async leaf(file: CID, index: number): Promise<Uint8Array> {
    this.asked.push(`leaf ${index}`)
    const known = this.files.get(file.toString())
    if (known === undefined) throw new PathmeshError('SOURCE_CHANGED', 'share it again')
    const { offset, length } = leafRange(known.bytes.length, index)
    return known.bytes.subarray(offset, offset + length)
  }

  async block(): Promise<Uint8Array | undefined> {
    this.asked.push('block')
    return undefined
  }

  async slot(_peer: string, signal: AbortSignal): Promise<() => void> {
    this.busy++
    if (this.hold !== undefined)
      await Promise.race([this.hold, new Promise(resolve => signal.addEventListener('abort', resolve))])
    return () => void this.busy--
  }
}

export interface LaneNode {
  readonly lanes: Lanes
  readonly source: FakeSource
  readonly limits: { readonly upload: RateLimit; readonly download: RateLimit }
  served: number
  received: number
}

export interface LaneNodes {
  readonly a: LaneNode
  readonly b: LaneNode
  readonly folder: string
  readonly remove: () => Promise<void>
}

/** What the node that is asked calls the one that asks. */
export const ASKER = 'left'

export const LISTENING = { hosts: ['127.0.0.1'], port: 0, fixed: false }
export const SILENT = { ...LISTENING, hosts: [] }

type Options = Partial<Pick<LanesParts, 'listen' | 'hostOf' | 'waits' | 'clock' | 'log'>>

/** Node `a` asks, node `b` serves, unless told otherwise; `answerer` answers in the place of `b`. */
export async function laneNodes(a: Options = {}, b: Options = {}, answerer?: Handler): Promise<LaneNodes> {
  const temporary = await temporaryFolder()
  const nodes: LaneNode[] = []
  const callers: Caller[] = []
  for (const [at, options] of [a, b].entries()) {
    const source = new FakeSource()
    const limits = { upload: new RateLimit(systemClock, 0), download: new RateLimit(systemClock, 0) }
    const parts: LanesParts = {
      listen: LISTENING,
      hostOf: () => '127.0.0.1',
      clock: systemClock,
      log: silentLog,
      ...options,
      source,
      limits,
      onServed: (_, bytes) => (node.served += bytes),
      onReceived: (_, bytes) => (node.received += bytes),
      ask: async () => {
        const [near, far] = duplexPair()
        const lane = answerer ?? nodes[1 - at]?.lanes.handler
        if (lane === undefined) throw new PathmeshError('NO_PROVIDERS', 'not connected')
        void answer(far, { lane })
        const caller = new Caller(near)
        callers.push(caller)
        return caller
      }
    }
    const node: LaneNode = { lanes: await Lanes.start(parts), source, limits, served: 0, received: 0 }
    nodes.push(node)
  }
  const [first, second] = nodes
  if (first === undefined || second === undefined) throw new Error('two nodes were made')
  return {
    a: first,
    b: second,
    folder: temporary.path,
    remove: async () => {
      await Promise.all([first.lanes.close(), second.lanes.close()])
      for (const caller of callers) caller.close()
      await temporary.remove()
    }
  }
}

export interface ServedFile {
  readonly bytes: Buffer
  readonly path: string
  readonly order: LeavesOrder
}

/** A file of so many bytes that a node serves, and the order for all of it. */
export async function serveFile(node: LaneNode, folder: string, size: number): Promise<ServedFile> {
  const bytes = Buffer.alloc(size, `${size} `)
  // Every leaf is another.
  for (let at = 0; at < size; at += LEAF_BYTES) bytes[at] = at / LEAF_BYTES
  const path = join(folder, `served-${size}`)
  const handle = await open(path, 'w')
  await handle.writeFile(bytes)
  await handle.close()
  const file = cidOf(DAG_PB, 'blake3', Buffer.from(`file of ${size}`))
  node.source.files.set(file.toString(), { path, bytes })
  const leaves = Array.from({ length: leafCount(size) }, (_, index) => {
    const { offset, length } = leafRange(size, index)
    return { index, cid: cidOf(RAW, 'blake3', bytes.subarray(offset, offset + length)), size: length }
  })
  return { bytes, path, order: { file, leaves } }
}

/** A file of that size, to be written into. */
export async function targetFile(folder: string, size: number): Promise<string> {
  const path = join(folder, 'target')
  const handle = await open(path, 'w')
  await handle.truncate(size)
  await handle.close()
  return path
}

export function wantedOf(texts: readonly string[], into: WantedSmall['into'] = []): WantedSmall[] {
  return texts.map(text => ({ cid: cidOf(RAW, 'blake3', Buffer.from(text)), size: text.length, into }))
}

export const textOf = ({ bytes }: CameSmall): string => Buffer.from(bytes ?? '').toString()
