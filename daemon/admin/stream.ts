// Long answers: NDJSON events and bytes, written straight to the connection with back-pressure. An answer ends with its
// source, with its client, or with an error line; the source is told when its client is gone.

import type { ServerResponse } from 'node:http'
import { once } from 'node:events'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { HEARTBEAT_MS, PROGRESS_FIRST_MS, PROGRESS_MS } from '../../proto/limits.ts'
import { API_HEADER, API_VERSION } from '../../proto/routes.ts'

/** Anything that can be a line. */
type Line = object

/** A signal that is aborted when the client is gone before its answer was whole. */
export function clientSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) gone.abort(new PathmeshError('ABORTED', 'the client is gone'))
  })
  return gone.signal
}

/** Sends each line as it comes, and an empty one when none came for a while; a failure is the last line. */
export async function sendLines(
  response: ServerResponse,
  source: (signal: AbortSignal) => AsyncIterable<Line>
): Promise<Response> {
  const signal = clientSignal(response)
  response.writeHead(200, {
    'content-type': 'application/x-ndjson',
    'cache-control': 'no-store',
    [API_HEADER]: API_VERSION
  })
  const heartbeat = setInterval(() => response.writableLength === 0 && response.write('{}\n'), HEARTBEAT_MS)
  try {
    for await (const line of source(signal)) await write(response, `${JSON.stringify(line)}\n`, signal)
  } catch (error) {
    if (!signal.aborted)
      response.write(`${JSON.stringify({ event: 'error', error: toPathmeshError(error, 'answering').toProblem() })}\n`)
  } finally {
    clearInterval(heartbeat)
    response.end()
  }
  return RESPONSE_ALREADY_SENT
}

/** Sends bytes of known length. Headers go with the first byte, so that a failure before it is a proper error. */
export async function sendBytes(
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  source: (signal: AbortSignal) => AsyncIterable<Uint8Array>
): Promise<Response> {
  const signal = clientSignal(response)
  const start = () => response.headersSent || response.writeHead(status, { ...headers, [API_HEADER]: API_VERSION })
  try {
    for await (const bytes of source(signal)) {
      start()
      await write(response, bytes, signal)
    }
  } catch (error) {
    if (!response.headersSent) throw error
    response.destroy(toPathmeshError(error, 'reading'))
    return RESPONSE_ALREADY_SENT
  }
  start()
  response.end()
  return RESPONSE_ALREADY_SENT
}

/**
 * Runs work that reports progress, and yields its progress (the newest, now and then) and at last its result. Slow readers
 * miss progress, never the result.
 */
export async function* withProgress<P extends Line, R extends Line>(
  signal: AbortSignal,
  run: (signal: AbortSignal, onProgress: (progress: P) => void) => Promise<R>
): AsyncGenerator<P | R> {
  let newest: P | undefined
  let wake: () => void = () => undefined
  let ended = false
  const stopped = new AbortController()
  const work = run(AbortSignal.any([signal, stopped.signal]), progress => {
    newest = progress
    wake()
  }).finally(() => {
    ended = true
    wake()
  })
  work.catch(() => undefined)
  try {
    // What is done at once needs no telling.
    let last = performance.now() - PROGRESS_MS + PROGRESS_FIRST_MS
    while (!ended) {
      const wait = last + PROGRESS_MS - performance.now()
      if (newest !== undefined && wait <= 0) {
        const progress = newest
        newest = undefined
        last = performance.now()
        yield progress
        continue
      }
      await new Promise<void>(resolve => {
        const timer = newest === undefined ? undefined : setTimeout(resolve, wait)
        wake = () => {
          if (newest !== undefined && !ended && timer !== undefined) return
          clearTimeout(timer)
          resolve()
        }
        if (ended) wake()
      })
    }
    yield await work
  } finally {
    if (!ended) stopped.abort(new PathmeshError('ABORTED', 'the client is gone'))
  }
}

async function write(response: ServerResponse, bytes: string | Uint8Array, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (response.write(bytes)) return
  await once(response, 'drain', { signal })
}
