// Tables from node to node: a small one and a real one, as every kind that holds tables, and read as another kind than they
// were written as.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type * as ApacheArrow from 'apache-arrow'
import { after, before, describe, it } from 'mocha'
import type * as NodejsPolars from 'nodejs-polars'
import { type Mesh, Payload } from '../../client/index.ts'
import { must, Scene } from '../helpers/daemons.ts'

type Arrow = typeof ApacheArrow
type Polars = typeof NodejsPolars
type Columns = Record<string, number[]>

const FLIGHTS = 200_000
const SMALL: Columns = { col1: [1, 2], col2: [3, 4] }

/** A kind of table: how one is made of columns, and what columns one has. */
interface Kind {
  readonly codec: string
  make(columns: Columns): unknown
  columns(table: unknown): Columns
}

const arrowKind = (arrow: Arrow): Kind => ({
  codec: 'arrow',
  make: columns =>
    arrow.tableFromArrays(Object.fromEntries(Object.entries(columns).map(([k, v]) => [k, Float64Array.from(v)]))),
  columns: table => {
    assert.ok(table instanceof arrow.Table)
    return Object.fromEntries(
      table.schema.fields.map(({ name }) => [name, Array.from(table.getChild(name) ?? [], Number)])
    )
  }
})

const polarsKind = (polars: Polars): Kind => ({
  codec: 'polars',
  make: columns => polars.DataFrame(columns),
  columns: frame => {
    assert.ok(polars.DataFrame.isDataFrame(frame))
    return Object.fromEntries(frame.columns.map(name => [name, Array.from(frame.getColumn(name), Number)]))
  }
})

const rowsKind: Kind = {
  codec: 'cbor',
  make: columns => {
    const [first = []] = Object.values(columns)
    return first.map((_, i) => Object.fromEntries(Object.entries(columns).map(([name, all]) => [name, all[i]])))
  },
  columns: rows => {
    assert.ok(Array.isArray(rows))
    const columns: Columns = {}
    for (const row of rows) for (const [name, value] of Object.entries(row)) (columns[name] ??= []).push(Number(value))
    return columns
  }
}

describe('a table', function () {
  this.timeout(120_000)
  let scene: Scene
  let [here, there]: Mesh[] = []
  let arrow: Kind | undefined
  let polars: Kind | undefined
  const flights = readFlights()

  before(async () => {
    arrow = await loaded(async () => arrowKind(await import('apache-arrow')))
    polars = await loaded(async () => polarsKind(await import('nodejs-polars')))
    scene = await Scene.open()
    const [a, b] = await scene.mesh('a', 'b')
    here = await scene.connect(must(a))
    there = await scene.connect(must(b))
  })
  after(() => scene.close())

  const sizes: [string, Columns][] = [
    ['of two rows', SMALL],
    [`of ${FLIGHTS} rows`, flights]
  ]
  const ways: [string, () => Kind | undefined, () => Kind | undefined][] = [
    ['arrow as arrow', () => arrow, () => arrow],
    ['arrow as polars', () => arrow, () => polars],
    ['polars as polars', () => polars, () => polars],
    ['polars as arrow', () => polars, () => arrow],
    ['plain rows as plain rows', () => rowsKind, () => rowsKind]
  ]
  for (const [what, columns] of sizes) {
    for (const [way, written, read] of ways) {
      it(`${what} goes from node to node: ${way}`, async function () {
        const [from, to] = [written() ?? this.skip(), read() ?? this.skip()]
        const name = `tables/${what} ${way}`
        const put = await must(here).put(name, from.make(columns))
        assert.equal(put.codec, from.codec)
        const payload = Payload.from(JSON.parse(JSON.stringify(put)), must(there))
        const table = await (from === to ? payload.get() : payload.get({ as: to.codec }))
        assertSame(to.columns(table), columns)
        assert.equal(payload.fetched?.codec, from.codec)
      })
    }
  }
})

async function loaded(load: () => Promise<Kind>): Promise<Kind | undefined> {
  try {
    return await load()
  } catch (error) {
    // Not every platform has them.
    if (error instanceof Error && 'code' in error) return undefined
    throw error
  }
}

/** Columns of the flights that come with a package of examples. */
function readFlights(): Columns {
  const url = new URL('../data/flights-200k.json', import.meta.resolve('vega-datasets'))
  const rows: unknown = JSON.parse(readFileSync(fileURLToPath(url), 'utf8'))
  const columns = rowsKind.columns(rows)
  for (const [name, all] of Object.entries(columns)) assert.equal(all.length, FLIGHTS, name)
  return columns
}

/** As deepEqual, in no more time than it takes, and with a short message. */
function assertSame(actual: Columns, expected: Columns): void {
  assert.deepEqual(Object.keys(actual).sort(), Object.keys(expected).sort())
  for (const [name, all] of Object.entries(expected)) {
    const found = actual[name] ?? []
    assert.equal(found.length, all.length, name)
    const differs = all.findIndex((value, i) => !Object.is(found[i], value))
    assert.equal(differs, -1, `${name}[${differs}] is ${found[differs]}, and not ${all[differs]}`)
  }
}
