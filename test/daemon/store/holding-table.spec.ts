// Which roots are held and where: only what lies at or below a held path is covered.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { RAW, cidOf } from '../../../daemon/content/multihash.ts'
import { Database } from '../../../daemon/store/database.ts'
import { type Holding, HoldingTable } from '../../../daemon/store/holding-table.ts'
import { temporaryFolder } from '../../helpers/trees.ts'

const held = (text: string, path: string): Holding => ({
  root: cidOf(RAW, 'blake3', Buffer.from(text)),
  kind: 'directory',
  size: 1,
  entries: 1,
  class: 'in-place',
  path
})

const shown = (holding: Holding) => ({ ...holding, root: holding.root.toString() })

describe('HoldingTable', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let database: Database
  let holdings: HoldingTable

  beforeEach(async () => {
    folder = await temporaryFolder()
    database = await Database.open(folder.path)
    holdings = new HoldingTable(database)
    await holdings.open()
  })

  afterEach(async () => {
    await database.close()
    await folder.remove()
  })

  it('covers a held path and what lies in it, and nothing that only begins alike', () => {
    holdings.remember(held('x', '/srv/data'))
    for (const path of ['/srv/data', '/srv/data/a', '/srv/data/a/b']) assert.equal(holdings.covers(path), true, path)
    for (const path of ['/srv', '/', '/srv/database', '/srv/data.bak', '/srv/dat'])
      assert.equal(holdings.covers(path), false, path)
  })

  it('covers everything when the root of the file system is held', () => {
    holdings.remember(held('x', '/'))
    assert.equal(holdings.covers('/anything/at/all'), true)
  })

  it('covers a path until the last root there is forgotten', () => {
    const [one, two] = [held('one', '/srv/data'), held('two', '/srv/data')]
    for (const holding of [one, two, two]) holdings.remember(holding)
    assert.equal(holdings.size, 2)
    holdings.forget(one)
    holdings.forget(one)
    assert.equal(holdings.covers('/srv/data/a'), true)
    holdings.forget(two)
    assert.equal(holdings.covers('/srv/data/a'), false)
    assert.equal(holdings.size, 0)
  })

  it('knows the same root at several places, and reads them back', async () => {
    const places = ['/a', '/b c', '/d'].map(path => held('same', path))
    await database.commit(places.map(holding => holdings.put(holding)))
    await database.commit(places.slice(2).map(holding => holdings.delete(holding)))
    const again = new HoldingTable(database)
    await again.open()
    assert.deepEqual([...again.all()].map(shown), places.slice(0, 2).map(shown))
    const [first] = places
    assert.ok(first !== undefined)
    assert.deepEqual(
      again.of(first.root).map(({ path }) => path),
      ['/a', '/b c']
    )
  })

  it('at() has what lies at a path, and nothing below it', () => {
    const [one, two] = [held('one', '/srv/data'), held('two', '/srv/data')]
    for (const each of [one, two, held('three', '/srv/data/deeper')]) holdings.remember(each)
    holdings.remember({ ...one, size: 2 })
    assert.deepEqual(
      holdings
        .at('/srv/data')
        .map(({ size }) => size)
        .sort((a, b) => a - b),
      [1, 2]
    )
    holdings.forget(one)
    assert.deepEqual(holdings.at('/srv/data').map(shown), [shown(two)])
    assert.deepEqual(holdings.at('/srv'), [])
  })
})
