// When kept versions go: the newest two of a name stay, and whatever somebody reads.

import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { createLog, silentLog } from '../../../daemon/log.ts'
import { Retention } from '../../../daemon/sharing/keep-retention.ts'
import { Store } from '../../../daemon/store/store.ts'
import { KEPT_SERVED_MS, LEAF_BYTES } from '../../../proto/limits.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { directory, file, temporaryFolder, writeTree } from '../../helpers/trees.ts'
import { until } from '../../helpers/until.ts'
import { KeepingNode, never, settled } from './keeping-node.ts'

const random = new Seeded('keep')

describe('kept versions', () => {
  let node: KeepingNode
  beforeEach(async () => (node = await KeepingNode.make()))
  afterEach(() => node.remove())

  it('leave the mode of a link alone when they go', async () => {
    const path = join(node.work, 'tree')
    await writeTree(directory({ a: file('a'), b: file('b') }), path)
    const done = await node.publish(path, { written: ['a'] })
    assert.equal((await stat(join(path, 'a'))).nlink, 2)
    assert.equal((await stat(join(path, 'b'))).nlink, 1)
    await node.unshare('train/tree')
    await node.retention.sweep()
    assert.deepEqual(node.holdings(done.cid), [])
    assert.equal((await stat(join(path, 'a'))).mode & 0o777, 0o644)
    await until('the other name to go', async () => (await stat(join(path, 'a'))).nlink === 1)
  })

  it('are the newest two of a name; the third goes', async () => {
    const path = join(node.work, 'last.ckpt')
    const cids: string[] = []
    for (const text of ['one', 'two', 'three']) {
      await writeFile(path, text)
      cids.push((await node.publish(path)).cid)
    }
    assert.deepEqual(
      cids.map(cid => node.holdings(cid).length),
      [0, 1, 1]
    )
    await until('the first to be deleted', async () => (await node.folders()) === 2)
    await writeFile(path, 'four')
    await node.publish(path, { keep: 1 })
    assert.deepEqual(
      cids.map(cid => node.holdings(cid).length),
      [0, 0, 0]
    )
  })

  it('leave no row of what they were when they go', async () => {
    const path = join(node.work, 'tree')
    await writeTree(directory({ same: file('same') }), path)
    await settled(join(path, 'same'))
    const rows: number[][] = []
    for (let version = 0; version < 6; version++) {
      await writeFile(join(path, 'small'), `version ${version}`)
      await writeFile(join(path, 'run'), `program ${version}`, { mode: 0o755 })
      await writeFile(join(path, 'large'), random.bytes(2 * LEAF_BYTES))
      await node.publish(path)
      // It stops when all has gone that was to go.
      await node.stop()
      await node.start()
      const { database } = node.store
      const tables = ['files', 'sources', 'released', 'stages', 'holdings'].map(name => database.table(name))
      const keyed = ['places', 'single'].map(name => database.bytesTable(name))
      rows.push(await Promise.all([...tables, ...keyed].map(async table => (await table.keys().all()).length)))
    }
    assert.deepEqual(rows.at(-1), rows[2])
  })

  it('stay while another name keeps the same bytes', async () => {
    const path = join(node.work, 'last.ckpt')
    await writeFile(path, 'good')
    const good = await node.publish(path, { keep: 1 })
    await node.publish(path, { as: 'train/good' })
    await writeFile(path, 'worse')
    await node.publish(path, { keep: 1 })
    assert.equal(await readFile(node.only(good.cid).path, 'utf8'), 'good')
  })

  const replace = async (path: string): Promise<void> => {
    await writeFile(path, 'the next')
    await node.publish(path, { keep: 1 })
  }

  it('stay while a program reads them, and go soon after', async () => {
    const path = join(node.work, 'last.ckpt')
    await writeFile(path, 'read')
    const { cid } = await node.publish(path)
    const session = node.store.leases.openSession()
    node.store.leases.take(CID.parse(cid), session)
    await replace(path)
    assert.equal(node.holdings(cid).length, 1)
    node.store.leases.closeSession(session)
    await node.clock.advance(KEPT_SERVED_MS)
    await node.retention.sweep()
    assert.deepEqual(node.holdings(cid), [])
  })

  it('stay for the days for which a command was given their path, also after a restart', async () => {
    const path = join(node.work, 'last.ckpt')
    await writeFile(path, 'given')
    const { cid } = await node.publish(path)
    await node.store.leases.takeForDays(CID.parse(cid))
    await replace(path)
    await node.stop()
    await node.start()
    node.retention.start()
    await node.retention.sweep()
    assert.equal(node.holdings(cid).length, 1)
    await node.clock.advance(8 * 24 * 3_600_000)
    await node.retention.sweep()
    assert.deepEqual(node.holdings(cid), [])
  })

  it('stay while a peer fetches them', async () => {
    const path = join(node.work, 'last.ckpt')
    await writeFile(path, random.bytes(LEAF_BYTES + 1))
    const { cid } = await node.publish(path)
    node.store.leases.served(CID.parse(cid))
    await replace(path)
    assert.equal(node.holdings(cid).length, 1)
    await node.clock.advance(KEPT_SERVED_MS / 2)
    for await (const leaf of node.store.reader.leaves(CID.parse(cid), [{ from: 0, to: 1 }], never))
      assert.equal(leaf.index, 0)
    await node.clock.advance(KEPT_SERVED_MS - 1)
    await node.retention.sweep()
    assert.equal(node.holdings(cid).length, 1)
    await node.clock.advance(KEPT_SERVED_MS)
    await node.retention.sweep()
    assert.deepEqual(node.holdings(cid), [])
  })

  it('that were released before a kill go after the start', async () => {
    const path = join(node.work, 'last.ckpt')
    await writeFile(path, 'one')
    const { cid } = await node.publish(path)
    node.retention.sweep = async () => undefined
    await writeFile(path, 'two')
    await node.publish(path, { keep: 1 })
    assert.equal(node.holdings(cid).length, 1)
    await node.stop()
    await node.start()
    node.retention.start()
    await until('it to go', () => node.holdings(cid).length === 0)
  })

  it('replace what was held in place where they lie', async () => {
    const path = join(node.work, 'file')
    await writeFile(path, 'one')
    const one = await node.publish(path, { keep: 0 })
    await writeFile(path, 'two')
    await node.publish(path)
    assert.deepEqual(node.holdings(one.cid), [])
  })
})

describe('Retention', () => {
  it('tries again later where it fails, and says so', async () => {
    const folder = await temporaryFolder()
    const clock = new ManualClock(Date.now())
    const store = await Store.open({ data: join(folder.path, 'data'), clock, random: Math.random, log: silentLog })
    const lines: string[] = []
    let asked = 0
    const namesOf = async () => {
      if (++asked === 1) throw new Error('the index is closed')
      return []
    }
    const retention = new Retention({ store, namesOf, clock, log: createLog(line => lines.push(line), 'error') })
    const root = CID.parse('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')
    await store.database.commit(retention.release([root]))
    await retention.sweep()
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', /tried again/)
    await clock.advance(KEPT_SERVED_MS)
    await until('a second attempt', () => asked === 2)
    await retention.stop()
    assert.deepEqual(await store.database.table('released').keys().all(), [])
    await store.close()
    await folder.remove()
  })
})
