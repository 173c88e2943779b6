// The safetensors codec on honest values: what it takes for its own, what comes back, and that nothing is copied on the way.

import assert from 'node:assert/strict'
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import type { Codec, Source } from '../../../client/codecs/codec.ts'
import { checkByteOrder } from '../../../client/codecs/safetensors-dtype.ts'
import { safetensorsCodec } from '../../../client/codecs/safetensors.ts'
import { isTensor, tensor, toTensor, type Dtype, type Tensor } from '../../../client/codecs/tensor.ts'
import { PAYLOAD_MEMORY_BYTES_MAX, TENSORS_HEADER_BYTES_MAX } from '../../../proto/limits.ts'
import { decoded, encoded, fileOf, headerOf } from '../../fixtures/safetensors/bytes.ts'

const codec: Codec = safetensorsCodec
const encode = (value: unknown): Uint8Array[] => {
  const pieces = codec.encode(value)
  assert.ok(!(pieces instanceof Uint8Array) && Symbol.iterator in pieces)
  return [...pieces]
}
const refuses = (value: unknown, code: string, message: RegExp): void => {
  assert.throws(() => encode(value), { name: 'PathmeshError', code, message })
}

/** An array of every kind that a typed array means by itself, of `length` elements. */
const arrays = (length: number): Tensor['data'][] => [
  Float64Array.from({ length }, (_, index) => index - 0.5),
  Float32Array.from({ length }, (_, index) => index - 0.5),
  BigInt64Array.from({ length }, (_, index) => -BigInt(index)),
  BigUint64Array.from({ length }, (_, index) => BigInt(index)),
  Int32Array.from({ length }, (_, index) => -index),
  Uint32Array.from({ length }, (_, index) => index),
  Int16Array.from({ length }, (_, index) => -index),
  Uint16Array.from({ length }, (_, index) => index),
  Int8Array.from({ length }, (_, index) => -index)
]

describe('safetensorsCodec', () => {
  it('says what it is', () => {
    assert.equal(codec.id, 'safetensors')
    assert.equal(codec.mediaType, 'application/vnd.safetensors')
  })

  it('matches() typed arrays, tensors, and objects of nothing but those', () => {
    const one = tensor(Float32Array.of(1))
    const yes: unknown[] = [
      ...arrays(0),
      one,
      { type: 'float32', dims: [1], data: Float32Array.of(1) },
      { a: Float32Array.of(1), b: one },
      Object.assign(Object.create(null), { a: one }),
      new Map([['a', one]]),
      runInNewContext('({ a: new Float32Array(1) })')
    ]
    for (const value of yes) assert.equal(codec.matches(value), true)
    const bytes = Uint8Array.of(1)
    const no: unknown[] = [
      undefined,
      null,
      1,
      'F32',
      () => one,
      [],
      [one],
      {},
      new Map(),
      new Set([one]),
      bytes,
      Buffer.from(bytes),
      new Uint8ClampedArray(1),
      new DataView(bytes.buffer),
      bytes.buffer,
      { a: bytes, b: one },
      { a: one, b: 1 },
      { a: one, [Symbol('b')]: one },
      new Map<unknown, unknown>([[1, one]]),
      new (class {
        a = one
      })(),
      { ...one, more: 'would be lost' },
      { dtype: 'string', shape: [1], data: ['a'] },
      { dtype: 'complex64', shape: [1], data: Float32Array.of(1, 2) }
    ]
    for (const value of no) assert.equal(codec.matches(value), false)
  })

  for (const length of [0, 1, 2, 1000]) {
    it(`gives back a typed array of ${length} elements, of each kind`, () => {
      for (const array of arrays(length)) {
        const read = decoded(encoded(array))
        assert.deepEqual(read, array)
        assert.equal(read.constructor, array.constructor)
      }
    })
  }

  it('gives back one tensor, an object of arrays, and tensors by name, in their order', () => {
    const one = tensor(Float32Array.of(1, 2, 3, 4), [2, 2])
    const state = {
      small: tensor(Int8Array.of(1)),
      one,
      wide: tensor(Float64Array.of(1)),
      none: tensor(new Float32Array(0))
    }
    const bare = { z: Int8Array.of(1), a: Float64Array.of(2), data: Uint16Array.of(3) }
    for (const value of [one, state, bare, { data: one }, { data: Float32Array.of(1) }]) {
      const read = decoded(encoded(value))
      assert.deepEqual(read, value)
      assert.deepEqual(Object.keys(read), Object.keys(value))
    }
  })

  it('gives back a mixed object as tensors, a Map as an object, and names that objects have anyway', () => {
    const one = tensor(Float32Array.of(1))
    assert.deepEqual(decoded(encoded({ a: one, b: Int8Array.of(1) })), { a: one, b: tensor(Int8Array.of(1)) })
    assert.deepEqual(decoded(encoded(new Map([['a', one]]))), { a: one })
    const odd = { constructor: one, toString: one, hasOwnProperty: one, '': one, 'α "\\\n\u2028😀': one, 7: one }
    assert.deepEqual(decoded(encoded(odd)), odd)
  })

  it('gives back any tensors', () => {
    const kinds = fc.constantFrom<[Dtype, number]>(
      ['F64', 8],
      ['F32', 4],
      ['F16', 2],
      ['BF16', 2],
      ['I64', 8],
      ['I32', 4],
      ['I16', 2],
      ['I8', 1],
      ['U64', 8],
      ['U32', 4],
      ['U16', 2],
      ['U8', 1],
      ['BOOL', 1],
      ['F8_E4M3', 1],
      ['F8_E5M2', 1]
    )
    const shapes = fc.array(fc.nat(4), { maxLength: 4 })
    const names = fc.string({ unit: 'grapheme' }).filter(name => !/^__(?:proto|metadata)__$/.test(name))
    const entries = fc.uniqueArray(fc.tuple(names, kinds, shapes, fc.infiniteStream(fc.nat(255))), {
      selector: ([name]) => name,
      maxLength: 8
    })
    fc.assert(
      fc.property(entries, made => {
        const value = Object.fromEntries(
          made.map(([name, [dtype, bytesEach], shape, stream]) => {
            const count = shape.reduce((product, length) => product * length, 1)
            const bytes = Uint8Array.from(stream.take(count * bytesEach))
            const file = fileOf(
              `{"x":{"dtype":"${dtype}","shape":[${shape.join()}],"data_offsets":[0,${bytes.length}]}}`,
              bytes
            )
            const read = decoded(file)
            assert.ok('x' in read && isTensor(read.x))
            return [name, toTensor(read.x)]
          })
        )
        const written = encoded(value)
        const read = decoded(written)
        assert.deepEqual(read, value)
        assert.deepEqual(encoded(Object.fromEntries(Object.entries(read))), written)
      }),
      { numRuns: 100 }
    )
  })

  it('encode() hands out views, the data aligned, the larger elements first, and can be read twice', () => {
    const value = { a: Int8Array.of(1, 2, 3), b: Float32Array.of(1), c: Float64Array.of(1), d: Float32Array.of(2) }
    const pieces = safetensorsCodec.encode(value)
    const [header, ...views] = pieces
    assert.equal((header?.length ?? 1) % 8, 0)
    assert.deepEqual(
      views.map(({ buffer }) => buffer),
      [value.c, value.b, value.d, value.a].map(({ buffer }) => buffer)
    )
    assert.deepEqual([...pieces], [header, ...views])
    const part = new Float32Array(new ArrayBuffer(24), 8, 2)
    assert.deepEqual(encode(part)[1], new Uint8Array(part.buffer, 8, 8))
  })

  it('encode() goes beyond 4 GiB without a copy, in pieces that one write takes', () => {
    const array = new Float32Array(2 ** 26)
    const value = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`t${index}`, array]))
    let sum = 0
    for (const piece of safetensorsCodec.encode(value)) {
      assert.ok(piece.length <= 2 ** 26)
      assert.ok(sum === 0 || piece.buffer === array.buffer)
      sum += piece.length
    }
    const [header] = safetensorsCodec.encode(value)
    assert.equal(sum, (header?.length ?? 0) + 17 * 2 ** 28)
    assert.match(
      headerOf(header ?? new Uint8Array()),
      /"t16":\{"dtype":"F32","shape":\[67108864\],"data_offsets":\[4294967296,4563402752\]\}/
    )
  })

  it('takes bytes as U8 when it is asked for by name', () => {
    const bytes = Uint8Array.of(1, 2)
    assert.deepEqual(decoded(encoded(bytes)), bytes)
    assert.deepEqual(decoded(encoded({ a: Buffer.from(bytes), b: Uint8ClampedArray.from(bytes) })), {
      a: bytes,
      b: bytes
    })
    assert.deepEqual(decoded(encoded({})), {})
    assert.deepEqual(decoded(encoded(new Map())), {})
    assert.equal(headerOf(encoded({})), '{}')
  })

  it('encode() refuses what it has no dtype for, naming it', () => {
    refuses(1, 'CODEC_NOT_FOUND', /not a number/)
    refuses([Float32Array.of(1)], 'CODEC_NOT_FOUND', /not an Array/)
    refuses(new ArrayBuffer(1), 'CODEC_NOT_FOUND', /not an ArrayBuffer/)
    refuses({ good: Float32Array.of(1), 'bad one': [1, 2] }, 'CODEC_NOT_FOUND', /tensor "bad one" is an Array/)
    refuses({ bad: null }, 'CODEC_NOT_FOUND', /tensor "bad" is null/)
    refuses({ bad: new DataView(new ArrayBuffer(1)) }, 'CODEC_NOT_FOUND', /tensor "bad" is a DataView/)
  })

  it('encode() refuses tensors whose parts do not fit, naming them', () => {
    const of = (dtype: string, shape: unknown, data: unknown): unknown => ({ bad: { dtype, shape, data } })
    refuses(
      of('F32', [2, 2], new Float32Array(3)),
      'INVALID_ARGUMENT',
      /tensor "bad" has shape \[2, 2\], which is 4 elements, and data of 3/
    )
    refuses(of('F32', [], new Float32Array(0)), 'INVALID_ARGUMENT', /"bad".* 1 elements/)
    refuses(of('F32', [1], new Float64Array(1)), 'INVALID_ARGUMENT', /"bad" is F32, and its data a Float64Array/)
    refuses(of('F16', [1], new Int16Array(1)), 'INVALID_ARGUMENT', /"bad" is F16/)
    refuses(of('I8', [1], new Uint8Array(1)), 'INVALID_ARGUMENT', /"bad" is I8/)
    for (const length of [-1, 0.5, NaN, Infinity, 2 ** 53])
      refuses(of('F32', [length], new Float32Array(0)), 'INVALID_ARGUMENT', /"bad" has a shape that cannot be/)
    refuses(of('U8', [2 ** 30, 2 ** 30, 0], new Uint8Array(0)), 'INVALID_ARGUMENT', /"bad" has a shape that cannot be/)
    const gone = new Float32Array(4)
    structuredClone(gone.buffer, { transfer: [gone.buffer] })
    refuses({ gone }, 'INVALID_ARGUMENT', /"gone" was handed to another thread/)
  })

  it('encode() refuses names that no header can have', () => {
    const one = Float32Array.of(1)
    for (const name of ['__metadata__', '__proto__', '\ud800', 'a\udc00'])
      refuses(new Map([[name, one]]), 'INVALID_ARGUMENT', /nam/)
    refuses(JSON.parse('{"__proto__": 1}'), 'INVALID_ARGUMENT', /"__proto__"/)
    refuses(new Map<unknown, unknown>([[1, one]]), 'INVALID_ARGUMENT', /a string, not 1/)
  })

  it('encode() refuses a header beyond its limit', () => {
    refuses(
      new Map([['x'.repeat(TENSORS_HEADER_BYTES_MAX), Int8Array.of(1)]]),
      'TOO_LARGE',
      /needs? a header of 1000000\d\d bytes/
    )
  })

  it('decode() hands out views of one piece of memory, and copies only what is not aligned', () => {
    const read = decoded(encoded({ a: Float64Array.of(1), b: Float32Array.of(2), c: Int8Array.of(3) }))
    const buffers = new Set(
      Object.values(read).map((array: unknown) => (ArrayBuffer.isView(array) ? array.buffer : array))
    )
    assert.equal(buffers.size, 1)
    const info = (dtype: string, begin: number, end: number): string =>
      `{"dtype":"${dtype}","shape":[1],"data_offsets":[${begin},${end}]}`
    const header = `{"a":${info('I8', 0, 1)},"b":${info('F32', 1, 5)},"c":${info('F64', 5, 13)}}`
    for (const padding of [0, 1, 2, 3, 4, 5, 6, 7]) {
      const foreign = decoded(fileOf(header + ' '.repeat(padding), 13))
      assert.deepEqual(foreign, {
        a: tensor(Int8Array.of(0)),
        b: tensor(new Float32Array(Uint8Array.of(1, 2, 3, 4).buffer)),
        c: tensor(new Float64Array(Uint8Array.of(5, 6, 7, 8, 9, 10, 11, 12).buffer))
      })
    }
  })

  it('decode() keeps a form that is written down only where the tensors are of it', () => {
    const bare = (form: string, tensors: string, data: number): unknown =>
      decoded(fileOf(`{"__metadata__":{"pathmesh":"${form}"},${tensors}}`, data))
    const flat = '"data":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}'
    const square = '"data":{"dtype":"I8","shape":[1,1],"data_offsets":[0,1]}'
    const bits = '"data":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}'
    const isDict = (value: unknown): boolean =>
      typeof value === 'object' && value !== null && 'data' in value && isTensor(value.data)
    assert.deepEqual(bare('array', flat, 1), Int8Array.of(0))
    assert.ok(isDict(bare('array', square, 1)))
    assert.ok(isDict(bare('array', bits, 2)))
    assert.ok(isDict(bare('array', `${flat},"b":{"dtype":"I8","shape":[0],"data_offsets":[0,0]}`, 1)))
    assert.ok(isDict(bare('arrays', square, 1)))
    assert.ok(isDict(bare('arrays', bits, 2)))
    assert.ok(isDict(bare('toString', flat, 1)))
    assert.deepEqual(bare('tensor', square, 1), tensor(Int8Array.of(0), [1, 1]))
    assert.deepEqual(bare('tensor', flat.replace('data', 'other'), 1), { other: tensor(Int8Array.of(0)) })
    assert.deepEqual(decoded(fileOf('{"__metadata__":{"pathmesh":"array"}}')), {})
  })

  it('decode() reads tensor by tensor where one piece of memory is too small for all', () => {
    const each = 2 ** 28
    const names = Array.from({ length: 17 }, (_, index) => `t${index}`)
    const info = names.map(
      (name, index) =>
        `"${name}":{"dtype":"U8","shape":[${each}],"data_offsets":[${index * each},${(index + 1) * each}]}`
    )
    const head = fileOf(`{${info.join()}}`)
    const zeros = new Uint8Array(each)
    const ranges: number[] = []
    const source = sourceOf(head.length + 17 * each, (start, end) => {
      if (end <= head.length || start === 0) return head.slice(start, end)
      ranges.push(start, end)
      return zeros.subarray(0, end - start)
    })
    assert.deepEqual(Object.keys(safetensorsCodec.decode(source)), names)
    assert.deepEqual(
      ranges,
      names.flatMap((_, index) => [head.length + index * each, head.length + (index + 1) * each])
    )
  })

  it('decode() refuses a tensor that no memory holds, before it reads any', () => {
    const size = PAYLOAD_MEMORY_BYTES_MAX + 1
    const head = fileOf(
      `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"big":{"dtype":"U8","shape":[${size}],"data_offsets":[1,${size + 1}]}}`
    )
    const source = sourceOf(head.length + size + 1, (start, end) => {
      assert.equal(start, 0)
      return head.slice(start, end)
    })
    assert.throws(() => safetensorsCodec.decode(source), {
      code: 'TOO_LARGE',
      message: /tensor "big" .*payload\.tensors\(\)/
    })
  })

  it('refuses a machine of the other byte order', () => {
    assert.doesNotThrow(() => checkByteOrder('LE'))
    assert.throws(() => checkByteOrder('BE'), { code: 'CODEC_NOT_FOUND' })
  })
})

function sourceOf(size: number, read: (start: number, end: number) => Uint8Array<ArrayBuffer>): Source {
  const refused = (): never => assert.fail('only read() is expected')
  return { size, read, bytes: refused, path: refused }
}
