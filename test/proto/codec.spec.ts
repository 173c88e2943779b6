// Ids of codecs and media types: what is one, at its bound and past it.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { checkEncoding, mediaTypeOf } from '../../proto/codec.ts'
import { CODEC_ID_CHARS_MAX, MEDIA_TYPE_CHARS_MAX } from '../../proto/limits.ts'
import { failsWith } from '../helpers/trees.ts'

const BYTES = 'application/octet-stream'

describe('checkEncoding()', () => {
  for (const codec of ['b', '7', 'json', 'acme/model-1', 'A.b_c+d', 'x'.repeat(CODEC_ID_CHARS_MAX)]) {
    it(`takes the id ${codec}`, () => checkEncoding({ codec, mediaType: BYTES }))
  }

  for (const codec of [
    '',
    '-x',
    '/x',
    '.x',
    'a b',
    'a\n',
    'a\0',
    'ä',
    '__proto__',
    'a"b',
    'a:b',
    'x'.repeat(CODEC_ID_CHARS_MAX + 1)
  ]) {
    it(`refuses the id ${JSON.stringify(codec)}, and says which`, () => {
      assert.throws(
        () => checkEncoding({ codec, mediaType: BYTES }),
        failsWith('INVALID_ARGUMENT', /is no id of a codec: .*at most 64/)
      )
    })
  }

  const longest = `a/${'b'.repeat(MEDIA_TYPE_CHARS_MAX - 2)}`
  for (const mediaType of [
    'a/b',
    'text/plain;charset=utf-8',
    'text/plain; charset=utf-8',
    'text/plain ; charset="utf 8"; x=y',
    'application/vnd.apache.arrow.file',
    'application/vnd.acme+json',
    'a/b;x=""',
    longest
  ]) {
    it(`takes the media type ${mediaType}`, () => checkEncoding({ codec: 'x', mediaType }))
  }

  for (const mediaType of [
    '',
    'text',
    '/',
    'a/',
    '/b',
    'a/b/c',
    'a b/c',
    'text/*',
    'a/b;',
    'a/b;x',
    'a/b;x=',
    'a/b;x="',
    'a/b;x="\n"',
    'a/b\r\nx: y',
    'a/b\n',
    'a/ü',
    `${longest}b`
  ]) {
    it(`refuses the media type ${JSON.stringify(mediaType)}`, () => {
      assert.throws(() => checkEncoding({ codec: 'x', mediaType }), failsWith('INVALID_ARGUMENT', /is no media type/))
    })
  }

  it('is done with the longest parameters at once', () => {
    const mediaType = `a/b${';x="'.repeat(61)}`
    assert.throws(() => checkEncoding({ codec: 'x', mediaType }), failsWith('INVALID_ARGUMENT'))
  })
})

describe('mediaTypeOf()', () => {
  it('knows the codecs that come with pathmesh, and takes others for bytes', () => {
    assert.equal(mediaTypeOf('json'), 'application/json')
    assert.equal(mediaTypeOf('arrow'), mediaTypeOf('polars'))
    assert.equal(mediaTypeOf('safetensors'), 'application/vnd.safetensors')
    for (const other of ['bytes', 'acme/model', 'toString', '__proto__']) assert.equal(mediaTypeOf(other), BYTES)
  })

  it('gives media types only', () => {
    for (const codec of ['bytes', 'text', 'json', 'cbor', 'arrow', 'polars', 'safetensors'])
      checkEncoding({ codec, mediaType: mediaTypeOf(codec) })
  })
})
