// Which codec is found for a value and for bytes, and which codecs may be added.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Codec } from '../../client/codecs/codec.ts'
import { codecFor, codecNamed, codecsOf, registerCodec } from '../../client/codecs/registry.ts'
import { failsWith } from '../helpers/trees.ts'

/** Registered codecs stay for the life of the process: each test has ids and values of its own. */
let count = 0
function codecMatching(matches: (value: unknown) => boolean, facts: Partial<Codec> = {}): Codec {
  return {
    id: `test/registry-${count++}`,
    mediaType: 'application/octet-stream',
    matches: (value): value is unknown => matches(value),
    encode: () => new Uint8Array(),
    decode: () => 'decoded',
    ...facts
  }
}

class Own {
  readonly isOwn = true
}

describe('registerCodec()', () => {
  it('makes a codec known by its id, and for values that it matches', () => {
    const codec = codecMatching(value => value instanceof Own)
    assert.throws(() => codecNamed(codec.id), failsWith('CODEC_NOT_FOUND', /registerCodec/))
    registerCodec(codec)
    assert.equal(codecNamed(codec.id), codec)
    assert.equal(codecFor(new Own()), codec)
    assert.equal(codecsOf({ codec: codec.id, mediaType: 'application/json' })[0], codec)
  })

  it('asks the latest first, and those of programs before those that come with pathmesh', () => {
    const value = { only: 'here' }
    const [first, second] = [codecMatching(given => given === value), codecMatching(given => given === value)]
    assert.equal(codecFor(value).id, 'cbor')
    registerCodec(first)
    assert.equal(codecFor(value), first)
    registerCodec(second)
    assert.equal(codecFor(value), second)
    assert.equal(codecFor({ ...value }).id, 'cbor')
  })

  it('takes the same codec twice, and refuses another of the same id', () => {
    const codec = codecMatching(() => false)
    registerCodec(codec)
    registerCodec(codec)
    assert.throws(() => registerCodec({ ...codec }), failsWith('ALREADY_EXISTS', /registry-\d+-2/))
    assert.equal(codecNamed(codec.id), codec)
  })

  it('refuses the id of one that comes with pathmesh, and what is no id or media type', () => {
    for (const id of ['json', 'cbor', 'bytes', 'text', 'arrow', 'polars', 'safetensors'])
      assert.throws(() => registerCodec(codecMatching(() => false, { id })), failsWith('ALREADY_EXISTS'))
    for (const facts of [{ id: '' }, { id: 'a b' }, { mediaType: 'x' }, { mediaType: 'a/b\r\n' }])
      assert.throws(() => registerCodec(codecMatching(() => false, facts)), failsWith('INVALID_ARGUMENT'))
  })
})

describe('codecFor()', () => {
  it('decides by the value', () => {
    const decided: [unknown, string][] = [
      [new Uint8Array(1), 'bytes'],
      [Buffer.from('x'), 'bytes'],
      [new ArrayBuffer(1), 'bytes'],
      ['text', 'text'],
      ['', 'text'],
      [{ a: 1 }, 'cbor'],
      [[1, 2], 'cbor'],
      [null, 'cbor'],
      [0, 'cbor'],
      [NaN, 'cbor'],
      [false, 'cbor'],
      [10n, 'cbor'],
      [new Date(0), 'cbor'],
      [new Map([[1, 2]]), 'cbor']
    ]
    for (const [value, id] of decided) assert.equal(codecFor(value).id, id, String(value))
  })

  it('is CODEC_NOT_FOUND for what nothing encodes, and says what that is', () => {
    class Model {
      readonly isModel = true
    }
    assert.throws(() => codecFor(new Model()), failsWith('CODEC_NOT_FOUND', /Model/))
    assert.throws(() => codecFor(() => 1), failsWith('CODEC_NOT_FOUND', /function/))
    assert.throws(() => codecFor(Symbol('x')), failsWith('CODEC_NOT_FOUND', /symbol/))
    assert.throws(() => codecFor(undefined), failsWith('CODEC_NOT_FOUND', /undefined/))
  })
})

describe('codecsOf()', () => {
  it('goes by the id, then by the media type without its parameters', () => {
    assert.equal(codecsOf({ codec: 'json', mediaType: 'application/cbor' })[0].id, 'json')
    assert.equal(codecsOf({ codec: 'test/unknown', mediaType: 'application/cbor' })[0].id, 'cbor')
    assert.equal(codecsOf({ codec: 'test/unknown', mediaType: 'text/plain; charset=utf-8' })[0].id, 'text')
  })

  it('is CODEC_NOT_FOUND, rather than bytes, for an unknown id of bytes', () => {
    for (const mediaType of ['application/octet-stream', 'image/png', 'application/json2'])
      assert.throws(
        () => codecsOf({ codec: 'test/unknown', mediaType }),
        failsWith('CODEC_NOT_FOUND', /test\/unknown.*as: 'bytes'/)
      )
  })
})
