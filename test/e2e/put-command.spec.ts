// Payloads as shells see them: what `put` publishes on one node, `cat --decode`, `get`, `ls` and `stat` show on another. What is
// refused, or broken off, leaves neither a name nor a byte.

import assert from 'node:assert/strict'
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tableFromArrays, tableToIPC } from 'apache-arrow'
import { after, before, describe, it } from 'mocha'
import { z } from 'zod'
import { Name, Stat, VersionChange } from '../../proto/api.ts'
import { encodeCbor } from '../../client/codecs/cbor-encode.ts'
import { SMALL_PAYLOAD_BYTES } from '../../proto/limits.ts'
import { BIN, Outcome } from '../helpers/commands.ts'
import { type Daemon, Scene } from '../helpers/daemons.ts'
import { until } from '../helpers/until.ts'

const PutLine = z.strictObject({
  url: z.string(),
  cid: z.string(),
  codec: z.string(),
  mediaType: z.string(),
  size: z.int(),
  seq: z.int()
})

describe('pathmesh put', function () {
  this.timeout(60_000)
  let scene: Scene
  let origin: Daemon
  let other: Daemon

  const begin = (args: readonly string[]): { child: ChildProcessWithoutNullStreams; ended: Promise<Outcome> } => {
    const child = spawn(process.execPath, [BIN, '--data', origin.data, '--json', 'put', ...args], { stdio: 'pipe' })
    const out: Buffer[] = []
    let err = ''
    child.stdout.on('data', (piece: Buffer) => out.push(piece))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
    child.stdin.on('error', () => undefined)
    const ended = once(child, 'close').then(
      () => new Outcome(child.exitCode, child.signalCode, Buffer.concat(out), err)
    )
    return { child, ended }
  }
  const put = async (input: string | Uint8Array, ...args: string[]): Promise<Outcome> => {
    const { child, ended } = begin(args)
    child.stdin.end(input)
    return await ended
  }
  const decoded = async (...args: string[]): Promise<unknown> => {
    const outcome = await other.cli(['cat', ...args, '--decode'])
    assert.equal(outcome.status, 0, outcome.stderr)
    assert.match(outcome.stdout, /^.*\n$/)
    const value: unknown = JSON.parse(outcome.stdout)
    return value
  }
  /** What lies in the folder of kept versions. */
  const kept = async (): Promise<string[]> => {
    const found = await readdir(join(origin.data, 'kept'), { recursive: true, withFileTypes: true }).catch(() => [])
    return found.filter(entry => entry.isFile()).map(({ name }) => name)
  }

  before(async () => {
    scene = await Scene.open()
    const daemons = await scene.mesh('a', 'b')
    ;[origin, other] = [daemons[0] ?? assert.fail(), daemons[1] ?? assert.fail()]
  })
  after(() => scene.close())

  it('publishes standard input, which other nodes get, decode, list and describe', async () => {
    const text = '{"loss":0.25,"ids":[1,2]}'
    const line = (await put(text, 'train/metrics', '--codec', 'json', '--meta', '{"epoch":3}')).value(PutLine)
    assert.deepEqual(
      { ...line, cid: '' },
      { url: 'pathmesh://train/metrics', cid: '', codec: 'json', mediaType: 'application/json', size: 25, seq: 1 }
    )
    const ask = async (...args: string[]): Promise<Outcome> => await other.cli(args)
    const [value, whole, part, got, listed, described, history] = await Promise.all([
      decoded('train/metrics'),
      ask('cat', 'train/metrics'),
      ask('cat', 'train/metrics', '--range', '0-0'),
      ask('get', 'train/metrics', '--to', scene.at('m.json')),
      ask('ls', 'train/metrics'),
      ask('stat', 'train/metrics'),
      ask('history', 'train/metrics')
    ])
    assert.deepEqual(value, { loss: 0.25, ids: [1, 2] })
    assert.deepEqual([whole.stdout, part.stdout, got.status], [text, '{', 0])
    assert.equal(await readFile(scene.at('m.json'), 'utf8'), text)
    const stat = described.value(Stat.strict())
    for (const said of [listed.value(Name.strict()), stat, history.value(VersionChange)])
      assert.deepEqual([said.codec, said.mediaType, said.cid], ['json', 'application/json', line.cid])
    assert.deepEqual(stat.meta, { epoch: 3 })
  })

  it('takes values of every codec that it knows, whatever their size', async () => {
    const table = (rows: number): Uint8Array =>
      tableToIPC(tableFromArrays({ i: Int32Array.from({ length: rows }, (_, i) => i) }), 'file')
    const header = '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  '
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(header.length))
    const tensors = Buffer.concat([length, Buffer.from(header), new Uint8Array(Float32Array.of(0.5).buffer)])
    const long = 'é'.repeat(SMALL_PAYLOAD_BYTES)
    const there = async (codec: string, input: string | Uint8Array): Promise<string> => {
      assert.equal((await put(input, `all/${codec}`, '--codec', codec)).value(PutLine).codec, codec)
      return (await other.cli(['cat', `all/${codec}`, '--decode'])).stdout
    }
    const [arrow, polars, cbor, safetensors, text] = await Promise.all([
      there('arrow', table(50_000)),
      there('polars', table(1)),
      there('cbor', encodeCbor({ at: new Date(0), big: 2n ** 70n })),
      there('safetensors', tensors),
      there('text', long)
    ])
    const rows: unknown = JSON.parse(arrow)
    assert.ok(Array.isArray(rows))
    assert.deepEqual([rows.length, rows.at(-1)], [50_000, { i: 49_999 }])
    assert.equal(polars, '[{"i":0}]\n')
    assert.equal(cbor, '{"at":"1970-01-01T00:00:00.000Z","big":1180591620717411303424}\n')
    assert.equal(safetensors, '{"w":{"dtype":"F32","shape":[1],"data":[0.5]}}\n')
    assert.equal(text, `"${long}"\n`)
  })

  it('takes bytes by default, from none to many', async () => {
    const sizes = [0, 1, SMALL_PAYLOAD_BYTES, SMALL_PAYLOAD_BYTES + 1]
    const each = sizes.map(async size => {
      const bytes = Buffer.alloc(size, 'pathmesh')
      const line = (await put(bytes, `bytes/${size}`)).value(PutLine)
      assert.deepEqual([line.codec, line.size], ['bytes', size])
      assert.deepEqual((await other.cli(['cat', `bytes/${size}`])).bytes, bytes)
      assert.deepEqual(await decoded(`bytes/${size}`), { $bytes: bytes.toString('base64') })
    })
    await Promise.all(each)
    assert.equal((await put('', 'bytes/text', '--codec', 'text')).value(PutLine).size, 0)
    assert.equal(await decoded('bytes/text'), '')
  })

  it('refuses what its codec does not decode, and publishes nothing of it', async () => {
    const before = await kept()
    const half = Buffer.concat([Buffer.from('"'), Buffer.alloc(SMALL_PAYLOAD_BYTES, 'x')])
    const wrong = [
      ['json', ''],
      ['json', half],
      ['text', Uint8Array.of(0xff)],
      ['cbor', ''],
      ['arrow', 'ARROW1'],
      ['safetensors', 'x'.repeat(100)]
    ] as const
    const outcomes = await Promise.all(wrong.map(([codec, input]) => put(input, 'bad/x', '--codec', codec)))
    assert.deepEqual(
      outcomes.map(({ status, error }) => [status, error.code]),
      wrong.map(() => [1, 'CORRUPT'])
    )
    assert.deepEqual((await origin.cli(['ls', 'bad/'])).lines, [])
    assert.deepEqual(await kept(), before)
  })

  it('sends what is too large to be looked at as it is', async () => {
    const size = 65 * 2 ** 20
    const line = (await put(Buffer.alloc(size, '{'), 'large/x', '--codec', 'json')).value(PutLine)
    assert.deepEqual([line.codec, line.size], ['json', size])
    assert.equal((await origin.cli(['cat', 'large/x', '--decode'])).error.code, 'CORRUPT')
    assert.equal((await origin.cli(['unshare', 'large/x'])).status, 0)
  })

  it('takes a codec of one’s own with a media type, whose bytes anybody gets', async () => {
    const refused = await put('x', 'own/x', '--codec', 'acme/scan')
    assert.deepEqual([refused.status, refused.error.code], [2, 'INVALID_ARGUMENT'])
    assert.match(refused.error.message, /bytes, text, json, cbor, arrow, polars, safetensors.*--media-type/)
    const args = ['own/x', '--codec', 'acme/scan', '--media-type', 'application/x-scan']
    const line = (await put('{"a":1}', ...args)).value(PutLine)
    assert.deepEqual([line.codec, line.mediaType], ['acme/scan', 'application/x-scan'])
    assert.equal((await other.cli(['cat', 'own/x', '--decode'])).error.code, 'CODEC_NOT_FOUND')
    assert.deepEqual(await decoded('own/x', '--codec', 'json'), { a: 1 })
    assert.deepEqual(await decoded('own/x', '--codec', 'bytes'), { $bytes: 'eyJhIjoxfQ==' })
  })

  it('decodes a file that was shared only as what one says that it is', async () => {
    assert.equal((await origin.cli(['share', await scene.file('f.json', '[1]'), '--as', 'files/f'])).status, 0)
    const { error } = await other.cli(['cat', 'files/f', '--decode'])
    assert.equal(error.code, 'CODEC_NOT_FOUND')
    assert.match(error.message, /--codec/)
    assert.deepEqual(await decoded('files/f', '--codec', 'json'), [1])
  })

  it('leaves nothing behind when it is interrupted in the middle', async () => {
    const before = await kept()
    const { child, ended } = begin(['cut/x'])
    child.stdin.write(Buffer.alloc(4 * SMALL_PAYLOAD_BYTES, 1))
    await until('some of it has come', async () => (await kept()).length > before.length)
    child.kill('SIGINT')
    const outcome = await ended
    assert.deepEqual([outcome.status, outcome.error.code], [130, 'ABORTED'])
    await until('nothing of it is left', async () => (await kept()).length === before.length)
    assert.deepEqual((await origin.cli(['ls', 'cut/'])).lines, [])
  })
})
