// The commands about Payloads, run in this process against a daemon of tests: what they ask of it, print, and refuse.

import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setImmediate as turn } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { afterEach, describe, it } from 'mocha'
import { run } from '../../client/cli/main.ts'
import { mediaTypeOf } from '../../proto/codec.ts'
import { SMALL_PAYLOAD_BYTES } from '../../proto/limits.ts'
import {
  CID,
  FakeDaemon,
  fail,
  GOT,
  json,
  lines,
  LiveLines,
  NAME,
  PEER,
  problem,
  PROGRESS,
  STAT,
  type Answers
} from './fake-daemon.ts'
import { runCommand, values, type Ran } from './run-command.ts'

const ARROW = { codec: 'arrow', mediaType: 'application/vnd.apache.arrow.file' }
const PUT = {
  event: 'done',
  url: 'pathmesh://train/metrics',
  work: 'train',
  path: 'metrics',
  cid: CID,
  codec: 'json',
  mediaType: 'application/json',
  size: 14,
  seq: 3,
  origin: PEER,
  modified: 1_700_000_000_000,
  meta: null,
  unchanged: false
}
const { path: _p, lease: _l, ...got } = GOT
const VERSION = { event: 'version', ...NAME, meta: null, aliasOf: null, cursor: 'c1' }

/** What a small Payload comes as. */
const bytes = (codec: string, value: string): object => ({
  ...got,
  event: 'bytes',
  bytes: Buffer.from(value).toString('base64'),
  codec,
  mediaType: mediaTypeOf(codec)
})

describe('the commands about Payloads', () => {
  let daemon: FakeDaemon

  const start = async (answers: Answers): Promise<void> => {
    daemon = await FakeDaemon.start({ session: new LiveLines({ session: 's' }).answer, ...answers })
  }
  const cat = async (...argv: string[]): Promise<Ran> => await runCommand(daemon.folder, ['cat', ...argv])
  /** Puts what `stdin` gives. */
  const put = async (
    stdin: Readable,
    argv: readonly string[],
    { terminal = false, signal = new AbortController().signal } = {}
  ): Promise<Ran> => {
    const stdout = new PassThrough()
    const stderr = Object.assign(new PassThrough(), { isTTY: terminal, columns: 60 })
    const outputs = Promise.all([text(stdout), text(stderr)])
    const status = await run(['put', ...argv], {
      stdin,
      stdout,
      stderr,
      env: { PATHMESH_DATA: daemon.folder },
      cwd: daemon.folder,
      runDaemon: async () => 0,
      self: ['false'],
      interrupted: () => signal
    })
    stdout.end()
    stderr.end()
    const [out, err] = await outputs
    return { status, out, err }
  }
  const input = (...pieces: string[]): Readable => Readable.from(pieces.map(piece => Buffer.from(piece)))
  const puts = (): typeof daemon.received => daemon.received.filter(({ path }) => path === '/v1/put')

  afterEach(async () => await daemon.stop())

  it('put sends what comes, with what is said of it', async () => {
    await start({ put: lines(PROGRESS, {}, PUT) })
    const { status, out, err } = await put(input('{"loss"', ':0.25}'), [
      'train/metrics',
      '--codec=json',
      '--meta={"epoch":3}',
      '--keep=5',
      '--json'
    ])
    const { url, cid, codec, mediaType, size, seq } = PUT
    assert.deepEqual([status, values(out), err], [0, [{ url, cid, codec, mediaType, size, seq }], ''])
    const [sent] = puts()
    assert.equal(sent?.bytes.toString(), '{"loss":0.25}')
    assert.deepEqual(Object.fromEntries(sent.query), {
      as: 'train/metrics',
      codec: 'json',
      mediaType: 'application/json',
      meta: '{"epoch":3}',
      keep: '5'
    })
    assert.deepEqual([sent.headers['content-type'], sent.headers['content-length']], ['application/octet-stream', '13'])
  })

  it('put refuses the name of a directory', async () => {
    await start({ put: lines(PUT) })
    const { status, err } = await put(input('x'), ['train/metrics/'])
    assert.equal(status, 2)
    assert.match(err, /no directory/)
    assert.deepEqual(puts(), [])
  })

  it('put says what it did to people, and where it reads from and how far it is on a terminal', async () => {
    await start({ put: lines(PROGRESS, PUT) })
    const stdin = Object.assign(input('1'), { isTTY: true })
    const { status, out, err } = await put(stdin, ['train/metrics', '--media-type', 'text/x-note'], { terminal: true })
    assert.deepEqual([status, out], [0, 'pathmesh://train/metrics\n'])
    assert.match(
      stripVTControlCharacters(err),
      /^reading from the terminal; Ctrl-D ends it\n\r.*50%.*\rput: bytes, 14 B, version 3\n/
    )
    assert.equal(puts()[0]?.query.get('mediaType'), 'text/x-note')
  })

  it('put refuses what it can see to be wrong, and sends nothing', async () => {
    await start({ put: lines(PUT) })
    for (const [argv, status, hint] of [
      [[], 2, /missing required argument 'name'/],
      [['nowork'], 2, /WORK\/PATH/],
      [['a/../b'], 2, /\.\./],
      [['a/b', '--meta', '[1]'], 2, /JSON object/],
      [['a/b', '--keep', '11'], 2, /from 0 to 10/],
      [['a/b', '--codec', 'pickle'], 2, /bytes, text, json, cbor, arrow, polars, safetensors.*--media-type/],
      [['a/b', '--codec', 'no codec', '--media-type', 'text/plain'], 2, /no id of a codec/],
      [['a/b', '--media-type', 'text'], 2, /no media type/],
      [['a/b', '--codec', 'json'], 1, /not JSON.*\[CORRUPT\]/],
      [['a/b', '--codec', 'cbor'], 1, /\[CORRUPT\]/],
      [['a/b', '--codec', 'arrow'], 1, /\[CORRUPT\]/],
      [['a/b', '--codec', 'polars'], 1, /\[CORRUPT\]/],
      [['a/b', '--codec', 'safetensors'], 1, /\[CORRUPT\]/]
    ] as const) {
      const ran = await put(input('\u0000{'), argv)
      assert.deepEqual([ran.status, ran.out], [status, ''], argv.join(' '))
      assert.match(ran.err, hint, argv.join(' '))
    }
    assert.deepEqual(puts(), [])
  })

  it('put ends with the failure of the daemon, or of its input', async () => {
    await start({ put: fail('NAME_CONFLICT', 'a/b lies inside a') })
    assert.match((await put(input('1'), ['a/b'])).err, /a\/b lies inside a \[NAME_CONFLICT\]/)
    const broken = Readable.from(
      (async function* () {
        yield Buffer.from('1')
        await turn()
        throw new Error('the pipe burst')
      })()
    )
    const { status, err } = await put(broken, ['a/b'])
    assert.equal(status, 1)
    assert.match(err, /the pipe burst/)
  })

  it('put ends with a failure that comes early, though its input does not end', async () => {
    const early = (_: unknown, response: ServerResponse): void =>
      void response
        .writeHead(409, { 'content-type': 'application/problem+json' })
        .end(JSON.stringify(problem('NAME_CONFLICT', 'a/b lies inside a')))
    daemon = await FakeDaemon.start({}, { put: early })
    const stdin = new PassThrough()
    stdin.write(Buffer.alloc(SMALL_PAYLOAD_BYTES + 1))
    const { status, err } = await put(stdin, ['a/b'])
    assert.deepEqual([status, stdin.destroyed], [1, true])
    assert.match(err, /NAME_CONFLICT/)
  })

  it('put ends at Ctrl-C, also while nothing comes', async () => {
    await start({ put: lines(PUT) })
    for (const codec of ['bytes', 'json']) {
      const abort = new AbortController()
      const stdin = new PassThrough()
      const ran = put(stdin, ['a/b', '--codec', codec], { signal: abort.signal })
      stdin.write('1')
      while (stdin.readableLength > 0) await turn()
      abort.abort(new DOMException('stopped by SIGINT', 'AbortError'))
      const { status, out } = await ran
      assert.deepEqual([status, out, stdin.destroyed], [130, '', true])
    }
    assert.deepEqual(puts(), [])
  })

  it('cat --decode writes one value and a newline', async () => {
    await start({ get: lines(bytes('json', '{"a":[1,null]}')) })
    assert.deepEqual(await cat('train/x', '--decode'), { status: 0, out: '{"a":[1,null]}\n', err: '' })
    assert.deepEqual((await cat('train/x', '--decode', '--codec', 'text')).out, '"{\\"a\\":[1,null]}"\n')
    assert.deepEqual((await cat('train/x', '--decode', '--codec', 'bytes')).out, '{"$bytes":"eyJhIjpbMSxudWxsXX0="}\n')
    const [asked] = daemon.bodies('get')
    assert.ok(typeof asked === 'object' && asked !== null && 'inline' in asked && 'ref' in asked)
    assert.deepEqual([asked.inline, asked.ref], [true, 'pathmesh://train/x'])
  })

  it('cat --decode refuses what has no codec here, and says what to do', async () => {
    await start({ get: lines({ ...bytes('json', '1'), codec: null, mediaType: null }) })
    const plain = await cat('train/x', '--decode')
    assert.deepEqual([plain.status, plain.out], [1, ''])
    assert.match(plain.err, /train\/x was shared as a file.*--codec.*\[CODEC_NOT_FOUND\]/)
    assert.equal((await cat('train/x', '--decode', '--codec', 'json')).out, '1\n')
    for (const [argv, hint] of [
      [['--decode', '--range', '0-1'], /cannot be used with option '--range/],
      [['--codec', 'json'], /--codec goes with --decode only/],
      [['--decode', '--codec', 'pickle'], /one of bytes, text, json/]
    ] as const) {
      const { status, err } = await cat('train/x', ...argv)
      assert.equal(status, 2)
      assert.match(err, hint)
    }
  })

  it('cat --decode refuses damaged content, and writes none of it', async () => {
    await start({ get: lines(bytes('arrow', 'ARROW1')) })
    const { status, out, err } = await cat('train/x', '--decode')
    assert.deepEqual([status, out], [1, ''])
    assert.match(err, /\[CORRUPT\]/)
  })

  it('ls, stat, history and watch say what it is, and with --json its codec and media type', async () => {
    const version = { ...VERSION, ...ARROW }
    await start({
      names: lines({ ...NAME, ...ARROW }),
      stat: json({ ...STAT, ...ARROW }),
      history: lines(version),
      watch: lines({ event: 'watching', cursor: 'c0' }, version)
    })
    for (const argv of [['ls'], ['stat', 'train/x'], ['history', 'train/x'], ['watch']]) {
      assert.match((await runCommand(daemon.folder, argv)).out, /payload \(arrow\)/, argv.join(' '))
      const last = values((await runCommand(daemon.folder, [...argv, '--json'])).out).at(-1)
      assert.ok(typeof last === 'object' && last !== null && 'codec' in last && 'mediaType' in last)
      assert.deepEqual({ codec: last.codec, mediaType: last.mediaType }, ARROW)
    }
    assert.match((await runCommand(daemon.folder, ['stat', 'train/x'])).out, /media type: *application\/vnd\.apache/)
  })
})
