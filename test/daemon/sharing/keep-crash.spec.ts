// Keeping a version where something fails or is killed: it is held whole, or nothing is left.

import assert from 'node:assert/strict'
import { cp, readFile, rename, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { put } from '../../../daemon/store/database.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import { LEAF_BYTES } from '../../../proto/limits.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { directory, failsWith, file, writeTree } from '../../helpers/trees.ts'
import { until } from '../../helpers/until.ts'
import { KeepingNode, settled } from './keeping-node.ts'

const random = new Seeded('keep')

describe('kept versions', () => {
  let node: KeepingNode
  beforeEach(async () => (node = await KeepingNode.make()))
  afterEach(() => node.remove())

  it('whose name is refused leave nothing behind', async () => {
    const path = join(node.work, 'file')
    await writeFile(path, 'bytes')
    node.names.refuse = new PathmeshError('NAME_CONFLICT', 'refused')
    await assert.rejects(node.publish(path), failsWith('NAME_CONFLICT'))
    await until('the copy to go', async () => (await node.folders()) === 0)
    assert.equal(node.store.holdings.size, 0)
  })

  it('that a kill left half made are removed at the start, and those that are held are not', async () => {
    const path = join(node.work, 'file')
    await writeFile(path, 'kept')
    const { cid } = await node.publish(path)
    const stage = await node.store.kept.begin('half')
    await writeTree(directory({ made: file('made') }), stage.path)
    const intents = node.store.database.table<true>('stages')
    await node.store.database.commit([put(intents, 'nothing-was-made', true)])
    await node.stop()
    await node.start()
    await until('the half to go', async () => (await node.folders()) === 1)
    assert.equal(await readFile(node.only(cid).path, 'utf8'), 'kept')
    assert.deepEqual(await node.store.database.table('stages').keys().all(), [])
  })

  it('are held whole or not at all in a copy of the folder that is taken at any commit', async function () {
    this.timeout(60_000)
    const path = join(node.work, 'tree')
    await writeTree(directory({ a: file('a'), deep: directory({ b: file(random.bytes(LEAF_BYTES + 1)) }) }), path)
    const copies: string[] = []
    const { database } = node.store
    const commit = database.commit.bind(database)
    const copy = async () => {
      const to = join(node.folder, `copy ${copies.length}`)
      await cp(node.data, to, { recursive: true, preserveTimestamps: true })
      copies.push(to)
    }
    database.commit = async writes => {
      await copy()
      await commit(writes)
      await copy()
    }
    const { cid } = await node.publish(path)
    database.commit = commit
    const outcomes: number[] = []
    for (const from of copies) {
      await node.stop()
      // What is held is known by its path: the copy has to lie where the original lay.
      await rename(node.data, `${from} before`)
      await rename(from, node.data)
      await node.start()
      outcomes.push(node.holdings(cid).length)
      await until('what is not held to go', async () => (await node.folders()) === node.holdings(cid).length)
      for (const held of node.holdings(cid)) {
        assert.equal(await readFile(join(held.path, 'a'), 'utf8'), 'a')
        assert.equal((await readFile(join(held.path, 'deep/b'))).length, LEAF_BYTES + 1)
      }
    }
    assert.deepEqual([outcomes[0], outcomes.at(-1)], [0, 1])
  })

  it('that were removed while they were published again are made again', async () => {
    const path = join(node.work, 'file')
    await writeFile(path, 'bytes')
    await settled(path)
    const { cid } = await node.publish(path)
    const publishNow = node.names.publish.bind(node.names)
    let calls = 0
    node.names.publish = async (version, commit) => {
      if (++calls === 1) await node.store.remove(node.only(cid))
      return publishNow(version, commit)
    }
    assert.equal((await node.publish(path)).kept, true)
    assert.equal(calls, 2)
    assert.equal(await readFile(node.only(cid).path, 'utf8'), 'bytes')
  })

  it('that were removed while a copy of the same was made are replaced by that copy, which is known from then on', async () => {
    const path = join(node.work, 'file')
    await writeFile(path, 'bytes')
    const { cid } = await node.publish(path)
    await utimes(path, 1, 1)
    await settled(path)
    const publishNow = node.names.publish.bind(node.names)
    let calls = 0
    node.names.publish = async (version, commit) => {
      if (++calls === 1) await node.store.remove(node.only(cid))
      return publishNow(version, commit)
    }
    const begin = node.store.kept.begin.bind(node.store.kept)
    let stages = 0
    node.store.kept.begin = basename => (stages++, begin(basename))
    await node.publish(path)
    assert.equal(stages, 1)
    assert.equal(await readFile(node.only(cid).path, 'utf8'), 'bytes')
    await until('the other to be deleted', async () => (await node.folders()) === 1)
    await node.publish(path)
    assert.deepEqual([stages, node.holdings(cid).length], [1, 1])
  })

  it('that turned out to be damaged are made again when the file is shared again', async () => {
    const path = join(node.work, 'file')
    await writeFile(path, random.bytes(LEAF_BYTES + 1), { mode: 0o644 })
    const { cid } = await node.publish(path, { written: [''] })
    const damaged = node.only(cid).path
    const bytes = await readFile(path)
    await writeFile(damaged, Buffer.alloc(bytes.length))
    assert.equal(await node.store.reader.recheck(CID.parse(cid), 0), true)
    await writeFile(`${path}.new`, bytes)
    await rename(`${path}.new`, path)
    assert.equal((await node.publish(path)).unchanged, true)
    assert.ok((await readFile(node.only(cid).path)).equals(bytes))
    assert.notEqual(node.only(cid).path, damaged)
  })
})
