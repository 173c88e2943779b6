// Arrow files that lie: each claim that a library would follow out of the bytes is refused, by name of the column, before one sees
// them. And whatever is done to the bytes, the answer is a table or a PathmeshError.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import type * as ApacheArrow from 'apache-arrow'
import * as fc from 'fast-check'
import { before, describe, it } from 'mocha'
import { checkArrowFile } from '../../../client/codecs/arrow-check.ts'
import { FlatBuffer } from '../../../client/codecs/arrow-flatbuffer.ts'
import { arrowCodec } from '../../../client/codecs/arrow.ts'
import { memorySource } from '../../../client/codecs/source.ts'
import { hasCode } from '../../../proto/errors.ts'
import { fixture, loadArrow, loadPolars, readFixture, type Arrow } from '../../fixtures/arrow/tables.ts'

/** A number of rows that stands in a file only where it counts rows. */
const ROWS = 123_457
const FILES = [
  'from-js-types',
  'from-js-batches',
  'from-python-types',
  'from-python-others',
  'from-python-deltas',
  'from-python-polars'
]

/** Decodes mutations of the given files with polars, and looks at what it gets; prints how many were tables. */
const MUTATE_FOR_POLARS = `
import { readFileSync } from 'node:fs'
const [codec, source, ...files] = process.argv.slice(1)
const { polarsCodec } = await import(codec)
const { memorySource } = await import(source)
await polarsCodec.ready()
let seed = 20
const random = limit => Math.floor((seed = (seed * 48271) % 2147483647) / 2147483647 * limit)
let tables = 0
for (let i = 0; i < 3000; i += 1) {
  const bytes = new Uint8Array(readFileSync(files[i % files.length]))
  for (let changes = 1 + random(3); changes > 0; changes -= 1) bytes[random(bytes.length)] = random(256)
  let frame
  try {
    frame = polarsCodec.decode(memorySource(bytes))
  } catch (error) {
    if (error.name !== 'PathmeshError') throw error
    continue
  }
  tables += 1
  frame.toString()
  frame.writeIPC()
}
console.log(tables)
`

describe('a hostile Arrow file', () => {
  let arrow: Arrow

  before(async function () {
    const loaded = await loadArrow()
    if (loaded === undefined) this.skip()
    arrow = loaded
  })

  /** What the library writes of columns whose parts contradict each other. */
  function lying(column: ApacheArrow.Data): Uint8Array {
    return arrow.tableToIPC(new arrow.Table({ liar: arrow.makeVector(column) }), 'file')
  }

  function corrupt(column: ApacheArrow.Data, why: RegExp): void {
    const message = new RegExp(`^column "liar[^"]*" ${why.source}`)
    assert.throws(() => arrowCodec.decode(memorySource(lying(column))), { code: 'CORRUPT', message })
  }

  it('has fewer bytes in a column than its rows need', () => {
    const { makeData } = arrow
    corrupt(
      makeData({ type: new arrow.Int32(), length: 1000, data: Int32Array.of(1, 2) }),
      /has 8 bytes where its rows need 4000/
    )
    corrupt(
      makeData({ type: new arrow.Bool(), length: 1000, data: Uint8Array.of(1) }),
      /has \d+ bytes where its rows need 125/
    )
    corrupt(
      makeData({ type: new arrow.FixedSizeBinary(8), length: 9, data: new Uint8Array(8) }),
      /has 8 bytes where its rows need 72/
    )
    corrupt(
      makeData({ type: new arrow.Utf8(), length: 3, valueOffsets: Int32Array.of(0, 0), data: new Uint8Array(0) }),
      /has 8 bytes where its rows need 16/
    )
  })

  it('has offsets that go back, or past the values', () => {
    const text = (...offsets: number[]): ApacheArrow.Data =>
      arrow.makeData({ type: new arrow.Utf8(), valueOffsets: Int32Array.from(offsets), data: Buffer.from('abcdefgh') })
    corrupt(text(0, 5, 2, 8), /has an offset 2 after 5/)
    corrupt(text(0, 5, -1, 8), /has an offset 4294967295 after 5|has an offset/)
    corrupt(text(0, 9), /ends at byte 9 of 8/)
    const large = BigInt64Array.of(0n, 2n ** 40n, 8n)
    corrupt(
      arrow.makeData({ type: new arrow.LargeUtf8(), valueOffsets: large, data: Buffer.from('abcdefgh') }),
      /has an offset past/
    )
    const child = arrow.makeData({ type: new arrow.Int8(), data: Int8Array.of(1, 2) })
    const list = new arrow.List(new arrow.Field('item', new arrow.Int8()))
    corrupt(
      arrow.makeData({ type: list, valueOffsets: Int32Array.of(0, 100), child }),
      /has \d+ bytes where its rows need 100/
    )
  })

  it('has text that is no UTF-8, or divides a character', () => {
    const text = (data: Uint8Array, ...offsets: number[]): ApacheArrow.Data =>
      arrow.makeData({ type: new arrow.Utf8(), valueOffsets: Int32Array.from(offsets), data })
    corrupt(text(Uint8Array.of(0x61, 0xff), 0, 2), /is not UTF-8/)
    corrupt(text(Buffer.from('ü'), 0, 1, 2), /is not UTF-8: a value begins inside/)
    assert.doesNotThrow(() => arrowCodec.decode(memorySource(lying(text(Buffer.from('aü'), 0, 1, 3)))))
  })

  it('has views that show bytes which are not there, or other ones than they say', () => {
    const view = (size: number, prefix: string, buffer: number, start: number): Uint8Array => {
      const bytes = Buffer.alloc(16)
      bytes.writeInt32LE(size, 0)
      bytes.write(prefix, 4, 'latin1')
      if (size > 12) [buffer, start].forEach((value, i) => bytes.writeInt32LE(value, 8 + i * 4))
      return new Uint8Array(bytes)
    }
    const shown = (views: Uint8Array, buffer = Buffer.from('longer than twelve €!')): ApacheArrow.Data =>
      arrow.makeData({ type: new arrow.Utf8View(), length: 1, views, variadicBuffers: [buffer] })
    corrupt(shown(view(-1, '', 0, 0)), /has a value of -1 bytes/)
    corrupt(shown(view(13, 'long', 1, 0)), /has a value at 0 of its buffer 1, which is not there/)
    corrupt(shown(view(13, 'long', 0, -1)), /has a value at -1/)
    corrupt(shown(view(100, 'long', 0, 0)), /has a value at 0/)
    corrupt(shown(view(13, 'lang', 0, 0)), /has a value that does not begin/)
    corrupt(shown(view(20, 'long', 0, 0)), /is not UTF-8/)
    corrupt(shown(view(2, 'abc', 0, 0)), /has a value with bytes after its end/)
    corrupt(shown(view(2, 'a\xff', 0, 0)), /is not UTF-8/)
    assert.doesNotThrow(() => arrowCodec.decode(memorySource(lying(shown(view(18, 'long', 0, 0))))))
    const mixed = Buffer.concat([Buffer.of(0xff), Buffer.from('longer than twelve')])
    corrupt(shown(view(18, '\xfflon', 0, 0), mixed), /is not UTF-8/)
    assert.doesNotThrow(() => arrowCodec.decode(memorySource(lying(shown(view(18, 'long', 0, 1), mixed)))))
  })

  it('has nulls that its bitmap does not show', () => {
    const nulls = (nullCount: number, nullBitmap: Uint8Array): ApacheArrow.Data =>
      arrow.makeData({ type: new arrow.Int8(), length: 3, data: Int8Array.of(1, 2, 3), nullCount, nullBitmap })
    corrupt(nulls(2, Uint8Array.of(0b011)), /has 1 nulls and says 2/)
    corrupt(nulls(4, Uint8Array.of(0)), /has 4 nulls in 3 rows/)
    corrupt(nulls(1, new Uint8Array(0)), /says for 0 of 3 rows/)
  })

  it('has indices that its dictionary has not, except of nulls', () => {
    const type = new arrow.Dictionary(new arrow.Utf8(), new arrow.Int8())
    const dictionary = arrow.vectorFromArray(['a', 'b'], new arrow.Utf8())
    const indices = (...data: number[]): ApacheArrow.Data =>
      arrow.makeData({ type, data: Int8Array.from(data), dictionary, nullCount: 1, nullBitmap: Uint8Array.of(0b011) })
    corrupt(indices(0, 2, 0), /has a value past the 2 of its dictionary/)
    corrupt(indices(-1, 0, 0), /has a value past the 2/)
    const stray = lying(indices(0, 1, -1))
    assert.equal(checkArrowFile(new Uint8Array(stray)).strays, 1)
    assert.doesNotThrow(() => arrowCodec.decode(memorySource(stray)))
  })

  it('has children of other lengths than their parent, or types that its union has not', () => {
    const { makeData, Field } = arrow
    const two = makeData({ type: new arrow.Int8(), data: Int8Array.of(1, 2) })
    const fields = [new Field('p', new arrow.Int8())]
    corrupt(new arrow.Data(new arrow.Struct(fields), 0, 3, 0, undefined, [two]), /has 2 rows where there are 3/)
    const pairs = new arrow.FixedSizeList(2, new Field('item', new arrow.Int8()))
    corrupt(new arrow.Data(pairs, 0, 2, 0, undefined, [two]), /has 2 values and needs 4/)
    const union = (types: Int8Array, offsets: Int32Array): ApacheArrow.Data =>
      arrow.makeData({
        type: new arrow.DenseUnion([5], fields),
        typeIds: types,
        valueOffsets: offsets,
        children: [two]
      })
    corrupt(union(Int8Array.of(5, 4), Int32Array.of(0, 1)), /has a value of type 4/)
    corrupt(union(Int8Array.of(5, 5), Int32Array.of(0, 2)), /has a value at 2 of a type that has 2/)
    assert.doesNotThrow(() => arrowCodec.decode(memorySource(lying(union(Int8Array.of(5, 5), Int32Array.of(0, 1))))))
  })

  it('lies in more than 256 others', () => {
    const nested = (depth: number): ApacheArrow.Data => {
      let data: ApacheArrow.Data = arrow.makeData({ type: new arrow.Int8(), data: Int8Array.of(1) })
      for (let i = 1; i < depth; i += 1) {
        const type = new arrow.Struct([new arrow.Field('f', data.type)])
        data = new arrow.Data(type, 0, 1, 0, undefined, [data])
      }
      return data
    }
    assert.doesNotThrow(() => arrowCodec.decode(memorySource(lying(nested(256)))))
    corrupt(nested(257), /lies in more than 256 others/)
  })

  it('has more rows than can be counted, or none of the bytes of those that it has', () => {
    const nothing = arrow.tableToIPC(
      new arrow.Table({ liar: arrow.makeVector(arrow.makeData({ type: new arrow.Null(), length: ROWS })) }),
      'file'
    )
    const claim = (rows: number): Uint8Array => patched(nothing, ROWS, rows)
    const table: unknown = arrowCodec.decode(memorySource(claim(2 ** 31 - 1)))
    assert.ok(table instanceof arrow.Table)
    assert.equal(table.numRows, 2 ** 31 - 1)
    assert.throws(() => arrowCodec.decode(memorySource(claim(2 ** 31))), { code: 'CORRUPT' })
    assert.throws(() => arrowCodec.decode(memorySource(claim(2 ** 40))), {
      code: 'CORRUPT',
      message: /1099511627776 rows/
    })
    assert.throws(() => arrowCodec.decode(memorySource(claim(-5))), { code: 'CORRUPT' })
  })

  it('is refused by what is wrong with its frame', () => {
    const file = arrow.tableToIPC(new arrow.Table({ a: arrow.vectorFromArray([1], new arrow.Int32()) }), 'file')
    const end = file.length
    const with32 = (at: number, value: number): Uint8Array => {
      const copy = Buffer.from(file)
      copy.writeInt32LE(value, at)
      return copy
    }
    const block = blockAt(file)
    const broken: [Uint8Array, RegExp][] = [
      [new Uint8Array(0), /does not begin with ARROW1/],
      [file.subarray(0, 17), /does not end with ARROW1/],
      [file.subarray(0, end - 1), /does not end with ARROW1/],
      [with32(end - 10, 0), /its footer has 0 of/],
      [with32(end - 10, -1), /its footer has -1 of/],
      [with32(end - 10, end - 17), new RegExp(`its footer has ${end - 17} of ${end} bytes`)],
      [with32(block, end), /a batch is said to lie at bytes/],
      [with32(block, -8), /a batch is said to lie at bytes/],
      [with32(block, 12), /is not aligned/],
      [with32(block + 8, 1 << 20), /a batch is said to lie at bytes/],
      [with32(block + 8, 8), /a message at byte 8 has/],
      [with32(block + 16, 16), /its body has not the 16 bytes that the footer says/],
      [with32(block + 16, 1 << 20), /a batch is said to lie at bytes/]
    ]
    for (const [bytes, message] of broken)
      assert.throws(() => arrowCodec.decode(memorySource(bytes)), { code: 'CORRUPT', message }, String(message))
  })

  it('has two batches over each other, or buffers that share their bytes', () => {
    const table = new arrow.Table({ a: arrow.vectorFromArray([1], new arrow.Int32()) })
    const file = Buffer.from(arrow.tableToIPC(table.concat(table), 'file'))
    const block = blockAt(file)
    file.copyWithin(block + 24, block, block + 24)
    assert.throws(() => arrowCodec.decode(memorySource(file)), {
      code: 'CORRUPT',
      message: /a batch is said to lie at/
    })
    const column = arrow.vectorFromArray([1], new arrow.Int32())
    const two = Buffer.from(arrow.tableToIPC(new arrow.Table({ a: column, b: column }), 'file'))
    const second = two.indexOf(longs(8, 0, 8, 8))
    two.set(longs(8, 0, 0, 8), second)
    assert.throws(() => arrowCodec.decode(memorySource(two)), {
      code: 'CORRUPT',
      message: /^column "b" has bytes 0 to 8/
    })
  })

  it('is refused when it uses its parts so often that reading them takes forever', () => {
    const flat = new FlatBuffer(sharing(6, 100), 'its footer')
    const walk = (table: ReturnType<FlatBuffer['root']>): number => {
      let found = 1
      for (const child of table.tables(0)) found += walk(child)
      return found
    }
    assert.throws(() => walk(flat.root()), { code: 'CORRUPT', message: /used many times over/ })
    assert.equal(walk(new FlatBuffer(sharing(2, 3), 'its footer').root()), 1 + 3 + 9)
  })

  it('is a table or a PathmeshError, whatever byte is changed', () => {
    const files = FILES.map(readFixture)
    const change = fc.record({ at: fc.nat(), value: fc.nat(255) })
    const seen = { tables: 0, errors: 0 }
    fc.assert(
      fc.property(fc.constantFrom(...files), fc.array(change, { minLength: 1, maxLength: 4 }), (file, changes) => {
        const bytes = file.slice()
        for (const { at, value } of changes) bytes[at % bytes.length] = value
        try {
          const table: unknown = arrowCodec.decode(memorySource(bytes))
          assert.ok(table instanceof arrow.Table)
          seen.tables += 1
        } catch (error) {
          assert.ok(hasCode(error, 'CORRUPT', 'CODEC_NOT_FOUND'), String(error))
          seen.errors += 1
        }
        assert.deepEqual(Object.keys(Object.prototype), [])
      }),
      { numRuns: 3000 }
    )
    assert.ok(seen.tables > 100 && seen.errors > 100, JSON.stringify(seen))
  })

  it('is a table or a PathmeshError, wherever it is cut', () => {
    const file = readFixture('from-js-batches')
    for (let end = 0; end < file.length; end += 1)
      assert.throws(() => arrowCodec.decode(memorySource(file.slice(0, end))), { code: 'CORRUPT' })
  })

  it('does not end the process that has polars read it', async function () {
    this.timeout(60_000)
    if ((await loadPolars()) === undefined) this.skip()
    const module = (name: string): string => new URL(`../../../client/codecs/${name}.js`, import.meta.url).href
    const files = ['from-js-batches', 'from-js-polars', 'from-python-pandas', 'from-python-frame'].map(fixture)
    const { status, signal, stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', MUTATE_FOR_POLARS, module('polars'), module('source'), ...files],
      { encoding: 'utf8', timeout: 50_000, maxBuffer: 2 ** 26 }
    )
    assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr.slice(-2000))
    assert.ok(Number(stdout) > 300, stdout)
  })
})

/** Every place where a file has this number as 64 bits, with another instead. */
function patched(file: Uint8Array, from: number, to: number): Uint8Array {
  const bytes = Buffer.from(file)
  for (let at = bytes.indexOf(longs(from)); at !== -1; at = bytes.indexOf(longs(from), at + 1)) bytes.set(longs(to), at)
  return bytes
}

function longs(...values: number[]): Uint8Array {
  return new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer)
}

/** Where the footer has the block of the first batch: it lies at byte 8. */
function blockAt(file: Uint8Array): number {
  const bytes = Buffer.from(file)
  const footer = bytes.length - 10 - bytes.readInt32LE(bytes.length - 10)
  const metadataLength = 8 + bytes.readInt32LE(12)
  const start = Buffer.concat([longs(8), Buffer.from(Int32Array.of(metadataLength).buffer)])
  const at = bytes.indexOf(start, footer)
  assert.ok(at !== -1)
  return at
}

/** A FlatBuffer of `levels` lists of `count` tables, all of a list being one and the same table, which has the next list. */
function sharing(levels: number, count: number): Uint8Array {
  const size = 8 + 8 + 4 + count * 4
  const bytes = Buffer.alloc(8 + levels * size + 16)
  for (let level = 0; level <= levels; level += 1) {
    const vtable = 4 + 4 + level * size
    const table = vtable + 8
    const list = table + 8
    bytes.set([6, 0, 8, 0, level === levels ? 0 : 4, 0], vtable)
    bytes.writeInt32LE(table - vtable, table)
    if (level === levels) break
    bytes.writeUInt32LE(list - (table + 4), table + 4)
    bytes.writeUInt32LE(count, list)
    for (let i = 0; i < count; i += 1) {
      const at = list + 4 + i * 4
      bytes.writeUInt32LE(table + size - at, at)
    }
  }
  bytes.writeUInt32LE(16, 0)
  return new Uint8Array(bytes)
}
