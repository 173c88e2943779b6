// The works that programs of this node host, and every call of them. A call id means one call, whatever becomes of connections and
// daemons; only the node that began a call hears of it.

import { setMaxListeners } from 'node:events'
import { PathmeshError } from '../../proto/errors.ts'
import { CALL_ANSWER_MS, CALL_TOLD_MS, CALLS_TOLD_MAX, WORKS_HOSTED_MAX } from '../../proto/limits.ts'
import type {
  CallEvents,
  CallRequest,
  Called,
  HostLine,
  HostRequest,
  Hosting,
  ReportRequest,
  WorkFolder,
  WorkRequest
} from '../../proto/works-api.ts'
import type { Clock } from '../clock.ts'
import { orAborted, withDeadline } from '../deadline.ts'
import type { Log } from '../log.ts'
import { checkCall, checkOutcome } from './bounds.ts'
import { Call } from './call.ts'
import type { CallRow, CallTable } from './call-table.ts'
import { HostedWork } from './hosted-work.ts'
import { type HostedNames, HostsBefore } from './hosts-before.ts'
import { failed, HOW, letGo, neverBegan } from './outcomes.ts'

export interface LocalWorksParts<W> {
  /** PeerId and name of this node. */
  readonly self: string
  readonly nodeName: string
  readonly table: CallTable<W>
  readonly hostedNames: HostedNames
  /** Makes this node the home of a work, and its folder. */
  readonly openWork: (request: WorkRequest) => Promise<WorkFolder>
  readonly clock: Clock
  readonly log: Log
}

export class LocalWorks<W> {
  readonly #parts: LocalWorksParts<W>
  readonly #works = new Map<string, HostedWork>()
  readonly #before: HostsBefore
  /** Calls under way, and the last that ended. */
  readonly #calls = new Map<string, Call>()
  /** Those that ended, oldest first, and what keeps them from being forgotten in time. */
  readonly #told = new Map<string, () => void>()
  readonly #stop = new AbortController()
  #claiming = 0

  constructor(parts: LocalWorksParts<W>) {
    this.#parts = parts
    this.#before = new HostsBefore({ names: parts.hostedNames, clock: parts.clock, log: parts.log })
    // Each call whose end waits for the disk listens to it.
    setMaxListeners(0, this.#stop.signal)
  }

  /** Reads what earlier lives of this daemon left: what never began has ended, what ran may go on. */
  async open(): Promise<void> {
    const { table, clock } = this.#parts
    await this.#before.open()
    for (const { id, work, caller, at, began } of await table.open()) {
      if (!began) {
        await table.end(id, failed(neverBegan({ work, id }, HOW.restarted)), {})
        continue
      }
      const call = new Call({ id, work, caller }, { at, now: clock.now() })
      this.#calls.set(id, call)
      this.#work(work).restore(call)
    }
  }

  /** Programs can reach this daemon from now on: hosts that were there before have a while to come back. */
  start(): void {
    for (const work of this.#works.values()) work.awaitHost()
    this.#before.start()
  }

  /** Ends all waits. What runs is on disk, and is found again by the next life of this daemon. */
  stop(): void {
    this.#stop.abort(new PathmeshError('ABORTED', 'the daemon stops'))
    this.#before.stop()
    for (const work of this.#works.values()) work.stop()
    for (const call of this.#calls.values()) call.release()
    for (const cancel of this.#told.values()) cancel()
  }

  /** What each work that is hosted here does. */
  list(): Hosting[] {
    return [...this.#works.values()].flatMap(({ hosting }) => hosting ?? [])
  }

  /** Whether a program hosts it here now. */
  hosts(work: string): boolean {
    return this.#works.get(work)?.host !== undefined
  }

  /** Whether a call of this id was begun here by this node. */
  async knows(id: string): Promise<boolean> {
    return (await this.#find(id))?.caller === this.#parts.self
  }

  // --- callers -----------------------------------------------------------------------------------------------------

  /**
   * Begins a call, or finds the one of that id; it is on the disk when this resolves. NOT_FOUND while no program hosts the work,
   * or not for the caller, and none comes back to it after a restart; INCOMPATIBLE, IN_USE, TOO_LARGE; ALREADY_EXISTS for the id of another call.
   */
  async call(request: CallRequest, caller: string): Promise<Called> {
    this.#refuseStopped()
    const { self, clock, nodeName } = this.#parts
    const { id, work } = request
    if ((await this.#find(id)) === undefined) await this.#before.back({ id, work, caller })
    const found = await this.#find(id)
    this.#refuseStopped()
    // The same may have been asked for at the same time.
    const known = this.#calls.get(id) ?? found
    if (known !== undefined) {
      if (known.caller !== caller || known.work !== work)
        throw new PathmeshError('ALREADY_EXISTS', `${id} is the id of another call: choose one at random for each`)
      if (known instanceof Call) await known.accepted
      return { node: self, known: true }
    }
    checkCall(request)
    const hosted = this.#works.get(work)
    const host = hosted?.host
    if (hosted === undefined || host === undefined || (caller !== self && !host.hosted))
      throw new PathmeshError(
        'NOT_FOUND',
        `no program hosts ${work} on ${nodeName}: start one there with \`pathmesh works host MODULE --as ${work}\``
      )
    const now = clock.now()
    const call = new Call({ id, work, caller }, { at: now, now }, request)
    this.#calls.set(id, call)
    try {
      await hosted.accept(call)
    } catch (error) {
      this.#calls.delete(id)
      throw error
    }
    return { node: self, known: false }
  }

  /** What became of a call since a number; waits a while for something. NOT_FOUND for a call that this caller did not begin. */
  async events(id: string, after: number, caller: string, signal: AbortSignal): Promise<CallEvents> {
    this.#refuseStopped()
    const { table, clock } = this.#parts
    const call = this.#calls.get(id)
    if (call !== undefined && call.caller === caller) {
      await call.accepted
      return call.events(after, clock, signal)
    }
    const row = await table.find(id)
    if (row === undefined || row.ended === null || row.caller !== caller) throw this.#noCall(id)
    const { outcome, state } = (await table.endOf(id)) ?? { outcome: failed(letGo({ id, work: row.work })), state: {} }
    return { next: Math.max(after, row.ended), phase: 'done', state, logs: [], missed: 0, progress: null, outcome }
  }

  /** Ends a call that waits, and tells the host of one that runs; of one that is over, nothing. NOT_FOUND as for `events`. */
  async cancel(id: string, caller: string): Promise<void> {
    this.#refuseStopped()
    const { clock } = this.#parts
    if (this.#before.cancel(id, caller)) return
    const call = await this.#find(id)
    if (call?.caller !== caller) throw this.#noCall(id)
    if (!(call instanceof Call) || call.outcome !== null) return
    const work = this.#work(call.work)
    await withDeadline(clock, CALL_ANSWER_MS, `cancelling ${id}`, undefined, signal =>
      orAborted(work.cancel(call), signal)
    )
  }

  // --- hosts -------------------------------------------------------------------------------------------------------

  /**
   * Hosts a work until the signal is aborted or the reader leaves: first where it is, then calls and cancellations. WORK_IN_USE
   * while another program hosts it, or another connected node is its home; IN_USE where too many are hosted.
   */
  async *host(request: HostRequest, signal: AbortSignal): AsyncGenerator<HostLine> {
    this.#refuseHost(request)
    this.#claiming++
    let opened: WorkFolder
    try {
      opened = await this.#parts.openWork({
        name: request.work,
        ...(request.takeOver === undefined ? {} : { takeOver: request.takeOver })
      })
    } finally {
      this.#claiming--
    }
    await this.#before.coming(request.work)
    signal.throwIfAborted()
    this.#refuseHost(request)
    const work = this.#work(request.work)
    const host = work.attach(request)
    this.#before.came(request.work)
    this.#parts.log.info('a work is hosted', { work: request.work, module: request.module, hosted: request.hosted })
    try {
      yield { event: 'hosting', ...opened }
      yield* host.lines(signal)
    } finally {
      work.detach(host)
      if (!this.#stop.signal.aborted && work.host === undefined) this.#before.left(request.work)
      this.#parts.log.info('a work is no longer hosted', { work: request.work })
    }
  }

  /** Takes what a host says of the call that it runs. The outcome of one that is over is taken as said again. */
  async report(request: ReportRequest): Promise<void> {
    this.#refuseStopped()
    const { clock, table } = this.#parts
    const { id, outcome } = request
    const isOver = !this.#calls.has(id) && (await table.find(id)) !== undefined
    const call = this.#calls.get(id)
    const ending = call?.ending
    if (outcome !== undefined) checkOutcome(call?.work ?? id, outcome)
    if (outcome !== undefined && (ending !== undefined || isOver)) {
      await withDeadline(clock, CALL_ANSWER_MS, `the end of ${id}`, undefined, signal =>
        orAborted(ending ?? Promise.resolve(), signal)
      )
      return
    }
    if (call === undefined || ending !== undefined)
      throw new PathmeshError('NOT_FOUND', `no call ${id} runs here: it is over, or never was; end what runs for it`)
    await this.#work(call.work).report(call, request)
  }

  // --- in common ---------------------------------------------------------------------------------------------------

  async #find(id: string): Promise<Call | CallRow | undefined> {
    return this.#calls.get(id) ?? (await this.#parts.table.find(id))
  }

  #work(name: string): HostedWork {
    const known = this.#works.get(name)
    if (known !== undefined) return known
    const { nodeName, table, clock, log } = this.#parts
    const work = new HostedWork(name, {
      nodeName,
      table,
      clock,
      log,
      stopped: this.#stop.signal,
      onEnd: call => this.#forgetLater(call),
      onEmpty: () => {
        if (this.#works.get(name) === work) this.#works.delete(name)
      }
    })
    this.#works.set(name, work)
    return work
  }

  #refuseHost(request: HostRequest): void {
    this.#refuseStopped()
    const hosted = this.#works.get(request.work)
    hosted?.refuseOther(request)
    if (hosted?.host !== undefined) return
    const others = this.list().length + this.#claiming
    if (others >= WORKS_HOSTED_MAX)
      throw new PathmeshError(
        'IN_USE',
        `${WORKS_HOSTED_MAX} works are hosted on this node already: end one of them first`
      )
  }

  /** The end of a call is read from memory for a while, with its log; then from the disk. */
  #forgetLater({ id }: Call): void {
    const forget = (): void => {
      this.#told.get(id)?.()
      this.#told.delete(id)
      this.#calls.delete(id)
    }
    this.#told.set(id, this.#parts.clock.after(CALL_TOLD_MS, forget))
    const [oldest] = this.#told.keys()
    if (this.#told.size <= CALLS_TOLD_MAX || oldest === undefined) return
    this.#told.get(oldest)?.()
    this.#told.delete(oldest)
    this.#calls.delete(oldest)
  }

  #noCall(id: string): PathmeshError {
    return new PathmeshError(
      'NOT_FOUND',
      `no call ${id} is known on ${this.#parts.nodeName}: it was not begun, or long ago`
    )
  }

  #refuseStopped(): void {
    if (this.#stop.signal.aborted)
      throw new PathmeshError(
        'DAEMON_UNREACHABLE',
        `the daemon of ${this.#parts.nodeName} stops: ask again when it is back`
      )
  }
}
