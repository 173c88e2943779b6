// Requests and answers over a byte stream, and who may send how many of them. It knows nothing of what is asked.
// Refuses answers that nobody asked for, and more requests at a time than the limit.

import { hasCode, isErrorCode, PathmeshError, toPathmeshError } from '../proto/errors.ts'
import { FrameKind, type Header } from '../proto/generated/rpc.ts'
import { ANSWER_WRITE_MS, REQUESTS_OPEN_MAX } from '../proto/limits.ts'
import { systemClock } from './clock.ts'
import { type Bytes, type Duplex, type Frame, type WriteOptions, frame, readFrame } from './frames.ts'

export interface Answer {
  readonly body: Bytes
  readonly payload: Uint8Array
  /** Whether no other follows: then the end of all answers goes out with it. */
  readonly last?: boolean
  /** Waited for before some of it goes out. */
  readonly pace?: ((bytes: number) => Promise<void>) | undefined
}

export interface RequestContext {
  readonly peer: string
  /** Aborted when the asker cancels or is gone. */
  readonly signal: AbortSignal
}

/** Answers one request; a rejection is sent as a failure with its code and message. */
export type Handler = (body: Bytes, context: RequestContext) => AsyncIterable<Answer>

export interface CallOptions {
  readonly signal?: AbortSignal
  /** Bytes of answers that this request can mean at most; a peer that sends more is cut off. */
  readonly maxBytes: number
  /** Told of payload bytes of its answers as they come, whoever takes them: one that sends next to nothing makes no progress. */
  readonly onBytes?: ((bytes: number) => void) | undefined
}

/** Asks on one stream. Many calls can be open at a time; each takes its answers as an async iterable. */
export class Caller {
  readonly peer: string
  readonly #onBytes: (bytes: number) => void
  readonly #stream: Duplex
  readonly #open = new Map<number, Pending>()
  /** Calls that wait for one of the others to end. */
  readonly #waiting: (() => void)[] = []
  readonly #reading: Promise<void>
  #nextId = 1
  #ended: PathmeshError | undefined

  /** `onBytes` is told of payload bytes as they arrive. */
  constructor(stream: Duplex, onBytes: (bytes: number) => void = () => undefined) {
    this.peer = stream.peer
    this.#onBytes = onBytes
    this.#stream = stream
    this.#reading = this.#readAll()
  }

  /** Settles when the stream is gone; every open call has failed by then. */
  get closed(): Promise<void> {
    return this.#reading
  }

  get isClosed(): boolean {
    return this.#ended !== undefined
  }

  /**
   * Sends a request and yields its answers in order. Leaving the loop early cancels the request at the other side.
   * Errors: what the other side answered, NO_PROVIDERS when the connection is lost, the signal's reason.
   */
  async *call(method: string, body: Bytes, options: CallOptions): AsyncGenerator<Answer, void, undefined> {
    if (this.#ended !== undefined) throw this.#ended
    options.signal?.throwIfAborted()
    while (this.#open.size >= REQUESTS_OPEN_MAX) await this.#turn(options.signal)
    const id = this.#nextId
    this.#nextId = (id % 0xffff_ffff) + 1
    const pending = new Pending(options)
    this.#open.set(id, pending)
    const onAbort = () => pending.interrupt(options.signal?.reason)
    options.signal?.addEventListener('abort', onAbort, { once: true })
    try {
      await this.#stream.write(frame({ id, kind: FrameKind.REQUEST, method, body }), options)
      yield* pending.answers()
    } finally {
      options.signal?.removeEventListener('abort', onAbort)
      if (!pending.finished && this.#ended === undefined) this.#cancel(id)
      else this.#forget(id)
    }
  }

  close(): void {
    this.#stream.abort(new PathmeshError('ABORTED', 'closed'))
  }

  /** Waits until some request has ended, for as long as its caller has patience. */
  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(signal?.reason)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(() => {
        signal?.removeEventListener('abort', onAbort)
        if (this.#ended === undefined) resolve()
        else reject(this.#ended)
      })
    })
  }

  #forget(id: number): void {
    this.#open.delete(id)
    // All of them, since some may have given up: each looks again whether it is its turn.
    for (const wake of this.#waiting.splice(0)) wake()
  }

  #cancel(id: number): void {
    // Answers already on their way are dropped until the other side ends the request.
    this.#open.get(id)?.drain()
    this.#stream.write(frame({ id, kind: FrameKind.CANCEL })).catch((error: Error) => this.#stream.abort(error))
  }

  async #readAll(): Promise<void> {
    let failure: unknown
    try {
      const onPart = ({ id }: Header, bytes: number): void => this.#open.get(id)?.came(bytes)
      for (let next = await readFrame(this.#stream, onPart); next !== null;) {
        this.#take(next)
        next = await readFrame(this.#stream, onPart)
      }
    } catch (error) {
      failure = error
      this.#stream.abort(toPathmeshError(error, `answers of ${this.peer}`))
    }
    this.#ended = hasCode(failure, 'CORRUPT', 'TOO_LARGE')
      ? failure
      : new PathmeshError('NO_PROVIDERS', `the connection to ${this.peer} was lost`, { cause: failure })
    for (const pending of this.#open.values()) pending.fail(this.#ended)
    this.#open.clear()
    for (const wake of this.#waiting.splice(0)) wake()
  }

  #take({ header, payload }: Frame): void {
    const pending = this.#open.get(header.id)
    if (pending === undefined) throw new PathmeshError('CORRUPT', `${this.peer} answered a request that was not made`)
    switch (header.kind) {
      case FrameKind.ANSWER:
        this.#onBytes(payload.length)
        pending.push({ body: header.body, payload })
        return
      case FrameKind.END:
        this.#forget(header.id)
        pending.end()
        return
      case FrameKind.FAILURE:
        this.#forget(header.id)
        pending.fail(failureOf(header, this.peer))
        return
      case FrameKind.REQUEST:
      case FrameKind.CANCEL:
        throw new PathmeshError('CORRUPT', `${this.peer} sent a request on a stream that is for answers`)
    }
  }
}

/** Answers the requests on a stream until it ends. Never rejects: what goes wrong aborts the stream. */
export async function answer(stream: Duplex, handlers: Readonly<Record<string, Handler>>): Promise<void> {
  const open = new Map<number, AbortController>()
  const abortAll = (reason: PathmeshError): void => {
    for (const cancelled of open.values()) cancelled.abort(reason)
  }
  try {
    for (let next = await readFrame(stream); next !== null; next = await readFrame(stream)) {
      const { header } = next
      if (header.kind === FrameKind.CANCEL) {
        open.get(header.id)?.abort(new PathmeshError('ABORTED', 'the asker cancelled'))
        continue
      }
      if (header.kind !== FrameKind.REQUEST) {
        throw new PathmeshError('CORRUPT', `${stream.peer} sent an answer on a stream that is for requests`)
      }
      if (open.size >= REQUESTS_OPEN_MAX || open.has(header.id)) {
        throw new PathmeshError('TOO_LARGE', `${stream.peer} has too many requests open`)
      }
      const cancelled = new AbortController()
      open.set(header.id, cancelled)
      answerOne(stream, header, handlers, cancelled.signal)
        .catch((error: Error) => stream.abort(error))
        .finally(() => open.delete(header.id))
    }
    abortAll(new PathmeshError('ABORTED', 'the asker is gone'))
    await stream.close()
  } catch (error) {
    const reason = toPathmeshError(error, `requests of ${stream.peer}`)
    abortAll(reason)
    stream.abort(reason)
  }
}

async function answerOne(
  stream: Duplex,
  header: Header,
  handlers: Readonly<Record<string, Handler>>,
  signal: AbortSignal
): Promise<void> {
  const { id, method } = header
  // An asker that does not read holds what its answers are made of: it is cut off, and asks again when it is back.
  const send = async (bytes: readonly Uint8Array[], { pace, ...options }: WriteOptions = {}): Promise<void> => {
    const wait = (): (() => void) =>
      systemClock.after(ANSWER_WRITE_MS, () =>
        stream.abort(new PathmeshError('TIMEOUT', `${stream.peer} took nothing for ${ANSWER_WRITE_MS / 1000} s`))
      )
    let cancel = wait()
    // What this node holds back itself is not the asker's fault.
    const paced = async (count: number): Promise<void> => {
      cancel()
      await pace?.(count)
      cancel = wait()
    }
    try {
      await stream.write(bytes, pace === undefined ? options : { ...options, pace: paced })
    } finally {
      cancel()
    }
  }
  try {
    const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined
    if (handler === undefined) {
      const name = JSON.stringify(method.slice(0, 40))
      throw new PathmeshError('INCOMPATIBLE', `this node does not know the request ${name}`)
    }
    const end = frame({ id, kind: FrameKind.END })
    for await (const { body, payload, last = false, pace } of handler(header.body, { peer: stream.peer, signal })) {
      signal.throwIfAborted()
      const answered = frame({ id, kind: FrameKind.ANSWER, body }, payload)
      await send(last ? [...answered, ...end] : answered, { signal, pace })
      if (last) return
    }
    await send(end)
  } catch (error) {
    const { code, message } = toPathmeshError(error, method)
    await send(frame({ id, kind: FrameKind.FAILURE, code, message: message.slice(0, 1000) }))
  }
}

/** The answers to one call, from the moment they arrive until the caller takes them. */
class Pending {
  finished = false
  readonly #maxBytes: number
  readonly #queue: Answer[] = []
  #onBytes: ((bytes: number) => void) | undefined
  #bytes = 0
  #draining = false
  #error: Error | undefined
  #wake: (() => void) | undefined

  constructor({ maxBytes, onBytes }: CallOptions) {
    this.#maxBytes = maxBytes
    this.#onBytes = onBytes
  }

  /** A part of an answer's payload. */
  came(bytes: number): void {
    this.#onBytes?.(bytes)
  }

  push(next: Answer): void {
    this.#bytes += next.payload.length + next.body.length
    if (this.#bytes > this.#maxBytes)
      throw new PathmeshError('TOO_LARGE', `an answer is more than the ${this.#maxBytes} bytes that were asked for`)
    if (this.#draining) return
    this.#queue.push(next)
    this.#wake?.()
  }

  end(): void {
    this.finished = true
    this.#wake?.()
  }

  /** The other side failed, so there is nothing left to cancel there. */
  fail(error: PathmeshError): void {
    this.finished = true
    this.interrupt(error)
  }

  /** This side wants no more. */
  interrupt(error: unknown): void {
    this.#error ??= error instanceof Error ? error : new PathmeshError('ABORTED', 'cancelled', { cause: error })
    this.#wake?.()
  }

  drain(): void {
    this.#draining = true
    this.#onBytes = undefined
    this.#queue.length = 0
  }

  async *answers(): AsyncGenerator<Answer, void, undefined> {
    while (true) {
      if (this.#error !== undefined) throw this.#error
      const next = this.#queue.shift()
      if (next !== undefined) yield next
      else if (this.finished) return
      else await new Promise<void>(resolve => (this.#wake = resolve))
    }
  }
}

function failureOf(header: Header, peer: string): PathmeshError {
  const code = isErrorCode(header.code) ? header.code : 'INTERNAL'
  return new PathmeshError(code, header.message.slice(0, 1000), { details: { peerId: peer } })
}
