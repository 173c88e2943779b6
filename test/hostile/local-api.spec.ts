// The local API as a stranger would use it: headers of browsers, bodies that are no JSON or too large, ranges at and past the
// end, routes that do not exist. Each has one answer in one form, and the daemon lives.

import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'mocha'
import { z } from 'zod'
import { connect } from 'node:net'
import { ProblemBody } from '../../proto/api.ts'
import { API_BODY_BYTES_MAX } from '../../proto/limits.ts'
import { ROUTES } from '../../proto/routes.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { ask, type RawAnswer, type RawRequest } from '../helpers/raw-requests.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

describe('the local API', function () {
  this.timeout(60_000)
  let scene: Scene
  let daemon: Daemon | undefined
  let cid = ''
  before(async () => {
    scene = await Scene.open()
    daemon = await scene.up('a')
    await using mesh = await daemon.connect()
    cid = (await mesh.share(await scene.file('x', '0123456789'), { as: 'api/x' })).cid
    await mesh.share(await scene.file('empty', ''), { as: 'api/empty' })
  })
  afterEach(async () => assert.equal((await send({ path: '/v1/status' })).status, 200))
  after(async () => {
    const { log } = must(daemon)
    await scene.close()
    assert.doesNotMatch(log, /unhandled|uncaught/)
  })
  const send = (sent: RawRequest): Promise<RawAnswer> => ask(must(daemon).socket, sent)

  function assertProblem(answer: RawAnswer, status: number, code: string): string {
    assert.equal(answer.status, status, answer.bytes.toString())
    assert.equal(answer.headers['content-type'], 'application/problem+json')
    assert.equal(answer.headers['pathmesh-api'], 'v1')
    const body = ProblemBody.strict().parse(answer.json())
    assert.deepEqual([body.code, body.status], [code, status])
    return body.detail
  }

  const browsers: [string, string][] = [
    ['origin', 'http://evil.example'],
    ['origin', 'null'],
    ['referer', 'http://localhost/'],
    ['sec-fetch-site', 'same-origin'],
    ['sec-fetch-mode', 'no-cors'],
    ['access-control-request-method', 'POST'],
    ['host', 'evil.example'],
    ['host', 'localhost.evil.example'],
    ['host', '127.0.0.1.'],
    ['host', 'localhost:4747'],
    ['host', '[::ffff:127.0.0.1]'],
    ['host', 'pathmesh.local.evil.example']
  ]
  for (const [header, value] of browsers) {
    it(`refuses ${header}: ${value} on every route, before it looks for the route`, async () => {
      for (const { method, path } of [...Object.values(ROUTES), { method: 'get', path: '/v1/nothing' }]) {
        const answer = await send({ method: method.toUpperCase(), path, headers: { [header]: value } })
        // What cannot be a host at all is refused before the daemon's own guard.
        if (answer.status !== 400 || answer.bytes.length > 0) assertProblem(answer, 403, 'DENIED')
        assert.equal(answer.headers['access-control-allow-origin'], undefined)
      }
    })
  }

  it('refuses to become a WebSocket', async () => {
    const answer = await send({ path: '/v1/status', headers: { upgrade: 'websocket' } })
    assertProblem(answer, 403, 'DENIED')
  })

  it('knows no other route, method or version', async () => {
    for (const [method, path] of [
      ['GET', '/'],
      ['GET', '/v1/nothing'],
      ['GET', '/v2/status'],
      ['DELETE', '/v1/status'],
      ['GET', '/v1/share'],
      ['OPTIONS', '/v1/share'],
      ['GET', '/v1/../v1/status/x']
    ] as const) {
      const answer = await send({ method, path })
      const body = ProblemBody.parse(answer.json())
      assert.equal(body.code, 'INCOMPATIBLE', `${method} ${path}`)
      assert.ok(answer.status >= 400)
    }
  })

  it('takes a body at its bound, and refuses one byte more', async () => {
    for (const path of [ROUTES.share.path, ROUTES.drop.path, ROUTES.work.path]) {
      const exact = Buffer.alloc(API_BODY_BYTES_MAX, ' ')
      assertProblem(await send({ method: 'POST', path, headers: JSON_TYPE, body: exact }), 400, 'INVALID_ARGUMENT')
      const more = Buffer.alloc(API_BODY_BYTES_MAX + 1, ' ')
      assertProblem(await send({ method: 'POST', path, headers: JSON_TYPE, body: more }), 413, 'TOO_LARGE')
      const chunked = { ...JSON_TYPE, 'transfer-encoding': 'chunked' }
      const refused = await send({ method: 'POST', path, headers: chunked, body: more })
      assert.match(assertProblem(refused, 400, 'INVALID_ARGUMENT'), /Content-Length/)
    }
  })

  const bodies: [string, string | Buffer][] = [
    ['nothing', ''],
    ['no JSON', '{"ref": '],
    ['another value', '[]'],
    ['null', 'null'],
    ['wrong types', '{"ref": 5, "path": {}, "name": []}'],
    ['deep nesting', '['.repeat(100_000)],
    ['no UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
    ['a prototype', '{"__proto__": {"ref": "a/b", "path": "/tmp", "name": "x"}}'],
    ['a relative path', '{"path": "x", "ref": "", "name": ""}']
  ]
  for (const [what, body] of bodies) {
    it(`answers a body of ${what} with INVALID_ARGUMENT`, async () => {
      for (const { method, path } of Object.values(ROUTES)) {
        if (method !== 'post' || path === ROUTES.shutdown.path || path === ROUTES.invite.path) continue
        assertProblem(await send({ method: 'POST', path, headers: JSON_TYPE, body }), 400, 'INVALID_ARGUMENT')
      }
    })
  }

  it('answers a query of the wrong form with INVALID_ARGUMENT', async () => {
    for (const path of ['/v1/stat', '/v1/stat?ref=', '/v1/content', '/v1/list', `/v1/stat?ref=${'x'.repeat(17_000)}`]) {
      const answer = await send({ path })
      // Beyond 16 KiB of headers Node itself refuses.
      if (answer.status !== 431) assertProblem(answer, 400, 'INVALID_ARGUMENT')
    }
    assertProblem(await send({ path: '/v1/stat?ref=no/thing' }), 404, 'NOT_FOUND')
    assertProblem(await send({ path: '/v1/exists?ref=a/b&where=moon' }), 400, 'INVALID_ARGUMENT')
  })

  it('serves content whole, with its address as ETag', async () => {
    const answer = await send({ path: '/v1/content?ref=api/x' })
    assert.deepEqual([answer.status, answer.bytes.toString()], [200, '0123456789'])
    assert.equal(answer.headers['etag'], `"${cid}"`)
    assert.equal(answer.headers['accept-ranges'], 'bytes')
    assert.equal(answer.headers['content-length'], '10')
    const same = await send({ path: '/v1/content?ref=api/x', headers: { 'if-none-match': `"${cid}"` } })
    assert.deepEqual([same.status, same.bytes.length], [304, 0])
    const empty = await send({ path: '/v1/content?ref=api/empty' })
    assert.deepEqual([empty.status, empty.bytes.length, empty.headers['content-length']], [200, 0, '0'])
  })

  const ranges: [string, number, string, string | undefined][] = [
    ['bytes=0-0', 206, '0', 'bytes 0-0/10'],
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=8-', 206, '89', 'bytes 8-9/10'],
    ['bytes=8-99', 206, '89', 'bytes 8-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-99', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=9-9', 206, '9', 'bytes 9-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=10-20', 416, '', 'bytes */10'],
    ['bytes=-0', 416, '', 'bytes */10'],
    ['bytes=4-2', 200, '0123456789', undefined],
    ['bytes=0-1,3-4', 200, '0123456789', undefined],
    ['bytes=-', 200, '0123456789', undefined],
    ['items=0-1', 200, '0123456789', undefined],
    ['bytes=99999999999999999999-', 200, '0123456789', undefined]
  ]
  for (const [range, status, text, contentRange] of ranges) {
    it(`answers Range: ${range} with ${status}`, async () => {
      const answer = await send({ path: '/v1/content?ref=api/x', headers: { range } })
      assert.deepEqual(
        [answer.status, answer.bytes.toString(), answer.headers['content-range']],
        [status, text, contentRange]
      )
    })
  }

  it('ends a stream of events that fails with the error as its last line', async () => {
    const body = JSON.stringify({ ref: 'no/thing' })
    const answer = await send({ method: 'POST', path: '/v1/get', headers: JSON_TYPE, body })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['content-type'], 'application/x-ndjson')
    const lines = answer.bytes.toString().trimEnd().split('\n')
    const failed = z.strictObject({ event: z.literal('error'), error: ProblemBody.strict() })
    assert.equal(failed.parse(JSON.parse(lines.at(-1) ?? '')).error.code, 'NOT_FOUND')
  })

  it('describes every route in a valid OpenAPI 3.1 document', async () => {
    const answer = await send({ path: ROUTES.openapi.path })
    const operation = z.looseObject({ responses: z.record(z.string(), z.looseObject({ description: z.string() })) })
    const document = z
      .looseObject({
        openapi: z.string().regex(/^3\.1\./),
        info: z.looseObject({ title: z.string(), version: z.string() }),
        paths: z.record(z.string().startsWith('/'), z.record(z.enum(['get', 'post']), operation).or(z.looseObject({})))
      })
      .parse(answer.json())
    for (const { method, path } of Object.values(ROUTES)) {
      if (path === ROUTES.openapi.path) continue
      const described = document.paths[path]
      assert.ok(described !== undefined && method in described, `${method} ${path}`)
      operation.parse(Object.entries(described).find(([name]) => name === method)?.[1])
    }
    const missing = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].filter(
      ([, pointer = '']) => pointer.split('/').reduce<unknown>(within, document) === undefined
    )
    assert.deepEqual(missing, [])
  })

  it('hangs up on what is not HTTP', async () => {
    for (const bytes of [
      Buffer.from('\u0016\u0003\u0001\u0002\u0000'),
      Buffer.alloc(100_000, 'A'),
      Buffer.from('GET\r\n\r\n')
    ]) {
      const socket = connect(must(daemon).socket)
      socket.on('error', () => undefined)
      socket.resume()
      socket.write(bytes)
      await new Promise(resolve => socket.once('close', resolve))
    }
  })
})

function within(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : undefined
}
