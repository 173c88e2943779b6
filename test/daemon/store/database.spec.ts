// The index of a data folder: one process at a time, batches over several tables, and what comes back after a reopening.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { Database, del, put } from '../../../daemon/store/database.ts'
import { INDEX_BATCH_ROWS } from '../../../proto/limits.ts'
import { collect, failsWith, temporaryFolder } from '../../helpers/trees.ts'

describe('Database', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let database: Database

  beforeEach(async () => {
    folder = await temporaryFolder()
    database = await Database.open(folder.path)
  })

  afterEach(async () => {
    await database.close()
    await folder.remove()
  })

  it('is IN_USE for a second opening, and free again after the first was closed', async () => {
    await assert.rejects(Database.open(folder.path), failsWith('IN_USE', /another daemon runs on/))
    await database.close()
    database = await Database.open(folder.path)
  })

  it('commit() writes to several tables at once and survives a reopening', async () => {
    const [texts, bytes] = [database.table<number>('texts'), database.bytesTable('bytes')]
    await database.commit([put(texts, 'a', 1), put(bytes, Buffer.from([1]), Buffer.from([2]))])
    await database.close()
    database = await Database.open(folder.path)
    assert.equal(await database.table<number>('texts').get('a'), 1)
    assert.deepEqual(Buffer.from((await database.bytesTable('bytes').get(Buffer.from([1]))) ?? []), Buffer.from([2]))
  })

  it('commit() writes nothing at all when one of its writes cannot be made', async () => {
    const [left, right] = [database.table<unknown>('left'), database.table<unknown>('right')]
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    await assert.rejects(database.commit([put(left, 'a', 1), put(right, 'b', circle)]))
    // The next write waits until the index, which was opened again, can be used.
    await database.commit([put(right, 'b', 2)])
    assert.equal(await left.get('a'), undefined)
    await database.commit([put(left, 'a', 1)])
    await database.commit([del(left, 'a'), del(right, 'b')])
    assert.deepEqual([await left.get('a'), await right.get('b')], [undefined, undefined])
  })

  it('commitInParts() writes everything, past the rows of one batch', async () => {
    const table = database.table<number>('many')
    const count = INDEX_BATCH_ROWS + 1
    await database.commitInParts(
      (function* () {
        for (let i = 0; i < count; i++) yield put(table, String(i), i)
      })()
    )
    assert.equal((await collect(table.keys())).length, count)
  })

  it('commitInParts() writes groups that come one after the other', async () => {
    const table = database.table<number>('groups')
    await database.commitInParts(
      (async function* () {
        yield [put(table, 'a', 1), put(table, 'b', 2)]
        yield []
        yield [del(table, 'a'), put(table, 'c', 3)]
      })()
    )
    assert.deepEqual(await collect(table.keys()), ['b', 'c'])
  })

  it('commitInParts() keeps the parts before a failure of its source', async () => {
    const table = database.table<number>('many')
    const broken = (function* () {
      for (let i = 0; i < INDEX_BATCH_ROWS; i++) yield put(table, String(i), i)
      throw new Error('the source broke')
    })()
    await assert.rejects(database.commitInParts(broken), /the source broke/)
    assert.equal((await collect(table.keys())).length, INDEX_BATCH_ROWS)
  })

  it('fails to write once it is closed, with IO', async () => {
    const table = database.table<number>('late')
    await database.close()
    await assert.rejects(database.commit([put(table, 'a', 1)]), failsWith('IO'))
    await assert.rejects(database.note([put(table, 'a', 1)]), failsWith('IO'))
  })
})
