// Every lane of a node by its number, and the threads that hold them: the first has the port and the lanes that others open; those
// that this node opens are spread. A thread that crashes takes its lanes with it, and is started again.

import { randomBytes } from 'node:crypto'
import type { Clock } from '../../clock.ts'
import { bytesOf } from '../../frames.ts'
import type { Log } from '../../log.ts'
import type { RateLimits } from '../rate-limit.ts'
import { PathmeshError, toPathmeshError } from '../../../proto/errors.ts'
import type { LaneOffer } from '../../../proto/generated/exchange.ts'
import { LANE_KEY_MS, LANE_RESTART_MS, LANE_THREADS, LANES_MAX, LANES_PEER } from '../../../proto/limits.ts'
import { Lane } from './lane.ts'
import { LaneServing, type LaneSource } from './lane-serving.ts'
import { LaneThread } from './lane-thread.ts'
import {
  fromFault,
  type FromThread,
  type LaneFacts,
  type LaneListen,
  toFault,
  type ThreadWaits,
  type Way
} from './messages.ts'

export interface LaneRecord {
  readonly facts: LaneFacts
  /** Of a lane that this node asks on. */
  readonly lane: Lane | undefined
  readonly thread: LaneThread
  /** Resolves when the other end has proven to have the key. */
  readonly opened: Promise<void>
  isOpen: boolean
  readonly open: () => void
  readonly fail: (error: PathmeshError) => void
}

export interface LaneTableParts {
  readonly source: LaneSource
  /** What comes in is limited by whoever asks for it. */
  readonly limits: Pick<RateLimits, 'upload'>
  readonly onServed: (peer: string, bytes: number) => void
  readonly onReceived: (peer: string, bytes: number) => void
  readonly clock: Clock
  readonly log: Log
  readonly waits: ThreadWaits
  readonly onReady: (record: LaneRecord) => void
}

interface Expected {
  readonly record: LaneRecord
  readonly offer: LaneOffer
}

export class LaneTable {
  readonly #parts: LaneTableParts
  readonly #serving: LaneServing
  readonly #records = new Map<number, LaneRecord>()
  readonly #threads: (LaneThread | undefined)[] = Array.from({ length: LANE_THREADS }, () => undefined)
  #listen: LaneListen | undefined
  #port: number | undefined
  #next = 1
  #isClosed = false
  #cancelRestart: () => void = () => undefined

  constructor(parts: LaneTableParts) {
    this.#parts = parts
    this.#serving = new LaneServing(parts.source, parts.limits.upload)
  }

  /** Undefined while nobody can connect. */
  get port(): number | undefined {
    return this.#port
  }

  async listen(listen: LaneListen): Promise<number> {
    this.#port = await this.#thread(0).listen(listen)
    // Whoever knows the port goes on using it.
    this.#listen = { ...listen, port: this.#port, fixed: true }
    return this.#port
  }

  /** Connects to a peer that issued a key. */
  dial(peer: string, way: Way, host: string, { id, key, port }: LaneOffer): LaneRecord {
    const record = this.#add(peer, way, this.#leastUsed())
    const { facts, thread } = record
    thread.post({ type: 'dial', facts, host, port, key: { id: Buffer.from(id).toString('hex'), key } })
    return record
  }

  /** Issues a key to a peer, which may connect with it once. */
  async expect(peer: string, way: Way): Promise<Expected> {
    if (this.#port === undefined) throw new PathmeshError('NO_PROVIDERS', 'this node does not listen for lanes')
    const record = this.#add(peer, way, this.#thread(0))
    const [id, key] = [randomBytes(16), randomBytes(32)]
    try {
      await record.thread.expect(record.facts, { id: id.toString('hex'), key }, LANE_KEY_MS)
    } catch (error) {
      this.#gone(record, toPathmeshError(error, 'issuing a key'))
      throw error
    }
    return { record, offer: { id: bytesOf(id), key: bytesOf(key), port: this.#port } }
  }

  /** Takes no more orders at once; those that it has end when its thread has heard of it. */
  end({ facts, lane, thread }: LaneRecord, error = new PathmeshError('NO_PROVIDERS', 'the lane was closed')): void {
    if (!this.#records.has(facts.lane)) return
    lane?.close(error)
    thread.post({ type: 'close', lane: facts.lane })
  }

  /** Ends the lanes on which this node asks a peer. */
  endAsking(peer: string, error: PathmeshError): void {
    for (const record of this.#of(peer, 'ask')) this.end(record, error)
  }

  /** Whether this node serves a peer on a lane. */
  serves(peer: string): boolean {
    return this.#of(peer, 'serve').some(({ isOpen }) => isOpen)
  }

  /** Ends all lanes of a peer. */
  drop(peer: string): void {
    for (const record of this.#records.values()) if (record.facts.peer === peer) this.end(record)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelRestart()
    this.#port = undefined
    await Promise.all(this.#threads.map(async thread => thread?.close()))
  }

  #add(peer: string, way: Way, thread: LaneThread): LaneRecord {
    if (this.#records.size >= LANES_MAX) throw new PathmeshError('TOO_LARGE', `${LANES_MAX} lanes are open already`)
    if (way === 'serve') {
      const older = this.#of(peer, 'serve')
      for (const record of older.slice(0, Math.max(0, older.length + 1 - LANES_PEER))) this.end(record)
    }
    const number = this.#next++
    const { onReceived } = this.#parts
    const lane =
      way === 'serve'
        ? undefined
        : new Lane({
            lane: number,
            peer,
            post: message => thread.post(message),
            onReceived: bytes => onReceived(peer, bytes)
          })
    let settle: Pick<LaneRecord, 'open' | 'fail'> = { open: () => undefined, fail: () => undefined }
    const opened = new Promise<void>((open, fail) => (settle = { open, fail }))
    opened.catch(() => undefined)
    const record = { facts: { lane: number, peer, way }, lane, thread, opened, isOpen: false, ...settle }
    this.#records.set(number, record)
    return record
  }

  #of(peer: string, way: Way): LaneRecord[] {
    return [...this.#records.values()].filter(({ facts }) => facts.peer === peer && facts.way === way)
  }

  #thread(at: number): LaneThread {
    if (this.#isClosed) throw new PathmeshError('ABORTED', 'lanes are closed')
    const known = this.#threads[at]
    if (known !== undefined) return known
    const thread: LaneThread = new LaneThread({
      waits: this.#parts.waits,
      onMessage: message => this.#take(thread, message),
      onEnd: crash => this.#ended(at, thread, crash)
    })
    this.#threads[at] = thread
    return thread
  }

  /** Of those with equally few lanes the last: the first one serves. */
  #leastUsed(): LaneThread {
    const counts = this.#threads.map(thread => this.#lanesOf(thread).length)
    return this.#thread(counts.lastIndexOf(Math.min(...counts)))
  }

  #lanesOf(thread: LaneThread | undefined): LaneRecord[] {
    return thread === undefined ? [] : [...this.#records.values()].filter(record => record.thread === thread)
  }

  #take(thread: LaneThread, message: FromThread): void {
    if (message.type === 'answer' || message.type === 'refusal') return
    const record = this.#records.get(message.lane)
    switch (message.type) {
      case 'opened':
        if (record === undefined) return
        record.isOpen = true
        record.open()
        this.#parts.onReady(record)
        return
      case 'closing':
        record?.lane?.close(fromFault(message.fault))
        return
      case 'ended':
        if (record !== undefined) this.#gone(record, fromFault(message.fault))
        this.#closeUnused(thread)
        return
      case 'served':
        if (record !== undefined) this.#parts.onServed(record.facts.peer, message.bytes)
        return
      case 'released':
        this.#serving.released(message.lane, message.request)
        return
      case 'ask':
        this.#answer(thread, message, record)
        return
      case 'came':
        record?.lane?.take(message)
    }
  }

  #answer(
    thread: LaneThread,
    { ask, question }: Extract<FromThread, { type: 'ask' }>,
    record: LaneRecord | undefined
  ): void {
    const answer =
      record === undefined
        ? Promise.reject(new PathmeshError('ABORTED', 'the lane is gone'))
        : this.#serving.answer(record.facts, question)
    answer.then(
      value => thread.post({ type: 'answer', ask, value }),
      (error: unknown) => thread.post({ type: 'refusal', ask, fault: toFault(error, 'serving') })
    )
  }

  #gone(record: LaneRecord, error: PathmeshError): void {
    record.fail(error)
    record.lane?.close(error)
    this.#serving.ended(record.facts.lane)
    this.#forget(record)
  }

  #forget({ facts }: LaneRecord): void {
    this.#records.delete(facts.lane)
  }

  #closeUnused(thread: LaneThread): void {
    const at = this.#threads.indexOf(thread)
    if (at <= 0 || this.#lanesOf(thread).length > 0) return
    this.#threads[at] = undefined
    thread.close().catch((error: unknown) => this.#parts.log.warn('a thread did not end', { error }))
  }

  #ended(at: number, thread: LaneThread, crash: Error | undefined): void {
    const error = new PathmeshError('NO_PROVIDERS', 'the thread that held the lane ended', { cause: crash })
    for (const record of this.#lanesOf(thread)) {
      this.#gone(record, error)
      record.lane?.abandon(error)
    }
    if (this.#threads[at] === thread) this.#threads[at] = undefined
    if (crash === undefined || this.#isClosed) return
    this.#parts.log.error('a thread that held lanes crashed', { error: crash })
    if (at === 0 && this.#listen !== undefined) this.#restart(this.#listen)
  }

  #restart(listen: LaneListen): void {
    this.#port = undefined
    this.#cancelRestart = this.#parts.clock.after(LANE_RESTART_MS, () => {
      this.listen(listen).catch((error: unknown) => {
        this.#parts.log.error('the port for lanes cannot be opened again', { error })
        if (!this.#isClosed) this.#restart(listen)
      })
    })
  }
}
