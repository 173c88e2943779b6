// Answers the questions of threads that serve lanes: where what a peer asks for lies, whose turn it is, and whether more bytes may
// go. A request that is over, or whose lane is, stops waiting.

import type { CID } from 'multiformats/cid'
import { decodeCid } from '../../content/verify.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import type { Span } from '../provider.ts'
import type { RateLimit } from '../rate-limit.ts'
import type { Answer, LaneFacts, LeavesPlace, Question, SmallPlace } from './messages.ts'

/** What there is to serve on lanes, and where it lies. */
export interface LaneSource {
  /** Where leaves of a file lie. NOT_FOUND, SOURCE_CHANGED, INVALID_ARGUMENT where it has no such leaf. */
  leaves(file: CID, spans: readonly Span[], peer: string, signal: AbortSignal): Promise<LeavesPlace>
  /** Where small blocks lie, in the order asked; undefined for one that is not here. */
  small(cids: readonly CID[], peer: string): Promise<readonly SmallPlace[]>
  /** A leaf of a file that looks different by now, verified. NOT_FOUND, SOURCE_CHANGED. */
  leaf(file: CID, index: number): Promise<Uint8Array>
  /** Any block, verified; undefined where it is not here. */
  block(cid: CID): Promise<Uint8Array | undefined>
  /** A turn to serve; to be given back. */
  slot(peer: string, signal: AbortSignal): Promise<() => void>
}

type QuestionOf<Type extends Question['type']> = Extract<Question, { readonly type: Type }>

interface Served {
  readonly stop: AbortController
  release: () => void
}

export class LaneServing {
  readonly #source: LaneSource
  readonly #upload: RateLimit
  /** By lane and request. */
  readonly #lanes = new Map<number, { readonly over: AbortController; readonly requests: Map<number, Served> }>()

  constructor(source: LaneSource, upload: RateLimit) {
    this.#source = source
    this.#upload = upload
  }

  answer({ lane, peer }: LaneFacts, question: Question): Promise<Answer> {
    switch (question.type) {
      case 'leaves':
        return this.#leaves(lane, peer, question)
      case 'small':
        return this.#small(lane, peer, question)
      case 'leaf':
        return this.#leaf(question)
      case 'block':
        return this.#block(question)
      case 'leave':
        return this.#leave(lane, question)
      default:
        throw new TypeError('a thread asked what nobody knows')
    }
  }

  /** A request is answered or cancelled. */
  released(lane: number, request: number): void {
    const requests = this.#lanes.get(lane)?.requests
    const served = requests?.get(request)
    requests?.delete(request)
    served?.stop.abort(new PathmeshError('ABORTED', 'nobody waits for it any more'))
    served?.release()
  }

  ended(lane: number): void {
    const known = this.#lanes.get(lane)
    if (known === undefined) return
    for (const request of known.requests.keys()) this.released(lane, request)
    this.#lanes.delete(lane)
    known.over.abort(new PathmeshError('ABORTED', 'the lane is gone'))
  }

  #leaves(lane: number, peer: string, { type, request, file, spans }: QuestionOf<'leaves'>): Promise<Answer> {
    return this.#turn(lane, peer, request, async signal => {
      const place = await this.#source.leaves(decodeCid(file), spans, peer, signal)
      return { type, place, isLimited: this.#isLimited }
    })
  }

  #small(lane: number, peer: string, { type, request, cids }: QuestionOf<'small'>): Promise<Answer> {
    return this.#turn(lane, peer, request, async () => {
      const wanted = cids.map(cid => decodeCid(cid))
      return { type, places: await this.#source.small(wanted, peer), isLimited: this.#isLimited }
    })
  }

  async #leaf({ type, file, index }: QuestionOf<'leaf'>): Promise<Answer> {
    return { type, bytes: await this.#source.leaf(decodeCid(file), index) }
  }

  async #block({ type, cid }: QuestionOf<'block'>): Promise<Answer> {
    return { type, bytes: await this.#source.block(decodeCid(cid)) }
  }

  async #leave(lane: number, { type, bytes }: QuestionOf<'leave'>): Promise<Answer> {
    await this.#upload.take(bytes, this.#lane(lane).over.signal)
    return { type, isLimited: this.#isLimited }
  }

  get #isLimited(): boolean {
    return this.#upload.perSecond > 0
  }

  #lane(lane: number) {
    const known = this.#lanes.get(lane) ?? { over: new AbortController(), requests: new Map<number, Served>() }
    this.#lanes.set(lane, known)
    return known
  }

  /** Waits for a turn, which is over when the request is. */
  async #turn<T>(lane: number, peer: string, request: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const served: Served = { stop: new AbortController(), release: () => undefined }
    const { signal } = served.stop
    this.#lane(lane).requests.set(request, served)
    const release = await this.#source.slot(peer, signal)
    if (signal.aborted) {
      release()
      throw signal.reason
    }
    served.release = release
    return run(signal)
  }
}
