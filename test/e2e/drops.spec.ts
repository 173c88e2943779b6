// What `drop` removes: a copy that stands alone, never a part of one that is whole, and nothing of it stays in the index.

import assert from 'node:assert/strict'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { Database } from '../../daemon/store/database.ts'
import { Dropped, Got } from '../../proto/api.ts'
import { connected, type Daemon, must, Scene } from '../helpers/daemons.ts'
import { factsOf } from '../helpers/disk-trees.ts'
import { Seeded } from '../helpers/seeded.ts'
import { until } from '../helpers/until.ts'

const MiB = 1024 * 1024
const Done = Got.pick({ path: true })
/** The tables that speak of content. Branches may stay: they are few, and another root may need them. */
const TABLES = ['files', 'paths', 'inodes', 'places', 'single', 'holdings', 'partials', 'ledgers']

describe('drop', function () {
  this.timeout(60_000)
  let scene: Scene
  let [origin, other]: Daemon[] = []

  before(async () => {
    scene = await Scene.open()
    ;[origin, other] = await scene.mesh('a', 'b')
  })
  after(() => scene.close())

  async function share(path: string, name: string): Promise<void> {
    assert.equal((await must(origin).cli(['share', scene.at(path), '--as', name])).status, 0)
  }
  const store = async (ref: string) => (await must(other).cli(['get', ref, '--store'])).value(Done)

  it('refuses a part of a directory that is whole in the store, and leaves it', async () => {
    await scene.file('whole/x', 'x')
    await scene.file('whole/deep/y', 'y')
    await share('whole', 'whole/dir')
    const { path } = await store('whole/dir')
    for (const part of ['x', 'deep', 'deep/y']) {
      const dropped = await must(other).cli(['drop', `whole/dir/${part}`])
      assert.deepEqual([dropped.status, dropped.error.code], [2, 'INVALID_ARGUMENT'], part)
      assert.deepEqual(await factsOf(path), await factsOf(scene.at('whole')))
    }
    assert.equal((await must(other).cli(['drop', 'whole/dir'])).status, 0)
    await assert.rejects(lstat(path), { code: 'ENOENT' })
  })

  it('removes a part of a directory that was fetched alone', async () => {
    await scene.file('part/x', 'x')
    await scene.file('part/deep/y', 'yy')
    await share('part', 'part/dir')
    for (const [part, bytes] of [
      ['x', 1],
      ['deep', 2]
    ] as const) {
      const { path } = await store(`part/dir/${part}`)
      const dropped = (await must(other).cli(['drop', `part/dir/${part}`])).value(Dropped)
      assert.deepEqual([dropped.roots, dropped.bytes], [1, bytes])
      await assert.rejects(lstat(path), { code: 'ENOENT' })
    }
  })

  it('leaves no row of what it removed, however often that comes again', async () => {
    const random = new Seeded('rows')
    await Promise.all(Array.from({ length: 300 }, (_, i) => scene.file(`rows/${i}`, `file ${i}`)))
    await scene.file('rows/large', random.bytes(3 * MiB))
    await share('rows', 'rows/dir')
    await fetchAndDrop()
    const once = await rows()
    for (let round = 1; round < 5; round++) await fetchAndDrop()
    assert.deepEqual(await rows(), once)
  })

  async function fetchAndDrop(): Promise<void> {
    await store('rows/dir')
    assert.equal((await must(other).cli(['drop', 'rows/dir'])).status, 0)
    await until('it is deleted', async () => (await readdir(join(must(other).data, 'trash'))).length === 0)
  }

  /** How many rows each table has; the daemon is stopped for it, and started again. */
  async function rows(): Promise<Record<string, number>> {
    await must(other).stop()
    const database = await Database.open(must(other).data)
    const counts: Record<string, number> = {}
    try {
      for (const name of TABLES) counts[name] = (await database.bytesTable(name).keys().all()).length
    } finally {
      await database.close()
    }
    other = scene.own(await must(other).again())
    await connected(other, must(origin))
    return counts
  }
})
