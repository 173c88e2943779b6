// The reader of FlatBuffers: what it reads, and that nothing in a buffer leads it out of it.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { FlatBuffer } from '../../../client/codecs/arrow-flatbuffer.ts'
import { flatBuffer, long, short } from '../../fixtures/arrow/forge.ts'

describe('FlatBuffer', () => {
  const broken = (bytes: Uint8Array, read: (flat: FlatBuffer) => unknown, why: RegExp): void => {
    const message = new RegExp(`its footer is broken: ${why.source}`)
    assert.throws(() => read(new FlatBuffer(bytes, 'its footer')), { code: 'CORRUPT', message })
  }
  const whole = Buffer.from(flatBuffer({ 0: { text: 'abc' }, 1: long(5) }))
  const changed = (at: number, value: number): Uint8Array => {
    const bytes = Buffer.from(whole)
    bytes.writeInt32LE(value, at)
    return bytes
  }

  it('reads what is there, and defaults of what is not', () => {
    const root = new FlatBuffer(flatBuffer({ 0: { text: 'abc' }, 1: long(-5), 3: short(-2) }), 'x').root()
    assert.deepEqual(
      [
        root.string(0),
        root.long(1),
        root.short(3),
        root.short(2, 7),
        root.int(9),
        root.string(9),
        root.table(9),
        root.has(1),
        root.has(2)
      ],
      ['abc', -5, -2, 7, 0, undefined, undefined, true, false]
    )
  })

  it('refuses positions, tables, lists and numbers that are not within it', () => {
    broken(new Uint8Array(0), flat => flat.root(), /it ends before byte 4/)
    broken(changed(0, 1000), flat => flat.root(), /an offset leads 1000 bytes on/)
    broken(changed(0, -8), flat => flat.root(), /an offset leads/)
    const at = whole.readUInt32LE(0)
    broken(changed(at, -1000), flat => flat.root(), /it ends before/)
    broken(changed(at, 1000), flat => flat.root(), /it ends before/)
    const vtable = at - whole.readInt32LE(at)
    broken(changed(vtable, 0x00187fff), flat => flat.root(), /a table is not whole/)
    broken(changed(vtable, 0x7fff0008), flat => flat.root(), /a table is not whole/)
    broken(changed(vtable, 0x00180007), flat => flat.root(), /a table is not whole/)
    broken(changed(vtable, -1), flat => flat.root(), /a table is not whole/)
    broken(changed(vtable + 4, 0x00100017), flat => flat.root().string(0), /a field lies outside/)
    broken(changed(at + 8, 0), flat => flat.root().string(0), /an offset leads 0 bytes on/)
    const text = at + 8 + whole.readUInt32LE(at + 8)
    broken(changed(text, 1000), flat => flat.root().string(0), /a list has 1000 entries/)
    broken(changed(at + 20, 2 ** 21), flat => flat.root().long(1), /it has the number/)
  })
})
