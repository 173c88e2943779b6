// The network of a simulation: who reaches whom, and what becomes of what they send. Requests may be lost, late, twice and in
// any order; the answers to one request come in order, as on a stream, and may end at any place.

import type { Answer } from '../../daemon/rpc.ts'
import type { Asking } from '../../daemon/catalogue/pull.ts'
import type { Bytes } from '../../daemon/frames.ts'
import { PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import type { Seeded } from '../helpers/seeded.ts'
import type { Plan } from './plan.ts'
import type { Schedule } from './schedule.ts'

/** One life of a node, as others see it. */
export interface Station {
  readonly id: string
  readonly isAlive: boolean
  /** Peers that it believes to be connected with, and since when. */
  readonly view: Map<string, number>
  connected(peer: string): void
  disconnected(peer: string): void
  answer(from: string, method: string, body: Bytes, signal: AbortSignal): AsyncIterable<Answer>
}

export type Trace = (what: string, body?: Uint8Array) => void

export class Network {
  readonly #schedule: Schedule
  readonly #random: Seeded
  readonly #plan: Plan
  readonly #trace: Trace
  readonly #stations = new Map<string, Station>()
  readonly #links: readonly (readonly [string, string])[]
  readonly #blocked = new Map<string, number>()
  #isWell = false
  messages = 0

  constructor(
    schedule: Schedule,
    random: Seeded,
    plan: Plan,
    links: readonly (readonly [string, string])[],
    trace: Trace
  ) {
    this.#schedule = schedule
    this.#random = random
    this.#plan = plan
    this.#links = links
    this.#trace = trace
  }

  attach(station: Station): void {
    this.#stations.set(station.id, station)
    this.#review()
  }

  detach(station: Station): void {
    if (this.#stations.get(station.id) === station) this.#stations.delete(station.id)
    this.#review()
  }

  /** Nothing gets from the one to the other, until it is undone. */
  block(pairs: readonly (readonly [from: string, to: string])[]): () => void {
    const add = (by: number): void => {
      for (const [from, to] of pairs) {
        const key = `${from}>${to}`
        this.#blocked.set(key, (this.#blocked.get(key) ?? 0) + by)
      }
      this.#review()
    }
    add(1)
    return () => add(-1)
  }

  /** From now on nothing is lost, cut, sent twice or very late. */
  heal(): void {
    this.#isWell = true
    this.#blocked.clear()
    this.#review()
  }

  /** What a node asks a peer with. */
  caller(from: Station, to: string): Promise<Asking> {
    return this.#reaches(from.id, to) || this.#random.chance(0.5)
      ? Promise.resolve({ call: (method, body, options) => new Call(this, from, to, method, body, options) })
      : Promise.reject(new PathmeshError('NO_PROVIDERS', `${to} cannot be reached`))
  }

  /** Sends one request, once or more often; `deliver` gets each answer, and then the end. */
  request(from: Station, to: string, method: string, body: Bytes, call: Call): void {
    const { duplication } = this.#plan
    this.messages++
    this.#trace(`${from.id}>${to} ${method}`, body)
    if (this.#isLost(from.id, to)) return this.#loseOrFail(call)
    const serve = (heard: Call | undefined) => (): void => {
      this.#serve(from, to, method, body, heard).catch((error: unknown) => this.#schedule.fail(error))
    }
    this.#schedule.after(this.#delay(), serve(call))
    if (this.#isWell || !this.#random.chance(duplication)) return
    this.#schedule.after(this.#delay() * 4, serve(undefined))
  }

  async #serve(from: Station, to: string, method: string, body: Bytes, call: Call | undefined): Promise<void> {
    const station = this.#stations.get(to)
    if (station === undefined || this.#isBlocked(from.id, to)) return call && this.#loseOrFail(call)
    const cancelled = new AbortController()
    call?.onCancel(() => cancelled.abort(new PathmeshError('ABORTED', 'the asker cancelled')))
    let failure: PathmeshError | undefined
    try {
      for await (const answer of station.answer(from.id, method, body, cancelled.signal)) {
        this.messages++
        if (call === undefined) continue
        if (this.#isLost(to, from.id) || (!this.#isWell && this.#random.chance(this.#plan.cut))) {
          cancelled.abort(new PathmeshError('ABORTED', 'the connection is lost'))
          return this.#loseOrFail(call)
        }
        this.#back(to, call, { answer })
      }
    } catch (error) {
      failure = toPathmeshError(error, method)
    }
    call?.onCancel(() => undefined)
    if (call !== undefined) this.#back(to, call, { end: failure ?? 'well' })
  }

  #back(from: string, call: Call, item: Item): void {
    const at = Math.max(this.#schedule.now + this.#delay(), call.lastAt)
    call.lastAt = at
    this.#schedule.after(at - this.#schedule.now, () => {
      if (!call.from.isAlive) return
      if ('answer' in item) this.#trace(`${from}:${call.from.id}`, item.answer.body)
      call.take(item)
    })
  }

  /** Either nothing is ever heard again, or the connection breaks. */
  #loseOrFail(call: Call): void {
    if (this.#random.chance(0.5)) return
    const end = new PathmeshError('NO_PROVIDERS', 'the connection was lost')
    this.#schedule.after(this.#delay(), () => call.from.isAlive && call.take({ end }))
  }

  #delay(): number {
    const { delayMs } = this.#plan
    return 0.2 + this.#random.next() * (this.#isWell ? 20 : delayMs)
  }

  #isLost(from: string, to: string): boolean {
    return this.#isBlocked(from, to) || (!this.#isWell && this.#random.chance(this.#plan.loss))
  }

  #isBlocked(from: string, to: string): boolean {
    return (this.#blocked.get(`${from}>${to}`) ?? 0) > 0
  }

  #reaches(a: string, b: string): boolean {
    return this.#stations.has(b) && !this.#isBlocked(a, b) && !this.#isBlocked(b, a)
  }

  /** Each end notices at its own time that a connection is there, or gone; or never, if it is back by then. */
  #review(): void {
    for (const [a, b] of this.#links) {
      this.#reviewView(a, b)
      this.#reviewView(b, a)
    }
  }

  /** A new connection is seen at both ends, also where the last one is not known to have ended. */
  #again(id: string, newcomer: Station): void {
    const station = this.#stations.get(id)
    const since = station?.view.get(newcomer.id)
    // Both notice one connection at about the same time.
    if (station === undefined || since === undefined || this.#schedule.now - since < 1_000) return
    this.#schedule.after(5 + 300 * this.#random.next(), () => {
      if (station.isAlive && newcomer.isAlive && station.view.has(newcomer.id)) station.connected(newcomer.id)
    })
  }

  #reviewView(id: string, peer: string): void {
    const station = this.#stations.get(id)
    if (station === undefined) return
    const [isUp, wasUp] = [this.#reaches(id, peer), station.view.has(peer)]
    if (isUp === wasUp) return
    const delay = isUp ? 5 + 300 * this.#random.next() : 5_000 * this.#random.next() ** 2
    this.#schedule.after(delay, () => {
      if (!station.isAlive || this.#stations.get(id) !== station) return
      if (this.#reaches(id, peer) !== isUp || station.view.has(peer) === isUp) return
      this.#trace(`${id} ${isUp ? '+' : '-'} ${peer}`)
      if (isUp) station.view.set(peer, this.#schedule.now)
      else station.view.delete(peer)
      if (!isUp) return station.disconnected(peer)
      station.connected(peer)
      this.#again(peer, station)
    })
  }
}

type Item = { readonly answer: Answer } | { readonly end: PathmeshError | 'well' }

/** One question and its answers, as whoever asks it sees them. */
class Call implements AsyncIterableIterator<Answer> {
  readonly from: Station
  lastAt = 0
  readonly #send: () => void
  readonly #maxBytes: number
  readonly #items: Item[] = []
  readonly #signal: AbortSignal
  #cancel: () => void = () => undefined
  #bytes = 0
  #isSent = false
  #isOver = false
  #wake: (() => void) | undefined
  readonly #onAbort = (): void => {
    this.#cancel()
    this.#wake?.()
  }

  constructor(
    network: Network,
    from: Station,
    to: string,
    method: string,
    body: Bytes,
    options: { signal: AbortSignal; maxBytes: number }
  ) {
    this.from = from
    this.#maxBytes = options.maxBytes
    this.#signal = options.signal
    this.#send = () => network.request(from, to, method, body, this)
  }

  onCancel(cancel: () => void): void {
    this.#cancel = cancel
  }

  take(item: Item): void {
    if (this.#isOver) return
    if ('answer' in item) this.#bytes += item.answer.body.length
    const tooLarge = this.#bytes > this.#maxBytes
    this.#items.push(tooLarge ? { end: new PathmeshError('TOO_LARGE', 'more than was asked for') } : item)
    this.#wake?.()
  }

  async next(): Promise<IteratorResult<Answer>> {
    if (this.#isOver) return { done: true, value: undefined }
    this.#signal.throwIfAborted()
    if (!this.#isSent) {
      this.#isSent = true
      this.#signal.addEventListener('abort', this.#onAbort, { once: true })
      this.#send()
    }
    while (this.#items.length === 0 && !this.#signal.aborted) await new Promise<void>(resolve => (this.#wake = resolve))
    const item = this.#items.shift()
    if (item !== undefined && 'answer' in item) return { done: false, value: item.answer }
    this.#end()
    if (item === undefined) throw this.#signal.reason
    if (item.end !== 'well') throw item.end
    return { done: true, value: undefined }
  }

  return(): Promise<IteratorResult<Answer>> {
    this.#cancel()
    this.#end()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #end(): void {
    this.#isOver = true
    this.#signal.removeEventListener('abort', this.#onAbort)
  }
}
