// The order of names: ranges by prefix and by name are what a sorted list says.

import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { RecordTable } from '../../../daemon/catalogue/record-table.ts'
import { type NameRecord, signRecord } from '../../../daemon/catalogue/record.ts'
import { Database, put, type Write } from '../../../daemon/store/database.ts'
import { collect, temporaryFolder } from '../../helpers/trees.ts'

const bytesOf = async (record: NameRecord) =>
  signRecord(record, Buffer.from('mesh'), { peerId: record.origin, sign: async () => Buffer.from('signature') })
const record = (name: string, origin: string): NameRecord => ({
  type: 'retirement',
  origin,
  number: 1,
  name,
  seq: 1,
  time: 0
})

describe('RecordTable', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let database: Database
  let count = 0

  beforeEach(async () => {
    folder = await temporaryFolder()
    database = await Database.open(folder.path)
  })

  afterEach(async () => {
    await database.close()
    await folder.remove()
  })

  const tableWith = async (keys: readonly (readonly [string, string])[]) => {
    const rows = database.bytesTable(`records${++count}`)
    const table = new RecordTable<Write>({
      get: key => rows.get(key),
      iterator: range => rows.iterator(range),
      put: (key, value) => put(rows, key, value)
    })
    const kept = await Promise.all(
      keys.map(async ([name, origin]) => ({ record: record(name, origin), bytes: await bytesOf(record(name, origin)) }))
    )
    await database.commit(kept.map(one => table.put(one)))
    return table
  }
  const keysOf = async (kept: AsyncIterable<{ record: NameRecord }>) =>
    (await collect(kept)).map(({ record: { name, origin } }) => [name, origin])

  it('lists by prefix, after any key, and by exact name, as a sorted list would', async function () {
    this.timeout(30_000)
    const segment = fc.constantFrom('a', 'ab', 'b', 'é', '\u{10ffff}', 'a.', 'a!', '~')
    const name = fc.array(segment, { minLength: 2, maxLength: 4 }).map(segments => segments.join('/'))
    const key = fc.tuple(name, fc.constantFrom('12Alice', '12Bob'))
    const prefix = fc.oneof(
      fc.constant(''),
      fc.tuple(name, fc.nat(8)).map(([text, cut]) => Array.from(text).slice(0, cut).join(''))
    )
    await fc.assert(
      fc.asyncProperty(fc.array(key, { maxLength: 12 }), prefix, key, async (keys, start, after) => {
        const table = await tableWith(keys)
        const bytes = ([name, origin]: readonly [string, string]) => Buffer.from(`${name}\0${origin}`)
        const all = [...new Map(keys.map(one => [one.join('\0'), one])).values()].sort((x, y) =>
          Buffer.compare(bytes(x), bytes(y))
        )
        const matching = all.filter(([name]) => name.startsWith(start))
        assert.deepEqual(await keysOf(table.list(start)), matching)
        assert.deepEqual(
          await keysOf(table.list(start, { name: after[0], origin: after[1] })),
          matching.filter(one => Buffer.compare(bytes(one), bytes(after)) > 0)
        )
        assert.deepEqual(
          await keysOf(table.named(after[0])),
          all.filter(([name]) => name === after[0])
        )
      }),
      { numRuns: 100 }
    )
  })

  it('keeps one record for a name and origin', async () => {
    const table = await tableWith([
      ['a/b', 'x'],
      ['a/b', 'x'],
      ['a/b', 'y']
    ])
    assert.deepEqual(await keysOf(table.named('a/b')), [
      ['a/b', 'x'],
      ['a/b', 'y']
    ])
    assert.equal(await table.get('a/b', 'z'), undefined)
    assert.equal((await table.get('a/b', 'x'))?.record.name, 'a/b')
  })
})
