// Routes about this node: what it is, whom it knows, who may join, and its end.

import { createRoute } from '@hono/zod-openapi'
import { Done, ReleaseRequest, SessionLine } from '../../proto/api.ts'
import { Invite, Peer, Status } from '../../proto/node-api.ts'
import { ROUTES } from '../../proto/routes.ts'
import type { App } from './app.ts'
import { body, json, lines, streaming } from './describe.ts'
import type { AdminParts } from './parts.ts'
import { sendLines } from './stream.ts'

export function nodeRoutes(app: App, { node, leases }: AdminParts): void {
  app.openapi(createRoute({ ...ROUTES.status, responses: json(Status, 'this node') }), async c =>
    c.json(await node.status(), 200)
  )

  app.openapi(createRoute({ ...ROUTES.invite, responses: json(Invite, 'what another node joins with') }), c =>
    c.json(node.invite(), 200)
  )

  app.openapi(createRoute({ ...ROUTES.shutdown, responses: json(Done, 'the daemon stops') }), c => {
    node.shutdown()
    return c.json({ done: true as const }, 200)
  })

  streaming(app, ROUTES.peers, { responses: lines(Peer, 'the nodes that this one knows') }, c =>
    sendLines(c.env.outgoing, async function* () {
      yield* node.peers()
    })
  )

  streaming(app, ROUTES.session, { responses: lines(SessionLine, 'open while the connection is') }, c =>
    sendLines(c.env.outgoing, async function* (signal) {
      const session = leases.openSession()
      try {
        yield { session }
        await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
      } finally {
        leases.closeSession(session)
      }
    })
  )

  app.openapi(
    createRoute({ ...ROUTES.release, request: { body: body(ReleaseRequest) }, responses: json(Done, 'given back') }),
    c => {
      leases.release(c.req.valid('json').lease)
      return c.json({ done: true as const }, 200)
    }
  )
}
