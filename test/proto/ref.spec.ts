// What references accept, refuse and give back.

import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import { NAME_BYTES_MAX, REF_BYTES_MAX, TREE_PATH_BYTES_MAX } from '../../proto/limits.ts'
import { checkName, defaultName, formatRef, parseRef, type Ref } from '../../proto/ref.ts'

const CID = 'bafkr4ibxzm7x6wlqx5gzl3tjk7v2tlf5nrqqpxwq3u3n5l3bqcxqz7y2ny'

const refuses = (text: string, what: RegExp, version?: string): void => {
  assert.throws(
    () => parseRef(text, { version }),
    (error: unknown) => hasCode(error, 'INVALID_ARGUMENT') && what.test(error.message),
    text
  )
}
const plain = (text: string): boolean => !/[/\0]/.test(text) && text !== '' && text !== '.' && text !== '..'
const segment = fc.string({ unit: 'binary', maxLength: 20 }).filter(text => plain(text) && text.isWellFormed())
const word = segment.map(text => text.normalize('NFC')).filter(text => plain(text) && !/\p{Cc}/u.test(text))
const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map(segments => segments.join('/'))
const version = fc.oneof(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), fc.constant(CID))
const ref: fc.Arbitrary<Ref> = fc.oneof(
  fc.record(
    { type: fc.constant('name' as const), work: word, node: word, path, directory: fc.boolean(), version },
    { requiredKeys: ['type', 'work', 'path', 'directory'], noNullPrototype: true }
  ),
  fc.record(
    { type: fc.constant('content' as const), cid: fc.constant(CID), path: fc.oneof(path, fc.constant('')) },
    { noNullPrototype: true }
  )
)

describe('references', () => {
  it('reads the three forms', () => {
    const name = { type: 'name', work: 'train', path: 'a/b', directory: false }
    assert.deepEqual(parseRef('train/a/b'), name)
    assert.deepEqual(parseRef('train@gpu-1/a/b/'), { ...name, node: 'gpu-1', directory: true })
    assert.deepEqual(parseRef('pathmesh://train@gpu-1/a/b?version=12'), { ...name, node: 'gpu-1', version: 12 })
    assert.deepEqual(parseRef(`pathmesh://train/a/b?version=${CID}`), { ...name, version: CID })
    assert.deepEqual(parseRef('train/a/b', { version: '7' }), { ...name, version: 7 })
    assert.deepEqual(parseRef(`ipfs://${CID}`), { type: 'content', cid: CID, path: '' })
    assert.deepEqual(parseRef(`ipfs://${CID}/x%20y/`), { type: 'content', cid: CID, path: 'x y' })
  })

  it('takes the command form literally, and decodes URLs', () => {
    assert.equal(parseRef('train/a%20b?version=1').path, 'a%20b?version=1')
    assert.equal(parseRef('pathmesh://train/a%20b').path, 'a b')
    assert.deepEqual(parseRef('pathmesh://a%40b@n/c'), {
      type: 'name',
      work: 'a@b',
      node: 'n',
      path: 'c',
      directory: false
    })
  })

  it('keeps case, dots and Unicode forms as they are', () => {
    assert.equal(parseRef('pathmesh://Train/A..B/.c').path, 'A..B/.c')
    assert.equal(parseRef('pathmesh://train/e%CC%81').path, 'e\u0301')
    assert.equal(formatRef(parseRef('PathMesh://train/%7e%41')), 'pathmesh://train/~A')
  })

  it('says what is wrong and where', () => {
    refuses('train', /path is missing/)
    refuses('train/', /path is missing/)
    refuses('/a', /work is empty/)
    refuses('train//a', /part 1 of its path is empty/)
    refuses('train/a/../b', /part 2 of its path is ".."/)
    refuses('train/a\0b', /NUL/)
    refuses('train/\ud800', /surrogate/)
    refuses('a@b@c/d', /more than one '@'/)
    refuses('train@/d', /node after '@' is empty/)
    refuses('e\u0301/d', /normal form C/)
    refuses('pathmesh://train/%2e%2E/a', /".."/)
    refuses('pathmesh://train/a%2Fb', /hides a slash/)
    refuses('pathmesh://train/a%', /hexadecimal/)
    refuses('pathmesh://train/%ff', /UTF-8/)
    refuses('pathmesh://train/%ed%a0%80', /UTF-8/)
    refuses('pathmesh://train/a\nb', /control character/)
    refuses('pathmesh://train/a#b', /%23/)
    refuses('pathmesh://train/a?version=0', /version "0"/)
    refuses('pathmesh://train/a?version=1&x=2', /only thing after/)
    refuses('pathmesh://train/a?version=1', /version 2 was asked/, '2')
    refuses('http://train/a', /scheme is http/)
    refuses('ipfs://Qm123/a', /CIDv1/)
    refuses(`ipfs://${CID}?version=1`, /no versions/)
    refuses(`ipfs://${CID}/a`, /no versions/, '1')
  })

  it('bounds length: of the text, and of a name with its path', () => {
    const longest = `t/${'a'.repeat(NAME_BYTES_MAX + TREE_PATH_BYTES_MAX - 2)}`
    assert.equal(parseRef(longest).type, 'name')
    refuses(`${longest}a`, /longer than/)
    refuses('a'.repeat(REF_BYTES_MAX + 1), /bytes long/)
    const wide = {
      type: 'name',
      work: 't',
      node: '\u00e9'.repeat(64),
      path: '\u00e9'.repeat(2559),
      directory: true,
      version: CID
    } as const
    assert.deepEqual(parseRef(formatRef(wide)), wide)
  })

  it('prints a URL that reads back as the same reference', () => {
    fc.assert(fc.property(ref, value => assert.deepEqual(parseRef(formatRef(value)), value)))
  })

  it('prints one URL for all spellings of a reference', () => {
    fc.assert(
      fc.property(ref, value => {
        const url = formatRef(value)
        assert.equal(formatRef(parseRef(url)), url)
        assert.match(url, /^[A-Za-z0-9._~+,=:/@?%-]+$/)
      })
    )
  })

  it('throws nothing but a PathmeshError, whatever the text', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string().map(text => `pathmesh://${text}`),
      fc.string().map(text => `ipfs://${text}`),
      fc
        .array(fc.constantFrom('__proto__', '%', '%00', '..', '/', '@', '?version=', 'constructor', '\ud800', 'a'))
        .map(parts => parts.join(''))
    )
    fc.assert(
      fc.property(hostile, text => {
        try {
          const parsed = parseRef(text)
          assert.deepEqual(parseRef(formatRef(parsed)), parsed)
        } catch (error) {
          assert.ok(error instanceof PathmeshError, String(error))
          assert.equal(error.code, 'INVALID_ARGUMENT')
        }
      })
    )
  })

  it('takes __proto__ as a name like any other', () => {
    assert.deepEqual(parseRef('__proto__/constructor'), {
      type: 'name',
      work: '__proto__',
      path: 'constructor',
      directory: false
    })
  })
})

describe('names', () => {
  const refusesName = (name: string): void => assert.throws(() => checkName(name), { code: 'INVALID_ARGUMENT' }, name)

  it('may be as long as the limit, and no longer', () => {
    checkName(`a/${'b'.repeat(NAME_BYTES_MAX - 2)}`)
    refusesName(`a/${'b'.repeat(NAME_BYTES_MAX - 1)}`)
  })

  it('are refused when they are not safe everywhere', () => {
    for (const name of ['a', '', 'a/', '/a', 'a//b', 'a/.', '../a', 'a/b\n', 'a/\u0085', 'a/e\u0301', 'a/\udc00'])
      refusesName(name)
  })

  it('are made of a node and a basename, reversibly', () => {
    assert.equal(defaultName('gpu-1', '100%\n.txt'), 'gpu-1/100%25%0A.txt')
    fc.assert(
      fc.property(segment, basename => {
        const name = defaultName('n', basename)
        checkName(name)
        assert.equal(decodeURIComponent(name.slice(2)), basename.normalize('NFC'))
      })
    )
  })
})
