// The end of a lane that serves: requests are answered one after the other, block by block, while the next block is read ahead; as
// many blocks as a bound allows are under way. It reads nothing for a peer that takes nothing.

import { decodeCid } from '../../content/verify.ts'
import { PathmeshError, toPathmeshError } from '../../../proto/errors.ts'
import { LeavesRequest, SmallRequest } from '../../../proto/generated/exchange.ts'
import {
  LANE_SEND_BLOCKS,
  LANE_TELL_MS,
  LEAVES_REQUEST_MAX,
  LIMIT_PIECE_BYTES,
  REQUEST_CIDS_MAX,
  REQUESTS_OPEN_MAX,
  SERVE_REQUESTS
} from '../../../proto/limits.ts'
import type { Holder } from './blocks.ts'
import { failureFrame, LaneFrame, type LaneHeader, laneFrame } from './frame.ts'
import type { FrameSink } from './frame-reader.ts'
import type { LaneParts } from './lane-parts.ts'
import { Link } from './link.ts'
import { LeavesJob, type SendJob, SmallJob } from './send-jobs.ts'

interface Request {
  readonly id: number
  /** Finds out where what it asks for lies. */
  readonly resolve: () => Promise<SendJob>
  job: SendJob | undefined
  isCancelled: boolean
}

interface Ready {
  readonly bytes: Uint8Array
  /** To be given back once it was sent. */
  readonly block: Buffer | undefined
}

export class ServingLane implements FrameSink {
  readonly link: Link
  readonly #parts: LaneParts
  readonly #holder: Holder = { held: 0 }
  /** All that are not answered; those that wait to be looked up; those that can be read. */
  readonly #requests = new Map<number, Request>()
  readonly #queue: Request[] = []
  readonly #turns: Request[] = []
  readonly #ready: Ready[] = []
  #resolving = 0
  #isReading = false
  #isSending = false
  /** Whether the rate of what is sent was limited when a request came. */
  #isLimited = false
  #served = 0
  #cancelTell: (() => void) | undefined

  constructor(parts: LaneParts, onEnd: (error: PathmeshError) => void) {
    this.#parts = parts
    this.link = new Link({
      peer: parts.facts.peer,
      clock: parts.clock,
      ...parts.waits,
      // The asker closes what it does not need; this end only outlives an asker that vanished.
      idleMs: 2 * parts.waits.idleMs,
      sink: this,
      isOwed: () => false,
      isIdle: () => this.#requests.size === 0,
      onEnd: error => this.#ended(error, onEnd)
    })
  }

  room({ kind, id, length }: LaneHeader): Uint8Array {
    if (kind !== LaneFrame.LEAVES && kind !== LaneFrame.SMALL)
      throw this.#broken('an answer, where requests are expected')
    if (this.#requests.has(id) || this.#requests.size >= REQUESTS_OPEN_MAX)
      throw this.#broken(`more than ${REQUESTS_OPEN_MAX} requests at a time, or one twice`)
    return new Uint8Array(length)
  }

  progress(): void {
    // Requests are short.
  }

  unused(): void {
    // A request's room is not used again.
  }

  frame({ kind, id }: LaneHeader, payload: Uint8Array): void {
    this.link.touch()
    if (kind === LaneFrame.CANCEL) {
      this.#cancel(id)
      return
    }
    if (payload.length === 0) throw this.#broken('an empty request')
    const resolve = kind === LaneFrame.LEAVES ? this.#leaves(id, payload) : this.#small(id, payload)
    const request: Request = { id, resolve, job: undefined, isCancelled: false }
    this.#requests.set(id, request)
    this.#queue.push(request)
    this.#resolveSome()
  }

  #leaves(id: number, payload: Uint8Array): () => Promise<SendJob> {
    const { file, ranges } = this.#decode(() =>
      LeavesRequest.decode(payload, { limits: { ranges: LEAVES_REQUEST_MAX } })
    )
    this.#decode(() => decodeCid(file))
    const count = ranges.reduce((sum, { from, to }) => sum + Math.max(0, to - from), 0)
    if (count === 0 || count > LEAVES_REQUEST_MAX) throw this.#broken(`a request for ${count} leaves`)
    const indexes = ranges.flatMap(({ from, to }) => Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i))
    return async () => {
      const spans = ranges.map(({ from, to }) => ({ from, to }))
      const { place, isLimited } = await this.#parts.ask({ type: 'leaves', request: id, file, spans })
      this.#isLimited = isLimited
      return new LeavesJob(this.#parts, id, file, indexes, place)
    }
  }

  #small(id: number, payload: Uint8Array): () => Promise<SendJob> {
    const { cids } = this.#decode(() => SmallRequest.decode(payload, { limits: { cids: REQUEST_CIDS_MAX } }))
    for (const cid of cids) this.#decode(() => decodeCid(cid))
    return async () => {
      const { places, isLimited } = await this.#parts.ask({ type: 'small', request: id, cids })
      this.#isLimited = isLimited
      return new SmallJob(this.#parts, id, cids, places)
    }
  }

  #cancel(id: number): void {
    const request = this.#requests.get(id)
    // It was answered while the asker gave up.
    if (request === undefined || request.isCancelled) return
    request.isCancelled = true
    const waits = this.#queue.indexOf(request)
    if (waits >= 0) {
      this.#queue.splice(waits, 1)
      this.#finish(request, laneFrame(LaneFrame.END, id))
      return
    }
    // What waits in the main thread for its turn is told to stop waiting.
    this.#parts.post({ type: 'released', lane: this.#parts.facts.lane, request: id })
  }

  #resolveSome(): void {
    while (this.#resolving + this.#turns.length < SERVE_REQUESTS) {
      const request = this.#queue.shift()
      if (request === undefined) return
      this.#resolving++
      this.#resolve(request)
        .catch((error: unknown) => this.#fail(request, error))
        .finally(() => {
          this.#resolving--
          this.#goOn()
        })
    }
  }

  async #resolve(request: Request): Promise<void> {
    request.job = await request.resolve()
    this.#turns.push(request)
  }

  #goOn(): void {
    if (this.link.isOver) {
      for (const request of this.#turns.splice(0)) this.#release(request)
      return
    }
    this.#resolveSome()
    if (!this.#isReading && this.#turns.length > 0 && this.#ready.length < LANE_SEND_BLOCKS - 1) {
      this.#isReading = true
      this.#readOne()
        .catch((error: unknown) => this.link.end(toPathmeshError(error, `serving ${this.#parts.facts.peer}`)))
        .finally(() => {
          this.#isReading = false
          this.#goOn()
        })
    }
    if (!this.#isSending && this.#ready.length > 0) {
      this.#isSending = true
      this.#sendOne()
        .catch((error: unknown) => this.link.end(toPathmeshError(error, `serving ${this.#parts.facts.peer}`)))
        .finally(() => {
          this.#isSending = false
          this.#goOn()
        })
    }
  }

  /** Reads the next block of whoever is first. */
  async #readOne(): Promise<void> {
    const taken = this.#parts.blocks.take(this.#holder)
    const block = taken instanceof Promise ? await taken : taken
    const request = this.#turns.shift()
    if (request?.job === undefined) {
      this.#parts.blocks.give(this.#holder, block)
      return
    }
    let bytes: Uint8Array | undefined
    try {
      if (!request.isCancelled && !this.link.isOver) bytes = await request.job.next(block)
    } catch (error) {
      this.#parts.blocks.give(this.#holder, block)
      this.#fail(request, error)
      return
    }
    const isOfBlock = bytes?.buffer === block.buffer
    if (!isOfBlock || this.link.isOver) this.#parts.blocks.give(this.#holder, block)
    if (bytes === undefined || this.link.isOver) {
      this.#finish(request, laneFrame(LaneFrame.END, request.id))
      return
    }
    // One after the other: if all were answered at a time they would end at a time, and leave nothing under way.
    this.#turns.unshift(request)
    this.#ready.push({ bytes, block: isOfBlock ? block : undefined })
  }

  async #sendOne(): Promise<void> {
    const next = this.#ready.shift()
    if (next === undefined) return
    const { bytes, block } = next
    try {
      for (let at = 0; at < bytes.length;) {
        const most = this.#isLimited ? LIMIT_PIECE_BYTES : bytes.length
        const piece = bytes.subarray(at, at + most)
        if (this.#isLimited && block !== undefined) {
          const { isLimited } = await this.#parts.ask({ type: 'leave', bytes: piece.length })
          this.#isLimited = isLimited
        }
        await this.link.write(piece)
        at += piece.length
        this.#served += piece.length
        this.#cancelTell ??= this.#parts.clock.after(LANE_TELL_MS, () => this.#tell())
      }
    } finally {
      if (block !== undefined) this.#parts.blocks.give(this.#holder, block)
    }
  }

  #fail(request: Request, error: unknown): void {
    const fault = toPathmeshError(error, 'serving')
    this.#finish(request, request.isCancelled ? laneFrame(LaneFrame.END, request.id) : failureFrame(request.id, fault))
  }

  /** The last that is sent of it. */
  #finish(request: Request, last: Uint8Array): void {
    this.#release(request)
    if (this.link.isOver) return
    this.#ready.push({ bytes: last, block: undefined })
    this.#goOn()
  }

  #release(request: Request): void {
    if (this.#requests.get(request.id) !== request) return
    this.#requests.delete(request.id)
    this.#parts.post({ type: 'released', lane: this.#parts.facts.lane, request: request.id })
    request.job?.close()
  }

  #tell(): void {
    this.#cancelTell?.()
    this.#cancelTell = undefined
    if (this.#served > 0) this.#parts.post({ type: 'served', lane: this.#parts.facts.lane, bytes: this.#served })
    this.#served = 0
  }

  #ended(error: PathmeshError, onEnd: (error: PathmeshError) => void): void {
    for (const { block } of this.#ready.splice(0)) if (block !== undefined) this.#parts.blocks.give(this.#holder, block)
    // One that is being read is released when that is done.
    for (const request of [...this.#queue.splice(0), ...this.#turns.splice(0)]) this.#release(request)
    for (const request of this.#requests.values()) request.isCancelled = true
    this.#tell()
    onEnd(error)
  }

  #decode<T>(read: () => T): T {
    try {
      return read()
    } catch (cause) {
      throw this.#broken('a request that cannot be read', cause)
    }
  }

  #broken(what: string, cause?: unknown): PathmeshError {
    const { peer } = this.#parts.facts
    return new PathmeshError('CORRUPT', `${peer} sent ${what}`, { cause, details: { peerId: peer } })
  }
}
