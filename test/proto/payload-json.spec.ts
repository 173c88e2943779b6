// What the JSON form of a Payload accepts and refuses.

import assert from 'node:assert/strict'
import { assert as check, constantFrom, dictionary, jsonValue, oneof, property } from 'fast-check'
import { describe, it } from 'mocha'
import { looksLikePayload, parsePayloadJson, refOfPayload } from '../../proto/payload-json.ts'
import { failsWith } from '../helpers/trees.ts'

const CID = 'bafkr4ibxzm7x6wlqx5gzl3tjk7v2tlf5nrqqpxwq3u3n5l3bqcxqz7y2ny'

describe('parsePayloadJson()', () => {
  it('copies into fresh objects', () => {
    const facts = { work: 'train', origin: 'n', path: 'a', cid: CID, size: 0, codec: 'cbor', seq: 2, providers: ['p'] }
    const given = { $payload: facts }
    const parsed = parsePayloadJson(given)
    assert.deepEqual(parsed, given)
    assert.notEqual(parsed, given)
    assert.notEqual(parsed.$payload, facts)
    assert.notEqual(parsed.$payload.providers, facts.providers)
  })

  it('takes one that follows its name, and content alone', () => {
    for (const $payload of [
      { work: 'w', path: 'a' },
      { path: '', cid: CID },
      { path: 'a', cid: CID }
    ])
      assert.deepEqual(parsePayloadJson({ $payload }), { $payload })
  })

  it('takes fields that are undefined for fields that are not there', () => {
    const parsed = parsePayloadJson({ $payload: { work: 'w', path: 'a', cid: undefined, providers: undefined } })
    assert.deepEqual(parsed, { $payload: { work: 'w', path: 'a' } })
    assert.deepEqual(Object.keys(parsed.$payload), ['work', 'path'])
  })

  it('takes as many providers as are allowed, and the largest count', () => {
    const providers = Array.from({ length: 32 }, (_, i) => `p${i}`)
    const $payload = { work: 'w', path: 'a', size: Number.MAX_SAFE_INTEGER, providers }
    assert.deepEqual(parsePayloadJson({ $payload }), { $payload })
  })

  const inside: [string, unknown][] = [
    ['null', null],
    ['a list', []],
    ['nothing', {}],
    ['no work and no cid', { path: 'a' }],
    ['no path', { work: 'w' }],
    ['a path of another type', { work: 'w', path: 1 }],
    ['a path out of its work', { work: 'w', path: '../a' }],
    ['an empty path of a name', { work: 'w', path: '' }],
    ['an empty work', { work: '', path: 'a' }],
    ['a cid that is none', { work: 'w', path: 'a', cid: '../../etc' }],
    ['an empty cid', { path: 'a', cid: '' }],
    ['a size of another type', { work: 'w', path: 'a', size: '1' }],
    ['a negative size', { work: 'w', path: 'a', size: -1 }],
    ['half a byte', { work: 'w', path: 'a', size: 0.5 }],
    ['a size past what counts', { work: 'w', path: 'a', size: 2 ** 53 }],
    ['version 0', { work: 'w', path: 'a', seq: 0 }],
    ['a codec that is none', { work: 'w', path: 'a', codec: 'a b' }],
    ['a codec past its bound', { work: 'w', path: 'a', codec: 'x'.repeat(65) }],
    ['an unknown field', { work: 'w', path: 'a', value: 1 }],
    ['a field of a Path', { work: 'w', path: 'a', root: CID }],
    ['one provider too many', { work: 'w', path: 'a', providers: Array.from({ length: 33 }, () => 'p') }],
    ['a provider that is no string', { work: 'w', path: 'a', providers: [{}] }],
    ['a prototype', JSON.parse('{"work":"w","path":"a","__proto__":{"codec":"cbor"}}')],
    ['a constructor', JSON.parse('{"work":"w","path":"a","constructor":{"prototype":{}}}')]
  ]
  for (const [what, $payload] of inside) {
    it(`refuses ${what}`, () => assert.throws(() => parsePayloadJson({ $payload }), failsWith('INVALID_ARGUMENT')))
  }

  it('refuses what is around it', () => {
    const $payload = { work: 'w', path: 'a' }
    for (const value of [null, undefined, 1, 'x', [], {}, { $payload, more: 1 }, { $path: $payload }, [$payload]])
      assert.throws(() => parsePayloadJson(value), failsWith('INVALID_ARGUMENT', /JSON form of a Payload/))
    const inherited: unknown = Object.create({ $payload })
    assert.throws(() => parsePayloadJson(inherited), failsWith('INVALID_ARGUMENT'))
    assert.equal(looksLikePayload(inherited), false)
  })

  it('gives for any JSON a Payload or INVALID_ARGUMENT, and leaves prototypes alone', () => {
    const field = constantFrom('work', 'origin', 'path', 'cid', 'size', 'codec', 'seq', 'providers', '__proto__', 'x')
    const value = oneof(constantFrom('w', 'a/b', CID, 'cbor', 1, null), jsonValue())
    check(
      property(dictionary(field, value, { noNullPrototype: true }), $payload => {
        try {
          const parsed = parsePayloadJson(JSON.parse(JSON.stringify({ $payload })))
          assert.deepEqual(parsePayloadJson(JSON.parse(JSON.stringify(parsed))), parsed)
        } catch (error) {
          assert.ok(failsWith('INVALID_ARGUMENT')(error))
        }
        assert.equal('codec' in {}, false)
      })
    )
  })
})

describe('refOfPayload()', () => {
  it('is fixed at the content, else at the number, else follows the name', () => {
    const base = { type: 'name', work: 'w', path: 'a', directory: false }
    assert.deepEqual(refOfPayload({ work: 'w', path: 'a', cid: CID, seq: 2 }), { ...base, version: CID })
    assert.deepEqual(refOfPayload({ work: 'w', path: 'a', seq: 2 }), { ...base, version: 2 })
    assert.deepEqual(refOfPayload({ work: 'w', origin: 'n', path: 'a' }), { ...base, node: 'n' })
    assert.deepEqual(refOfPayload({ path: 'a', cid: CID }), { type: 'content', cid: CID, path: 'a' })
  })
})
