// Routes about names and references: what there is, and what it is.

import { createRoute } from '@hono/zod-openapi'
import {
  AliasRequest,
  Change,
  Entry,
  Exists,
  ExistsQuery,
  Name,
  NamesQuery,
  ProviderLine,
  RefQuery,
  Shared,
  Stat,
  WatchEvent,
  WatchQuery
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
      const query = parsed(NamesQuery, c.req.query())
      return sendLines(c.env.outgoing, signal => sharing.names(query, signal))
    }
  )

  streaming(
    app,
    ROUTES.history,
    { request: { query: RefQuery }, responses: lines(Change, 'what became of a name, the latest first') },
    async c => {
      const query = parsed(RefQuery, c.req.query())
      return sendLines(c.env.outgoing, signal => sharing.history(query, signal))
    }
  )

  streaming(
    app,
    ROUTES.watch,
    { request: { query: WatchQuery }, responses: lines(WatchEvent, 'what becomes of names, as it comes') },
    async c => {
      const query = parsed(WatchQuery, c.req.query())
      return sendLines(c.env.outgoing, signal => sharing.watch(query, signal))
    }
  )

  streaming(
    app,
    ROUTES.providers,
    { request: { query: RefQuery }, responses: lines(ProviderLine, 'nodes that hold it, whole or in part') },
    async c => {
      const query = parsed(RefQuery, c.req.query())
      return sendLines(c.env.outgoing, signal => sharing.providers(query, signal))
    }
  )

  app.openapi(
    createRoute({
      ...ROUTES.alias,
      request: { body: body(AliasRequest) },
      responses: json(Shared, 'another name for a version')
    }),
    async c => c.json(await sharing.alias(c.req.valid('json'), clientSignal(c.env.outgoing)), 200)
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
}
