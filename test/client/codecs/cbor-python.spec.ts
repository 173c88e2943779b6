// CBOR between languages: files that Python's cbor2 wrote, and files of ours that cbor2 reads where it is installed. How they are
// made stands in test/fixtures/cbor/make.py.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { cborCodec } from '../../../client/codecs/cbor.ts'
import { decodeCbor } from '../../../client/codecs/cbor-decode.ts'
import { encodeCbor } from '../../../client/codecs/cbor-encode.ts'
import { memorySource } from '../../../client/codecs/source.ts'
import { pythonWith, runPython } from '../../helpers/python.ts'

const FOLDER = join(import.meta.dirname, '../../../../test/fixtures/cbor')
const WRITE = process.env['PATHMESH_WRITE_FIXTURES'] === '1'

const fromPython = (name: string): unknown =>
  cborCodec.decode(memorySource(readFileSync(join(FOLDER, `from-python-${name}.cbor`))))

describe('what cbor2 wrote', () => {
  it('has dictionaries, texts, times, numbers, sets, bytes and undefined as they were', () => {
    assert.deepEqual(fromPython('plain'), {
      run: { name: 'größer 🚀', started: new Date('2026-03-01T12:30:15.250Z'), done: false, note: null },
      floats: [1.5, -0, 0.1, 1e300, 5e-324, Infinity, -Infinity, NaN, 2],
      integers: [
        0,
        -1,
        Number.MAX_SAFE_INTEGER,
        -Number.MAX_SAFE_INTEGER,
        2n ** 53n,
        -(2n ** 53n),
        2n ** 64n - 1n,
        -(2n ** 64n),
        2n ** 64n,
        -(2n ** 64n) - 1n,
        10n ** 40n
      ],
      blob: Uint8Array.of(0, 1, 255),
      seen: new Set([1, 2, 3]),
      frozen: new Set(['a']),
      pair: ['a', 1],
      nothing: undefined,
      empty: [{}, [], '', new Uint8Array(0), new Set()]
    })
  })

  it('has dictionaries as Maps where a key is not text, in their order', () => {
    const value = fromPython('keys')
    assert.deepEqual(value, {
      'by number': new Map([
        [1, 'one'],
        [2, 'two'],
        [-3, 'minus three']
      ]),
      mixed: new Map<unknown, unknown>([
        ['10', 'text first'],
        ['9', 'then'],
        [9, 'a number'],
        [null, 'none'],
        [[1, 2], 'a tuple'],
        [2n ** 70n, 'large']
      ]),
      'by text': { constructor: 1, toString: 2, hasOwnProperty: 3 }
    })
    assert.ok(typeof value === 'object' && value !== null && 'mixed' in value && value.mixed instanceof Map)
    assert.deepEqual([...value.mixed.keys()].slice(0, 3), ['10', '9', 9])
  })

  it('has typed arrays of either byte order', () => {
    const both = {
      u16: Uint16Array.of(0, 1, 65535),
      u32: Uint32Array.of(0, 1, 2 ** 32 - 1),
      u64: BigUint64Array.of(0n, 1n, 2n ** 64n - 1n),
      i16: Int16Array.of(0, -1, -32768),
      i32: Int32Array.of(0, -1, -(2 ** 31)),
      i64: BigInt64Array.of(0n, -1n, -(2n ** 63n)),
      f32: Float32Array.of(0.5, -2.25, 3),
      f64: Float64Array.of(0.1, -0, 1e300)
    }
    const value = new Map(Object.entries(Object(fromPython('numbers'))))
    for (const [kind, expected] of Object.entries(both)) {
      assert.deepEqual(value.get(`${kind} little`), expected)
      assert.deepEqual(value.get(`${kind} big`), expected)
    }
    assert.deepEqual(value.get('u8'), Uint8Array.of(0, 255))
    assert.deepEqual(value.get('u8 clamped'), Uint8ClampedArray.of(0, 255))
    assert.deepEqual(value.get('i8'), Int8Array.of(0, -1))
    for (const order of ['little', 'big']) {
      const halves: unknown = value.get(`f16 ${order}`)
      assert.ok(ArrayBuffer.isView(halves) && Symbol.iterator in halves)
      assert.deepEqual(Array.from(Object(halves)), [1.5, -2, Infinity])
    }
  })

  it('has dates as text or as seconds, to the millisecond', () => {
    const dates = ['1969-07-20T20:17:40.000Z', '2026-02-28T19:30:00.000Z', '2026-03-01T01:00:00.123Z']
    assert.deepEqual(
      fromPython('dates'),
      dates.map(text => new Date(text))
    )
    assert.deepEqual(
      fromPython('seconds'),
      dates.map(text => new Date(text))
    )
  })

  it('may say of itself that it is CBOR, and may have what is unknown here, which is named', () => {
    assert.deepEqual(fromPython('described'), { a: [1, 2] })
    assert.throws(() => fromPython('decimal'), {
      code: 'CODEC_NOT_FOUND',
      message: /the tag 4, a decimal number, at price\[0\]/
    })
  })
})

const PLAIN = {
  text: 'größer 🚀 \uFEFF',
  numbers: [
    0,
    23,
    24,
    255,
    256,
    65535,
    65536,
    2 ** 32 - 1,
    2 ** 32,
    Number.MAX_SAFE_INTEGER,
    -1,
    -24,
    -25,
    -(2 ** 32) - 1
  ],
  floats: [0.1, 1.5, -0, 2 ** 53, 1e300, Infinity, -Infinity],
  bigints: [0n, 5n, -1n, -6n, 2n ** 64n, -(2n ** 64n) - 1n, 10n ** 40n],
  date: new Date('2026-03-01T12:30:15.250Z'),
  set: new Set([1, 'a']),
  map: new Map<unknown, unknown>([
    [1, 'one'],
    ['1', { deep: [true, false, null, undefined] }]
  ]),
  bytes: Uint8Array.of(0, 1, 255),
  empty: [{}, [], '', new Uint8Array(0), new Map(), new Set()]
}

const ARRAYS = {
  u8c: Uint8ClampedArray.of(0, 255),
  i8: Int8Array.of(0, -1),
  u16: Uint16Array.of(0, 1, 65535),
  i16: Int16Array.of(0, -1, -32768),
  u32: Uint32Array.of(0, 1, 2 ** 32 - 1),
  i32: Int32Array.of(0, -1, -(2 ** 31)),
  u64: BigUint64Array.of(0n, 1n, 2n ** 64n - 1n),
  i64: BigInt64Array.of(0n, -1n, -(2n ** 63n)),
  f32: Float32Array.of(0.5, -2.25, 3),
  f64: Float64Array.of(0.1, -0, 1e300),
  none: new Float64Array(0)
}

const READ = `
import array, datetime, math, sys
from pathlib import Path
import cbor2

CODES = {68: 'B', 72: 'b', 69: 'H', 77: 'h', 70: 'I', 78: 'i', 71: 'Q', 79: 'q', 85: 'f', 86: 'd'}

def hook(*given):
    tag = next(one for one in given if isinstance(one, cbor2.CBORTag))
    if tag.tag == 259:
        return dict(tag.value)
    made = array.array(CODES[tag.tag], tag.value)
    return made.tolist()

def load(name):
    return cbor2.loads((Path(sys.argv[1]) / ('from-js-' + name + '.cbor')).read_bytes(), tag_hook=hook)

plain = load('plain')
assert list(plain) == ['text', 'numbers', 'floats', 'bigints', 'date', 'set', 'map', 'bytes', 'empty'], plain
assert plain['text'] == 'größer 🚀 \\ufeff'
assert plain['numbers'] == [0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**53 - 1, -1, -24, -25, -(2**32) - 1]
assert all(type(one) is int for one in plain['numbers'] + plain['bigints'])
assert plain['floats'] == [0.1, 1.5, 0, 2.0**53, 1e300, math.inf, -math.inf] and math.copysign(1, plain['floats'][2]) == -1
assert plain['bigints'] == [0, 5, -1, -6, 2**64, -(2**64) - 1, 10**40]
assert plain['date'] == datetime.datetime(2026, 3, 1, 12, 30, 15, 250000, tzinfo=datetime.timezone.utc)
assert plain['set'] == {1, 'a'}
assert plain['map'][1] == 'one' and list(plain['map']) == [1, '1']
assert list(plain['map']['1']['deep']) == [True, False, None, cbor2.undefined]  # a tuple, since some tags are keys
assert plain['bytes'] == bytes([0, 1, 255])
assert plain['empty'] == [{}, [], '', b'', {}, set()]
arrays = load('arrays')
assert arrays == {
    'u8c': [0, 255], 'i8': [0, -1], 'u16': [0, 1, 65535], 'i16': [0, -1, -32768], 'u32': [0, 1, 2**32 - 1],
    'i32': [0, -1, -(2**31)], 'u64': [0, 1, 2**64 - 1], 'i64': [0, -1, -(2**63)], 'f32': [0.5, -2.25, 3.0],
    'f64': [0.1, -0.0, 1e300], 'none': [],
}, arrays
print('the same')
`

describe('what is written here', () => {
  for (const [name, value] of Object.entries({ plain: PLAIN, arrays: ARRAYS })) {
    it(`has the same bytes as ever: ${name}`, () => {
      const path = join(FOLDER, `from-js-${name}.cbor`)
      if (WRITE) writeFileSync(path, encodeCbor(value))
      const kept = readFileSync(path)
      assert.equal(Buffer.from(encodeCbor(value)).toString('hex'), kept.toString('hex'))
      assert.deepEqual(decodeCbor(kept), value)
    })
  }

  it('is read by cbor2', function () {
    this.timeout(60_000)
    const python = pythonWith('cbor2')
    if (python === undefined) this.skip()
    else assert.equal(runPython(python, READ, [FOLDER]).trim(), 'the same')
  })
})
