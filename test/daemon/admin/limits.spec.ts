// The route of rate limits: what it changes, what it leaves, and what it refuses.

import assert from 'node:assert/strict'
import type { HttpBindings } from '@hono/node-server'
import { OpenAPIHono } from '@hono/zod-openapi'
import { beforeEach, describe, it } from 'mocha'
import type { App } from '../../../daemon/admin/app.ts'
import { invalid } from '../../../daemon/admin/describe.ts'
import { transferRoutes } from '../../../daemon/admin/transfers.ts'
import { RateLimit } from '../../../daemon/exchange/rate-limit.ts'
import { toPathmeshError } from '../../../proto/errors.ts'
import { RATE_LIMIT_MAX, RATE_LIMIT_MIN } from '../../../proto/limits.ts'
import { ROUTES } from '../../../proto/routes.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

describe('the route of limits', () => {
  const clock = new ManualClock()
  let app: App

  beforeEach(() => {
    app = new OpenAPIHono<{ Bindings: HttpBindings }>({
      defaultHook: result => {
        if (!result.success) throw invalid(result.error)
      }
    })
    app.onError(error => Response.json(toPathmeshError(error, 'answering').toProblem()))
    transferRoutes(app, {
      transfers: { transfers: { list: () => [], ended: () => [] }, nameOf: () => undefined, clock },
      limits: { upload: new RateLimit(clock, 0), download: new RateLimit(clock, 100_000) },
      why: { about: () => assert.fail() }
    })
  })

  const read = async (): Promise<unknown> => (await app.request(ROUTES.limits.path)).json()
  const change = async (body: unknown): Promise<unknown> => {
    const headers = { 'content-type': 'application/json' }
    return (await app.request(ROUTES.setLimits.path, { method: 'PUT', headers, body: JSON.stringify(body) })).json()
  }

  it('tells both, changes what is given, and leaves what is not, or null', async () => {
    assert.deepEqual(await read(), { upload: 0, download: 100_000 })
    assert.deepEqual(await change({ upload: RATE_LIMIT_MIN }), { upload: RATE_LIMIT_MIN, download: 100_000 })
    assert.deepEqual(await change({ upload: null, download: RATE_LIMIT_MAX }), {
      upload: RATE_LIMIT_MIN,
      download: RATE_LIMIT_MAX
    })
    assert.deepEqual(await change({ upload: 0, download: 0 }), { upload: 0, download: 0 })
    assert.deepEqual(await read(), await change({}))
  })

  it('refuses what cannot be kept to, naming it, and changes nothing then', async () => {
    for (const wrong of [RATE_LIMIT_MIN - 1, RATE_LIMIT_MAX + 1, -1, 1.5, '20MiB/s', true]) {
      const answer = await change({ download: 200_000, upload: wrong })
      assert.ok(typeof answer === 'object' && answer !== null && 'code' in answer && 'detail' in answer)
      assert.equal(answer.code, 'INVALID_ARGUMENT', String(wrong))
      assert.match(String(answer.detail), /^upload: /)
    }
    assert.match(JSON.stringify(await change({ uplaod: 100_000 })), /the value: .*uplaod.*INVALID_ARGUMENT/)
    assert.deepEqual(await read(), { upload: 0, download: 100_000 })
  })
})
