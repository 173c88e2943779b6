// CBOR that somebody wrote to do harm, and CBOR that was damaged on the way: gives a value or a typed error that says where, costs
// no more memory than it has bytes, and leaves every prototype as it was.

import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { afterEach, describe, it } from 'mocha'
import { decodeCbor } from '../../../client/codecs/cbor-decode.ts'
import { encodeCbor } from '../../../client/codecs/cbor-encode.ts'
import { hasCode, PathmeshError } from '../../../proto/errors.ts'

const decode = (hex: string): unknown => decodeCbor(Buffer.from(hex.replace(/ /g, ''), 'hex'))
const text = (value: string): string => Buffer.from(encodeCbor(value)).toString('hex')

const PROTOTYPES = [Object.prototype, Array.prototype, Map.prototype, Function.prototype]
const OWN_KEYS = PROTOTYPES.map(prototype => Reflect.ownKeys(prototype).length)

afterEach('nothing that all objects have was changed', () => {
  assert.deepEqual(
    PROTOTYPES.map(prototype => Reflect.ownKeys(prototype).length),
    OWN_KEYS
  )
  assert.deepEqual(Object.keys(Object.prototype), [])
})

function refuses(cases: readonly (readonly [hex: string, message: RegExp])[], code = 'CORRUPT'): void {
  for (const [hex, message] of cases) assert.throws(() => decode(hex), { code, message }, hex)
}

describe('decoding CBOR that lies', () => {
  it('believes no length beyond what is left', () => {
    refuses([
      ['42 00', /2 bytes of bytes are claimed, and 1 are left/],
      ['62 61', /2 bytes of text are claimed, and 1 are left/],
      ['5a ffffffff 00', /4294967295 bytes of bytes/],
      ['7b ffffffffffffffff', /18446744073709551615 bytes of text/],
      ['9a ffffffff 00000000000000000000', /4294967295 items are claimed, and 10 bytes are left/],
      ['9b 0020000000000001 00', /9007199254740993 items/],
      ['bb ffffffffffffffff', /items are claimed/],
      ['82 00', /2 items are claimed, and 1 bytes/],
      ['a2 00 00 00', /2 items are claimed, and 3 bytes/],
      ['d9 0102 9a ffffffff', /items are claimed/],
      ['d9 0103 ba ffffffff', /items are claimed/],
      ['d8 55 5a ffffffff', /are claimed/]
    ])
    assert.deepEqual(decode('82 00 00'), [0, 0])
    assert.deepEqual(decode('a1 61 61 00'), { a: 0 })
    assert.deepEqual(decode('42 00 00'), new Uint8Array(2))
  })

  it('takes little memory for 15 bytes that claim four thousand million items', () => {
    const before = process.memoryUsage()
    for (const head of ['9a', 'ba', '5a', '7a', 'd901029a', 'd90103ba', 'd8565a', 'c25a'])
      assert.throws(() => decode(`${head}ffffffff`.padEnd(30, '0')), { code: 'CORRUPT' })
    const after = process.memoryUsage()
    assert.ok(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers < 4 * 2 ** 20)
  })

  it('refuses an end that comes early, and bytes after the value', () => {
    const whole = encodeCbor({ list: [1, 1000, 'text', 1.5, 0.1, new Date(5)], map: new Map([[2n, new Set(['a'])]]) })
    for (let size = 0; size < whole.length; size++)
      assert.throws(() => decodeCbor(whole.subarray(0, size)), { code: 'CORRUPT' }, String(size))
    refuses([
      ['', /at byte 0: the bytes end/],
      ['f6 00', /1 bytes follow the value/],
      ['9f 01', /the bytes end/],
      ['bf 61 61 01', /the bytes end/]
    ])
  })

  it('names the key, and the byte, of what is wrong', () => {
    refuses([
      [`a1 ${text('model')} a1 ${text('layers')} 82 00 61ff`, /at model\.layers\[1\] \(byte 19\): a text is not UTF-8/]
    ])
    refuses([[`a1 ${text('m')} d90103 a1 05 81 1c`, /at m\.get\(5\)\[0\] \(byte 10\)/]])
    const before = `81 a1 ${text('x')} 80  d90102 80  d90103 a1 80 80  bf 05 05 ff`
    refuses([[`86 00 ${before} 1c`, /at \[5\] \(/]])
    refuses([[`d90103 a1 81 1c 05`, /at keys\(\)\[0\]\[0\] /]])
    assert.throws(
      () => decode(`a1 ${text('m')} 81 1c`),
      error => hasCode(error, 'CORRUPT') && error.details?.['key'] === 'm[0]' && error.details['byte'] === 5
    )
    assert.throws(() => decode(`a1 ${text('\u001b[2J')} 1c`), { message: /at "\\u001b\[2J" / })
  })

  it('refuses nesting without end, in any form, before the stack does', () => {
    const deep = 1_000_000
    for (const head of [
      '81',
      '9f',
      'a100',
      'bf00',
      'd9010281',
      'd90103a100',
      'a181',
      'd90103a1',
      'c1',
      'd9d9f7',
      'd8378181'
    ])
      assert.throws(
        () => decodeCbor(Buffer.from(head.repeat(deep / head.length), 'hex')),
        error => hasCode(error, 'CORRUPT', 'CODEC_NOT_FOUND'),
        head
      )
  })

  it('refuses a key __proto__ of an object, however it is written, and no other name', () => {
    const proto = text('__proto__')
    const long = `7b0000000000000009${Buffer.from('__proto__').toString('hex')}`
    for (const key of [proto, long]) {
      refuses([
        [`a1 ${key} a1 ${text('admin')} f5`, /at __proto__ .*change what objects are/],
        [`81 bf ${key} 00 ff`, /at \[0\]\.__proto__ /],
        [`a2 ${text('a')} 00 ${key} f6`, /at __proto__ /]
      ])
    }
    const value = decode(`a2 ${text('constructor')} a1 ${text('prototype')} 01 ${text('toJSON')} 02`)
    assert.deepEqual(value, { constructor: { prototype: 1 }, toJSON: 2 })
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
    assert.deepEqual(decode(`d90103 a1 ${proto} 01`), new Map([['__proto__', 1]]))
  })

  it('refuses keys and items of Sets that are there twice', () => {
    refuses([
      [`a2 ${text('a')} 01 ${text('a')} 02`, /at a .*the key "a" is there twice/],
      [`a2 ${text('toString')} 01 ${text('toString')} 02`, /is there twice/],
      [`a2 01 01 01 02`, /at get\(1\) .*twice/],
      [`a3 ${text('a')} 01 01 01 ${text('a')} 02`, /at get\("a"\) .*twice/],
      [`d90103 a2 f97e00 01 f97e00 02`, /at get\(NaN\) .*twice/],
      [`d90102 82 01 01`, /at \[1\] .*twice/]
    ])
  })

  it('refuses content that is not of the kind that its tag wants', () => {
    refuses([
      ['c0 01', /tag 0 /],
      ['c0 6161', /a date is none/],
      [`c0 ${text('2026-02-30T00:00:00Z')}`, /a date is none/],
      [`c0 ${text('2026-13-01T00:00:00Z')}`, /a date is none/],
      [`c0 ${text('2026-03-01T00:00:00')}`, /a date is none/],
      ['c1 6161', /tag 1 is not a number/],
      ['c1 f6', /a date is none/],
      ['c1 f97e00', /a date is none/],
      ['c1 f97c00', /out of range/],
      ['c1 1b 000007dba8218001', /out of range/],
      ['c1 1b ffffffffffffffff', /out of range/],
      ['c2 01', /tag 2 /],
      ['c3 6161', /tag 3 /],
      ['d90102 a0', /tag 258 /],
      ['d90103 80', /tag 259 /],
      ['d855 43 000000', /3 bytes are no whole number of elements of a Float32Array/],
      ['d847 44 00000000', /4 bytes .* BigUint64Array/],
      ['d855 80', /tag 85 /],
      ['d855 d855 40', /tag 85 /]
    ])
    assert.deepEqual(decode('c1 1b 000007dba8218000'), new Date(8.64e15))
    assert.deepEqual(decode(`c0 ${text('2024-02-29t23:59:59.9999z')}`), new Date('2024-02-29T23:59:59.999Z'))
    assert.deepEqual(decode('d85540'), new Float32Array(0))
    assert.deepEqual([decode('c240'), decode('c340'), decode('c2420005')], [0n, -1n, 5n])
  })

  it('refuses text that is not UTF-8, of any length, as a value and as a key', () => {
    for (const bad of ['61ff', '62c328', '63eda080', '64f4908080', `78ff${'61'.repeat(254)}ff`]) {
      refuses([
        [bad, /not UTF-8/],
        [`a1 ${bad} 00`, /not UTF-8/]
      ])
    }
  })

  it('refuses the forms that the standard reserves, and breaks that close nothing', () => {
    for (const major of [0, 1, 2, 3, 4, 5, 6, 7])
      for (const info of [28, 29, 30])
        refuses([[((major << 5) | info).toString(16).padStart(2, '0') + '00'.repeat(16), /reserved form/]])
    for (const broken of ['1f', '3f', 'df', 'ff', '81ff', 'a1ff', 'a100ff', 'bf00ff', 'c1ff', '9f82ffff'])
      assert.throws(() => decode(broken), { code: 'CORRUPT' }, broken)
  })

  it('takes lists and maps that end with a break, and longer forms than needed', () => {
    assert.deepEqual(decode(`9f 01 9f ff bf ${text('a')} 02 ff ff`), [1, [], { a: 2 }])
    assert.deepEqual(decode('bf 01 02 ff'), new Map([[1, 2]]))
    assert.deepEqual(decode('d90102 9f 01 ff'), new Set([1]))
    assert.deepEqual(decode('9b 0000000000000001 1b 0000000000000001'), [1])
    assert.deepEqual(decode('83 f93c00 fa3fc00000 fb3ff0000000000000'), [1, 1.5, 1])
    assert.deepEqual(decode('86 f90001 f98001 f903ff f90400 f97bff f97c01'), [
      2 ** -24,
      -(2 ** -24),
      1023 * 2 ** -24,
      2 ** -14,
      65504,
      NaN
    ])
  })

  it('names what it has no value for, and where', () => {
    refuses(
      [
        [`a1 ${text('id')} d825 50${'00'.repeat(16)}`, /the tag 37, a UUID, at id .*as: 'bytes'/],
        ['db ffffffffffffffff 00', /the tag 18446744073709551615 /],
        ['d9d9f7 d9d9f7 00', /the tag 55799 /],
        ['81 d9d9f7 00', /the tag 55799 at \[0\]/],
        ['d853 50' + '00'.repeat(16), /the tag 83 /],
        ['81 e0', /simple value 0 at \[0\]/],
        ['f8 ff', /simple value 255 /],
        ['5f 4100 ff', /bytes in pieces/],
        ['7f 6161 ff', /text in pieces/],
        ['d855 5f 4100 ff', /bytes in pieces/]
      ],
      'CODEC_NOT_FOUND'
    )
    assert.deepEqual(decode('d9d9f7 81 00'), [0])
  })
})

describe('decoding CBOR that was damaged', () => {
  const seeds = [
    { model: { layers: [1, 2.5, -3, 2n ** 70n, new Date(1_700_000_000_000)], name: 'größer' }, ok: true, none: null },
    new Map<unknown, unknown>([
      [1, new Set(['a', 'b'])],
      ['k', new Float64Array([1, 2])],
      [null, undefined]
    ]),
    [
      [[]],
      {},
      new Uint8Array(30),
      'x'.repeat(300),
      new BigInt64Array(2),
      { constructor: 1, __proto__x: [{ a: 1, b: 2 }] }
    ]
  ].map(value => encodeCbor(value))

  it('gives a value or a typed error for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), bytes => void settles(bytes)),
      { numRuns: 3000 }
    )
  })

  it('gives a value or a typed error for any change to what was right', () => {
    const change = fc.record({ at: fc.nat(), byte: fc.nat(255), kind: fc.constantFrom('set', 'drop', 'add') })
    const changed = fc.tuple(fc.constantFrom(...seeds), fc.array(change, { minLength: 1, maxLength: 4 }))
    fc.assert(
      fc.property(changed, ([seed, changes]) => {
        const bytes = [...seed]
        for (const { at, byte, kind } of changes) {
          const place = at % bytes.length
          if (kind === 'set') bytes[place] = byte
          else bytes.splice(place, kind === 'drop' ? 1 : 0, ...(kind === 'add' ? [byte] : []))
        }
        settles(Uint8Array.from(bytes))
      }),
      { numRuns: 3000 }
    )
  })

  it('writes again what it could read, and reads that as the same', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
        const value = settles(bytes)
        if (value !== undefined) assert.deepEqual(decodeCbor(encodeCbor(value)), value)
      }),
      { numRuns: 3000 }
    )
  })

  function settles(bytes: Uint8Array): unknown {
    let value: unknown
    try {
      value = decodeCbor(bytes)
    } catch (error) {
      assert.ok(error instanceof PathmeshError && hasCode(error, 'CORRUPT', 'CODEC_NOT_FOUND'), String(error))
    }
    assert.deepEqual(Object.keys(Object.prototype), [])
    return value
  }
})
