// The lanes of a node: opened when there is something to move, shared by all who ask that peer, closed when idle. Either side may
// connect: first the asker, and where that fails the one that is asked. Without a lane the stream serves, and `how` says why.
//
//   (none) ── lane() ──> asks for a key ── connects ──────────────────────────────> open ── idle, lost, dropped ──> (none)
//                             └─ cannot ──> issues a key, is connected to ──────────┘
//                                                 └─ not in time ──> failed ── LANE_RETRY_MS ──> (none)
// An open one that brings nothing is failed, too: doubt().

import { orAborted, withDeadline } from '../../deadline.ts'
import type { Caller, Handler } from '../../rpc.ts'
import { hasCode, PathmeshError, toPathmeshError } from '../../../proto/errors.ts'
import { LaneAnswer, type LaneOffer, LaneRequest } from '../../../proto/generated/exchange.ts'
import {
  ANSWER_WRITE_MS,
  FRAME_MS,
  HANDSHAKE_MS,
  LANE_IDLE_MS,
  LANE_OPEN_MS,
  LANE_RETRY_MS
} from '../../../proto/limits.ts'
import type { Via } from '../provider.ts'
import type { Lane } from './lane.ts'
import { type LaneRecord, LaneTable, type LaneTableParts } from './lane-table.ts'
import type { LaneListen, ThreadWaits, Way } from './messages.ts'

export interface LanesParts extends Omit<LaneTableParts, 'waits' | 'onReady'> {
  /** Null where this node has no lanes; without hosts it has some, and others cannot connect to them. */
  readonly listen: LaneListen | null
  /** The IP address of a connected peer. */
  readonly hostOf: (peer: string) => string | undefined
  /** Asks a peer over its stream. NO_PROVIDERS where it is not connected. */
  readonly ask: (peer: string) => Promise<Caller>
  readonly waits?: Partial<ThreadWaits>
}

/** How bulk bytes of a peer come here or go there, and why they do not come over a lane. */
export interface How {
  readonly via: Via
  readonly why: string | null
  /** Whether one of the two wants no lanes at all. */
  readonly isOff?: boolean
}

interface Failed {
  readonly why: string
  readonly isOff: boolean
  /** Until when no other is tried, by the monotonic clock. */
  readonly until: number
}

interface Opening {
  readonly lane: Promise<Lane | undefined>
  readonly stop: AbortController
}

const NONE = new Uint8Array(0)
const ANSWER_BYTES_MAX = 1024

export class Lanes {
  readonly #parts: LanesParts
  readonly #table: LaneTable
  readonly #open = new Map<string, Lane>()
  readonly #opening = new Map<string, Opening>()
  readonly #failed = new Map<string, Failed>()
  readonly #over = new AbortController()

  private constructor(parts: LanesParts) {
    this.#parts = parts
    const waits = {
      frameMs: FRAME_MS,
      writeMs: ANSWER_WRITE_MS,
      idleMs: LANE_IDLE_MS,
      handshakeMs: HANDSHAKE_MS,
      ...parts.waits
    }
    this.#table = new LaneTable({ ...parts, waits, onReady: record => this.#ready(record) })
  }

  /** IN_USE where a fixed port is taken; another one that is taken is replaced by any. */
  static async start(parts: LanesParts): Promise<Lanes> {
    const lanes = new Lanes(parts)
    if (parts.listen === null || parts.listen.hosts.length === 0) return lanes
    try {
      const port = await lanes.#table.listen(parts.listen)
      if (parts.listen.port !== 0 && port !== parts.listen.port)
        parts.log.info('another port is used for lanes: the usual one is taken', { port, usual: parts.listen.port })
    } catch (error) {
      await lanes.close()
      throw error
    }
    return lanes
  }

  /** The port that others connect to, if they can. */
  get port(): number | undefined {
    return this.#table.port
  }

  /** Answers the method "lane". */
  readonly handler: Handler = (body, { peer, signal }) => this.#answer(body, peer, signal)

  /** The lane to ask this peer on, if it is open. */
  opened(peer: string): Lane | undefined {
    const lane = this.#open.get(peer)
    return lane?.isOver === false ? lane : undefined
  }

  /** A lane to ask this peer on, opened if need be. Undefined where there cannot be one now: `how` says why. */
  async lane(peer: string, signal: AbortSignal): Promise<Lane | undefined> {
    const open = this.opened(peer)
    if (open !== undefined) return open
    if (this.#parts.listen === null || this.#over.signal.aborted) return undefined
    if (this.#isFailed(peer)) return undefined
    const { lane } = this.#opening.get(peer) ?? this.#start(peer)
    return orAborted(lane, signal)
  }

  how(peer: string): How {
    if (this.opened(peer) !== undefined) return { via: 'lane', why: null }
    if (this.#parts.listen === null) return { via: 'stream', why: 'lanes are turned off on this node', isOff: true }
    if (!this.#isFailed(peer) && this.#table.serves(peer)) return { via: 'lane', why: null }
    const why = this.#opening.has(peer) ? 'a lane is being opened' : (this.#failed.get(peer)?.why ?? null)
    return { via: 'stream', why, isOff: this.#failed.get(peer)?.isOff === true }
  }

  /**
   * Nothing comes over the lane to this peer, though it is open: it is ended, and for LANE_RETRY_MS the stream is used. Orders
   * under way on it end with NO_PROVIDERS. Without an open lane it does nothing.
   */
  doubt(peer: string, why: string): void {
    if (this.opened(peer) === undefined) return
    this.#open.delete(peer)
    this.#fail(peer, why)
    this.#table.endAsking(peer, new PathmeshError('NO_PROVIDERS', why))
  }

  /** The peer is not connected any more. */
  drop(peer: string): void {
    const gone = new PathmeshError('NO_PROVIDERS', `${peer} is not connected any more`)
    this.#opening.get(peer)?.stop.abort(gone)
    this.#opening.delete(peer)
    this.#failed.delete(peer)
    this.#open.delete(peer)
    this.#table.drop(peer)
  }

  async close(): Promise<void> {
    const over = new PathmeshError('ABORTED', 'lanes are closed')
    this.#over.abort(over)
    const opening = [...this.#opening.values()]
    for (const { stop } of opening) stop.abort(over)
    await this.#table.close()
    await Promise.allSettled(opening.map(({ lane }) => lane))
  }

  #start(peer: string): Opening {
    const stop = new AbortController()
    const lane = withDeadline(this.#parts.clock, LANE_OPEN_MS, 'opening a lane', stop.signal, signal =>
      this.#openTo(peer, signal)
    )
      .catch((error: unknown) => {
        // A peer that is gone has not failed: when it is back it is asked again.
        if (!stop.signal.aborted)
          this.#fail(peer, toPathmeshError(error, 'opening a lane').message, hasCode(error, 'INCOMPATIBLE'))
        return undefined
      })
      .finally(() => {
        if (this.#opening.get(peer) === opening) this.#opening.delete(peer)
      })
    const opening: Opening = { lane, stop }
    this.#opening.set(peer, opening)
    return opening
  }

  #fail(peer: string, why: string, isOff = false): void {
    const { clock, log } = this.#parts
    log.info('no lane to a peer: the stream is used', { peer, why })
    this.#failed.set(peer, { why, isOff, until: clock.monotonic() + LANE_RETRY_MS })
  }

  #isFailed(peer: string): boolean {
    return (this.#failed.get(peer)?.until ?? 0) > this.#parts.clock.monotonic()
  }

  async #openTo(peer: string, signal: AbortSignal): Promise<Lane> {
    const caller = await orAborted(this.#parts.ask(peer), signal)
    const offer = await askForLane(caller, {}, signal)
    const tried: string[] = []
    try {
      if (offer === undefined) tried.push('it does not listen for lanes')
      else return this.#laneOf(await this.#dial(peer, 'ask', offer, signal))
    } catch (error) {
      signal.throwIfAborted()
      tried.push(toPathmeshError(error, 'connecting').message)
    }
    if (this.port === undefined)
      throw new PathmeshError('NO_PROVIDERS', `${tried.join('; ')}; this node does not listen`)
    const expected = await this.#table.expect(peer, 'ask')
    try {
      await askForLane(caller, { offer: expected.offer }, signal)
      await orAborted(expected.record.opened, signal)
      return this.#laneOf(expected.record)
    } catch (error) {
      this.#table.end(expected.record)
      signal.throwIfAborted()
      const message = `${tried.join('; ')}; the other way round: ${toPathmeshError(error, 'being connected to').message}`
      throw new PathmeshError('NO_PROVIDERS', message, { cause: error })
    }
  }

  async *#answer(body: Uint8Array, peer: string, signal: AbortSignal) {
    const { offer } = decode(() => LaneRequest.decode(body))
    if (this.#parts.listen === null) throw new PathmeshError('INCOMPATIBLE', 'lanes are turned off on that node')
    if (offer !== undefined) {
      await withDeadline(this.#parts.clock, LANE_OPEN_MS, 'opening a lane', signal, until =>
        this.#dial(peer, 'serve', checkOffer(offer), until)
      )
      yield { body: LaneAnswer.encode({}), payload: NONE, last: true }
    } else if (this.port === undefined) yield { body: LaneAnswer.encode({}), payload: NONE, last: true }
    else {
      const { offer: issued } = await this.#table.expect(peer, 'serve')
      yield { body: LaneAnswer.encode({ offer: issued }), payload: NONE, last: true }
    }
  }

  /** Half of the time is left for the other way round. */
  async #dial(peer: string, way: Way, offer: LaneOffer, signal: AbortSignal): Promise<LaneRecord> {
    const host = this.#parts.hostOf(peer)
    if (host === undefined) throw new PathmeshError('NO_PROVIDERS', 'it is reached by no address of its own')
    const record = this.#table.dial(peer, way, host, offer)
    try {
      const doing = `connecting to ${host} port ${offer.port}`
      await withDeadline(this.#parts.clock, LANE_OPEN_MS / 2, doing, signal, until => orAborted(record.opened, until))
      return record
    } catch (error) {
      this.#table.end(record)
      throw error
    }
  }

  #laneOf({ lane }: LaneRecord): Lane {
    if (lane === undefined || lane.isOver) throw new PathmeshError('NO_PROVIDERS', 'the lane was lost at once')
    return lane
  }

  #ready({ facts, lane }: LaneRecord): void {
    // It was ended before its thread heard of that.
    if (lane === undefined || lane.isOver) return
    this.#failed.delete(facts.peer)
    this.#open.set(facts.peer, lane)
  }
}

async function askForLane(caller: Caller, request: LaneRequest, signal: AbortSignal): Promise<LaneOffer | undefined> {
  let offer: LaneOffer | undefined
  for await (const { body } of caller.call('lane', LaneRequest.encode(request), { signal, maxBytes: ANSWER_BYTES_MAX }))
    offer = decode(() => LaneAnswer.decode(body)).offer
  return offer === undefined ? undefined : checkOffer(offer)
}

function checkOffer(offer: LaneOffer): LaneOffer {
  const { id, key, port } = offer
  if (id.length === 16 && key.length === 32 && port > 0 && port < 65_536) return offer
  throw new PathmeshError('CORRUPT', 'an offer of a lane cannot be used')
}

function decode<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (hasCode(cause, 'CORRUPT')) throw cause
    throw new PathmeshError('CORRUPT', 'a message about a lane cannot be read', { cause })
  }
}
