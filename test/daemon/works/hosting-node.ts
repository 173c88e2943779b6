// A node that hosts works, without disk and network: rows in memory that survive a restart, programs that host by reading lines, and
// time that a test moves.

import assert from 'node:assert/strict'
import { silentLog } from '../../../daemon/log.ts'
import { type CallRow, type CallRows, CallTable, type EndRow } from '../../../daemon/works/call-table.ts'
import type { DayRows, Noted } from '../../../daemon/works/day-table.ts'
import type { HostedNames } from '../../../daemon/works/hosts-before.ts'
import { LocalWorks } from '../../../daemon/works/local-works.ts'
import type { CallEvents, CallRequest, HostLine, HostRequest, Outcome } from '../../../proto/works-api.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'

export const SELF = 'k51self'
export const OTHER = 'k51other'
export const HASH = 'a'.repeat(64)
export const OTHER_HASH = 'b'.repeat(64)

type Write = () => void

/** Notes as they are on a disk. */
export class MemoryNotes<V> implements DayRows<V> {
  readonly notes = new Map<string, { readonly at: number; readonly value: V }>()

  async get(id: string): Promise<V | undefined> {
    return this.notes.get(id)?.value
  }
  async put(id: string, at: number, value: V): Promise<void> {
    this.notes.set(id, { at, value })
  }
  async *byAge(): AsyncGenerator<Noted> {
    const all = [...this.notes].map(([id, { at }]) => [id, at] as const)
    yield* all.sort(([, a], [, b]) => a - b)
  }
  async remove(old: readonly Noted[]): Promise<void> {
    for (const [id] of old) this.notes.delete(id)
  }
}

export class MemoryNames implements HostedNames {
  readonly names = new Set<string>()

  async list(): Promise<string[]> {
    return [...this.names]
  }
  async put(work: string): Promise<void> {
    this.names.add(work)
  }
  async remove(works: readonly string[]): Promise<void> {
    for (const work of works) this.names.delete(work)
  }
}

/** Rows as they are on a disk. */
export class MemoryRows implements CallRows<Write> {
  readonly rows = new Map<string, CallRow>()
  readonly ends = new Map<string, EndRow>()
  readonly notes = new MemoryNotes<CallRow>()
  /** Works that are hosted on the node of these rows. */
  readonly hosted = new MemoryNames()
  /** Runs before a commit; where it throws, nothing is written. */
  beforeCommit: () => Promise<void> | void = () => undefined

  async *calls(): AsyncGenerator<[string, CallRow]> {
    yield* new Map(this.rows)
  }
  putCall(id: string, row: CallRow): Write {
    return () => void this.rows.set(id, row)
  }
  async end(id: string): Promise<EndRow | undefined> {
    return this.ends.get(id)
  }
  putEnd(id: string, row: EndRow): Write {
    return () => void this.ends.set(id, row)
  }
  remove(id: string): Write[] {
    return [() => void this.rows.delete(id), () => void this.ends.delete(id)]
  }
  async commit(writes: readonly Write[]): Promise<void> {
    await this.beforeCommit()
    for (const write of writes) write()
  }
  async note(writes: readonly Write[]): Promise<void> {
    await this.commit(writes)
  }
}

/** A program that hosts a work: it takes its lines as they come. */
export class Program {
  readonly lines: HostLine[] = []
  readonly ended: Promise<void>
  readonly #gone = new AbortController()

  constructor(works: LocalWorks<Write>, request: HostRequest) {
    this.ended = this.#read(works, request)
    this.ended.catch(() => undefined)
  }

  /** Ids of the calls that it was handed. */
  get calls(): string[] {
    return this.lines.flatMap(line => (line.event === 'call' ? line.id : []))
  }

  get cancels(): string[] {
    return this.lines.flatMap(line => (line.event === 'cancel' ? line.id : []))
  }

  async vanish(): Promise<void> {
    this.#gone.abort(new Error('gone'))
    await settled()
  }

  async #read(works: LocalWorks<Write>, request: HostRequest): Promise<void> {
    for await (const line of works.host(request, this.#gone.signal)) this.lines.push(line)
  }
}

export class HostingNode {
  readonly clock: ManualClock
  readonly rows: MemoryRows
  readonly works: LocalWorks<Write>
  readonly claimed: string[] = []

  private constructor(rows: MemoryRows, clock: ManualClock) {
    this.rows = rows
    this.clock = clock
    this.works = new LocalWorks({
      self: SELF,
      nodeName: 'gpu-1',
      table: new CallTable(rows, clock),
      hostedNames: rows.hosted,
      openWork: async ({ name }) => {
        this.claimed.push(name)
        return { work: name, origin: SELF, folder: `/data/works/${name}` }
      },
      clock,
      log: silentLog
    })
  }

  static async up(rows = new MemoryRows(), clock = new ManualClock()): Promise<HostingNode> {
    const node = new HostingNode(rows, clock)
    await node.works.open()
    node.works.start()
    return node
  }

  /** Killed and started again, after a moment. */
  async again(): Promise<HostingNode> {
    this.works.stop()
    await this.clock.advance(1_000)
    return HostingNode.up(this.rows, this.clock)
  }

  async host(request: Partial<HostRequest> = {}): Promise<Program> {
    const program = new Program(this.works, {
      work: 'train',
      hash: HASH,
      module: '/app/train.ts',
      hosted: true,
      ...request
    })
    await settled()
    return program
  }

  /** Begins a call; its id. */
  async call(request: Partial<CallRequest> = {}, caller = SELF): Promise<string> {
    const id = request.id ?? idOf('call')
    await this.works.call({ work: 'train', args: [], ...request, id }, caller)
    await settled()
    return id
  }

  /** Ends a call as its host does. */
  async end(id: string, outcome: Outcome = { ok: true, result: id }): Promise<void> {
    await this.works.report({ id, outcome })
    await settled()
  }

  /** All there is to tell of a call, at once. */
  async told(id: string, after = 0, caller = SELF): Promise<CallEvents> {
    return this.clock.drive(this.works.events(id, after, caller, new AbortController().signal))
  }
}

/** The code of an outcome that is an error, or 'ok', or null where there is none yet. */
export const codeOf = ({ outcome }: Pick<CallEvents, 'outcome'>): string | null =>
  outcome === null ? null : outcome.ok ? 'ok' : outcome.error.code

let made = 0
/** An id that no other call has. */
export function idOf(what: string): string {
  made++
  const id = `${what}-${String(made).padStart(16, '0')}`
  assert.match(id, /^[A-Za-z0-9_-]{16,64}$/)
  return id
}
