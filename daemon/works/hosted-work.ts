// One work of this node: the program that hosts it, the call that it runs and those that wait, one at a time and in order.
//   waiting ──> running ──> ended         a call; written down before each arrow
//      └──────────┴──(host gone for HOST_BACK_MS, or back without it)──> ended: WORK_LOST, OUTCOME_UNKNOWN
// It decides about hosts and turns; what a call tells is in call.ts, what is on disk in call-table.ts.

import { PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { CALLS_QUEUED_MAX, HOST_BACK_MS } from '../../proto/limits.ts'
import type { HostRequest, Hosting, Outcome, ReportRequest } from '../../proto/works-api.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Call } from './call.ts'
import type { CallTable } from './call-table.ts'
import { Host } from './host.ts'
import { cancelled, failed, HOW, lost, neverBegan, otherModule, unknown } from './outcomes.ts'
import { pause } from './pause.ts'

export interface HostedWorkParts {
  /** What this node is called, for messages. */
  readonly nodeName: string
  readonly table: Pick<CallTable<unknown>, 'accept' | 'begin' | 'end'>
  readonly clock: Clock
  readonly log: Log
  /** Aborted when the daemon stops: from then on nothing is decided. */
  readonly stopped: AbortSignal
  /** Told of each call that ended. */
  readonly onEnd: (call: Call) => void
  /** Told when neither a host nor a call is left. */
  readonly onEmpty: () => void
}

export class HostedWork {
  readonly work: string
  readonly #parts: HostedWorkParts
  readonly #waiting: Call[] = []
  #host: Host | undefined
  #running: Call | undefined
  #cancelLoss: () => void = () => undefined

  constructor(work: string, parts: HostedWorkParts) {
    this.work = work
    this.#parts = parts
  }

  /** What hosts it now; undefined while nothing does. */
  get host(): HostRequest | undefined {
    return this.#host?.isClosed === false ? this.#host.request : undefined
  }

  /** What it does, as others are told; undefined while no program hosts it. */
  get hosting(): Hosting | undefined {
    const { host, work } = this
    const running = this.#running
    if (host === undefined) return undefined
    return {
      work,
      module: host.module,
      hosted: host.hosted,
      phase: running?.phase ?? 'idle',
      call: running?.id ?? null,
      since: running?.at ?? null,
      queued: this.#waiting.length
    }
  }

  // --- the host ----------------------------------------------------------------------------------------------------

  /** Refuses a program while another hosts it: WORK_IN_USE. Who names the call that runs is the same, on another connection. */
  refuseOther({ running, hash }: HostRequest): void {
    const { host } = this
    if (host === undefined || (running !== undefined && running === this.#running?.id && hash === host.hash)) return
    throw new PathmeshError(
      'WORK_IN_USE',
      `${this.work} is hosted on this node already, by a program with ${host.module}: end that one, or host under another name`,
      { details: { work: this.work, module: host.module } }
    )
  }

  /** A program hosts it from now on. Errors as `refuseOther`. */
  attach(request: HostRequest): Host {
    this.refuseOther(request)
    this.#cancelLoss()
    this.#host?.close()
    const host = new Host(request)
    this.#host = host
    this.#compare(host)
    for (const call of this.#waiting.filter(({ request: made }) => isOther(made?.hash, request.hash))) {
      this.#remove(call)
      void this.#settle(call, otherModule(this.work, this.#parts.nodeName, request, call.request?.hash ?? ''))
    }
    this.#next()
    return host
  }

  /** What a host that comes says that it runs, and what it should. */
  #compare(host: Host): void {
    const running = this.#running
    const { running: named } = host.request
    const isWanted = running !== undefined && running.id === named && running.ending === undefined && !running.cancelled
    // What nobody waits for would keep the host from the next.
    if (named !== undefined && !isWanted) host.send({ event: 'cancel', id: named })
    if (running?.began !== true || running.id === named) return
    // Of one that an earlier life of the daemon handed over: whether this is the program that ran it, nobody can say.
    void this.#settle(running, running.request === undefined ? unknown(running) : lost(running, HOW.forgotten))
  }

  /** A program hosts it no more. What it ran, and what waits, is kept for a while. */
  detach(host: Host): void {
    host.close()
    if (this.#host !== host) return
    this.#host = undefined
    if (this.#running === undefined && this.#waiting.length === 0) this.#parts.onEmpty()
    else this.#loseLater(running => lost(running, HOW.vanished))
  }

  // --- calls -------------------------------------------------------------------------------------------------------

  /** Writes a call down and lets it run when it is its turn. IN_USE when too many wait; what the disk says. */
  async accept(call: Call): Promise<void> {
    const { nodeName, table } = this.#parts
    const host = this.host
    const hash = call.request?.hash
    if (host !== undefined && hash !== undefined && isOther(hash, host.hash))
      throw otherModule(this.work, nodeName, host, hash)
    const begins = this.#running === undefined && this.#waiting.length === 0
    if (!begins && this.#waiting.length >= CALLS_QUEUED_MAX)
      throw new PathmeshError(
        'IN_USE',
        `${CALLS_QUEUED_MAX} calls of ${this.work} on ${nodeName} wait already: call again when some have ended`
      )
    if (begins) this.#running = call
    else this.#waiting.push(call)
    call.accepted = table.accept(call, call.at, begins)
    try {
      await call.accepted
    } catch (error) {
      this.#remove(call)
      this.#next()
      throw error
    }
    if (begins) this.#handOver(call)
  }

  /** Takes a call that ran when the daemon ended: a host may come and name it. */
  restore(call: Call): void {
    call.began = true
    call.enter('running')
    // One ran at a time: of a second, only the end was not written down any more.
    if (this.#running === undefined) this.#running = call
    else void this.#settle(call, unknown(call))
  }

  /** From now on a host that was there before this daemon has a while to come back. */
  awaitHost(): void {
    if (this.#host === undefined) this.#loseLater(unknown)
  }

  /** Ends a call that waits; tells the host of one that runs. */
  async cancel(call: Call): Promise<void> {
    await call.accepted
    if (call.ending !== undefined) return call.ending
    const isFirst = !call.cancelled
    call.cancelled = true
    if (this.#running === call) {
      if (isFirst && call.began) this.#host?.send({ event: 'cancel', id: call.id })
      return
    }
    this.#remove(call)
    await this.#settle(call, cancelled(call))
  }

  /** What the host says of the call that it runs; an outcome is on the disk when it returns. */
  async report(call: Call, { outcome, ...news }: ReportRequest): Promise<void> {
    if (this.#running !== call || !call.began)
      throw new PathmeshError(
        'NOT_FOUND',
        `the call ${call.id} of ${this.work} does not run here: there is nothing to report`
      )
    if (outcome === undefined) {
      call.report(news)
      return
    }
    const ending = this.#end(call, outcome, call.stateWith(news), () => call.report(news))
    call.ending = ending
    try {
      await ending
    } catch (error) {
      // The host has it still, and reports it again.
      call.ending = undefined
      throw error
    }
  }

  // --- turns and ends ----------------------------------------------------------------------------------------------

  #next(): void {
    if (this.#running !== undefined || this.host === undefined) return
    const call = this.#waiting.shift()
    if (call === undefined) return
    this.#running = call
    void this.#begin(call)
  }

  async #begin(call: Call): Promise<void> {
    // Where it could not be written down, whoever accepts it takes it out again.
    if (!(await isKept(call.accepted))) return
    try {
      await this.#parts.table.begin(call.id)
    } catch (error) {
      void this.#settle(call, toPathmeshError(error, `beginning ${this.work}`))
      return
    }
    this.#handOver(call)
  }

  #handOver(call: Call): void {
    const { nodeName, stopped } = this.#parts
    if (this.#running !== call || call.ending !== undefined || call.request === undefined || stopped.aborted) return
    if (call.cancelled) {
      void this.#settle(call, cancelled(call))
      return
    }
    const { host } = this
    if (host === undefined) {
      // Its host went away meanwhile, and has seen nothing of it: it waits on.
      this.#running = undefined
      this.#waiting.unshift(call)
      return
    }
    const { id, args, state, hash } = call.request
    if (hash !== undefined && hash !== host.hash) {
      void this.#settle(call, otherModule(this.work, nodeName, host, hash))
      return
    }
    call.began = true
    call.enter('starting')
    this.#host?.send({ event: 'call', id, args, ...(state === undefined ? {} : { state }) })
  }

  #remove(call: Call): void {
    if (this.#running === call) this.#running = undefined
    if (this.#waiting.includes(call)) this.#waiting.splice(this.#waiting.indexOf(call), 1)
  }

  /** Ends a call as this daemon decides. A disk that takes nothing is waited for: nobody is told what may be forgotten. */
  #settle(call: Call, error: PathmeshError): Promise<void> {
    call.ending ??= this.#endAtLast(call, failed(error))
    return call.ending
  }

  async #endAtLast(call: Call, outcome: Outcome): Promise<void> {
    const { log, stopped, clock } = this.#parts
    await call.accepted.catch(() => undefined)
    while (!stopped.aborted) {
      try {
        await this.#end(call, outcome, call.state())
        return
      } catch (error) {
        log.warn('the end of a call cannot be written down; it is tried again', {
          call: call.id,
          work: this.work,
          error
        })
        await pause(clock, HOST_BACK_MS, stopped)
      }
    }
  }

  async #end(call: Call, outcome: Outcome, state: ReturnType<Call['state']>, lastNews?: () => void): Promise<void> {
    await this.#parts.table.end(call.id, outcome, state)
    lastNews?.()
    call.finish(outcome)
    this.#remove(call)
    this.#parts.onEnd(call)
    this.#next()
    if (this.#host === undefined && this.#running === undefined && this.#waiting.length === 0) {
      this.#cancelLoss()
      this.#parts.onEmpty()
    }
  }

  #loseLater(how: (running: Call) => PathmeshError): void {
    this.#cancelLoss()
    const { clock, stopped } = this.#parts
    if (stopped.aborted) return
    this.#cancelLoss = clock.after(HOST_BACK_MS, () => {
      const running = this.#running
      if (running !== undefined)
        void this.#settle(running, running.began ? how(running) : neverBegan(running, HOW.vanished))
      for (const call of this.#waiting.splice(0)) void this.#settle(call, neverBegan(call, HOW.vanished))
    })
  }

  stop(): void {
    this.#cancelLoss()
    this.#host?.close()
  }
}

const isKept = (accepted: Promise<void>): Promise<boolean> => accepted.then(() => true).catch(() => false)
const isOther = (hash: string | undefined, hosted: string): boolean => hash !== undefined && hash !== hosted
