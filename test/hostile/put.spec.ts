// Putting a Payload as a stranger would: bodies that lie about their length, names and media types that are none, meta that is
// no object, headers past their bound. Each has one answer in one form, nothing is published, and the daemon lives.

import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'mocha'
import { ProblemBody, Put, Stat } from '../../proto/api.ts'
import { API_HEADERS_BYTES_MAX, META_BYTES_MAX, SMALL_PAYLOAD_BYTES } from '../../proto/limits.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { ask, type RawAnswer, type RawRequest } from '../helpers/raw-requests.ts'
import { until } from '../helpers/until.ts'

const BYTES = { 'content-type': 'application/octet-stream' }

describe('PUT of a Payload', function () {
  this.timeout(60_000)
  let scene: Scene
  let daemon: Daemon | undefined
  before(async () => {
    scene = await Scene.open()
    daemon = await scene.up('a')
  })
  afterEach(async () => {
    assert.equal((await ask(must(daemon).socket, { path: '/v1/status' })).status, 200)
    await until('nothing is half kept', async () => (await readdir(join(must(daemon).data, 'kept'))).length === 0)
  })
  after(async () => {
    const { log } = must(daemon)
    await scene.close()
    assert.doesNotMatch(log, /unhandled|uncaught/)
  })

  const path = (query: Record<string, string>): string => `/v1/put?${new URLSearchParams(query).toString()}`
  const put = async (query: Record<string, string>, sent: Partial<RawRequest> = {}): Promise<RawAnswer> =>
    await ask(must(daemon).socket, { method: 'POST', path: path(query), headers: BYTES, body: 'value', ...sent })
  const stat = async (name: string): Promise<RawAnswer> =>
    await ask(must(daemon).socket, { path: `/v1/stat?ref=${encodeURIComponent(name)}` })

  /** The code and message of an answer that refuses, whether at once or as its last line. */
  function refusal(answer: RawAnswer): string {
    const lines = answer.bytes.toString().trimEnd().split('\n')
    const value: unknown = JSON.parse(lines.at(-1) ?? '')
    const body = ProblemBody.parse(answer.status === 200 ? Object(value).error : value)
    return `${body.code}: ${body.detail}`
  }
  const done = (answer: RawAnswer): Put => {
    assert.equal(answer.status, 200, answer.bytes.toString())
    return Put.parse(JSON.parse(answer.bytes.toString().trimEnd().split('\n').at(-1) ?? ''))
  }
  const nothing = async (name: string): Promise<void> => assert.equal((await stat(name)).status, 404)

  it('takes a body of a length, of none, and of pieces', async () => {
    assert.equal(done(await put({ as: 'good/length' })).size, 5)
    assert.equal(done(await put({ as: 'good/empty' }, { body: '' })).size, 0)
    const chunked = { headers: { ...BYTES, 'transfer-encoding': 'chunked' } }
    assert.equal(done(await put({ as: 'good/chunked' }, chunked)).size, 5)
    assert.equal(done(await put({ as: 'good/codec', codec: 'acme/x' })).mediaType, 'application/octet-stream')
  })

  it('takes a request without a body for no bytes', async () => {
    const { headers, ...rest } = { headers: {}, method: 'POST', path: path({ as: 'good/none' }) }
    assert.equal(done(await ask(must(daemon).socket, { ...rest, headers })).size, 0)
  })

  for (const [what, sent, length] of [
    ['small', 10, 11],
    ['large', SMALL_PAYLOAD_BYTES + 1, 10 * SMALL_PAYLOAD_BYTES]
  ] as const) {
    it(`publishes nothing of a ${what} one that is shorter than it said`, async () => {
      await cutOff(path({ as: `cut/${what}` }), `content-length: ${length}`, Buffer.alloc(sent))
      await nothing(`cut/${what}`)
    })

    it(`publishes nothing of a ${what} one whose pieces have no end`, async () => {
      const body = Buffer.concat([Buffer.from(`${sent.toString(16)}\r\n`), Buffer.alloc(sent), Buffer.from('\r\n')])
      await cutOff(path({ as: `chunk/${what}` }), 'transfer-encoding: chunked', body)
      await nothing(`chunk/${what}`)
    })
  }

  it('publishes nothing of pieces that are malformed', async () => {
    const answer = await exchanged(
      path({ as: 'chunk/bad' }),
      'transfer-encoding: chunked',
      Buffer.from('zz\r\nabc\r\n')
    )
    assert.doesNotMatch(answer, /"event":"done"/)
    await nothing('chunk/bad')
  })

  it('refuses a length and pieces at once, as smugglers send them', async () => {
    const both = 'content-length: 5\r\ntransfer-encoding: chunked'
    const answer = await exchanged(path({ as: 'both/x' }), both, Buffer.from('0\r\n\r\n'))
    assert.doesNotMatch(answer, /"event":"done"/)
    await nothing('both/x')
  })

  const queries: [string, Record<string, string>][] = [
    ['no name', {}],
    ['an empty name', { as: '' }],
    ['a work alone', { as: 'bad' }],
    ['a name out of its work', { as: 'bad/../x' }],
    ['an encoded name out of its work', { as: 'pathmesh://bad/%2e%2e/x' }],
    ['a name with an empty part', { as: 'bad//x' }],
    ['a name with a NUL', { as: 'bad/x\0' }],
    ['a name with half a character', { as: 'bad/\ufffe\u0301\u0000' }],
    ['a name of another node', { as: 'bad@other/x' }],
    ['content', { as: 'ipfs://bafkr4ibxzm7x6wlqx5gzl3tjk7v2tlf5nrqqpxwq3u3n5l3bqcxqz7y2ny' }],
    ['a name past its bound', { as: `bad/${'x'.repeat(1021)}` }],
    ['a codec past its bound', { as: 'bad/x', codec: 'x'.repeat(65) }],
    ['a codec that is none', { as: 'bad/x', codec: '../x y' }],
    ['no codec', { as: 'bad/x', codec: '' }],
    ['a media type with line breaks', { as: 'bad/x', mediaType: 'text/plain\r\nset-cookie: a=b' }],
    ['a media type that ends in one', { as: 'bad/x', mediaType: 'text/plain\n' }],
    ['a media type past its bound', { as: 'bad/x', mediaType: `a/${'b'.repeat(254)}` }],
    ['a media type that is none', { as: 'bad/x', mediaType: 'text' }],
    ['meta that is no JSON', { as: 'bad/x', meta: '{' }],
    ['meta that is a list', { as: 'bad/x', meta: '[]' }],
    ['meta that is null', { as: 'bad/x', meta: 'null' }],
    ['meta that is text', { as: 'bad/x', meta: '"x"' }],
    ['meta past its bound', { as: 'bad/x', meta: JSON.stringify({ x: 'x'.repeat(META_BYTES_MAX) }) }],
    ['meta past its bound in UTF-8', { as: 'bad/x', meta: JSON.stringify({ x: 'ü'.repeat(META_BYTES_MAX / 2) }) }],
    ['versions past their bound', { as: 'bad/x', keep: '99' }],
    ['versions one past their bound', { as: 'bad/x', keep: '11' }],
    ['versions that are no number', { as: 'bad/x', keep: 'many' }],
    ['fewer than no versions', { as: 'bad/x', keep: '-1' }]
  ]
  for (const [what, query] of queries) {
    for (const size of [5, SMALL_PAYLOAD_BYTES + 1]) {
      it(`refuses ${what} with ${size} bytes`, async () => {
        const answer = await put(query, { body: Buffer.alloc(size) })
        if (answer.status !== 431) assert.match(refusal(answer), /^INVALID_ARGUMENT: ./)
        await nothing('bad/x')
      })
    }
  }

  it('takes a codec, a media type, meta and versions at their bound', async () => {
    const meta = { x: 'x'.repeat(META_BYTES_MAX - 8) }
    assert.equal(JSON.stringify(meta).length, META_BYTES_MAX)
    const facts = { codec: 'x'.repeat(64), mediaType: `a/${'b'.repeat(253)}`, meta: JSON.stringify(meta), keep: '10' }
    const answered = done(await put({ as: 'bound/x', ...facts }))
    assert.deepEqual([answered.codec, answered.mediaType, answered.meta], [facts.codec, facts.mediaType, meta])
    const { codec, mediaType, meta: told } = Stat.parse((await stat('bound/x')).json())
    assert.deepEqual([codec, mediaType, told], [facts.codec, facts.mediaType, meta])
  })

  it('keeps meta with __proto__ from becoming a prototype', async () => {
    const answer = await put({ as: 'proto/x', meta: '{"__proto__":{"admin":true},"constructor":{"x":1},"a":1}' })
    if (answer.bytes.includes('"event":"done"')) {
      const { meta } = Stat.parse((await stat('proto/x')).json())
      assert.equal(meta?.['a'], 1)
      assert.equal(Object.getPrototypeOf(meta), Object.prototype)
      assert.equal(Reflect.get(meta ?? {}, 'admin'), undefined)
    } else assert.match(refusal(answer), /INVALID_ARGUMENT/)
  })

  it('refuses browsers before it reads a byte', async () => {
    for (const headers of [{ origin: 'http://evil.example' }, { origin: 'null' }, { referer: 'http://localhost/' }]) {
      const answer = await put({ as: 'evil/x' }, { headers: { ...BYTES, ...headers } })
      assert.equal(answer.status, 403)
      assert.match(refusal(answer), /^DENIED/)
    }
    await nothing('evil/x')
  })

  it('takes headers up to their bound, and refuses more with 431', async () => {
    const padded = (bytes: number): Promise<RawAnswer> =>
      put({ as: 'headers/x' }, { headers: { ...BYTES, 'x-pad': 'p'.repeat(bytes) } })
    done(await padded(API_HEADERS_BYTES_MAX - 2048))
    assert.equal((await padded(API_HEADERS_BYTES_MAX + 1)).status, 431)
  })

  /** Sends a head and some bytes, and ends there; the daemon hangs up on that. */
  async function cutOff(target: string, length: string, body: Buffer): Promise<void> {
    const socket = connect(must(daemon).socket)
    let answered = ''
    socket.on('error', () => undefined)
    socket.on('data', (data: Buffer) => (answered += data.toString()))
    socket.write(`POST ${target} HTTP/1.1\r\nhost: pathmesh.local\r\n${length}\r\n\r\n`)
    socket.end(body)
    await new Promise(resolve => socket.once('close', resolve))
    assert.doesNotMatch(answered, /"event":"done"/)
  }

  /** All that the daemon says to it until it hangs up, or is done. */
  async function exchanged(target: string, length: string, body: Buffer): Promise<string> {
    const socket = connect(must(daemon).socket)
    let answered = ''
    socket.on('error', () => undefined)
    socket.on('data', (data: Buffer) => (answered += data.toString()))
    socket.write(`POST ${target} HTTP/1.1\r\nhost: pathmesh.local\r\nconnection: close\r\n${length}\r\n\r\n`)
    socket.write(body)
    await new Promise(resolve => socket.once('close', resolve))
    return answered
  }
})
