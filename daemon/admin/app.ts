// The local API as a whole: guard, limits, routes, and one form of error. What a route means is in the file of its noun.

import type { HttpBindings } from '@hono/node-server'
import { OpenAPIHono } from '@hono/zod-openapi'
import { HTTPException } from 'hono/http-exception'
import { ERRORS, PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { API_REQUESTS_MAX } from '../../proto/limits.ts'
import { API_HEADER, API_VERSION, ROUTES } from '../../proto/routes.ts'
import { contentRoutes } from './content.ts'
import { invalid } from './describe.ts'
import { guard, limitBody } from './guard.ts'
import { nameRoutes } from './names.ts'
import { nodeRoutes } from './node.ts'
import type { AdminParts } from './parts.ts'
import { transferRoutes } from './transfers.ts'
import { workRoutes } from './works.ts'

export type App = OpenAPIHono<{ Bindings: HttpBindings }>

export function createApp(parts: AdminParts): App {
  const app: App = new OpenAPIHono<{ Bindings: HttpBindings }>({
    defaultHook: result => {
      if (!result.success) throw invalid(result.error)
    }
  })
  let open = 0
  app.use(guard)
  app.use(limitBody)
  app.use(async (_, next) => {
    if (open >= API_REQUESTS_MAX) throw new PathmeshError('TOO_LARGE', `${API_REQUESTS_MAX} requests are open already`)
    open++
    try {
      await next()
    } finally {
      open--
    }
  })
  app.onError(error => problem(error instanceof HTTPException ? refusal(error) : toPathmeshError(error, 'answering')))
  app.notFound(c => problem(new PathmeshError('INCOMPATIBLE', `this daemon knows no ${c.req.method} ${c.req.path}`)))
  nodeRoutes(app, parts)
  nameRoutes(app, parts)
  contentRoutes(app, parts)
  workRoutes(app, parts)
  transferRoutes(app, parts)
  app.doc31(ROUTES.openapi.path, {
    openapi: '3.1.0',
    info: {
      title: 'pathmesh',
      version: API_VERSION,
      description: `The local API of a pathmesh daemon. Errors are application/problem+json with a \`code\`: ${codes()}.`
    }
  })
  return app
}

/** What Hono itself refuses: a body that is not JSON, or does not say that it is. */
function refusal(error: HTTPException): PathmeshError {
  return new PathmeshError('INVALID_ARGUMENT', `${error.message}: send application/json`, { cause: error })
}

function problem(error: PathmeshError): Response {
  const body = error.toProblem()
  return new Response(JSON.stringify(body), {
    status: body.status,
    headers: { 'content-type': 'application/problem+json', [API_HEADER]: API_VERSION }
  })
}

const codes = (): string => Object.keys(ERRORS).join(', ')
