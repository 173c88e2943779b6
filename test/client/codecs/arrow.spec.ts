// The codecs of tables: what they take, that a table comes back as it was from each library's own, and what they refuse to write.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import type * as ApacheArrow from 'apache-arrow'
import { before, describe, it } from 'mocha'
import { arrowCodec } from '../../../client/codecs/arrow.ts'
import { polarsCodec } from '../../../client/codecs/polars.ts'
import { memorySource } from '../../../client/codecs/source.ts'
import { arrowFile, byte, field, int, long } from '../../fixtures/arrow/forge.ts'
import {
  columns,
  decodedFrame,
  decodedTable,
  encoded,
  loadArrow,
  loadPolars,
  polarsColumns,
  rows,
  type Arrow,
  type Polars
} from '../../fixtures/arrow/tables.ts'

const MEDIA_TYPE = 'application/vnd.apache.arrow.file'

/** Tries both codecs where neither library can be loaded, and prints what they say. */
const WITHOUT_LIBRARIES = `
import { register } from 'node:module'
const hook = "export const resolve = (name, context, next) => {" +
  "if (['apache-arrow', 'nodejs-polars'].includes(name)) throw Object.assign(new Error('none'), { code: 'ERR_MODULE_NOT_FOUND' });" +
  "return next(name, context) }"
register('data:text/javascript,' + encodeURIComponent(hook))
const [arrow, polars] = process.argv.slice(1)
const { arrowCodec } = await import(arrow)
const { polarsCodec } = await import(polars)
for (const codec of [arrowCodec, polarsCodec]) {
  console.log(codec.matches({}))
  await codec.ready().catch(error => console.log(error.code, error.message))
}
`

describe('arrowCodec and polarsCodec', () => {
  it('have ids of their own and one media type: who has one library reads what the other wrote', () => {
    assert.deepEqual([arrowCodec.id, polarsCodec.id], ['arrow', 'polars'])
    assert.deepEqual([arrowCodec.mediaType, polarsCodec.mediaType], [MEDIA_TYPE, MEDIA_TYPE])
  })

  it('match nothing that is no table', () => {
    const others = [
      null,
      undefined,
      1,
      'table',
      {},
      [],
      new Map(),
      new Float32Array(1),
      () => 1,
      { numRows: 1, batches: [] }
    ]
    const tagged = { [Symbol.toStringTag]: 'DataFrame' }
    const close = { numRows: 1, batches: [], schema: {}, getChild: () => null }
    for (const value of [...others, tagged, close]) {
      assert.equal(arrowCodec.matches(value), false)
      assert.equal(polarsCodec.matches(value), false)
    }
  })

  it('ready() says what to install where a library is missing, and nothing is loaded before', function () {
    this.timeout(30_000)
    const codec = (name: string): string => new URL(`../../../client/codecs/${name}.js`, import.meta.url).href
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', WITHOUT_LIBRARIES, codec('arrow'), codec('polars')],
      { encoding: 'utf8', timeout: 25_000 }
    )
    const [first, noArrow = '', second, noPolars = ''] = stdout.split('\n')
    assert.deepEqual([first, second], ['false', 'false'], stderr)
    assert.match(noArrow, /^CODEC_NOT_FOUND .*npm install apache-arrow/)
    assert.match(noPolars, /^CODEC_NOT_FOUND .*npm install nodejs-polars.*as: 'arrow'/)
  })
})

describe('arrowCodec', () => {
  let arrow: Arrow

  before(async function () {
    const loaded = await loadArrow()
    if (loaded === undefined) this.skip()
    arrow = loaded
  })

  it('gives back every column as it was: whole, in part, in batches, and without rows', async () => {
    for (const [name, column] of Object.entries(columns(arrow))) {
      const table = new arrow.Table({ [name]: column })
      for (const form of [
        table,
        table.slice(1),
        table.slice(1, 2),
        table.slice(3),
        table.concat(table, table.slice(0, 1))
      ]) {
        const back = decodedTable(arrow, await encoded(arrowCodec, form))
        assert.deepEqual(rows(back), rows(form), name)
        assert.equal(String(back.schema), String(form.schema))
      }
    }
  })

  it('gives back a table without columns', async () => {
    const back = decodedTable(arrow, await encoded(arrowCodec, new arrow.Table()))
    assert.deepEqual([back.numRows, back.numCols], [0, 0])
  })

  it('keeps metadata of the schema and of columns', async () => {
    const field = new arrow.Field('a', new arrow.Int8(), true, new Map([['unit', 'm']]))
    const schema = new arrow.Schema([field], new Map([['made by', 'größe']]))
    const data = arrow.makeData({
      type: new arrow.Struct([field]),
      children: [arrow.makeData({ type: new arrow.Int8() })]
    })
    const back = decodedTable(
      arrow,
      await encoded(arrowCodec, new arrow.Table(schema, new arrow.RecordBatch(schema, data)))
    )
    assert.deepEqual([...back.schema.metadata], [['made by', 'größe']])
    assert.deepEqual([...(back.schema.fields[0]?.metadata ?? [])], [['unit', 'm']])
  })

  it('matches and encodes a table of another copy of the library', async () => {
    const other: Arrow = createRequire(import.meta.url)('apache-arrow')
    const table = new other.Table(columns(other))
    assert.notEqual(other.Table, arrow.Table)
    for (const form of [table, table.slice(1, 2), table.concat(table)]) {
      const back = decodedTable(arrow, await encoded(arrowCodec, form))
      assert.deepEqual(rows(back), rows(form))
      assert.equal(String(back.schema), String(form.schema))
    }
  })

  it('refuses what only looks like a table', async () => {
    const old = { numRows: 1, batches: [1], schema: { fields: [] }, getChild: () => null }
    await assert.rejects(encoded(arrowCodec, old), { code: 'CODEC_NOT_FOUND', message: /does not encode this table/ })
  })

  it('encodes views of memory that the table has already', async () => {
    const values = Float64Array.from({ length: 100_000 }, (_, index) => index)
    const table = new arrow.Table({ a: arrow.makeVector(values) })
    const pieces = await arrowCodec.encode(table)
    assert.ok(Symbol.asyncIterator in pieces)
    let shared = 0
    for await (const piece of pieces) if (piece.buffer === values.buffer) shared += piece.length
    assert.equal(shared, values.byteLength)
  })

  it('joins small pieces: a column of a few rows is no piece of its own', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 200 }, (_, i) => [`c${i}`, arrow.vectorFromArray([i], new arrow.Int32())])
    )
    const pieces = await arrowCodec.encode(new arrow.Table(many))
    assert.ok(Symbol.asyncIterator in pieces)
    let count = 0
    for await (const piece of pieces) if (piece.length > 0) count += 1
    assert.ok(count <= 3, `${count} pieces`)
  })

  it('decodes to views of the bytes that it was given', async () => {
    const bytes = await encoded(arrowCodec, new arrow.Table({ a: arrow.makeVector(Float64Array.of(1, 2)) }))
    const source = memorySource(bytes)
    const table: unknown = arrowCodec.decode(source)
    assert.ok(table instanceof arrow.Table)
    assert.equal(table.getChildAt(0)?.data[0]?.values.buffer, source.bytes().buffer)
  })

  it('refuses names that a row could hold only by changing its prototype', async () => {
    const one = arrow.vectorFromArray([1], new arrow.Int8())
    const inner = new arrow.Struct([new arrow.Field('__proto__', new arrow.Int8())])
    const struct = arrow.makeData({
      type: inner,
      length: 1,
      nullCount: 0,
      children: [arrow.makeData({ type: new arrow.Int8(), data: [1] })]
    })
    for (const table of [
      new arrow.Table(Object.fromEntries([['__proto__', one]])),
      new arrow.Table({ a: arrow.makeVector(struct) })
    ]) {
      const refused = { code: 'CODEC_NOT_FOUND', message: /^column "(a\.)?__proto__" / }
      await assert.rejects(encoded(arrowCodec, table), refused)
      assert.throws(() => arrowCodec.decode(memorySource(arrow.tableToIPC(table, 'file'))), refused)
    }
  })

  it('refuses a map with a key __proto__, also where keys lie in a dictionary', async () => {
    const keys = [new arrow.Utf8(), new arrow.Dictionary(new arrow.Utf8(), new arrow.Int8())]
    for (const type of keys) {
      const entry = new arrow.Struct([new arrow.Field('key', type), new arrow.Field('value', new arrow.Int8())])
      const children = [
        arrow.vectorFromArray(['a', '__proto__'], type),
        arrow.vectorFromArray([1, 2], new arrow.Int8())
      ]
      const entries = new arrow.Data(
        entry,
        0,
        2,
        0,
        undefined,
        children.flatMap(({ data }) => [...data])
      )
      const map = new arrow.Map_(new arrow.Field('entries', entry))
      const column = arrow.makeVector(arrow.makeData({ type: map, length: 1, valueOffsets: [0, 2], child: entries }))
      const bytes = await encoded(arrowCodec, new arrow.Table({ m: column }))
      assert.throws(() => arrowCodec.decode(memorySource(bytes)), {
        code: 'CODEC_NOT_FOUND',
        message: /a key __proto__/
      })
    }
  })

  it('refuses dictionary indices of 64 bits, which the library would take for others', () => {
    const bytes = arrowFile({ fields: [field(5, {}, [], { 4: { 0: long(7), 1: { 0: int(64), 1: byte(1) } } })] })
    assert.throws(() => arrowCodec.decode(memorySource(bytes)), { code: 'CODEC_NOT_FOUND', message: /of 64 bits/ })
  })

  it('says which column has dictionaries that one file cannot hold', async () => {
    const table = arrow.tableFromArrays({ s: ['a'] }).concat(arrow.tableFromArrays({ s: ['b'] }))
    await assert.rejects(encoded(arrowCodec, table), {
      code: 'CODEC_NOT_FOUND',
      message: /^column "s" has another dictionary/
    })
  })
})

describe('polarsCodec', () => {
  let polars: Polars

  before(async function () {
    const loaded = await loadPolars()
    if (loaded === undefined) this.skip()
    polars = loaded
  })

  it('matches a DataFrame, and no Series, LazyDataFrame or Table', async () => {
    const frame = polars.DataFrame({ a: [1], numRows: [1], batches: [1], schema: [1], getChild: [1] })
    assert.ok(polarsCodec.matches(frame))
    assert.ok(!arrowCodec.matches(frame))
    for (const value of [frame.getColumn('a'), frame.lazy()]) assert.ok(!polarsCodec.matches(value))
    const arrow = await loadArrow()
    if (arrow !== undefined) assert.ok(!polarsCodec.matches(new arrow.Table()))
  })

  it('gives back a frame as it was: whole, in part, with no rows, with no columns', async () => {
    const frame = polars.DataFrame({
      int: [1, null, 3],
      text: ['', null, 'longer than twelve bytes: größe'],
      flag: [true, null, false],
      when: [new Date(0), null, new Date(1_577_934_245_678)],
      list: [[1, 2], null, []],
      kind: polars.Series('kind', ['cat', 'dog', 'cat']).cast(polars.Categorical)
    })
    for (const form of [frame, frame.slice(1, 2), frame.head(0), polars.DataFrame({}), polars.concat([frame, frame])]) {
      const back = decodedFrame(polars, await encoded(polarsCodec, form))
      assert.ok(back.frameEqual(form, true), form.toString())
      assert.deepEqual(back.columns, form.columns)
      assert.deepEqual(back.dtypes.map(String), form.dtypes.map(String))
    }
  })

  it('refuses a column that stands before the method that writes, and one that no row can have', async () => {
    await assert.rejects(encoded(polarsCodec, polars.DataFrame({ writeIPC: [1] })), {
      code: 'CODEC_NOT_FOUND',
      message: /"writeIPC"/
    })
    const frame = polars.DataFrame({ a: [1] }).rename({ a: '__proto__' })
    await assert.rejects(encoded(polarsCodec, frame), { code: 'CODEC_NOT_FOUND', message: /^column "__proto__"/ })
  })

  it('reads what apache-arrow wrote, and is read by it', async function () {
    const arrow = await loadArrow()
    if (arrow === undefined) this.skip()
    for (const [name, column] of Object.entries(polarsColumns(arrow))) {
      const table: ApacheArrow.Table = new arrow.Table({ [name]: column })
      for (const form of [table, table.slice(1), table.slice(1, 2), table.slice(3)]) {
        const frame = decodedFrame(polars, await encoded(arrowCodec, form))
        assert.deepEqual(rows(decodedTable(arrow, await encoded(polarsCodec, frame))), rows(form), name)
      }
    }
  })

  it('names the column that polars does not read, or reads wrongly', async function () {
    const arrow = await loadArrow()
    if (arrow === undefined) this.skip()
    const all = new arrow.Table(columns(arrow))
    for (const name of ['map', 'interval']) {
      const bytes = await encoded(arrowCodec, all.select([name]))
      const message = new RegExp(`^column "${name}" is of type ${name}.*as: 'arrow'`)
      assert.throws(() => decodedFrame(polars, bytes), { code: 'CODEC_NOT_FOUND', message })
    }
  })
})
