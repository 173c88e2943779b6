// Who may talk to the local API: no browser, no foreign host, whatever they send beside it.

import assert from 'node:assert/strict'
import { Hono } from 'hono'
import { describe, it } from 'mocha'
import { guard } from '../../../daemon/admin/guard.ts'
import { hasCode } from '../../../proto/errors.ts'
import { API_HEADER, API_HOST, API_VERSION } from '../../../proto/routes.ts'

const app = new Hono()
app.use(guard)
app.onError((error, c) => c.text(hasCode(error, 'DENIED') ? error.message : 'another error', 403))
app.all('*', c => c.text('reached'))

const ask = (headers: Record<string, string>, method = 'GET') =>
  app.request('http://ignored/v1/status', { method, headers })

describe('guard', () => {
  for (const host of [API_HOST, 'localhost']) {
    it(`lets a program through that says Host: ${host}`, async () => {
      const response = await ask({ host })
      assert.deepEqual([response.status, await response.text()], [200, 'reached'])
      assert.equal(response.headers.get(API_HEADER), API_VERSION)
    })
  }

  for (const host of ['', 'evil.example', '127.0.0.1', 'localhost:80', `${API_HOST}.evil.example`, 'LOCALHOST.']) {
    it(`refuses Host: ${JSON.stringify(host)}`, async () => {
      const response = await ask({ host })
      assert.equal(response.status, 403)
      assert.match(await response.text(), /the host .* is refused/)
    })
  }

  for (const [header, value] of [
    ['origin', 'null'],
    ['origin', `http://${API_HOST}`],
    ['referer', 'http://evil.example/'],
    ['sec-fetch-site', 'same-origin'],
    ['sec-fetch-mode', 'no-cors'],
    ['access-control-request-method', 'POST'],
    ['upgrade', 'websocket']
  ] as const) {
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      it(`refuses ${method} with ${header}: ${value}`, async () => {
        const response = await ask({ host: API_HOST, [header]: value }, method)
        assert.equal(response.status, 403)
        assert.match(await response.text(), /not for browsers/)
      })
    }
  }
})
