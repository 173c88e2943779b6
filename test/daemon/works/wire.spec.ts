// What nodes say about works, as it is read: any JSON, not too deep, and nothing of another form.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { decode, encode, StartAsked } from '../../../daemon/works/wire.ts'
import { VALUE_DEPTH_MAX } from '../../../proto/limits.ts'
import { failsWith } from '../../helpers/trees.ts'

const request = { id: 'a-call-of-this-spec', work: 'train', args: [] }
const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth))

describe('a message about works', () => {
  it('holds any JSON', () => {
    const args = [null, true, 0.5, 'text', [1, { a: [] }], { b: null }]
    assert.deepEqual(decode(StartAsked, encode({ ...request, args }), 'peer'), { ...request, args })
    assert.deepEqual(decode(StartAsked, encode({ id: request.id, bytes: 5 }), 'peer'), { id: request.id, bytes: 5 })
  })

  it(`holds values ${VALUE_DEPTH_MAX} deep, and none that are deeper`, () => {
    decode(StartAsked, encode({ ...request, args: [nested(VALUE_DEPTH_MAX)] }), 'peer')
    for (const depth of [VALUE_DEPTH_MAX + 1, 2000]) {
      const bytes = encode({ ...request, args: [nested(depth)] })
      assert.throws(() => decode(StartAsked, bytes, 'peer'), failsWith('CORRUPT', /peer sent/))
    }
  })

  it('is refused where it is no JSON, or of another form', () => {
    for (const text of ['', '{', 'null', '{"id":"short","work":"w","args":[]}', '{"id":"a-call-of-this-spec"}'])
      assert.throws(() => decode(StartAsked, Buffer.from(text), 'peer'), failsWith('CORRUPT'), text)
  })
})
