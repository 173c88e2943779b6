// Routes about names and references: what there is, and what it is.

import { createRoute } from '@hono/zod-openapi'
import {
  Entry,
  Exists,
  ExistsQuery,
  Name,
  NamesQuery,
  RefQuery,
  Stat,
  WorkFolder,
  WorkRequest
} from '../../proto/api.ts'
import { ROUTES } from '../../proto/routes.ts'
import type { App } from './app.ts'
import { body, json, lines, parsed, streaming } from './describe.ts'
import type { AdminParts } from './parts.ts'
import { clientSignal, sendLines } from './stream.ts'

export function nameRoutes(app: App, { sharing }: AdminParts): void {
  streaming(
    app,
    ROUTES.names,
    { request: { query: NamesQuery }, responses: lines(Name, 'names, in order') },
    async c => {
      const { prefix = '' } = parsed(NamesQuery, c.req.query())
      return sendLines(c.env.outgoing, signal => sharing.names(prefix, signal))
    }
  )

  app.openapi(
    createRoute({ ...ROUTES.stat, request: { query: RefQuery }, responses: json(Stat, 'what a reference means') }),
    async c => c.json(await sharing.stat(c.req.valid('query'), clientSignal(c.env.outgoing)), 200)
  )

  streaming(
    app,
    ROUTES.list,
    { request: { query: RefQuery }, responses: lines(Entry, 'entries of a directory, in order') },
    async c => {
      const query = parsed(RefQuery, c.req.query())
      return sendLines(c.env.outgoing, signal => sharing.list(query, signal))
    }
  )

  app.openapi(
    createRoute({
      ...ROUTES.exists,
      request: { query: ExistsQuery },
      responses: json(Exists, 'whether its content can be had')
    }),
    async c => {
      const { where = 'anywhere', ...query } = c.req.valid('query')
      return c.json({ exists: await sharing.exists(query, where, clientSignal(c.env.outgoing)) }, 200)
    }
  )

  app.openapi(
    createRoute({
      ...ROUTES.work,
      request: { body: body(WorkRequest) },
      responses: json(WorkFolder, 'where a work of this node writes')
    }),
    async c => c.json(await sharing.workFolder(c.req.valid('json').name), 200)
  )
}
