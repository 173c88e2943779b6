// Bytes, text and JSON as Payloads, and how the place of a value inside another is printed.

import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { bytesCodec } from '../../../client/codecs/bytes.ts'
import type { Codec, Pieces } from '../../../client/codecs/codec.ts'
import { jsonCodec } from '../../../client/codecs/json.ts'
import { atKey, formatKeyPath, type KeyStep } from '../../../client/codecs/key-path.ts'
import { memorySource } from '../../../client/codecs/source.ts'
import { textCodec } from '../../../client/codecs/text.ts'
import { VALUE_DEPTH_MAX } from '../../../proto/limits.ts'

async function gathered(pieces: Pieces): Promise<Uint8Array[]> {
  if (pieces instanceof Uint8Array) return [pieces]
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return all
}

async function roundTrip<T>(codec: Codec<T>, value: T): Promise<T> {
  return codec.decode(memorySource(Buffer.concat(await gathered(await codec.encode(value)))))
}

const decoded = (codec: Codec, bytes: string | Uint8Array): unknown => codec.decode(memorySource(Buffer.from(bytes)))

describe('the codec bytes', () => {
  it('takes bytes, memory, Blobs and streams, and nothing that only holds such', () => {
    const stream = Readable.from([Uint8Array.of(1)])
    for (const value of [
      Buffer.from('a'),
      new Uint8Array(0),
      new ArrayBuffer(1),
      new Blob(['a']),
      stream,
      stream.iterator()
    ])
      assert.ok(bytesCodec.matches(value))
    for (const value of ['a', [Uint8Array.of(1)], new Float32Array(1), new DataView(new ArrayBuffer(1)), {}, null, 1])
      assert.ok(!bytesCodec.matches(value))
  })

  it('copies nothing on the way out', async () => {
    const memory = new ArrayBuffer(8)
    const part = new Uint8Array(memory, 2, 3)
    assert.equal(await bytesCodec.encode(part), part)
    const [whole] = await gathered(await bytesCodec.encode(memory))
    assert.equal(whole?.buffer, memory)
    const pieces = [Uint8Array.of(1), new Uint8Array(0), Buffer.from('abc')]
    const passed = await gathered(await bytesCodec.encode(Readable.from(pieces)))
    assert.ok(passed.every((piece, at) => piece === pieces[at]) && passed.length === 3)
  })

  it('gives back the bytes, in a Uint8Array', async () => {
    const bytes = Uint8Array.of(0, 1, 255)
    for (const value of [bytes, Buffer.from(bytes), bytes.buffer, new Blob([bytes]), new Blob([bytes]).stream()])
      assert.deepEqual(await roundTrip(bytesCodec, value), bytes)
    assert.deepEqual(await roundTrip(bytesCodec, new Uint8Array(0)), new Uint8Array(0))
  })

  it('names the piece of a stream that is something else, and closes the stream', async () => {
    let closed = false
    async function* mixed(): AsyncGenerator<Uint8Array> {
      try {
        yield Uint8Array.of(1)
        yield* Readable.from(['text'])
      } finally {
        closed = true
      }
    }
    const pieces = await bytesCodec.encode(mixed())
    await assert.rejects(gathered(pieces), { code: 'CODEC_NOT_FOUND', message: /string at \[1\]/ })
    assert.ok(closed)
  })
})

describe('the codec text', () => {
  it('round-trips any text that UTF-8 has bytes for', async () => {
    assert.equal(await roundTrip(textCodec, ''), '')
    assert.equal(await roundTrip(textCodec, '\uFEFFa\u0000\r\n'), '\uFEFFa\u0000\r\n')
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async text =>
        assert.equal(await roundTrip(textCodec, text), text)
      )
    )
    assert.ok(textCodec.matches('') && !textCodec.matches(Object('a')))
  })

  it('refuses half of a surrogate pair, and says where it is and what to do', () => {
    assert.throws(() => textCodec.encode('a\u{1F600}b\uD83D'), {
      code: 'INVALID_ARGUMENT',
      message: /character 4 .*toWellFormed/
    })
    assert.throws(() => textCodec.encode('\uDE00'), { code: 'INVALID_ARGUMENT', message: /character 0 / })
  })

  it('refuses bytes that are not UTF-8', () => {
    for (const hex of ['ff', 'c3', 'c080', 'eda080', 'f4908080', '61c3'])
      assert.throws(() => textCodec.decode(memorySource(Buffer.from(hex, 'hex'))), {
        code: 'CORRUPT',
        message: /not UTF-8/
      })
  })
})

describe('the codec json', () => {
  it('is never chosen by itself', () => {
    for (const value of [null, {}, [], 1, 'a']) assert.ok(!jsonCodec.matches(value))
  })

  it('round-trips what JSON holds, -0 and every text included', async () => {
    await fc.assert(
      fc.asyncProperty(json({ stringUnit: 'binary' }), async value =>
        assert.deepEqual(await roundTrip(jsonCodec, value), value)
      )
    )
    assert.ok(Object.is(await roundTrip(jsonCodec, -0), -0))
    assert.deepEqual(await roundTrip(jsonCodec, { constructor: 1, '': ['\uD800'] }), { constructor: 1, '': ['\uD800'] })
    const long = Array.from({ length: 3 }, (_, at) => String(at).repeat(300_000))
    assert.deepEqual(await roundTrip(jsonCodec, long), long)
  })

  it('writes what JSON.stringify writes', async () => {
    const write = async (value: unknown): Promise<string> =>
      Buffer.concat(await gathered(await jsonCodec.encode(value))).toString()
    await fc.assert(
      fc.asyncProperty(json(), async value =>
        assert.equal(
          (await write(value)).replace(/-0(?=[,\]}]|$)/g, '0'),
          JSON.stringify(value).replace(/-0(?=[,\]}]|$)/g, '0')
        )
      )
    )
  })

  it('refuses what JSON would lose, by its key', () => {
    class Point {
      readonly x = 1
    }
    const lost: unknown[] = [
      undefined,
      () => 1,
      Symbol('s'),
      NaN,
      -Infinity,
      1n,
      new Date(),
      new Map(),
      new Set(),
      new Point()
    ]
    lost.push(
      new Uint8Array(1),
      Buffer.from('a'),
      new ArrayBuffer(1),
      new Float64Array(1),
      /a/,
      new WeakMap(),
      Promise.resolve()
    )
    for (const value of lost)
      assert.throws(() => jsonCodec.encode({ model: [0, { 'odd key': value }] }), {
        code: 'CODEC_NOT_FOUND',
        message: /model\[1\]\."odd key"/,
        details: { key: 'model[1]."odd key"' }
      })
    assert.throws(() => jsonCodec.encode(undefined), { code: 'CODEC_NOT_FOUND' })
    assert.throws(() => jsonCodec.encode([1, , 3]), { code: 'CODEC_NOT_FOUND', message: /hole at \[1\]/ }) // oxlint-disable-line no-sparse-arrays -- it is what is refused
    assert.throws(() => jsonCodec.encode({ a: { [Symbol('s')]: 1 } }), {
      code: 'CODEC_NOT_FOUND',
      message: /Symbol\(s\)" at a/
    })
    assert.throws(() => jsonCodec.encode(JSON.parse('{"a":{"__proto__":1}}')), {
      code: 'INVALID_ARGUMENT',
      message: /at a\.__proto__/
    })
  })

  it('runs no getter, and uses toJSON once', async () => {
    const trap = {
      get boom(): number {
        throw new Error('ran')
      }
    }
    assert.throws(() => jsonCodec.encode({ trap }), { code: 'CODEC_NOT_FOUND', message: /getter at trap\.boom/ })
    assert.throws(() => jsonCodec.encode([new Proxy({}, {})]), {
      code: 'CODEC_NOT_FOUND',
      message: /the Proxy at \[0\]/
    })
    class Ref {
      toJSON(key: string): unknown {
        return { $path: key }
      }
    }
    const url = new URL('http://h/')
    assert.deepEqual(await roundTrip(jsonCodec, { a: new Ref(), b: [new Ref()], url }), {
      a: { $path: 'a' },
      b: [{ $path: '0' }],
      url: 'http://h/'
    })
    const failing = { toJSON: () => JSON.parse('{') }
    assert.throws(() => jsonCodec.encode({ failing }), {
      code: 'INVALID_ARGUMENT',
      message: /toJSON\(\) .* at failing/
    })
    assert.throws(() => jsonCodec.encode({ a: { toJSON: () => undefined } }), {
      code: 'CODEC_NOT_FOUND',
      message: /at a/
    })
  })

  it('refuses cycles, and goes as deep as the bound', async () => {
    const cycle: Record<string, unknown> = {}
    cycle['self'] = [cycle]
    assert.throws(() => jsonCodec.encode(cycle), { code: 'INVALID_ARGUMENT', message: /at self\[0\] contains itself/ })
    const shared = {}
    assert.deepEqual(await roundTrip(jsonCodec, [shared, shared]), [{}, {}])
    assert.deepEqual(await roundTrip(jsonCodec, nested(VALUE_DEPTH_MAX)), nested(VALUE_DEPTH_MAX))
    assert.throws(() => jsonCodec.encode(nested(VALUE_DEPTH_MAX + 1)), { code: 'TOO_LARGE' })
    for (const depth of [VALUE_DEPTH_MAX + 1, 1_000_000])
      assert.throws(() => decoded(jsonCodec, '['.repeat(depth)), { code: 'CORRUPT', message: /inside each other/ })
  })

  it('counts as depth neither brackets within text nor lists side by side', () => {
    const text = `"${'['.repeat(1000)}\\`
    const beside = Array.from({ length: 1000 }, () => [{}])
    assert.deepEqual(decoded(jsonCodec, JSON.stringify([text, beside])), [text, beside])
  })

  it('refuses what is not JSON, is not UTF-8, or has a key __proto__', () => {
    for (const text of ['', '{', '{"a":1,}', 'NaN', '[1] 2', "{'a':1}", '"\n"'])
      assert.throws(() => decoded(jsonCodec, text), { code: 'CORRUPT', message: /^this is not JSON: / })
    assert.throws(() => decoded(jsonCodec, Buffer.from('22ff22', 'hex')), { code: 'CORRUPT' })
    for (const key of ['__proto__', '\\u005f_proto__', '__\\u0070roto__'])
      assert.throws(() => decoded(jsonCodec, `{"a":[{"${key}":{"admin":true}}]}`), {
        code: 'CORRUPT',
        message: /at a\[0\]\.__proto__/,
        details: { key: 'a[0].__proto__' }
      })
    assert.deepEqual(decoded(jsonCodec, '\uFEFF{"constructor":{"prototype":"__proto__"}}'), {
      constructor: { prototype: '__proto__' }
    })
    assert.ok(!('admin' in {}))
  })
})

describe('a key path', () => {
  it('reads like code', () => {
    assert.equal(formatKeyPath([]), '')
    assert.equal(atKey([]), 'at the top')
    assert.equal(atKey(['model', 'layers', 3, 'odd key', 'größe']), 'at model.layers[3]."odd key".größe')
    assert.equal(
      formatKeyPath(['odd key', { mapKey: 5 }, { mapKey: 'a' }, { mapKey: {} }]),
      '"odd key".get(5).get("a").get(…)'
    )
    assert.equal(formatKeyPath([{ mapKey: 5n }, { keyAt: 2 }, 'a']), 'get(5n).keys()[2].a')
  })

  it('is short, and safe on a terminal', () => {
    const steps: KeyStep[] = Array.from({ length: 256 }, (_, at) => at)
    assert.equal(formatKeyPath(steps), '[0][1][2][3][4][5][6][7] … [248][249][250][251][252][253][254][255]')
    assert.equal(formatKeyPath(steps.slice(0, 16)), '[0][1][2][3][4][5][6][7][8][9][10][11][12][13][14][15]')
    assert.ok(formatKeyPath(Array.from({ length: 256 }, () => 'x'.repeat(1000))).length < 2000)
    assert.equal(formatKeyPath(['\u001b[2J\n\u202e\u009b']), '"\\u001b[2J\\n\\u202e\\u009b"')
  })
})

function nested(depth: number): unknown {
  let value: unknown = depth % 2 === 0 ? [] : {}
  for (let at = 1; at < depth; at++) value = Array.isArray(value) ? { in: value } : [value]
  return value
}

function json(constraints: fc.JsonSharedConstraints = {}): fc.Arbitrary<unknown> {
  return fc.jsonValue(constraints).filter(value => !JSON.stringify(value).includes('"__proto__"'))
}
