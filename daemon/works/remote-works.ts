// Works of other nodes, and this node's towards them: the protocol /pathmesh/works/1.0.0, both sides of it. Tries nothing twice:
// whoever calls asks again by the id of its call.

import { z } from '@hono/zod-openapi'
import { hasCode, PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import {
  API_ANSWER_BYTES_MAX,
  API_BODY_BYTES_MAX,
  API_LINE_BYTES_MAX,
  CALL_ANSWER_MS,
  CALL_EVENTS_MS,
  COPIES_MS
} from '../../proto/limits.ts'
import { type CallEvents, Called, type CallRequest, Hosting } from '../../proto/works-api.ts'
import type { Clock } from '../clock.ts'
import { orAborted, withDeadline } from '../deadline.ts'
import type { Answer, Caller, Handler } from '../rpc.ts'
import type { LocalWorks } from './local-works.ts'
import {
  CancelAsked,
  decode,
  encode,
  Events,
  EventsAsked,
  INLINE_BYTES,
  type LargeStart,
  RequestAsked,
  Start,
  StartAsked
} from './wire.ts'

const EMPTY = new Uint8Array(0)
const Nothing = z.strictObject({})
/** Works in one answer. */
const LISTED = 32

export type LocalSide = Pick<LocalWorks<unknown>, 'call' | 'events' | 'cancel' | 'list'>

export interface RemoteWorksParts {
  /** Commands go on one stream to a peer and questions that wait on another, so that these never hold up those. */
  readonly commands: (peer: string) => Promise<Pick<Caller, 'call'>>
  readonly questions: (peer: string) => Promise<Pick<Caller, 'call'>>
  readonly local: LocalSide
  readonly catalogue: CatalogueReach
  readonly clock: Clock
}

/** How far this node knows the others, and what it is to know before it goes on. */
export interface CatalogueReach {
  readonly reach: Readonly<Record<string, number>>
  reached(reach: Readonly<Record<string, number>>, signal: AbortSignal): Promise<void>
}

interface Question<T> {
  readonly method: string
  readonly body: unknown
  readonly answer: z.ZodType<T>
  readonly ms: number
  readonly maxBytes: number
}

export class RemoteWorks {
  readonly #parts: RemoteWorksParts
  /** Requests that a peer may ask back for, while it is asked to begin their calls. */
  readonly #offered = new Map<string, { readonly peer: string; readonly bytes: Uint8Array }>()

  constructor(parts: RemoteWorksParts) {
    this.#parts = parts
  }

  // --- asking ------------------------------------------------------------------------------------------------------

  /** Begins a call there. Errors as LocalWorks.call there; TIMEOUT and NO_PROVIDERS where it may have begun all the same. */
  async call(peer: string, request: CallRequest, signal: AbortSignal): Promise<Called> {
    const start = { ...request, reach: this.#parts.catalogue.reach }
    const bytes = encode(start)
    const question = { method: 'start', answer: Called, ms: CALL_ANSWER_MS, maxBytes: API_LINE_BYTES_MAX }
    const { commands } = this.#parts
    if (bytes.length <= INLINE_BYTES) return this.#ask(commands, peer, { ...question, body: start }, signal)
    const key = offerKey(peer, request.id)
    this.#offered.set(key, { peer, bytes })
    try {
      return await this.#ask(commands, peer, { ...question, body: { id: request.id, bytes: bytes.length } }, signal)
    } finally {
      this.#offered.delete(key)
    }
  }

  async events(peer: string, id: string, after: number, signal: AbortSignal): Promise<CallEvents> {
    const question = { method: 'events', answer: Events, maxBytes: API_LINE_BYTES_MAX }
    const ms = CALL_EVENTS_MS + CALL_ANSWER_MS
    const body = { id, after: String(after) }
    const { reach, ...events } = await this.#ask(this.#parts.questions, peer, { ...question, body, ms }, signal)
    if (reach !== undefined) await this.#parts.catalogue.reached(reach, signal)
    return events
  }

  async cancel(peer: string, id: string, signal: AbortSignal): Promise<void> {
    const question = { method: 'cancel', answer: Nothing, maxBytes: API_LINE_BYTES_MAX }
    await this.#ask(this.#parts.commands, peer, { ...question, body: { id }, ms: CALL_ANSWER_MS }, signal)
  }

  /** What the works that a peer hosts do; undefined where it does not say. */
  async list(peer: string, signal: AbortSignal): Promise<readonly Hosting[] | undefined> {
    const question = {
      method: 'works',
      body: {},
      answer: z.array(Hosting),
      ms: COPIES_MS,
      maxBytes: API_ANSWER_BYTES_MAX
    }
    try {
      return await this.#ask(this.#parts.commands, peer, question, signal)
    } catch {
      // The caller lists what there is; who does not answer is shown without it.
      signal.throwIfAborted()
      return undefined
    }
  }

  async #ask<T>(
    callerOf: RemoteWorksParts['commands'],
    peer: string,
    { method, body, answer, ms, maxBytes }: Question<T>,
    signal: AbortSignal
  ): Promise<T> {
    return withDeadline(this.#parts.clock, ms, `asking ${peer} for ${method}`, signal, async until => {
      const caller = await orAborted(callerOf(peer), until).catch((error: unknown) => {
        throw unsent(error, peer)
      })
      const pieces: Uint8Array[] = []
      for await (const { payload } of caller.call(method, encode(body), { signal: until, maxBytes }))
        pieces.push(payload)
      return decode(answer, Buffer.concat(pieces), peer)
    })
  }

  // --- answering ---------------------------------------------------------------------------------------------------

  /** The methods of the protocol. Each peer reaches the works that are hosted for all, and the calls that it began. */
  handlers(): Record<string, Handler> {
    const { local, catalogue } = this.#parts
    return {
      start: (body, { peer, signal }) =>
        answering(async () => {
          const { reach, ...request } = await this.#requestOf(body, peer, signal)
          if (reach !== undefined) await catalogue.reached(reach, signal)
          return local.call(request, peer)
        }),
      request: (body, { peer }) => answering(async () => this.#offer(decode(RequestAsked, body, peer).id, peer)),
      events: (body, { peer, signal }) =>
        answering(async () => {
          const { id, after } = decode(EventsAsked, body, peer)
          const events = await local.events(id, Number(after ?? 0), peer, signal)
          return events.outcome === null ? events : { ...events, reach: catalogue.reach }
        }),
      cancel: (body, { peer }) =>
        answering(async () => {
          await local.cancel(decode(CancelAsked, body, peer).id, peer)
          return {}
        }),
      works: async function* () {
        const hosted = local.list().filter(work => work.hosted)
        // One JSON text in several answers: together they are longer than a frame.
        yield piece('[')
        for (let at = 0; at < hosted.length; at += LISTED) {
          const part = JSON.stringify(hosted.slice(at, at + LISTED)).slice(1, -1)
          yield piece(at === 0 ? part : `,${part}`)
        }
        yield { ...piece(']'), last: true }
      }
    }
  }

  async #requestOf(body: Uint8Array, peer: string, signal: AbortSignal): Promise<z.infer<typeof Start>> {
    const asked = decode(StartAsked, body, peer)
    if (!isLarge(asked)) return asked
    const question = { method: 'request', answer: Start, ms: CALL_ANSWER_MS, maxBytes: API_BODY_BYTES_MAX }
    const request = await this.#ask(this.#parts.commands, peer, { ...question, body: { id: asked.id } }, signal)
    if (request.id === asked.id) return request
    throw new PathmeshError('CORRUPT', `${peer} sent the request of another call than ${asked.id}`)
  }

  #offer(id: string, peer: string): unknown {
    const offered = this.#offered.get(offerKey(peer, id))
    if (offered === undefined) throw new PathmeshError('NOT_FOUND', `this node does not begin a call ${id} there`)
    return JSON.parse(Buffer.from(offered.bytes).toString())
  }
}

const offerKey = (peer: string, id: string): string => `${peer} ${id}`
const isLarge = (asked: z.infer<typeof StartAsked>): asked is z.infer<typeof LargeStart> => 'bytes' in asked
const piece = (text: string): Answer => ({ body: EMPTY, payload: Buffer.from(text) })

/** A failure on the way to a peer, before anything was said to it. */
function unsent(error: unknown, peer: string): PathmeshError {
  const { code, message } = toPathmeshError(error, `reaching ${peer}`)
  return new PathmeshError(code, message, { cause: error, details: { peerId: peer, sent: false } })
}

async function* answering(run: () => Promise<unknown>): AsyncGenerator<Answer> {
  let value: unknown
  try {
    value = await run()
  } catch (error) {
    // To others a node whose daemon stops is out of reach; their own daemon is not.
    if (hasCode(error, 'DAEMON_UNREACHABLE')) throw new PathmeshError('NO_PROVIDERS', error.message, { cause: error })
    throw error
  }
  yield { ...piece(JSON.stringify(value)), last: true }
}
