// Routes that move content or end its sharing.

import { createRoute } from '@hono/zod-openapi'
import {
  Dropped,
  FolderEvent,
  GetEvent,
  GetRequest,
  type Got,
  type GotBytes,
  type Progress,
  type Put,
  PutEvent,
  PutQuery,
  RefQuery,
  RefRequest,
  type ShareDone,
  ShareEvent,
  ShareRequest,
  ShareWatchRequest,
  Unshared
} from '../../proto/api.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { API_HEADER, API_VERSION, ROUTES } from '../../proto/routes.ts'
import type { App } from './app.ts'
import { body, json, jsonBody, lines, parsed, streaming } from './describe.ts'
import type { AdminParts } from './parts.ts'
import { parseRange } from './range.ts'
import { clientSignal, sendBytes, sendLines, withProgress } from './stream.ts'

export function contentRoutes(app: App, { sharing }: AdminParts): void {
  streaming(
    app,
    ROUTES.share,
    { request: { body: body(ShareRequest) }, responses: lines(ShareEvent, 'progress, then what was shared') },
    async c => {
      const request = await jsonBody(c, ShareRequest)
      return sendLines(c.env.outgoing, gone =>
        withProgress<Progress, ShareDone>(gone, (signal, onProgress) => sharing.share(request, signal, onProgress))
      )
    }
  )

  streaming(
    app,
    ROUTES.shareWatch,
    { request: { body: body(ShareWatchRequest) }, responses: lines(FolderEvent, 'what is published, as it settles') },
    async c => {
      const request = await jsonBody(c, ShareWatchRequest)
      return sendLines(c.env.outgoing, signal => sharing.shareWatch(request, signal))
    }
  )

  streaming(
    app,
    ROUTES.get,
    { request: { body: body(GetRequest) }, responses: lines(GetEvent, 'progress, then where it lies') },
    async c => {
      const request = await jsonBody(c, GetRequest)
      return sendLines(c.env.outgoing, gone =>
        withProgress<Progress, Got | GotBytes>(gone, (signal, onProgress) =>
          inTime(request, signal, until => sharing.get(request, until, onProgress))
        )
      )
    }
  )

  streaming(
    app,
    ROUTES.put,
    { request: { query: PutQuery, body: encoded }, responses: lines(PutEvent, 'progress, then what was put') },
    async c => {
      const query = parsed(PutQuery, c.req.query())
      const length = Number(c.req.header('content-length') ?? NaN)
      const sent = { bytes: c.env.incoming, size: Number.isSafeInteger(length) ? length : undefined }
      return sendLines(c.env.outgoing, gone =>
        withProgress<Progress, Put>(gone, (signal, onProgress) => sharing.put(query, sent, signal, onProgress))
      )
    }
  )

  const file = {
    200: { description: 'the file', content: { 'application/octet-stream': {} } },
    206: { description: 'a part of it' }
  }
  streaming(app, ROUTES.content, { request: { query: RefQuery }, responses: file }, async c => {
    const signal = clientSignal(c.env.outgoing)
    const content = await sharing.content(parsed(RefQuery, c.req.query()), signal)
    const { cid, size } = content
    const etag = `"${cid.toString()}"`
    const common = {
      etag,
      'accept-ranges': 'bytes',
      'content-type': 'application/octet-stream',
      [API_HEADER]: API_VERSION
    }
    if (c.req.header('if-none-match') === etag) return new Response(null, { status: 304, headers: common })
    const range = parseRange(c.req.header('range'), size)
    if (range === 'unsatisfiable')
      return new Response(null, { status: 416, headers: { ...common, 'content-range': `bytes */${size}` } })
    const { start, end } = range ?? { start: 0, end: size }
    const partial = range === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${size}` }
    return sendBytes(
      c.env.outgoing,
      range === undefined ? 200 : 206,
      { ...common, ...partial, 'content-length': String(end - start) },
      () => content.read(start, end)
    )
  })

  app.openapi(
    createRoute({
      ...ROUTES.unshare,
      request: { body: body(RefRequest) },
      responses: json(Unshared, 'the name is retired')
    }),
    async c => c.json(await sharing.unshare(c.req.valid('json').ref), 200)
  )

  app.openapi(
    createRoute({ ...ROUTES.drop, request: { body: body(RefRequest) }, responses: json(Dropped, 'what was removed') }),
    async c => c.json(await sharing.drop(c.req.valid('json'), clientSignal(c.env.outgoing)), 200)
  )
}

/** A body that is read as it comes. */
const encoded = {
  required: true,
  content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } }
} as const

/** Ends with TIMEOUT when the caller set a total. */
async function inTime<T>(
  { timeoutMs, ref }: GetRequest,
  signal: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>
): Promise<T> {
  if (timeoutMs === undefined) return run(signal)
  const total = new AbortController()
  const timer = setTimeout(
    () =>
      total.abort(
        new PathmeshError(
          'TIMEOUT',
          `${ref} did not arrive within ${timeoutMs / 1000} s; run it again to go on from there`
        )
      ),
    Math.min(timeoutMs, 2 ** 31 - 1)
  )
  try {
    return await run(AbortSignal.any([signal, total.signal]))
  } finally {
    clearTimeout(timer)
  }
}
