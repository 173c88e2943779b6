// HTTP over the daemon's Unix socket: JSON, NDJSON and bytes, each wait with a deadline. Knows no route's meaning. Refuses a
// socket that others could have put there, and an answer of another API version.

import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http'
import { errno, PathmeshError } from '../proto/errors.ts'
import { API_ANSWER_BYTES_MAX, API_ANSWER_MS, API_CONNECT_MS, HEARTBEAT_MS } from '../proto/limits.ts'
import { API_HEADER, API_HOST, API_VERSION, type Route } from '../proto/routes.ts'
import type { Pieces } from './codecs/codec.ts'
import { feed, FeedFailure } from './feed.ts'
import { parseJson, parseLines } from './ndjson.ts'
import { checkSocket, nobodyListens } from './socket-check.ts'

/** Milliseconds after which a stream of events that says nothing is dead. */
const SILENCE_MS = 3 * HEARTBEAT_MS
/** How much longer, for what has come already: a program that was suspended meets its timers before its sockets. */
const LATE_MS = 1_000

export interface Call {
  readonly query?: Readonly<Record<string, string | undefined>>
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as bytes: at once, or as they come. */
  readonly content?: Pieces | undefined
  /** Where it is noted that they did not come. */
  readonly fed?: FeedFailure
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
  /** A status that is an answer of its own here, and not thrown. */
  readonly alsoStatus?: number
  /** The longest wait for the answer, and for each further part of it. */
  readonly silenceMs?: number | undefined
}

export interface TransportOptions {
  /** What a user types to start the daemon that is missing; a line of an error message. */
  readonly startHint?: string
}

/** One daemon's socket. Opens connections when they are needed and keeps them; they do not keep the program running. */
export class Transport {
  readonly socket: string
  readonly #startHint: string
  readonly #agent = new Agent({ keepAlive: true })

  constructor(socket: string, options: TransportOptions = {}) {
    this.socket = socket
    this.#startHint = options.startHint ?? 'pathmesh up --detach'
  }

  /** The JSON value that the daemon answers. */
  async json(route: Route, call: Call = {}): Promise<unknown> {
    const silenceMs = call.silenceMs ?? API_ANSWER_MS
    const response = await this.open(route, { ...call, silenceMs })
    return parseJson(await collect(this.#chunks(response, silenceMs, call.signal, unreachable)))
  }

  /** Yields the objects of an NDJSON answer, heartbeats left out. Stop early and the request is cut off. */
  async *lines(route: Route, call: Call = {}): AsyncGenerator<object, void, undefined> {
    const silenceMs = call.silenceMs ?? SILENCE_MS
    const fed = new FeedFailure()
    try {
      const response = await this.open(route, { ...call, silenceMs, fed })
      yield* parseLines(this.#chunks(response, silenceMs, call.signal, unreachable))
    } catch (error) {
      call.signal?.throwIfAborted()
      fed.throwIfSet()
      throw error
    }
  }

  /** Yields the bytes of `response`; one that breaks off is IO, since the daemon can say why only before the first byte. */
  bytes(response: IncomingMessage, call: Call = {}): AsyncGenerator<Buffer, void, undefined> {
    return this.#chunks(response, call.silenceMs ?? API_ANSWER_MS, call.signal, brokenOff)
  }

  /** Sends a request and resolves to a response of status 2xx, its body not yet read. Any other is thrown as its error. */
  async open(route: Route, call: Call = {}): Promise<IncomingMessage> {
    const { signal } = call
    signal?.throwIfAborted()
    try {
      const response = await this.#send(route, call, true)
      this.#checkVersion(response)
      if ((response.statusCode ?? 0) < 300 || response.statusCode === call.alsoStatus) return response
      const text = await collect(this.#chunks(response, API_ANSWER_MS, signal, unreachable))
      throw PathmeshError.fromProblem(parseJson(text))
    } catch (error) {
      signal?.throwIfAborted()
      throw nobodyListens(error) ? this.#noDaemon(error) : error
    }
  }

  /** Ends every connection; requests under way fail. */
  close(): void {
    this.#agent.destroy()
  }

  async #send(route: Route, call: Call, again: boolean): Promise<IncomingMessage> {
    checkSocket(this.socket)
    const { content } = call
    const json = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body))
    const body = content instanceof Uint8Array ? content : json
    const headers: Record<string, string> = { ...call.headers, host: API_HOST }
    if (content !== undefined) headers['content-type'] = 'application/octet-stream'
    else if (json !== undefined) headers['content-type'] = 'application/json'
    const pieces = content instanceof Uint8Array ? undefined : content
    if (body !== undefined) headers['content-length'] = String(body.length)
    else if (route.method === 'post' && pieces === undefined) headers['content-length'] = '0'
    const sent = request({
      socketPath: this.socket,
      // What is sent as it comes cannot be sent again, and so never goes over a connection that may be closed by now.
      agent: pieces === undefined ? this.#agent : false,
      method: route.method.toUpperCase(),
      path: route.path + queryText(call.query),
      headers
    })
    try {
      return await answerTo(sent, pieces ?? body, call)
    } catch (error) {
      const dropped = errno(error) === 'ECONNRESET' || errno(error) === 'EPIPE'
      // A kept connection that the daemon closed meanwhile. Every call of this API may be made twice.
      if (dropped && sent.reusedSocket && again && call.signal?.aborted !== true)
        return await this.#send(route, call, false)
      throw dropped ? unreachable(error) : error
    }
  }

  async *#chunks(
    response: IncomingMessage,
    silenceMs: number,
    signal: AbortSignal | undefined,
    broken: (cause: unknown) => PathmeshError
  ): AsyncGenerator<Buffer, void, undefined> {
    const silent = () =>
      response.destroy(
        new PathmeshError('TIMEOUT', `the daemon said nothing for ${silenceMs} ms in the middle of an answer`)
      )
    const abort = () => response.destroy()
    let watch = onSilence(silenceMs, silent)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      signal?.throwIfAborted()
      for await (const chunk of response) {
        watch.clear()
        if (!Buffer.isBuffer(chunk)) throw new TypeError('an answer is read as bytes')
        yield chunk
        signal?.throwIfAborted()
        watch = onSilence(silenceMs, silent)
      }
      signal?.throwIfAborted()
      if (!response.complete) throw broken(undefined)
    } catch (error) {
      signal?.throwIfAborted()
      throw errno(error) === 'ECONNRESET' || errno(error) === 'ERR_STREAM_PREMATURE_CLOSE' ? broken(error) : error
    } finally {
      watch.clear()
      signal?.removeEventListener('abort', abort)
      if (!response.complete) response.destroy()
    }
  }

  #checkVersion(response: IncomingMessage): void {
    const version = response.headers[API_HEADER]
    if (version === API_VERSION) return
    response.destroy()
    const what = version === undefined ? 'does not say that it is a pathmesh daemon' : `speaks ${String(version)}`
    throw new PathmeshError(
      'INCOMPATIBLE',
      `what answers on ${this.socket} ${what}; this client speaks ${API_VERSION}. Use the same version of pathmesh for both, and restart the daemon`
    )
  }

  #noDaemon(cause: unknown): PathmeshError {
    return new PathmeshError(
      'DAEMON_UNREACHABLE',
      `no daemon answers on ${this.socket}. Start one: ${this.#startHint}`,
      { cause }
    )
  }
}

async function answerTo(sent: ClientRequest, body: Pieces | undefined, call: Call): Promise<IncomingMessage> {
  const { signal, silenceMs = API_ANSWER_MS } = call
  const { promise, resolve, reject } = deferred<IncomingMessage>()
  const giveUp = (ms: number, doing: string) => () =>
    sent.destroy(
      new PathmeshError(
        'TIMEOUT',
        `the daemon did not ${doing} for ${ms} ms: it may be stopped, or its machine overloaded`
      )
    )
  let watch = onSilence(API_CONNECT_MS, giveUp(API_CONNECT_MS, 'take the connection'))
  const connected = () => {
    watch.clear()
    watch = onSilence(silenceMs, giveUp(silenceMs, 'answer'))
  }
  const abort = () => sent.destroy()
  signal?.addEventListener('abort', abort, { once: true })
  sent.on('error', reject)
  sent.on('response', resolve)
  sent.on('socket', socket => {
    if (socket.connecting) socket.once('connect', connected)
    else connected()
  })
  if (body === undefined || body instanceof Uint8Array) sent.end(body)
  else void feed(sent, body, call.fed ?? new FeedFailure())
  try {
    return await promise
  } finally {
    watch.clear()
    signal?.removeEventListener('abort', abort)
  }
}

/** Acts after so long, and a little more in which what has come meanwhile is read. */
function onSilence(silenceMs: number, act: () => void): { clear(): void } {
  let timer = setTimeout(() => {
    timer = setTimeout(act, Math.min(silenceMs, LATE_MS))
  }, silenceMs)
  return { clear: () => clearTimeout(timer) }
}

async function collect(chunks: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.length
    if (bytes > API_ANSWER_BYTES_MAX)
      throw new PathmeshError('TOO_LARGE', `the daemon's answer is longer than ${API_ANSWER_BYTES_MAX} bytes`)
    pieces.push(chunk)
  }
  return Buffer.concat(pieces).toString()
}

function queryText(query: Call['query'] = {}): string {
  const given = Object.entries(query).flatMap(([key, value]): [string, string][] =>
    value === undefined ? [] : [[key, value]]
  )
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`
}

function unreachable(cause: unknown): PathmeshError {
  return new PathmeshError(
    'DAEMON_UNREACHABLE',
    'the daemon broke off before its answer was complete: it was stopped, or it crashed',
    { cause }
  )
}

function brokenOff(cause: unknown): PathmeshError {
  return new PathmeshError(
    'IO',
    'the daemon broke off in the middle of the bytes: they could not be had or verified, or it was stopped. Try `pathmesh get`, which says why',
    { cause }
  )
}

interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (reason: unknown) => void
}

// Promise.withResolvers, which Node 20 lacks.
function deferred<T>(): Deferred<T> {
  let settle: Omit<Deferred<T>, 'promise'> | undefined
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject }
  })
  if (settle === undefined) throw new TypeError('a promise runs its executor at once')
  return { promise, ...settle }
}
