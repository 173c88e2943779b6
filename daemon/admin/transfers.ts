// Routes about moving content: what is being fetched, how fast it may go, and why something does not come.

import { createRoute } from '@hono/zod-openapi'
import type { RateLimits } from '../exchange/rate-limit.ts'
import { Limits, LimitsChange, TransferEvent, TransfersQuery } from '../../proto/node-api.ts'
import { ROUTES } from '../../proto/routes.ts'
import { Why, WhyQuery } from '../../proto/why-api.ts'
import type { App } from './app.ts'
import { body, json, lines, parsed, streaming } from './describe.ts'
import { followTransfers, runningTransfers } from './follow-transfers.ts'
import type { AdminParts } from './parts.ts'
import { clientSignal, sendLines } from './stream.ts'

export function transferRoutes(
  app: App,
  { transfers, limits, why }: Pick<AdminParts, 'transfers' | 'limits' | 'why'>
): void {
  streaming(
    app,
    ROUTES.transfers,
    { request: { query: TransfersQuery }, responses: lines(TransferEvent, 'what is being fetched') },
    async c => {
      const { follow } = parsed(TransfersQuery, c.req.query())
      return sendLines(c.env.outgoing, async function* (signal) {
        if (follow === '1') yield* followTransfers(transfers, signal)
        else yield* runningTransfers(transfers)
      })
    }
  )

  app.openapi(createRoute({ ...ROUTES.limits, responses: json(Limits, 'how fast content may move') }), c =>
    c.json(ratesOf(limits), 200)
  )

  app.openapi(
    createRoute({
      ...ROUTES.setLimits,
      request: { body: body(LimitsChange) },
      responses: json(Limits, 'how fast content may move from now on, until the daemon ends')
    }),
    c => {
      const { upload, download } = c.req.valid('json')
      if (typeof upload === 'number') limits.upload.change(upload)
      if (typeof download === 'number') limits.download.change(download)
      return c.json(ratesOf(limits), 200)
    }
  )

  app.openapi(
    createRoute({
      ...ROUTES.why,
      request: { query: WhyQuery },
      responses: json(Why, 'what is known of a reference or a peer, and what would help')
    }),
    async c => c.json(await why.about(c.req.valid('query'), clientSignal(c.env.outgoing)), 200)
  )
}

function ratesOf({ upload, download }: RateLimits): Limits {
  return { upload: upload.perSecond, download: download.perSecond }
}
