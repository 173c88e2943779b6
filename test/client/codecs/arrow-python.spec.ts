// Tables across languages: files that pyarrow, pandas and polars wrote are read to the last value, ours are read by them, and what
// was written once stays readable. test/fixtures/arrow/make.py made the former, tables.ts beside it the latter.

import assert from 'node:assert/strict'
import { before, describe, it } from 'mocha'
import { arrowCodec } from '../../../client/codecs/arrow.ts'
import { polarsCodec } from '../../../client/codecs/polars.ts'
import { memorySource } from '../../../client/codecs/source.ts'
import {
  decodedFrame,
  decodedTable,
  encoded,
  fixture,
  fromJs,
  loadArrow,
  loadPolars,
  plain,
  readFixture,
  rows,
  type Arrow,
  type Polars
} from '../../fixtures/arrow/tables.ts'
import { pythonWith, runPython } from '../../helpers/python.ts'

const WHEN = Date.UTC(2020, 0, 2, 3, 4, 5, 678)
const DAY = 86_400_000

/** What make.py put in each file, as apache-arrow shows it: times in milliseconds, decimals without their point, bytes as hex. */
const FROM_PYTHON: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>> = {
  frame: [
    { col1: 1, col2: 3 },
    { col1: 2, col2: 4 }
  ],
  pandas: [
    { text: 'a', when: WHEN, kind: 'cat', flag: true, count: 1 },
    { text: null, when: null, kind: null, flag: null, count: null },
    { text: 'größe 𝄞', when: -1000, kind: 'dog', flag: false, count: 3 }
  ],
  types: [
    {
      text: 'a',
      large: 'x',
      view: 'short',
      bytes: '00ff',
      i8: -128,
      u64: 0,
      f16: 1.5,
      f32: 1.5,
      day: Date.UTC(2020, 0, 2),
      us: WHEN,
      decimal: '"125"',
      list: [1, 2],
      fixed: [1, 2],
      struct: { p: 1, q: 'z' },
      kind: 'cat',
      none: null
    },
    {
      text: null,
      large: 'y',
      view: null,
      bytes: '',
      i8: null,
      u64: null,
      f16: null,
      f32: null,
      day: null,
      us: null,
      decimal: null,
      list: null,
      fixed: [3, 4],
      struct: null,
      kind: 'dog',
      none: null
    },
    {
      text: 'größe 𝄞',
      large: null,
      view: 'longer than twelve bytes',
      bytes: null,
      i8: 127,
      u64: '18446744073709551615',
      f16: -2,
      f32: -2.25,
      day: -DAY,
      us: 0,
      decimal: '"-250"',
      list: [],
      fixed: [5, 6],
      struct: { p: null, q: 'y' },
      kind: 'cat',
      none: null
    }
  ],
  others: [
    { map: { a: 1 }, dense: 1, sparse: 1, interval: [1, 2, 3, 0] },
    { map: null, dense: 'z', sparse: 'z', interval: null },
    { map: {}, dense: 2, sparse: 2, interval: [0, 0, 0, 0] }
  ],
  deltas: [{ kind: 'a' }, { kind: 'b' }, { kind: 'c' }, { kind: 'a' }, { kind: null }],
  empty: [],
  polars: [
    { i: 1, text: 'a', when: WHEN, kind: 'cat', list: [1, 2], struct: { p: 1, q: 'z' }, bytes: '616263' },
    { i: 2, text: null, when: null, kind: null, list: null, struct: null, bytes: null },
    {
      i: null,
      text: 'longer than twelve bytes, größe',
      when: 0,
      kind: 'dog',
      list: [],
      struct: { p: 2, q: null },
      bytes: Buffer.from('longer than twelve bytes').toString('hex')
    }
  ]
}

const REFUSED = {
  compressed: /^the table is compressed with LZ4, .*df\.to_feather\(path, compression='uncompressed'\) in pandas/,
  stream: /^the bytes are an Arrow stream, .*pyarrow\.ipc\.new_file/
}

/** Reads the files it is given with pyarrow, which checks every value, and prints the rows that pandas, or pyarrow, makes of them. */
const READ = `
import json, sys
import pyarrow as pa, pyarrow.feather as feather
import pandas as pd
for path in sys.argv[1:]:
    with pa.OSFile(path) as file:
        table = pa.ipc.open_file(file).read_all()
    table.validate(full=True)
    if 'types' not in path:
        frame = pd.read_feather(path)
        assert len(frame) == table.num_rows and list(frame.columns) == table.column_names
    # Intervals of days and milliseconds: nothing in Python has a value for them.
    table = table.select([f.name for f in table.schema if 'interval' not in str(f.type)])
    print(json.dumps(table.to_pylist(), default=str))
`

describe('tables across languages', () => {
  let arrow: Arrow
  let polars: Polars | undefined

  before(async function () {
    const loaded = await loadArrow()
    polars = await loadPolars()
    if (loaded === undefined) this.skip()
    arrow = loaded
  })

  for (const [name, values] of Object.entries(FROM_PYTHON)) {
    it(`apache-arrow reads what Python wrote: ${name}`, () => {
      assert.deepEqual(rows(decodedTable(arrow, readFixture(`from-python-${name}`))), values)
    })
  }

  it('keeps the columns of a table without rows', () => {
    const empty = decodedTable(arrow, readFixture('from-python-empty'))
    assert.deepEqual(
      empty.schema.fields.map(field => field.name),
      Object.keys(FROM_PYTHON['types']?.[0] ?? {})
    )
  })

  for (const [name, message] of Object.entries(REFUSED)) {
    it(`says how to write it otherwise: ${name}`, () => {
      const source = memorySource(readFixture(`from-python-${name}`))
      const refused = { code: 'CODEC_NOT_FOUND', message }
      assert.throws(() => arrowCodec.decode(source), refused)
      if (polars !== undefined) assert.throws(() => polarsCodec.decode(source), refused)
    })
  }

  it('nodejs-polars reads what pandas and polars wrote, categories with nulls as well', function () {
    if (polars === undefined) this.skip()
    for (const name of ['frame', 'pandas', 'polars']) {
      const bytes = readFixture(`from-python-${name}`)
      const before = Buffer.from(bytes).toString('hex')
      const columns = Object.keys(FROM_PYTHON[name]?.[0] ?? {}).filter(column => column !== 'bytes')
      const expected = FROM_PYTHON[name]?.map(row => Object.fromEntries(columns.map(column => [column, row[column]])))
      assert.deepEqual(
        plain(
          decodedFrame(polars, bytes)
            .select(...columns)
            .toRecords()
        ),
        expected
      )
      assert.equal(Buffer.from(bytes).toString('hex'), before)
    }
  })

  it('nodejs-polars says what it does not read, and what does', function () {
    if (polars === undefined) this.skip()
    for (const name of ['others', 'deltas'])
      assert.throws(() => polarsCodec.decode(memorySource(readFixture(`from-python-${name}`))), {
        code: 'CODEC_NOT_FOUND',
        message: /as: 'arrow'/
      })
  })

  it('reads what encode() always wrote, and encodes it so that it is read as the same', async () => {
    for (const [name, table] of Object.entries(fromJs(arrow))) {
      const always = decodedTable(arrow, readFixture(`from-js-${name}`))
      const today = decodedTable(arrow, await encoded(arrowCodec, table))
      for (const read of [always, today]) {
        assert.equal(String(read.schema), String(table.schema))
        assert.deepEqual(rows(read), rows(table))
      }
    }
  })

  it('is read by pyarrow, which finds no fault, and by pandas', function () {
    this.timeout(60_000)
    const python = pythonWith('pyarrow', 'pandas')
    if (python === undefined) this.skip()
    const names = ['frame', 'batches', 'empty', 'polars', 'types']
    const read = runPython(
      python,
      READ,
      names.map(name => fixture(`from-js-${name}`))
    )
    const [frame, batches, empty, fromPolars, types] = read
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    assert.deepEqual(frame, [
      { col1: 1, col2: 3 },
      { col1: 2, col2: 4 }
    ])
    assert.deepEqual(
      batches.map((row: Record<string, unknown>) => [row['utf8'], row['list'], row['kind']]),
      [
        ['', [1, 2], 'cat'],
        ['größe 𝄞 longer than twelve', [], 'dog']
      ]
    )
    assert.deepEqual(empty, [])
    assert.deepEqual(fromPolars, [
      { col1: 1, text: 'a' },
      { col1: 2, text: null }
    ])
    assert.deepEqual(pick(types[2]), {
      i8: 127,
      u32: 2 ** 32 - 1,
      f64: 5e-324,
      utf8: 'größe 𝄞 longer than twelve',
      ms: '2020-01-02 03:04:05.678000',
      us: '2020-01-02 03:04:05.678000+00:00',
      struct: { p: 2, q: null },
      bytes: "b''",
      decimal: '0.05',
      map: []
    })
  })
})

function pick(row: Record<string, unknown>): Record<string, unknown> {
  const names = ['i8', 'u32', 'f64', 'utf8', 'ms', 'us', 'struct', 'bytes', 'decimal', 'map']
  return Object.fromEntries(names.map(name => [name, row[name]]))
}
