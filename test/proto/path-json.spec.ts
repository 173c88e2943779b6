// What the JSON form of a Path accepts and refuses.

import assert from 'node:assert/strict'
import { isOfNoWork, parsePathJson, refOfFacts, stemOf } from '../../proto/path-json.ts'

const CID = 'bafkr4ibxzm7x6wlqx5gzl3tjk7v2tlf5nrqqpxwq3u3n5l3bqcxqz7y2ny'

describe('parsePathJson()', () => {
  it('copies into fresh objects', () => {
    const given = {
      $path: { work: 'train', origin: 'n', path: 'a', kind: 'file', cid: CID, size: 1, seq: 2, providers: ['p'] }
    }
    const parsed = parsePathJson(given)
    assert.deepEqual(parsed, given)
    assert.notEqual(parsed.$path, given.$path)
    assert.notEqual(parsed.$path.providers, given.$path.providers)
  })

  it('fixes a reference at its root, else at its content, else at its number', () => {
    const base = { work: 'train', path: 'a/b' }
    assert.equal(refOfFacts({ ...base, root: CID, cid: 'other', sub: 'b', seq: 2 }).type, 'name')
    assert.deepEqual(refOfFacts({ ...base, cid: CID, seq: 2 }), {
      type: 'name',
      work: 'train',
      path: 'a/b',
      directory: false,
      version: CID
    })
    assert.deepEqual(refOfFacts({ ...base, seq: 2 }), {
      type: 'name',
      work: 'train',
      path: 'a/b',
      directory: false,
      version: 2
    })
    assert.deepEqual(refOfFacts({ path: 'a', cid: CID }), { type: 'content', cid: CID, path: 'a' })
  })

  it('takes a path alone, and a directory, for a Path of no Work yet', () => {
    for (const facts of [{ path: 'a/b' }, { path: 'a', kind: 'directory' as const }]) {
      const { $path } = parsePathJson({ $path: facts })
      assert.deepEqual($path, facts)
      assert.equal(isOfNoWork($path), true)
      assert.deepEqual(refOfFacts($path), stemOf(facts.path, 'kind' in facts))
    }
    for (const facts of [
      { path: 'a', cid: CID },
      { path: 'a', work: 'w' },
      { path: 'a', root: CID, kind: 'directory' }
    ])
      assert.equal(isOfNoWork(parsePathJson({ $path: facts }).$path), false)
  })

  it('refuses every other value', () => {
    const bad: unknown[] = [
      null,
      1,
      'x',
      [],
      {},
      { $path: null },
      { $path: [] },
      { $path: {} },
      { $path: { path: '' } },
      { $path: { path: 'a/' } },
      { $path: { path: 'a/../b', kind: 'directory' } },
      ...['file', 'symlink'].map(kind => ({ $path: { path: 'a', kind } })),
      { $path: { path: 'a', origin: 'n' } },
      { $path: { path: 'a', sub: 'b' } },
      { $path: { path: 'a', seq: 1 } },
      { $path: { path: 'a', size: 1 } },
      { $path: { path: 'a', providers: [] } },
      { $path: { work: 'w', path: 'a' }, more: 1 },
      { $path: { work: 'w', path: 'a', kind: 'socket' } },
      { $path: { work: 'w', path: 'a', extra: 1 } },
      { $path: { work: 'w', path: '../a' } },
      { $path: { work: 'w', path: 'a', seq: -1 } },
      { $path: { work: 'w', path: 'a', providers: [1] } },
      { $path: { work: 'w', path: 'a', providers: Array.from({ length: 33 }, () => 'p') } },
      JSON.parse('{"$path":{"work":"w","path":"a","__proto__":{"kind":"file"}}}')
    ]
    for (const value of bad)
      assert.throws(() => parsePathJson(value), { code: 'INVALID_ARGUMENT' }, JSON.stringify(value))
  })
})
