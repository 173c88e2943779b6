// CBOR for plain values: everything comes back as it was, and what cannot is refused by its key.

import assert from 'node:assert/strict'
import { runInNewContext } from 'node:vm'
import { decode as cborgDecode, encode as cborgEncode } from 'cborg'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { cborCodec } from '../../../client/codecs/cbor.ts'
import { decodeCbor } from '../../../client/codecs/cbor-decode.ts'
import { encodeCbor } from '../../../client/codecs/cbor-encode.ts'
import { memorySource } from '../../../client/codecs/source.ts'
import { VALUE_DEPTH_MAX } from '../../../proto/limits.ts'

const roundTrip = (value: unknown): unknown => decodeCbor(encodeCbor(value))
const hex = (value: unknown): string => Buffer.from(encodeCbor(value)).toString('hex')

const TYPED_ARRAYS = [
  new Int8Array([-1, 0]),
  new Uint8ClampedArray([0, 255]),
  new Int16Array([-1, 2]),
  new Uint16Array([65535]),
  new Int32Array([-1]),
  new Uint32Array([2 ** 32 - 1]),
  new Float32Array([0.5, NaN, -0]),
  new Float64Array([0.1]),
  new BigInt64Array([-(2n ** 63n)]),
  new BigUint64Array([2n ** 64n - 1n])
]

class Model {
  readonly weights = 1
  predict(): void {}
}

describe('cborCodec', () => {
  it('has an id, a media type, and the form of every codec', () => {
    assert.equal(cborCodec.id, 'cbor')
    assert.equal(cborCodec.mediaType, 'application/cbor')
    const bytes = cborCodec.encode({ a: new Map([[1, 2n]]) })
    assert.ok(bytes instanceof Uint8Array)
    assert.deepEqual(cborCodec.decode(memorySource(bytes)), { a: new Map([[1, 2n]]) })
  })

  it('matches plain data, and no instance of a class', () => {
    const plain = [null, true, 0, NaN, 1n, new Date(), new Map(), new Set(), {}, [], Object.create(null)]
    for (const value of [...plain, runInNewContext('({})'), runInNewContext('new Map()')])
      assert.ok(cborCodec.matches(value), typeof value)
    class MyMap extends Map {}
    const other = [
      undefined,
      () => 1,
      Symbol('s'),
      new Model(),
      new MyMap(),
      /a/,
      new Error('e'),
      new WeakMap(),
      new Uint8Array(1)
    ]
    for (const value of [...other, Promise.resolve(), new Float32Array(1), new Number(1), Object.create({})])
      // oxlint-disable-line no-new-wrappers -- it is what is refused
      assert.ok(!cborCodec.matches(value))
  })
})

describe('a value as CBOR', () => {
  it('comes back as it was: any nesting of anything plain', () => {
    fc.assert(
      fc.property(anything(), value => assert.deepEqual(roundTrip(value), value)),
      { numRuns: 400 }
    )
  })

  it('comes back as it was: any number, at every width', () => {
    const edges = [
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
      2 ** 53,
      1e300,
      5e-324,
      1.5
    ]
    for (const size of edges)
      for (const value of [size, -size, -size - 1, size + 1]) assert.ok(Object.is(roundTrip(value), value))
    for (const value of [NaN, Infinity, -Infinity, -0]) assert.ok(Object.is(roundTrip(value), value))
    fc.assert(fc.property(fc.double(), value => assert.ok(Object.is(roundTrip(value), value))))
  })

  it('comes back as it was: a bigint of any size stays a bigint', () => {
    for (const bits of [0n, 8n, 53n, 64n, 4096n])
      for (const value of [2n ** bits, 2n ** bits - 1n, -(2n ** bits), -(2n ** bits) - 1n])
        assert.equal(roundTrip(value), value)
    assert.equal(hex(5n), 'c24105')
  })

  it('comes back as it was: text of every length, with its byte order mark', () => {
    for (const length of [0, 1, 22, 23, 24, 255, 256, 65535, 65536])
      for (const unit of ['a', 'é', '\uFEFF', '🚀']) assert.equal(roundTrip(unit.repeat(length)), unit.repeat(length))
    assert.deepEqual(roundTrip({ '\uFEFF__proto__': 1 }), { '\uFEFF__proto__': 1 })
  })

  it('comes back as it was: a Date, to the ends of time', () => {
    for (const time of [
      0,
      -1,
      1,
      999,
      1_700_000_000_123,
      -62_167_219_200_000,
      8.64e15,
      -8.64e15,
      8.64e15 - 1,
      4_503_599_626_370_521
    ])
      assert.deepEqual(roundTrip(new Date(time)), new Date(time))
    fc.assert(fc.property(fc.date({ noInvalidDate: true }), date => assert.deepEqual(roundTrip(date), date)))
  })

  it('comes back as it was: every typed array, empty or not, in memory of its own', () => {
    for (const array of TYPED_ARRAYS) {
      assert.deepEqual(roundTrip([array]), [array])
      assert.deepEqual(roundTrip(array.subarray(1)), array.subarray(1))
      const back = roundTrip(array)
      assert.ok(ArrayBuffer.isView(back))
      assert.equal(back.buffer.byteLength, array.byteLength)
    }
  })

  it('has bytes as bytes, which are nobody else’s', () => {
    const bytes = Buffer.from('abc')
    const back = roundTrip([bytes, new Uint8Array(bytes).buffer, new Uint8Array(0), new Uint8Array(0)])
    assert.deepEqual(back, [new Uint8Array(bytes), new Uint8Array(bytes), new Uint8Array(0), new Uint8Array(0)])
    const source = encodeCbor([bytes])
    const first = decodeCbor(source)
    source.fill(0)
    assert.deepEqual(first, [new Uint8Array(bytes)])
    assert.ok(Array.isArray(back) && back[2] !== back[3])
  })

  it('keeps the order of keys, and takes keys that objects have by themselves', () => {
    const value = { zz: 1, a: 2, constructor: 3, toString: 4, hasOwnProperty: 5, '': 6 }
    assert.deepEqual(Object.keys(Object(roundTrip(value))), Object.keys(value))
    assert.deepEqual(roundTrip(value), value)
    const map = new Map<unknown, unknown>([
      ['b', 1],
      ['a', 2],
      [1, 3],
      ['1', 4],
      [null, 5],
      ['__proto__', 6],
      [{ k: 1 }, 7]
    ])
    assert.deepEqual(roundTrip(map), map)
    assert.deepEqual([...Object(roundTrip(map)).keys()], [...map.keys()])
  })

  it('has plain prototypes, whatever realm or none it came from', () => {
    const bare: unknown = Object.assign(Object.create(null), { a: 1 })
    for (const value of [bare, runInNewContext('({ a: 1 })')]) {
      const back = roundTrip(value)
      assert.deepEqual(back, { a: 1 })
      assert.equal(Object.getPrototypeOf(back), Object.prototype)
    }
    assert.deepEqual(roundTrip(runInNewContext('[new Map([[1, new Date(5)]])]')), [new Map([[1, new Date(5)]])])
  })

  it('is what another implementation reads and writes, where that one can', () => {
    const common = fc.letrec(tie => ({
      any: fc.oneof(
        { maxDepth: 4 },
        fc.oneof(
          fc.integer(),
          fc.double().filter(one => !Object.is(one, -0)),
          fc.string(),
          fc.boolean(),
          fc.constant(null)
        ),
        fc.uint8Array(),
        fc.array(tie('any')),
        fc.dictionary(
          fc.string({ maxLength: 40 }).filter(key => key !== '__proto__'),
          tie('any'),
          { noNullPrototype: true }
        )
      )
    })).any
    fc.assert(
      fc.property(common, value => {
        assert.deepEqual(cborgDecode(encodeCbor(value)), value)
        assert.deepEqual(decodeCbor(cborgEncode(value)), value)
      })
    )
  })
})

describe('encoding', () => {
  it('refuses what has no form, says where it is, and what to do', () => {
    class DataFrame {
      readonly columns = []
    }
    const cases: [unknown, RegExp][] = [
      [() => 1, /^nothing encodes the function at model\.predict: leave it out/],
      [Symbol('s'), /the symbol at model\.predict/],
      [new Model(), /the instance of Model at model\.predict: .*registerCodec/],
      [new DataFrame(), /the DataFrame at model\.predict: put it as a Payload of its own and keep the reference/],
      [new URL('http://h'), /the instance of URL at model\.predict: call its toJSON\(\)/],
      [Promise.resolve(), /the Promise at model\.predict: await it first/],
      [/a/, /the RegExp at/],
      [new TypeError('e'), /the Error at/],
      [new WeakSet(), /the weak collection at/],
      [new DataView(new ArrayBuffer(1)), /the DataView at .*Uint8Array/],
      [new SharedArrayBuffer(1), /the SharedArrayBuffer at/]
    ]
    for (const [value, message] of cases) {
      assert.throws(() => encodeCbor({ model: { predict: value } }), {
        code: 'CODEC_NOT_FOUND',
        message,
        details: { key: 'model.predict' }
      })
      assert.throws(() => encodeCbor(value), { code: 'CODEC_NOT_FOUND', message: /^nothing encodes this / })
    }
  })

  it('names where it is, within lists, Maps and Sets too', () => {
    const bad = Symbol('bad')
    assert.throws(() => encodeCbor([0, { 'odd key': bad }]), /at \[1\]\."odd key":/)
    assert.throws(() => encodeCbor({ a: new Map([['k', [bad]]]) }), /at a\.get\("k"\)\[0\]:/)
    assert.throws(() => encodeCbor({ a: new Map([[[bad], 1]]) }), /at a\.keys\(\)\[0\]\[0\]:/)
    assert.throws(() => encodeCbor(new Set([1, bad])), /at \[1\]:/)
    assert.throws(
      () => encodeCbor({ before: [[1], { x: 2 }, new Map([[1, 2]]), new Set([1])], after: bad }),
      /at after:/
    )
  })

  it('runs no code of the value', () => {
    const trap = (): never => assert.fail('ran')
    for (const value of [
      Object.defineProperty({}, 'key', { get: trap, enumerable: true }),
      Object.defineProperty({}, 'key', { set: trap, enumerable: true })
    ])
      assert.throws(() => encodeCbor({ in: value }), { code: 'CODEC_NOT_FOUND', message: /getter at in\.key/ })
    assert.throws(() => encodeCbor(Object.defineProperty([1], 0, { get: trap })), {
      code: 'CODEC_NOT_FOUND',
      message: /at \[0\]/
    })
    const marked = Object.defineProperties(new Date(5), { getTime: { value: trap }, constructor: { get: trap } })
    assert.deepEqual(roundTrip(marked), new Date(5))
    const entries = Object.defineProperties(new Map([[1, 2]]), {
      entries: { value: trap },
      [Symbol.iterator]: { value: trap }
    })
    assert.deepEqual(roundTrip([entries]), [new Map([[1, 2]])])
    const toString = Object.defineProperty({ toJSON: 1 }, Symbol.toStringTag, { get: trap })
    assert.deepEqual(roundTrip(toString), { toJSON: 1 })
    const handler = new Proxy({}, { get: trap })
    for (const value of [new Proxy({}, handler), new Proxy([], handler), Object.create(new Proxy({}, handler))]) {
      assert.ok(!cborCodec.matches(value))
      assert.throws(() => encodeCbor({ in: value }), { code: 'CODEC_NOT_FOUND', message: / at in: / })
    }
    assert.throws(() => encodeCbor(Object.create(Object.defineProperty({}, 'constructor', { get: trap }))), {
      code: 'CODEC_NOT_FOUND'
    })
  })

  it('refuses what would be altered on the way', () => {
    const cases: [unknown, RegExp][] = [
      [new Date(NaN), /Date at a is invalid/],
      ['\uD800', /text at a has half of a surrogate/],
      [{ '\uDE00': 1 }, /text at a\."\\ude00" has half/],
      [JSON.parse('{"__proto__":1}'), /key "__proto__" at a\.__proto__/],
      [transferred(new ArrayBuffer(8)), /memory of the bytes at a was transferred/]
    ]
    for (const [value, message] of cases)
      assert.throws(() => encodeCbor({ a: value }), { code: 'INVALID_ARGUMENT', message })
    assert.throws(() => encodeCbor([transferred(new Float32Array(8))]), {
      code: 'INVALID_ARGUMENT',
      message: /at \[0\]/
    })
    assert.throws(() => encodeCbor(Object.assign([], { length: 2 ** 32 - 1 })), {
      code: 'CODEC_NOT_FOUND',
      message: /hole at \[0\]/
    })
    assert.throws(() => encodeCbor({ a: { [Symbol('s')]: 1 } }), {
      code: 'CODEC_NOT_FOUND',
      message: /"Symbol\(s\)" at a/
    })
  })

  it('refuses a cycle, and takes one value at two places', () => {
    const list: unknown[] = []
    list.push({ list })
    const map = new Map<unknown, unknown>()
    map.set('me', map)
    assert.throws(() => encodeCbor(list), { code: 'INVALID_ARGUMENT', message: /at \[0\]\.list contains itself/ })
    assert.throws(() => encodeCbor(map), { code: 'INVALID_ARGUMENT', message: /at get\("me"\) contains itself/ })
    const shared = new Set([1])
    assert.deepEqual(roundTrip({ a: shared, b: [shared] }), { a: shared, b: [shared] })
  })

  it('goes as deep as the bound, both ways, and as wide as it wants', () => {
    for (const one of [[], {}, new Map(), new Set()]) {
      const wide = Array.from({ length: 2 * VALUE_DEPTH_MAX }, () => structuredClone(one))
      assert.deepEqual(roundTrip(wide), wide)
    }
    const deepest = nested(VALUE_DEPTH_MAX)
    assert.deepEqual(roundTrip(deepest), deepest)
    assert.throws(() => encodeCbor(nested(VALUE_DEPTH_MAX + 1)), { code: 'TOO_LARGE', message: /inside each other/ })
    assert.throws(() => decodeCbor(Buffer.from(`81${hex(deepest)}`, 'hex')), {
      code: 'CORRUPT',
      message: /inside each other/
    })
  })

  it('writes as many bytes as are allowed, and not one more', () => {
    const value = ['x'.repeat(1000), new Uint8Array(1000)]
    const size = encodeCbor(value).length
    assert.deepEqual(decodeCbor(encodeCbor(value, size + 8)), value)
    assert.throws(() => encodeCbor(value, size - 1), { code: 'TOO_LARGE' })
  })
})

function nested(depth: number): unknown {
  let value: unknown = []
  for (let at = 1; at < depth; at++) {
    const forms = [[value], { in: value }, new Map([[1, value]]), new Set([value]), new Map([[value, 1]])]
    value = forms[at % forms.length]
  }
  return value
}

function transferred<T extends ArrayBuffer | Float32Array<ArrayBuffer>>(value: T): T {
  structuredClone(value, { transfer: [value instanceof ArrayBuffer ? value : value.buffer] })
  return value
}

function anything(): fc.Arbitrary<unknown> {
  const text = fc.string({ unit: 'binary', maxLength: 30 })
  const key = text.filter(one => one !== '__proto__')
  return fc.letrec(tie => ({
    any: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.oneof(fc.constantFrom(null, undefined, true, false), fc.double(), fc.maxSafeInteger(), text, fc.bigInt()),
      fc.oneof(fc.date({ noInvalidDate: true }), fc.uint8Array(), fc.constantFrom(...TYPED_ARRAYS), fc.float32Array()),
      fc.array(tie('any'), { maxLength: 6 }),
      fc.dictionary(key, tie('any'), { maxKeys: 6, noNullPrototype: true }),
      fc.array(fc.tuple(tie('any'), tie('any')), { maxLength: 5 }).map(entries => new Map(entries)),
      fc.array(tie('any'), { maxLength: 5 }).map(items => new Set(items))
    )
  })).any
}
