// The short way of reading a flat directory: the entries that its builder wrote, and nothing for any other bytes.

import assert from 'node:assert/strict'
import { encode } from '@ipld/dag-pb'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { buildDirectory, directoryData } from '../../../daemon/content/directory.ts'
import { readFlatDirectory, writeFlatDirectory } from '../../../daemon/content/flat-directory.ts'
import { DAG_PB, RAW, cidOf } from '../../../daemon/content/multihash.ts'
import { compareNames, nameFault } from '../../../daemon/content/names.ts'

const entry = fc.record({
  name: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 }).filter(name => nameFault(name) === undefined),
  cid: fc
    .tuple(fc.constantFrom(RAW, DAG_PB), fc.constantFrom('blake3' as const, 'sha2-256' as const), fc.uint8Array())
    .map(([codec, hash, bytes]) => cidOf(codec, hash, bytes)),
  tsize: fc.oneof(fc.nat(), fc.maxSafeNat())
})
const entries = fc.uniqueArray(entry, { selector: ({ name }) => name, maxLength: 8 })

const blockOf = (of: Parameters<typeof buildDirectory>[0]): Uint8Array => {
  const [block] = buildDirectory(of, 'blake3').branches
  assert.ok(block !== undefined)
  return block.bytes
}
const shown = (read: ReturnType<typeof readFlatDirectory>) =>
  read?.map(({ name, cid, tsize }) => [name, cid.toString(), tsize])

describe('readFlatDirectory()', () => {
  it('reads what the builder wrote, whatever it holds', () => {
    fc.assert(
      fc.property(entries, of => {
        const bytes = blockOf(of)
        const read = readFlatDirectory(bytes)
        assert.equal(read?.length, of.length)
        assert.deepEqual(Buffer.from(blockOf(read)), Buffer.from(bytes))
        const byName = (list: typeof of) => shown(list)?.toSorted((a, b) => String(a[0]).localeCompare(String(b[0])))
        assert.deepEqual(byName([...read]), byName(of))
      }),
      { numRuns: 100 }
    )
  })

  it('reads what the general encoder writes, and writes the same', () => {
    fc.assert(
      fc.property(entries, of => {
        const sorted = of.toSorted((a, b) => compareNames(a.name, b.name))
        const links = sorted.map(({ name, cid, tsize }) => ({ Name: name, Hash: cid, Tsize: tsize }))
        const bytes = encode({ Data: directoryData(), Links: links })
        assert.deepEqual(Buffer.from(writeFlatDirectory(sorted)), Buffer.from(bytes))
        assert.deepEqual(shown(readFlatDirectory(bytes)), shown(sorted))
      }),
      { numRuns: 100 }
    )
  })

  it('takes no other bytes for a directory: what it reads has these bytes and no others', () => {
    const change = fc.record({ at: fc.nat(), to: fc.nat(255), kind: fc.constantFrom('set', 'insert', 'cut') })
    fc.assert(
      fc.property(entries, change, (of, { at, to, kind }) => {
        const bytes = [...blockOf(of)]
        const place = at % bytes.length
        if (kind === 'set') bytes[place] = to
        else bytes.splice(place, kind === 'cut' ? 1 : 0, ...(kind === 'cut' ? [] : [to]))
        const read = readFlatDirectory(Uint8Array.from(bytes))
        if (read !== undefined) assert.deepEqual([...blockOf(read)], bytes)
      }),
      { numRuns: 1000 }
    )
  })

  it('leaves numbers alone that are longer than they need be, or cannot be counted', () => {
    const cid = cidOf(RAW, 'blake3', Buffer.from('x'))
    const bytes = Buffer.from(blockOf([{ name: 'a', cid, tsize: 300 }]))
    const size = bytes.lastIndexOf(Buffer.of(0x18, 0xac, 2))
    const longer = Buffer.concat([bytes.subarray(0, size + 2), Buffer.of(0x82, 0), bytes.subarray(size + 3)])
    longer[1] = (longer[1] ?? 0) + 1
    assert.equal(readFlatDirectory(longer), undefined)
    const endless = Buffer.concat([bytes.subarray(0, size + 1), Buffer.alloc(12, 0xff), Buffer.of(1)])
    assert.equal(readFlatDirectory(endless), undefined)
  })
})
