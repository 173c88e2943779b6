// Safetensors files that lie, each in one way, and files that chance has damaged: refused by name, before anything is read for
// them, or read as exactly what they say. Nothing of them ever runs, or reaches a prototype.

import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { afterEach, describe, it } from 'mocha'
import type { Source } from '../../../client/codecs/codec.ts'
import { FIRST_READ_BYTES, headerEnd, parseHeader } from '../../../client/codecs/safetensors-header.ts'
import { safetensorsCodec } from '../../../client/codecs/safetensors.ts'
import { memorySource } from '../../../client/codecs/source.ts'
import { isTensor, tensor } from '../../../client/codecs/tensor.ts'
import { TensorFile } from '../../../client/codecs/tensor-file.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import { TENSORS_HEADER_BYTES_MAX } from '../../../proto/limits.ts'
import { decoded, encoded, fileOf } from '../../fixtures/safetensors/bytes.ts'

/** A tensor of bytes in a header. */
const entry = (name: string, begin: number, end: number, more = ''): string =>
  `"${name}":{"dtype":"U8","shape":[${end - begin}],"data_offsets":[${begin},${end}]${more}}`
/** A header of the one tensor "t" of 4 bytes, with one of its fields put otherwise. */
const field = (fields: { dtype?: string; shape?: string; offsets?: string }): string => {
  const { dtype = '"U8"', shape = '[4]', offsets = '[0,4]' } = fields
  return `{"t":{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}}`
}
const DEEP = 100_000

interface Lie {
  readonly says: RegExp
  readonly header: string | Uint8Array
  /** Bytes of data; 4 unless told. */
  readonly data?: number
  readonly code?: string
}

const LIES: Readonly<Record<string, Lie>> = {
  'an empty header': { header: '', says: /does not begin with \{/ },
  'a header that begins with space': { header: ` ${field({})}`, says: /does not begin with \{/ },
  'a list': { header: `[${field({})}]`, says: /does not begin with \{/ },
  'a byte order mark': { header: `\ufeff${field({})}`, says: /does not begin with \{/ },
  'bytes that are not UTF-8': { header: Buffer.from('7b22ff223a7b7d7d', 'hex'), says: /not UTF-8/ },
  'half a header': { header: '{"t":{"dtype":"U8","shape":[4]', says: /tensor "t" has something else where \} is due/ },
  'a second header': { header: `${field({})}{}`, says: /goes on after its end/ },
  'a NUL as padding': { header: `${field({})}\0`, says: /goes on after its end/ },
  'a trailing comma': { header: `{${entry('t', 0, 4)},}`, says: /where a string is due/ },
  'single quotes': { header: "{'t':{}}", says: /where a string is due/ },
  'a name without an end': { header: '{"t', says: /string without an end/ },
  'a name whose end is escaped': { header: String.raw`{"t\"`, says: /string without an end/ },
  'a name with a line break': { header: '{"t\n":1}', says: /string that is none/ },
  'a name with an unknown escape': { header: String.raw`{"\x41":1}`, says: /string that is none/ },
  'half a character': { header: `{${entry(String.raw`\ud800`, 0, 4)}}`, says: /half a character/ },
  'a name that occurs twice': { header: `{${entry('t', 0, 4)},${entry('t', 0, 4)}}`, says: /key "t" twice/ },
  'a name twice, once escaped': {
    header: `{${entry('t', 0, 4)},${entry(String.raw`\u0074`, 4, 4)}}`,
    says: /key "t" twice/
  },
  'a field that occurs twice': {
    header: `{${entry('t', 0, 4, ',"dtype":"I8"')}}`,
    says: /tensor "t" has the key "dtype" twice/
  },
  'metadata that occurs twice': {
    header: '{"__metadata__":{},"__metadata__":{}}',
    data: 0,
    says: /"__metadata__" twice/
  },
  'a name __proto__': { header: `{${entry('__proto__', 0, 4)}}`, says: /key "__proto__"/ },
  'a name __proto__, escaped': { header: `{${entry(String.raw`__\u0070roto__`, 0, 4)}}`, says: /key "__proto__"/ },
  'a field __proto__': {
    header: `{${entry('t', 0, 4, ',"__proto__":{"shape":[1]}')}}`,
    says: /tensor "t" has a key "__proto__"/
  },
  'metadata __proto__': {
    header: '{"__metadata__":{"__proto__":"x"}}',
    data: 0,
    says: /metadata has a key "__proto__"/
  },
  'metadata that is no text': {
    header: '{"__metadata__":{"a":1}}',
    data: 0,
    says: /metadata .* where a string is due/
  },
  'metadata that is null': { header: '{"__metadata__":null}', data: 0, says: /metadata .* where \{ is due/ },
  'metadata that is a tensor': {
    header: `{${entry('__metadata__', 0, 4)}}`,
    says: /metadata .* where a string is due/
  },
  'a tensor that is null': { header: '{"t":null}', says: /tensor "t" .* where \{ is due/ },
  'an unknown field': { header: `{${entry('t', 0, 4, ',"strides":[1]')}}`, says: /tensor "t" has a key "strides"/ },
  'no dtype': { header: '{"t":{"shape":[4],"data_offsets":[0,4]}}', says: /tensor "t" lacks/ },
  'no shape': { header: '{"t":{"dtype":"U8","data_offsets":[0,4]}}', says: /tensor "t" lacks/ },
  'no offsets': { header: '{"t":{"dtype":"U8","shape":[4]}}', says: /tensor "t" lacks/ },
  'an unknown dtype': { header: field({ dtype: '"U9"' }), says: /tensor "t" is of an unknown dtype "U9"/ },
  'a dtype that objects have': { header: field({ dtype: '"toString"' }), says: /unknown dtype "toString"/ },
  'a dtype in small letters': { header: field({ dtype: '"u8"' }), says: /unknown dtype "u8"/ },
  'a dtype that is no text': { header: field({ dtype: '8' }), says: /tensor "t" .* where a string is due/ },
  'a dtype of no typed array': { header: field({ dtype: '"F4"' }), code: 'CODEC_NOT_FOUND', says: /tensor "t" is F4/ },
  'a shape that is a number': { header: field({ shape: '4' }), says: /tensor "t" .* where \[ is due/ },
  'a negative length': { header: field({ shape: '[-4]' }), says: /tensor "t" .* where a count is due/ },
  'two negative lengths': { header: field({ shape: '[-2,-2]' }), says: /tensor "t" .* where a count is due/ },
  'a length with a point': { header: field({ shape: '[4.0]' }), says: /tensor "t" .* where a count is due/ },
  'a length with an exponent': { header: field({ shape: '[4e0]' }), says: /tensor "t" .* where a count is due/ },
  'a length with a zero before it': { header: field({ shape: '[04]' }), says: /tensor "t" .* where a count is due/ },
  'a length as text': { header: field({ shape: '["4"]' }), says: /tensor "t" .* where a count is due/ },
  'a length of 2^53': { header: field({ shape: '[9007199254740992]' }), says: /tensor "t" .* where a count is due/ },
  'a length of 2^64 + 4': {
    header: field({ shape: '[18446744073709551620]' }),
    says: /tensor "t" .* where a count is due/
  },
  'a product that wraps to 4': { header: field({ shape: '[4611686018427387905,4]' }), says: /where a count is due/ },
  'a product beyond 2^53': { header: field({ shape: '[94906267,94906267]' }), says: /tensor "t" has a shape of more/ },
  'a product beyond 2^53 in bytes': {
    header: field({ dtype: '"F64"', shape: '[1125899906842624]' }),
    says: /tensor "t" has a shape of more/
  },
  'a product beyond 2^53, times 0': {
    header: field({ shape: '[0,94906267,94906267]', offsets: '[0,0]' }),
    says: /tensor "t" has a shape of more/
  },
  'one offset': { header: field({ offsets: '[0]' }), says: /tensor "t" has not two offsets/ },
  'three offsets': { header: field({ offsets: '[0,4,4]' }), says: /tensor "t" has not two offsets/ },
  'offsets the wrong way round': { header: field({ offsets: '[4,0]' }), says: /tensor "t" has offsets 4 to 0/ },
  'an offset beyond the end': {
    header: field({ shape: '[5]', offsets: '[0,5]' }),
    says: /"t" has offsets 0 to 5, in 4 bytes/
  },
  'an empty tensor beyond the end': {
    header: field({ shape: '[0]', offsets: '[5,5]' }),
    says: /tensor "t" has offsets 5 to 5/
  },
  'more bytes than the shape': { header: field({ shape: '[3]' }), says: /tensor "t" needs 3 bytes, and has 4/ },
  'fewer bytes than the shape': { header: field({ shape: '[5]' }), says: /tensor "t" needs 5 bytes, and has 4/ },
  'more bytes than the dtype': { header: field({ dtype: '"F32"', shape: '[4]' }), says: /tensor "t" needs 16 bytes/ },
  'bytes of a shape of nothing': { header: field({ shape: '[]' }), says: /tensor "t" needs 1 bytes, and has 4/ },
  'two tensors of the same bytes': {
    header: `{${entry('a', 0, 4)},${entry('b', 0, 4)}}`,
    says: /tensor "b" overlaps tensor "a"/
  },
  'two tensors that share a byte': {
    header: `{${entry('b', 2, 4)},${entry('a', 0, 3)}}`,
    says: /tensor "b" overlaps tensor "a"/
  },
  'an empty tensor inside another': {
    header: `{${entry('a', 0, 4)},${entry('b', 2, 2)}}`,
    says: /tensor "b" overlaps tensor "a"/
  },
  'a hole at the beginning': { header: `{${entry('t', 1, 4)}}`, says: /1 bytes before tensor "t"/ },
  'a hole in the middle': { header: `{${entry('a', 0, 1)},${entry('t', 3, 4)}}`, says: /2 bytes before tensor "t"/ },
  'bytes at the end': { header: `{${entry('t', 0, 4)}}`, data: 5, says: /1 bytes at the end/ },
  'bytes of no tensor': { header: '{}', data: 1, says: /1 bytes at the end/ },
  'lists inside each other': { header: `{"t":${'['.repeat(DEEP)}`, says: /tensor "t" .* where \{ is due/ },
  'objects inside each other': { header: '{"a":'.repeat(DEEP), says: /tensor "a" has a key "a"/ },
  'a name of many backslashes': { header: `{"${'\\'.repeat(DEEP)}`, says: /string without an end/ }
}

describe('safetensors, when it lies', () => {
  const before = Object.getOwnPropertyNames(Object.prototype)
  afterEach(() => {
    assert.deepEqual(Object.getOwnPropertyNames(Object.prototype), before)
  })

  for (const [name, { header, data = 4, code = 'CORRUPT', says }] of Object.entries(LIES)) {
    it(`decode() and TensorFile refuse ${name}`, async () => {
      const bytes = fileOf(header, data)
      assert.throws(() => safetensorsCodec.decode(headerOnly(bytes)), { name: 'PathmeshError', code, message: says })
      await assert.rejects(open(bytes), { name: 'PathmeshError', code, message: says })
    })
  }

  it('decode() takes the header that the lies are made of', () => {
    assert.deepEqual(decoded(fileOf(field({}), 4)), { t: tensor(Uint8Array.of(0, 1, 2, 3)) })
    const spaced =
      '{ "t" :\t{ "dtype" : "U8" ,\n "shape" : [ 2 , 2 ] , "data_offsets":[0,4]\r}, "e":{"dtype":"F64","shape":[0,9],"data_offsets":[4,4]} } '
    assert.deepEqual(decoded(fileOf(spaced, 4)), {
      t: tensor(Uint8Array.of(0, 1, 2, 3), [2, 2]),
      e: tensor(new Float64Array(0), [0, 9])
    })
  })

  it('decode() refuses a file that is too short for its header', () => {
    for (let length = 0; length < 8; length += 1)
      assert.throws(() => decoded(new Uint8Array(length)), { code: 'CORRUPT', message: /are no header/ })
    const whole = fileOf(field({}))
    for (let length = 8; length < whole.length; length += 1)
      assert.throws(() => decoded(whole.slice(0, length)), { code: 'CORRUPT', message: /does not fit in/ })
    const huge = fileOf('{}')
    huge.fill(0xff, 0, 8)
    assert.throws(() => decoded(huge), {
      code: 'CORRUPT',
      message: /header of 18446744073709551615 bytes does not fit/
    })
  })

  it('takes a header of as many bytes as are allowed, and refuses one more without reading it', () => {
    const prefix = new Uint8Array(8)
    const view = new DataView(prefix.buffer)
    view.setBigUint64(0, BigInt(TENSORS_HEADER_BYTES_MAX), true)
    assert.equal(headerEnd(prefix, 2 * TENSORS_HEADER_BYTES_MAX), 8 + TENSORS_HEADER_BYTES_MAX)
    view.setBigUint64(0, BigInt(TENSORS_HEADER_BYTES_MAX + 1), true)
    const source: Source = {
      ...memorySource(prefix),
      size: 2 * TENSORS_HEADER_BYTES_MAX,
      read: (start, end) => {
        assert.ok(start === 0 && end <= FIRST_READ_BYTES)
        return prefix.slice()
      }
    }
    assert.throws(() => safetensorsCodec.decode(source), { code: 'TOO_LARGE', message: /header of 100000001 bytes/ })
  })

  it('shows no more than a part of a long name', () => {
    const bytes = fileOf(`{${entry('x'.repeat(DEEP), 1, 4)}}`, 4)
    assert.throws(
      () => decoded(bytes),
      (error: Error) => error.message.length < 300
    )
  })

  it('decode() reads a hundred thousand tiny tensors', () => {
    const info = Array.from({ length: 100_000 }, (_, index) => entry(`layer.${index}.weight`, index, index + 1))
    const read = decoded(fileOf(`{${info.join()}}`, 100_000))
    assert.equal(Object.keys(read).length, 100_000)
    assert.deepEqual(Object.entries(read).at(-1), ['layer.99999.weight', tensor(Uint8Array.of(99_999 % 256))])
  })

  it('gives for a damaged file its value or an error of ours, and no more memory than the file has', () => {
    const state = {
      a: tensor(Float64Array.of(1, 2), [2, 1]),
      'b"\\': tensor(Uint16Array.of(1), [1], 'BF16'),
      c: tensor(new Int8Array(0), [0, 7])
    }
    const seeds = [state, Float32Array.of(1, 2), { x: Int32Array.of(1), y: Int8Array.of(2) }].map(value =>
      encoded(value)
    )
    const tokens = [
      '"',
      '\\',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '0',
      '9',
      '-1',
      '1e9',
      '999999999999',
      '"__proto__"',
      '"F64"',
      'null',
      '\ud7ff'
    ]
    const edit = fc.record({
      at: fc.nat(400),
      remove: fc.nat(12),
      insert: fc.oneof(
        fc.constantFrom(...tokens).map(text => Buffer.from(text)),
        fc.uint8Array({ maxLength: 4 })
      )
    })
    let values = 0
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(edit, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        (seed, edits, fix) => {
          let bytes = Buffer.from(seed)
          for (const { at, remove, insert } of edits) {
            const from = (fix ? 8 : 0) + (at % bytes.length)
            bytes = Buffer.concat([bytes.subarray(0, from), insert, bytes.subarray(from + remove)])
          }
          // The length of the header as it became, so that the damage is found further in.
          if (fix) bytes.writeBigUInt64LE((bytes.readBigUInt64LE() + BigInt(bytes.length - seed.length)) & 0xffffn)
          const value = valueOrError(new Uint8Array(bytes))
          if (value === undefined) return
          values += 1
          assert.ok(bytesIn(value) <= bytes.length)
        }
      ),
      { numRuns: 3000 }
    )
    assert.ok(values > 0, 'every damaged file was refused: this tests nothing')
  })

  it('gives for any header its tensors or an error of ours', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string(), fc.string({ unit: 'binary' })), fc.nat(8), (text, data) => {
        const bytes = new Uint8Array(Buffer.from(`{${text}`))
        try {
          parseHeader(bytes, 8 + bytes.length + data)
        } catch (error) {
          assert.ok(error instanceof PathmeshError, String(error))
        }
      }),
      { numRuns: 300 }
    )
  })
})

/** A source that has to be refused for what its first bytes say. */
function headerOnly(bytes: Uint8Array): Source {
  const refused = (): never => assert.fail('reads data of a file that lies')
  return { ...memorySource(bytes), bytes: refused, path: refused }
}

async function open(bytes: Uint8Array): Promise<TensorFile> {
  return await TensorFile.open({
    size: bytes.length,
    read: async (start, end) => await Promise.resolve(bytes.slice(start, end))
  })
}

function valueOrError(bytes: Uint8Array): object | undefined {
  try {
    return decoded(bytes)
  } catch (error) {
    assert.ok(error instanceof PathmeshError, String(error))
    return undefined
  }
}

function bytesIn(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength
  if (isTensor(value)) return bytesIn(value.data)
  assert.ok(typeof value === 'object' && value !== null)
  return Object.values(value).reduce((sum: number, member: unknown) => sum + bytesIn(member), 0)
}
