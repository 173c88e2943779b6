// Real tables through every pair of libraries: what one wrote, the other reads, value for value.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type * as ApacheArrow from 'apache-arrow'
import { before, describe, it } from 'mocha'
import type * as NodejsPolars from 'nodejs-polars'
import { arrowCodec } from '../../../client/codecs/arrow.ts'
import { polarsCodec } from '../../../client/codecs/polars.ts'
import {
  decodedFrame,
  decodedTable,
  encoded,
  loadArrow,
  loadPolars,
  rows,
  type Arrow,
  type Polars
} from '../../fixtures/arrow/tables.ts'

const DATA = new URL('../data/', import.meta.resolve('vega-datasets'))

describe('tables through each library', () => {
  let arrow: Arrow
  let polars: Polars

  before(async function () {
    const loaded = [await loadArrow(), await loadPolars()] as const
    if (loaded[0] === undefined || loaded[1] === undefined) this.skip()
    arrow = loaded[0]
    polars = loaded[1]
  })

  it('the frame of two columns and two rows', async () => {
    const frame = polars.DataFrame({ col1: [1, 2], col2: [3, 4] })
    const expected = [
      { col1: 1, col2: 3 },
      { col1: 2, col2: 4 }
    ]
    const bytes = await encoded(polarsCodec, frame)
    const table = decodedTable(arrow, bytes)
    assert.deepEqual(decodedFrame(polars, bytes).toRecords(), expected)
    assert.deepEqual(rows(table), expected)
    const again = await encoded(arrowCodec, table)
    assert.deepEqual(decodedFrame(polars, again).toRecords(), expected)
    assert.deepEqual(rows(decodedTable(arrow, again)), expected)
  })

  it('200,000 flights, as numbers, text, words of a dictionary and times', async function () {
    this.timeout(60_000)
    const table = flights(arrow)
    assert.equal(table.numRows, 200_000)
    const expected: Columns = new Map(table.schema.names.map(name => [String(name), values(table, String(name))]))
    const fromArrow = await encoded(arrowCodec, table)
    sameTable(decodedTable(arrow, fromArrow), expected)
    const frame = decodedFrame(polars, fromArrow)
    sameFrame(frame, expected)
    const fromPolars = await encoded(polarsCodec, frame)
    sameTable(decodedTable(arrow, fromPolars), expected)
    const again = decodedFrame(polars, fromPolars)
    assert.ok(again.frameEqual(frame, true))
  })

  it('the same flights as they were published: a file of Arrow 0.x that others wrote', async () => {
    const table = decodedTable(arrow, new Uint8Array(readFileSync(new URL('flights-200k.arrow', DATA))))
    const json: { delay: number; distance: number; time: number }[] = JSON.parse(
      readFileSync(new URL('flights-200k.json', DATA), 'utf8')
    )
    for (const name of ['delay', 'distance'] as const)
      assert.deepEqual(
        Array.from(table.getChild(name) ?? []),
        json.map(row => row[name])
      )
    assert.deepEqual(Array.from(table.getChild('time') ?? []), Array.from(Float32Array.from(json.map(row => row.time))))
  })
})

/** The flights, with columns of more types made from their numbers. */
function flights(arrow: Arrow): ApacheArrow.Table {
  const table = arrow.tableFromIPC(readFileSync(new URL('flights-200k.arrow', DATA)))
  const delays: number[] = Array.from(table.getChild('delay') ?? [])
  const distances: number[] = Array.from(table.getChild('distance') ?? [])
  const words = new arrow.Dictionary(new arrow.Utf8(), new arrow.Int16())
  return table.assign(
    new arrow.Table({
      label: arrow.vectorFromArray(
        delays.map((delay, i) => (delay > 60 ? null : `flight ${i}: ${delay} min, ${distances[i]} miles`)),
        new arrow.Utf8()
      ),
      kind: arrow.vectorFromArray(
        distances.map(miles => (miles > 1000 ? 'long' : miles > 300 ? 'médium' : null)),
        words
      ),
      late: arrow.vectorFromArray(
        delays.map(delay => delay > 0),
        new arrow.Bool()
      ),
      when: arrow.vectorFromArray(
        delays.map((delay, i) => new Date(i * 60_000 + delay)),
        new arrow.TimestampMillisecond()
      )
    })
  )
}

/** The values of each column, by name. */
type Columns = ReadonlyMap<string, readonly unknown[]>

function sameTable(actual: ApacheArrow.Table, expected: Columns): void {
  assert.deepEqual(actual.schema.names, [...expected.keys()])
  for (const [name, wanted] of expected) same(values(actual, name), wanted, name)
}

function sameFrame(frame: NodejsPolars.DataFrame, expected: Columns): void {
  assert.deepEqual(frame.columns, [...expected.keys()])
  for (const [name, wanted] of expected) {
    const found: unknown[] = frame.getColumn(name).toArray()
    same(
      found.map(value => (value instanceof Date ? value.getTime() : value)),
      wanted,
      name
    )
  }
}

function values(table: ApacheArrow.Table, name: string): unknown[] {
  return Array.from(table.getChild(name) ?? [])
}

/** `deepEqual` of long arrays takes seconds. */
function same(actual: readonly unknown[], expected: readonly unknown[], name: string): void {
  assert.equal(actual.length, expected.length)
  const at = expected.findIndex((value, i) => !Object.is(value, actual[i]))
  assert.equal(at, -1, `${name}: ${String(actual[at])} is not ${String(expected[at])} in row ${at}`)
}
