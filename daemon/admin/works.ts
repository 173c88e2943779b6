// Routes about works: those of the mesh, hosting one here, and calling one anywhere.

import { createRoute } from '@hono/zod-openapi'
import { Done } from '../../proto/api.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { ROUTES } from '../../proto/routes.ts'
import {
  CallEvents,
  CallEventsQuery,
  CallRequest,
  Called,
  CancelRequest,
  HostLine,
  HostRequest,
  ReportRequest,
  WorkFolder,
  WorkLine,
  WorkRequest
} from '../../proto/works-api.ts'
import type { App } from './app.ts'
import { body, json, jsonBody, lines, streaming } from './describe.ts'
import type { AdminParts } from './parts.ts'
import { clientSignal, sendLines } from './stream.ts'

export function workRoutes(app: App, { sharing, works }: AdminParts): void {
  streaming(app, ROUTES.works, { responses: lines(WorkLine, 'works of the mesh, and where each lives') }, c =>
    sendLines(c.env.outgoing, signal => works.list(signal))
  )

  app.openapi(
    createRoute({
      ...ROUTES.work,
      request: { body: body(WorkRequest) },
      responses: json(WorkFolder, 'where a work of this node writes')
    }),
    async c => c.json(await sharing.openWork(c.req.valid('json')), 200)
  )

  streaming(
    app,
    ROUTES.host,
    {
      request: { body: body(HostRequest) },
      responses: lines(HostLine, 'what the host is to do, while it is connected')
    },
    async c => {
      const request = await jsonBody(c, HostRequest)
      // Its end was told before anybody listened for it: it would host for ever.
      if (c.env.outgoing.destroyed) throw new PathmeshError('ABORTED', 'the client is gone')
      return sendLines(c.env.outgoing, signal => works.host(request, signal))
    }
  )

  app.openapi(
    createRoute({
      ...ROUTES.report,
      request: { body: body(ReportRequest) },
      responses: json(Done, 'taken; an outcome is on the disk')
    }),
    async c => {
      await works.report(c.req.valid('json'))
      return c.json({ done: true as const }, 200)
    }
  )

  app.openapi(
    createRoute({
      ...ROUTES.call,
      request: { body: body(CallRequest) },
      responses: json(Called, 'where it runs; it is on the disk there')
    }),
    async c => c.json(await works.call(c.req.valid('json'), clientSignal(c.env.outgoing)), 200)
  )

  app.openapi(
    createRoute({
      ...ROUTES.callEvents,
      request: { query: CallEventsQuery },
      responses: json(CallEvents, 'what became of a call')
    }),
    async c => c.json(await works.events(c.req.valid('query'), clientSignal(c.env.outgoing)), 200)
  )

  app.openapi(
    createRoute({
      ...ROUTES.cancelCall,
      request: { body: body(CancelRequest) },
      responses: json(Done, 'it ended, or its host was told')
    }),
    async c => {
      await works.cancel(c.req.valid('json'), clientSignal(c.env.outgoing))
      return c.json({ done: true as const }, 200)
    }
  )
}
