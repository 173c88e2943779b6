// How a value is sent: small in one piece, large as it comes and is taken; and what fails fails with its own error.

import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { Codec, Pieces } from '../../client/codecs/codec.ts'
import { encodedAs } from '../../client/codecs/encoded-as.ts'
import type { Mesh } from '../../client/mesh.ts'
import { Payload } from '../../client/payload.ts'
import { META_BYTES_MAX, SMALL_PAYLOAD_BYTES } from '../../proto/limits.ts'
import { failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'
import { FakeDaemon, lines, problem, PUT } from './fake-daemon.ts'
import { meshOf } from './payload-mesh.ts'

const KiB = 1024
const MiB = 1024 * KiB

/** A codec that gives these pieces, whatever the value. */
const giving = (pieces: () => Pieces | Promise<Pieces>): Codec => ({
  id: 'test/giving',
  mediaType: 'application/octet-stream',
  matches: (value): value is unknown => value === 'never',
  encode: pieces,
  decode: () => null
})

describe('put()', () => {
  let daemon: FakeDaemon
  let mesh: Mesh
  const start = async (...given: Parameters<typeof FakeDaemon.start>): Promise<void> => {
    daemon = await FakeDaemon.start(...given)
    mesh = meshOf(daemon)
  }
  beforeEach(() => start({ put: lines(PUT) }))
  afterEach(async () => {
    await mesh.close()
    await daemon.stop()
  })
  const put = (pieces: () => Pieces | Promise<Pieces>, signal?: AbortSignal): Promise<unknown> =>
    mesh.put('train/metrics', null, { codec: giving(pieces), signal })

  it('uses one connection for calls that follow each other', async () => {
    const connections = new Set<unknown>()
    await daemon.stop()
    await start({
      put: (received, response) => {
        connections.add(response.socket)
        return lines(PUT)(received, response)
      }
    })
    for (let i = 0; i < 3; i++) await put(() => Buffer.from('x'))
    assert.equal(connections.size, 1)
  })

  const small: [string, number, () => Pieces | Promise<Pieces>][] = [
    ['no byte', 0, () => new Uint8Array()],
    ['no piece', 0, () => []],
    ['pieces without bytes', 0, () => [new Uint8Array(), new Uint8Array()]],
    ['one byte', 1, () => Buffer.from('x')],
    ['a promise of bytes', 1, async () => Buffer.from('x')],
    ['small pieces', 3, () => [Buffer.from('a'), Buffer.from('bc')]],
    ['one piece past the bound', SMALL_PAYLOAD_BYTES + 1, () => Buffer.alloc(SMALL_PAYLOAD_BYTES + 1)],
    ['a piece of the bound', SMALL_PAYLOAD_BYTES, () => Buffer.alloc(SMALL_PAYLOAD_BYTES)],
    ['pieces of the bound', SMALL_PAYLOAD_BYTES, () => [Buffer.alloc(1), Buffer.alloc(SMALL_PAYLOAD_BYTES - 1)]]
  ]
  for (const [what, size, pieces] of small) {
    it(`sends ${what} in one request that says its length`, async () => {
      await put(pieces)
      const [{ headers, bytes } = assert.fail()] = daemon.received
      assert.deepEqual([headers['content-length'], bytes.length, daemon.received.length], [String(size), size, 1])
      assert.equal(headers['transfer-encoding'], undefined)
    })
  }

  const large: [string, () => Pieces | Promise<Pieces>][] = [
    ['many pieces', () => Array.from({ length: SMALL_PAYLOAD_BYTES + 1 }, () => Buffer.from('x'))],
    [
      'pieces in their time',
      async function* () {
        for (let sent = 0; sent < SMALL_PAYLOAD_BYTES + 1; sent += 5041) {
          await new Promise(setImmediate)
          yield Buffer.alloc(Math.min(5041, SMALL_PAYLOAD_BYTES + 1 - sent), 'x')
        }
      }
    ]
  ]
  for (const [count, bytes] of [
    [3, 1000],
    [50, 10 * KiB],
    [40, 80 * KiB]
  ] as const)
    it(`sends ${count} pieces of ${bytes} bytes as they were given, though all have one memory`, async () => {
      await put(async function* () {
        const piece = Buffer.alloc(bytes)
        for (let i = 0; i < count; i++) yield piece.fill(i)
      })
      const wanted = Buffer.concat(Array.from({ length: count }, (_, i) => Buffer.alloc(bytes, i)))
      assert.ok(daemon.received[0]?.bytes.equals(wanted))
    })

  it('refuses a codec, and a class, with the id of another: that would be asked to decode it', async () => {
    const codec = { ...giving(() => Buffer.from('x')), id: 'text' }
    await assert.rejects(mesh.put('train/metrics', 1, { codec }), failsWith('ALREADY_EXISTS', /codec text already/))
    class Text extends Payload<number> {
      static override readonly codec = 'text'
      override save(): void {
        assert.fail('it was saved')
      }
    }
    await assert.rejects(mesh.put('train/metrics', new Text(1)), failsWith('ALREADY_EXISTS'))
    assert.deepEqual(daemon.received, [])
  })

  it('publishes what is encoded already, under the id of its codec', async () => {
    await mesh.put('train/metrics', Buffer.from('{"loss":1}'), { codec: encodedAs('json') })
    await mesh.put('train/other', [Buffer.from('a'), Buffer.from('b')], { codec: encodedAs('acme/x', 'text/x-acme') })
    const told = daemon.received.map(({ query, bytes }) => [query.get('codec'), query.get('mediaType'), String(bytes)])
    assert.deepEqual(told, [
      ['json', 'application/json', '{"loss":1}'],
      ['acme/x', 'text/x-acme', 'ab']
    ])
    assert.throws(() => encodedAs('a b'), failsWith('INVALID_ARGUMENT'))
  })

  it('refuses meta that is too large before anything is sent', async () => {
    const meta = { text: 'x'.repeat(META_BYTES_MAX) }
    await assert.rejects(mesh.put('train/metrics', 1, { meta }), failsWith('INVALID_ARGUMENT', /meta has/))
    assert.deepEqual(daemon.received, [])
  })

  it('keeps no value of a stream, which was read to its end', async () => {
    const payload = await mesh.put(
      'train/metrics',
      (async function* () {
        yield Buffer.from('x')
      })()
    )
    assert.throws(() => payload.value, failsWith('NOT_FETCHED'))
  })

  for (const [what, pieces] of large) {
    it(`sends ${what} of more than is small as they come, all of them in order`, async () => {
      await put(pieces)
      const [{ headers, bytes } = assert.fail()] = daemon.received
      assert.deepEqual([headers['content-length'], headers['transfer-encoding']], [undefined, 'chunked'])
      assert.ok(bytes.equals(Buffer.alloc(SMALL_PAYLOAD_BYTES + 1, 'x')))
    })
  }

  it('fails where a codec gives what is no bytes, small or large, and publishes nothing', async () => {
    const notBytes = (value: unknown): (() => Pieces) => {
      const pieces: unknown = [Buffer.alloc(SMALL_PAYLOAD_BYTES + 1), value]
      assert.ok(Array.isArray(pieces))
      return () => pieces
    }
    await assert.rejects(put(notBytes('text')), failsWith('INVALID_ARGUMENT', /test\/giving gave a string/))
    const none: unknown = [null]
    assert.ok(Array.isArray(none))
    await assert.rejects(
      put(() => none),
      failsWith('INVALID_ARGUMENT', /gave a object/)
    )
    assert.deepEqual(daemon.received, [])
  })

  describe('of a source that fails', () => {
    const errors: [string, Error][] = [
      ['an error', new RangeError('the generator failed')],
      ['a missing file', Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' })],
      ['a connection that was reset', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })],
      ['a broken pipe', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })],
      ['a stream cut off', Object.assign(new Error('Premature close'), { code: 'ERR_STREAM_PREMATURE_CLOSE' })]
    ]
    for (const [what, error] of errors) {
      for (const before of [0, SMALL_PAYLOAD_BYTES + 1, 3 * MiB]) {
        it(`with ${what} after ${before} bytes fails with that error, and nothing is published`, async () => {
          const failing = put(async function* () {
            yield Buffer.alloc(before)
            await new Promise(setImmediate)
            throw error
          })
          await assert.rejects(failing, thrown => thrown === error)
          assert.deepEqual(daemon.received, [])
        })
      }
    }

    it('after the daemon has begun to answer fails with its error', async () => {
      await daemon.stop()
      let [cut, isAnswered] = [false, false]
      const early = (request: IncomingMessage, response: ServerResponse): void => {
        request.on('close', () => (cut ||= !request.complete))
        request.on('error', () => undefined)
        response.flushHeaders()
        request.resume()
        isAnswered = true
      }
      await start({}, { put: early })
      const error = new RangeError('too late')
      const failing = put(async function* () {
        yield Buffer.alloc(MiB)
        await until('it is answered', () => isAnswered)
        throw error
      })
      await assert.rejects(failing, thrown => thrown === error)
      await until('the daemon sees that it was cut off', () => cut)
    })
  })

  it('to a slow daemon takes no more of its source than is taken', async () => {
    await daemon.stop()
    let taken: IncomingMessage | undefined
    await start(
      {},
      {
        put: (request, response) => {
          response.flushHeaders()
          taken = request
          request.once('end', () => response.end(`${JSON.stringify(PUT)}\n`))
        }
      }
    )
    let made = 0
    const putting = put(function* () {
      for (; made < 64; made++) yield Buffer.alloc(MiB)
    })
    await until('it is asked', () => taken !== undefined)
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate)
    assert.ok(made < 16, `${made} MiB were made, and nothing was taken`)
    taken?.resume()
    await putting
    assert.equal(made, 64)
  })

  it('ends with the error of a daemon that wants no more, and lets its source end', async () => {
    await daemon.stop()
    const refused = { event: 'error', error: problem('NO_SPACE', 'the disk is full') }
    await start({}, { put: (_, response) => void response.end(`${JSON.stringify(refused)}\n`) })
    let ended = false
    const failing = put(async function* () {
      try {
        while (true) {
          yield Buffer.alloc(MiB)
          await new Promise(setImmediate)
        }
      } finally {
        ended = true
      }
    })
    await assert.rejects(failing, failsWith('NO_SPACE', /the disk is full/))
    await daemon.stop()
    await until('the source is ended', () => ended)
  })

  describe('that is aborted', () => {
    const reason = new RangeError('enough')

    it('in the middle fails with the reason, is cut off, and ends its source', async () => {
      await daemon.stop()
      let cut = false
      await start(
        {},
        {
          put: request => {
            request.on('error', () => undefined)
            request.on('close', () => (cut ||= !request.complete))
            request.resume()
          }
        }
      )
      const controller = new AbortController()
      let ended = false
      const putting = put(async function* () {
        try {
          for (let i = 0; ; i++) {
            yield Buffer.alloc(MiB)
            if (i === 3) controller.abort(reason)
            await new Promise(setImmediate)
          }
        } finally {
          ended = true
        }
      }, controller.signal)
      await assert.rejects(putting, error => error === reason)
      await until('it is cut off and ended', () => cut && ended)
    })

    for (const [what, before] of [
      ['its first byte', 0],
      ['its last, when it is large', SMALL_PAYLOAD_BYTES + 1]
    ] as const) {
      it(`while its source waits for ${what} fails with the reason`, async () => {
        const controller = new AbortController()
        const waiting = new Promise<never>(() => undefined)
        let isAsked = false
        const putting = put(async function* () {
          yield Buffer.alloc(before)
          isAsked = true
          await waiting
        }, controller.signal)
        let failed: unknown
        putting.catch((error: unknown) => (failed = error))
        await until('it is asked', () => isAsked)
        controller.abort(reason)
        await until('it fails', () => failed !== undefined, 2_000)
        assert.equal(failed, reason)
      })
    }
  })
})
