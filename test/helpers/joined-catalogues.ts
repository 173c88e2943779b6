// Catalogues of several nodes, joined by streams in memory, on a clock that stands still until a test moves it. A test can
// cut links, replace what a node answers, and see what was asked of it.

import { Catalogue } from '../../daemon/catalogue/catalogue.ts'
import type { NewVersion } from '../../daemon/catalogue/own-publications.ts'
import { decodeHeads, decodeNumbers } from '../../daemon/catalogue/messages.ts'
import type { NameRecord, Signed } from '../../daemon/catalogue/record.ts'
import { Records } from '../../daemon/catalogue/records.ts'
import { bytesOf } from '../../daemon/frames.ts'
import { silentLog } from '../../daemon/log.ts'
import { answer, Caller, type Handler } from '../../daemon/rpc.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { ListRequest, RecordsRequest, SinceRequest } from '../../proto/generated/catalogue.ts'
import { ManualClock } from './manual-clock.ts'
import { duplexPair } from './memory-duplex.ts'
import { MemoryTables, type MemoryWrite } from './memory-tables.ts'
import { MESH, newVersion, signer, verify } from './signed-records.ts'

export interface Question {
  readonly from: string
  readonly method: string
  /** Of `since` and `list` the number above which; of `records` which. */
  readonly numbers: readonly number[]
}

export interface JoinedOptions {
  readonly tables?: MemoryTables
  /** Whether it is to think that there are others. */
  readonly knowsOthers?: boolean
}

export class JoinedNode {
  readonly id: string
  readonly tables: MemoryTables
  readonly catalogue: Catalogue<MemoryWrite>
  readonly callers = new Map<string, Caller>()
  readonly asked: Question[] = []
  knowsOthers: boolean
  /** Takes the place of what it answers. */
  instead: Record<string, Handler> = {}

  constructor(id: string, mesh: JoinedCatalogues, { tables = new MemoryTables(), knowsOthers = false }: JoinedOptions) {
    this.id = id
    this.tables = tables
    this.knowsOthers = knowsOthers
    this.catalogue = new Catalogue<MemoryWrite>({
      tables,
      signer: signer(id),
      verify,
      mesh: MESH,
      clock: mesh.clock,
      random: () => 0.5,
      log: silentLog,
      knowsOthers: () => this.knowsOthers,
      connected: () => [...this.callers.keys()],
      caller: async peer => {
        const caller = this.callers.get(peer)
        if (caller === undefined) throw new PathmeshError('NO_PROVIDERS', `${peer} is not connected`)
        return caller
      }
    })
  }

  /** What it answers, with notes of what was asked. */
  handlers(): Record<string, Handler> {
    const own = this.catalogue.handlers()
    const noted = Object.keys(own).map(method => {
      const handler: Handler = (body, context) => {
        this.asked.push({ from: context.peer, method, numbers: numbersIn(method, body) })
        const chosen = this.instead[method] ?? own[method]
        if (chosen === undefined) throw new TypeError(method)
        return chosen(body, context)
      }
      return [method, handler] as const
    })
    return Object.fromEntries(noted)
  }

  /** Numbers of each question of this kind. */
  questions(method: string, from?: string): (readonly number[])[] {
    const of = this.asked.filter(asked => asked.method === method && (from === undefined || asked.from === from))
    return of.map(({ numbers }) => numbers)
  }

  async publish(name: string, text: string, more: Partial<NewVersion> = {}): Promise<{ seq: number; number: number }> {
    return (await this.catalogue.own.publish(newVersion(name, text, more))).record
  }

  retire(name: string): Promise<NameRecord> {
    return this.catalogue.own.retire(name)
  }

  /** Name, origin and seq of what a name is here. */
  async known(name: string): Promise<(readonly [string, string, number])[]> {
    return (await this.catalogue.known(name)).map(record => [record.name, record.origin, record.seq] as const)
  }
}

export class JoinedCatalogues {
  readonly clock = new ManualClock()
  readonly nodes = new Map<string, JoinedNode>()
  #answering: Promise<void>[] = []

  async add(id: string, options: JoinedOptions = {}): Promise<JoinedNode> {
    const node = new JoinedNode(id, this, options)
    this.nodes.set(id, node)
    await node.catalogue.open()
    node.catalogue.start()
    return node
  }

  /** Everything happens that needs no time. */
  settle(): Promise<void> {
    return this.clock.advance(0)
  }

  /** Joins two nodes, and lets them tell each other what they know. */
  async connect(a: JoinedNode, b: JoinedNode): Promise<void> {
    for (const [asker, answerer] of [
      [a, b],
      [b, a]
    ] as const) {
      const [near, far] = duplexPair()
      this.#answering.push(answer(Object.assign(far, { peer: asker.id }), answerer.handlers()))
      asker.callers.set(answerer.id, new Caller(Object.assign(near, { peer: answerer.id })))
    }
    a.catalogue.connected(b.id)
    b.catalogue.connected(a.id)
    await this.settle()
  }

  async disconnect(a: JoinedNode, b: JoinedNode): Promise<void> {
    for (const [one, other] of [
      [a, b],
      [b, a]
    ] as const) {
      one.callers.get(other.id)?.close()
      one.callers.delete(other.id)
      one.catalogue.disconnected(other.id)
    }
    await this.settle()
  }

  /** The node is gone: as after a kill, its tables are what is left. */
  async remove(node: JoinedNode): Promise<void> {
    for (const other of this.nodes.values()) if (node.callers.has(other.id)) await this.disconnect(node, other)
    this.nodes.delete(node.id)
    await node.catalogue.stop()
  }

  async stop(): Promise<void> {
    for (const node of this.nodes.values()) await this.remove(node)
    await Promise.all(this.#answering)
  }
}

/** Tables in which these records are, heads raised to the last. */
export async function tablesWith(all: readonly Signed[], isRaised = true): Promise<MemoryTables> {
  const tables = new MemoryTables()
  const records = new Records(tables)
  await records.open()
  const last = new Map<string, number>()
  for (const { record } of all) last.set(record.origin, Math.max(record.number, last.get(record.origin) ?? 0))
  await records.keep(all)
  if (isRaised) for (const [origin, number] of last) await records.keep([], { origin, number })
  return tables
}

function numbersIn(method: string, body: Uint8Array): number[] {
  if (method === 'since') return [SinceRequest.decode(bytesOf(body)).number]
  if (method === 'list') return [ListRequest.decode(bytesOf(body)).above]
  if (method === 'records') return decodeNumbers(RecordsRequest.decode(bytesOf(body)).numbers, 10_000)
  return method === 'heads' ? decodeHeads(body).heads.map(({ number }) => number) : []
}
