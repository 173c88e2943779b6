// Values as JSON, as `pathmesh cat --decode` writes them: each kind has the nearest form that JSON has, and the pieces join.

import assert from 'node:assert/strict'
import {
  Binary,
  Decimal,
  Field,
  Int32,
  List,
  makeData,
  Table,
  tableFromArrays,
  TimestampMillisecond
} from 'apache-arrow'
import { vectorFromArray, Vector } from 'apache-arrow'
import { assert as check, jsonValue, property } from 'fast-check'
import { describe, it } from 'mocha'
import polars from 'nodejs-polars'
import { decodedJson } from '../../client/cli/decoded-json.ts'
import { safetensorsCodec } from '../../client/codecs/safetensors.ts'
import { memorySource } from '../../client/codecs/source.ts'
import { tensor } from '../../client/codecs/tensor.ts'

const json = (value: unknown): string => [...decodedJson(value)].join('')
const PIECE = 2 ** 16

describe('decodedJson()', () => {
  const forms: [string, unknown, string][] = [
    ['null', null, 'null'],
    ['undefined as null', [undefined, { a: undefined }], '[null,{"a":null}]'],
    ['what is no number as null', [Number.NaN, Infinity, -Infinity, 1.5, -0], '[null,null,null,1.5,0]'],
    ['a bigint as its digits', [2n ** 70n, -1n], '[1180591620717411303424,-1]'],
    ['a Date as text', [new Date(0), new Date(Number.NaN)], '["1970-01-01T00:00:00.000Z",null]'],
    ['text', 'é"\n\u0000\u{1f600}', JSON.stringify('é"\n\u0000\u{1f600}')],
    ['nothing in nothing', [[], {}, new Map(), new Set(), new Float32Array()], '[[],{},{},[],[]]'],
    ['a Map with keys of text as an object', new Map([['a', 1]]), '{"a":1}'],
    ['any other Map as pairs', new Map<unknown, unknown>([['a', 1], [2, [3]]]), '[["a",1],[2,[3]]]'], // oxfmt-ignore
    ['a Set as a list', new Set([1, 'a']), '[1,"a"]'],
    ['bytes as base64', [Buffer.from('ab'), Uint8Array.of(255).buffer], '[{"$bytes":"YWI="},{"$bytes":"/w=="}]'],
    ['typed arrays as lists', [Float32Array.of(0.5, NaN), Int8Array.of(-1)], '[[0.5,null],[-1]]'],
    ['those of bigints too', BigInt64Array.of(-1n, 2n ** 62n), '[-1,4611686018427387904]'],
    ['a tensor with its elements', tensor(Uint8Array.of(1, 2), [2, 1]), '{"dtype":"U8","shape":[2,1],"data":[1,2]}'],
    [
      'what only looks like one as it is',
      { dtype: 'F16', shape: [1], data: [1] },
      '{"dtype":"F16","shape":[1],"data":[1]}'
    ]
  ]
  for (const [what, value, expected] of forms) it(`writes ${what}`, () => assert.equal(json(value), expected))

  it('writes the numbers of small floats, and of truth, not their bits', () => {
    const data = (dtype: 'F16' | 'BF16', ...bits: number[]): string =>
      json(tensor(Uint16Array.from(bits), undefined, dtype))
    assert.match(data('F16', 0x3c00, 0xc000, 0x7c00), /"data":\[1,-2,null\]/)
    assert.match(data('BF16', 0x3f80, 0xc000, 0x7fc0), /"data":\[1,-2,null\]/)
    const bytes = (dtype: 'BOOL' | 'F8_E4M3' | 'F8_E5M2', ...bits: number[]): string =>
      json(tensor(Uint8Array.from(bits), undefined, dtype))
    assert.match(bytes('F8_E4M3', 0x38, 0xb8, 0x7e, 0x7f, 0x01), /"data":\[1,-1,448,null,0.001953125\]/)
    assert.match(bytes('F8_E5M2', 0x3c, 0xc0, 0x7b, 0x7c), /"data":\[1,-2,57344,null\]/)
    assert.match(bytes('BOOL', 0, 1), /"data":\[false,true\]/)
  })

  it('writes what safetensors decodes to', () => {
    const encoded = Buffer.concat([...safetensorsCodec.encode({ w: tensor(Float32Array.of(1, 2), [1, 2]) })])
    const value = safetensorsCodec.decode(memorySource(encoded))
    assert.equal(json(value), '{"w":{"dtype":"F32","shape":[1,2],"data":[1,2]}}')
  })

  it('writes any JSON as JSON.stringify does', () => {
    check(property(jsonValue(), value => assert.equal(json(value), JSON.stringify(value))))
  })

  it('writes pieces of a size that does not grow, which join', () => {
    for (const length of [PIECE - 1, PIECE, PIECE + 1, 5 * PIECE]) {
      const values = ['x'.repeat(length - 1) + '\u{1f600}y', '\u{1f600}'.repeat(length), Buffer.alloc(length, 7)]
      const pieces = [...decodedJson([...values, new Float64Array(length).fill(0.1)])]
      assert.ok(pieces.every(piece => piece.length < 8 * PIECE))
      const read: unknown = JSON.parse(pieces.join(''))
      assert.ok(Array.isArray(read))
      assert.deepEqual(read.slice(0, 2), values.slice(0, 2))
      assert.deepEqual(read[2], { $bytes: Buffer.alloc(length, 7).toString('base64') })
      assert.deepEqual([read[3].length, new Set(read[3])], [length, new Set([0.1])])
    }
  })

  it('goes down as deep as a value goes', () => {
    let deep: unknown = 1
    for (let level = 0; level < 100_000; level++) deep = [deep]
    assert.equal(json(deep), `${'['.repeat(100_000)}1${']'.repeat(100_000)}`)
  })

  describe('of a table', () => {
    it('writes rows, and nothing as a list without any', () => {
      assert.equal(
        json(tableFromArrays({ x: Float64Array.of(1, NaN), s: ['a', null] })),
        '[{"x":1,"s":"a"},{"x":null,"s":null}]'
      )
      assert.equal(json(new Table()), '[]')
    })

    it('writes dates, decimals, lists, objects and bytes as what they are', () => {
      const whole = (value: bigint): Uint32Array =>
        new Uint32Array(BigUint64Array.of(BigInt.asUintN(64, value), BigInt.asUintN(64, value >> 64n)).buffer)
      const amounts = Uint32Array.from([...whole(-105n), ...whole(0n), ...whole(12_345n)])
      const decimals = (scale: number): Vector =>
        new Vector([makeData({ type: new Decimal(scale, 10, 128), data: amounts })])
      const table = new Table({
        at: vectorFromArray([0, null, 1e12], new TimestampMillisecond()),
        cents: decimals(2),
        thousands: decimals(-3),
        list: vectorFromArray([[1, 2], null, []], new List(new Field('item', new Int32()))),
        row: vectorFromArray([
          { a: 1, b: 'x' },
          { a: 2, b: 'y' },
          { a: 3, b: 'z' }
        ]),
        bytes: vectorFromArray([Uint8Array.of(1), null, new Uint8Array()], new Binary()),
        word: vectorFromArray(['a', 'b', 'a'])
      })
      const row = (...values: string[]): string =>
        `{${['at', 'cents', 'thousands', 'list', 'row', 'bytes', 'word'].map((name, at) => `"${name}":${values[at]}`).join()}}`
      assert.equal(
        json(table),
        `[${[
          row('"1970-01-01T00:00:00.000Z"', '-1.05', '-105000', '[1,2]', '{"a":1,"b":"x"}', '{"$bytes":"AQ=="}', '"a"'),
          row('null', '0.00', '0', 'null', '{"a":2,"b":"y"}', 'null', '"b"'),
          row('"2001-09-09T01:46:40.000Z"', '123.45', '12345000', '[]', '{"a":3,"b":"z"}', '{"$bytes":""}', '"a"')
        ].join()}]`
      )
    })

    it('writes 200,000 rows in pieces', () => {
      const table = tableFromArrays({ i: Int32Array.from({ length: 200_000 }, (_, i) => i) })
      let pieces = 0
      let last = ''
      for (const piece of decodedJson(table)) {
        pieces++
        last = piece
      }
      assert.ok(pieces > 10)
      assert.ok(last.endsWith('{"i":199999}]'))
    })

    it('writes the rows of a DataFrame of polars', () => {
      const frame = polars.DataFrame({ a: Array.from({ length: 1025 }, (_, i) => i), b: Array(1025).fill('x') })
      const read: unknown = JSON.parse(json(frame))
      assert.ok(Array.isArray(read))
      assert.deepEqual([read.length, read[0], read[1024]], [1025, { a: 0, b: 'x' }, { a: 1024, b: 'x' }])
      assert.equal(json(polars.DataFrame({})), '[]')
      assert.throws(() => json(polars.DataFrame({ slice: [1] })), { code: 'CODEC_NOT_FOUND' })
    })
  })
})
