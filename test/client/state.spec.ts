// References in the state of a program: through JSON and URLs and back, whatever they name and whatever else is there.

import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { connect, Path, type Mesh } from '../../client/index.ts'
import { formatRef, type Ref } from '../../proto/ref.ts'
import { CID, FakeDaemon } from './fake-daemon.ts'

const plain = (text: string): boolean =>
  !/[/\p{Cc}]/u.test(text) && text !== '' && text !== '.' && text !== '..' && text.isWellFormed()
const word = fc
  .string({ unit: 'grapheme', maxLength: 12 })
  .map(text => text.normalize('NFC'))
  .filter(plain)
const path = fc.array(word, { minLength: 1, maxLength: 4 }).map(parts => parts.join('/'))
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
const other = fc.jsonValue({ maxDepth: 3 }).filter(value => !JSON.stringify(value).includes('$path'))

describe('references in a state', () => {
  let daemon: FakeDaemon
  let mesh: Mesh
  before(async () => {
    daemon = await FakeDaemon.start()
    mesh = await connect({ socket: daemon.socket })
  })
  after(async () => {
    await mesh.close()
    await daemon.stop()
  })

  it('JSON and URL give back what they were made of', () => {
    fc.assert(
      fc.property(ref, one => {
        const given = mesh.path(formatRef(one))
        assert.deepEqual(given.ref, one)
        for (const back of [
          JSON.parse(JSON.stringify(given), mesh.reviver),
          JSON.parse(JSON.stringify(given), Path.reviver),
          Path.from(JSON.parse(JSON.stringify(given)), mesh),
          mesh.path(String(given))
        ] as unknown[]) {
          assert.ok(back instanceof Path)
          assert.equal(back.toString(), given.toString())
          assert.deepEqual(back.toJSON(), given.toJSON())
        }
      })
    )
  })

  it('a reviver turns a whole state back, and leaves all else as it is', () => {
    fc.assert(
      fc.property(ref, ref, other, (a, b, rest) => {
        const [one, two] = [mesh.path(formatRef(a)), mesh.path(formatRef(b))]
        const state = { one, rest, deep: [{ two, rest }, [one]] }
        const text = JSON.stringify(state)
        const revived: unknown = JSON.parse(text, mesh.reviver)
        assert.equal(JSON.stringify(revived), text)
        assert.ok(typeof revived === 'object' && revived !== null && 'one' in revived && 'rest' in revived)
        assert.ok(revived.one instanceof Path)
        assert.deepEqual(revived.rest, JSON.parse(JSON.stringify(rest)))
      })
    )
  })

  it('stay fixed when they are, and follow when they do', () => {
    const back = (given: Path): Path => Path.from(JSON.parse(JSON.stringify(given)), mesh)
    assert.equal(back(mesh.path('train/a')).version, undefined)
    assert.equal(back(mesh.path('train/a').at(3)).version, 3)
    assert.equal(back(mesh.path('train/a').at({ root: CID })).version, CID)
    assert.equal(back(mesh.path('train/a').at(3).join('b')).version, 3)
  })

  it('of a mesh can be used, and without one are values', async () => {
    const text = JSON.stringify({ a: mesh.path('train/a') })
    const pathIn = (state: unknown): Path => {
      assert.ok(typeof state === 'object' && state !== null && 'a' in state && state.a instanceof Path)
      return state.a
    }
    await assert.rejects(pathIn(JSON.parse(text, mesh.reviver)).stat(), { code: 'NOT_FOUND' })
    await assert.rejects(pathIn(JSON.parse(text, Path.reviver)).stat(), TypeError)
  })

  it('with anything beside their key are left alone', () => {
    for (const text of [
      '{"$path":{"work":"a","path":"b"},"more":1}',
      '{"$path":{"work":"a","path":"b"},"__proto__":{"x":1}}',
      '{"$payload":{"work":"a"}}',
      '["$path"]',
      '"$path"'
    ]) {
      assert.equal(JSON.stringify(JSON.parse(text, Path.reviver)), text)
    }
  })

  it('with a wrong inside are refused, with what is wrong and where', () => {
    for (const [inside, what] of [
      ['1', /\$path is not an object/],
      ['null', /\$path is not an object/],
      ['{"work":"a"}', /its path is not a string/],
      ['{"work":"a","path":"b","evil":1}', /"evil" is not a field/],
      ['{"work":"a","path":"../b"}', /".."/],
      ['{"work":"a","path":"b","seq":-1}', /its seq is not a count/],
      ['{"work":"a","path":"b","__proto__":{"x":1}}', /"__proto__" is not a field/],
      ['{"$path":{"work":"a","path":"b"}}', /is not a field/]
    ] as const) {
      const text = `{"model":{"$path":${inside}}}`
      for (const reviver of [mesh.reviver, Path.reviver]) {
        assert.throws(
          () => JSON.parse(text, reviver),
          (error: unknown) => {
            assert.ok(error instanceof Error && 'code' in error && error.code === 'INVALID_ARGUMENT', text)
            assert.match(error.message, what)
            return true
          }
        )
      }
    }
    assert.throws(() => JSON.parse('{"model":{"$path":1}}', Path.reviver), { message: /^at "model": / })
  })

  it('reach no prototype', () => {
    const text = '{"__proto__":{"polluted":{"$path":{"work":"a","path":"b"}}},"constructor":{"prototype":{"x":1}}}'
    const revived: unknown = JSON.parse(text, mesh.reviver)
    assert.ok(typeof revived === 'object' && revived !== null)
    assert.equal(Object.getPrototypeOf(revived), Object.prototype)
    assert.ok(Object.hasOwn(revived, '__proto__'))
    assert.ok(!('polluted' in {}) && !('x' in {}))
  })
})
