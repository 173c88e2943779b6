// How routes are described, for validation and for the OpenAPI page.

import type { RouteConfig, z } from '@hono/zod-openapi'
import type { Context, Handler } from 'hono'
import type { HttpBindings } from '@hono/node-server'
import { ProblemBody } from '../../proto/api.ts'
import { PathmeshError } from '../../proto/errors.ts'
import type { Route } from '../../proto/routes.ts'
import type { App } from './app.ts'

const problem = { description: 'what failed', content: { 'application/problem+json': { schema: ProblemBody } } }

export const json = <S extends z.ZodType>(schema: S, description: string) =>
  ({ 200: { description, content: { 'application/json': { schema } } }, default: problem }) as const

/** One JSON object a line; empty objects keep the connection alive. */
export const lines = <S extends z.ZodType>(schema: S, description: string) =>
  ({
    200: { description, content: { 'application/x-ndjson': { schema } } },
    default: { description: 'a problem document' }
  }) as const

export const body = <S extends z.ZodType>(schema: S) =>
  ({ required: true, content: { 'application/json': { schema } } }) as const

type Streaming = Context<{ Bindings: HttpBindings }>

/**
 * A route whose answer is written to the connection as it comes: described like the others, but its answer has no type
 * that Hono could check.
 */
export function streaming(
  app: App,
  route: Route,
  description: Omit<RouteConfig, 'method' | 'path'>,
  answer: (c: Streaming) => Promise<Response>
): void {
  app.openAPIRegistry.registerPath({ ...description, ...route })
  const handler: Handler<{ Bindings: HttpBindings }> = c => answer(c)
  app.on(route.method, route.path, handler)
}

/** What was sent, in the form that the schema says; INVALID_ARGUMENT names the first field that is not. */
export function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw invalid(result.error)
}

/** What the first fault of a value is. */
export function invalid({ issues: [issue] }: z.ZodError): PathmeshError {
  const where = issue?.path.join('.') ?? ''
  return new PathmeshError(
    'INVALID_ARGUMENT',
    `${where === '' ? 'the value' : where}: ${issue?.message ?? 'not of the right form'}`
  )
}

/** A JSON body of the schema's form. */
export async function jsonBody<T>(c: Streaming, schema: z.ZodType<T>): Promise<T> {
  let value: unknown
  try {
    value = await c.req.json()
  } catch (cause) {
    throw new PathmeshError('INVALID_ARGUMENT', 'the body is not JSON', { cause })
  }
  return parsed(schema, value)
}
