// Making a version that is kept: what is copied, linked or left, and what of it is exactly what was there.

import assert from 'node:assert/strict'
import { copyFile, mkdir, open, readdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { diskCopier } from '../../../daemon/store/copy-file.ts'
import { LEAF_BYTES } from '../../../proto/limits.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { directory, failsWith, file, link, writeTree } from '../../helpers/trees.ts'
import { until } from '../../helpers/until.ts'
import { inode, KeepingNode, never, noReflink, reflinks, settled } from './keeping-node.ts'

const random = new Seeded('keep')

describe('keeping a version', () => {
  let node: KeepingNode
  beforeEach(async () => (node = await KeepingNode.make()))
  afterEach(() => node.remove())

  it("in a work's folder, outlive the file that they were made of", async () => {
    const path = join(node.work, 'last.ckpt')
    const bytes = random.bytes(LEAF_BYTES + 10)
    await writeFile(path, bytes)
    const done = await node.publish(path)
    assert.equal(done.kept, true)
    await writeFile(path, 'overwritten')
    const { path: kept, class: kind } = node.only(done.cid)
    assert.equal(kind, 'kept')
    assert.equal(kept.split('/').at(-1), 'last.ckpt')
    assert.ok((await readFile(kept)).equals(bytes))
    assert.equal((await stat(kept)).mode & 0o777, 0o444)
    const leaves = []
    for await (const leaf of node.store.reader.leaves(CID.parse(done.cid), [{ from: 0, to: 2 }], never))
      leaves.push(leaf.bytes)
    assert.ok(Buffer.concat(leaves).equals(bytes))
    assert.equal((await node.store.usage()).storedBytes, bytes.length)
  })

  it('are whole trees: directories, links, programs, files of no bytes', async () => {
    const path = join(node.work, 'model')
    await writeTree(
      directory({
        a: directory({ b: file('b') }),
        empty: directory({}),
        link: link('a/b'),
        none: file(),
        run: file('#!', true)
      }),
      path
    )
    const kept = node.only((await node.publish(path)).cid)
    assert.deepEqual([kept.kind, kept.entries, kept.size, kept.source], ['directory', 7, 3, path])
    assert.equal(await readFile(join(kept.path, 'link'), 'utf8'), 'b')
    assert.deepEqual(await readdir(join(kept.path, 'empty')), [])
    assert.equal((await stat(join(kept.path, 'run'))).mode & 0o777, 0o555)
    assert.equal((await stat(join(kept.path, 'a'))).mode & 0o777, 0o555)
    assert.ok((await node.store.reader.block(kept.root)) !== undefined)
  })

  it('elsewhere are made where that costs nothing, and not where it does', async () => {
    const path = join(node.folder, 'mine')
    await writeFile(path, 'mine')
    const inPlace = await node.publish(path)
    assert.equal(inPlace.kept, false)
    assert.equal(node.only(inPlace.cid).class, 'in-place')
    assert.equal(await node.folders(), 0)
    node.copier = reflinks
    const other = join(node.folder, 'other')
    await writeFile(other, 'other')
    const kept = await node.publish(other)
    assert.equal(kept.kept, true)
    await writeFile(other, 'changed')
    assert.equal(await readFile(node.only(kept.cid).path, 'utf8'), 'other')
  })

  it('are not made with keep: 0, and are made anywhere with more', async () => {
    const inside = join(node.work, 'file')
    await writeFile(inside, 'inside')
    const done = await node.publish(inside, { keep: 0 })
    assert.deepEqual([done.kept, node.only(done.cid).class], [false, 'in-place'])
    const outside = join(node.folder, 'mine')
    await writeFile(outside, 'mine')
    assert.equal((await node.publish(outside, { keep: 1 })).kept, true)
  })

  it('are links to what is never written again, whose mode is left alone', async () => {
    const path = join(node.work, 'written')
    await writeFile(path, 'written once', { mode: 0o640 })
    const { path: kept } = node.only((await node.publish(path, { written: [''] })).cid)
    assert.equal(await inode(kept), await inode(path))
    assert.equal((await stat(path)).mode & 0o777, 0o640)
    await writeFile(`${path}.new`, 'the next')
    await rename(`${path}.new`, path)
    assert.equal(await readFile(kept, 'utf8'), 'written once')
  })

  it('of an unchanged tree are not made again, and nothing is read or copied', async () => {
    const path = join(node.work, 'tree')
    await writeTree(directory({ a: file('a'), deep: directory({ b: file('b'), run: file('#!', true) }) }), path)
    await settled(join(path, 'a'), join(path, 'deep/b'), join(path, 'deep/run'))
    const first = await node.publish(path)
    const before = await inode(node.only(first.cid).path)
    node.hasher.hashFiles = () => assert.fail('hashed')
    node.store.kept.begin = () => assert.fail('staged')
    const again = await node.publish(path)
    assert.deepEqual([again.unchanged, again.kept, again.seq], [true, true, 1])
    assert.equal(await inode(node.only(again.cid).path), before)
  })

  it('of a tree in which one file changed share all the others', async () => {
    const path = join(node.work, 'tree')
    await writeTree(directory({ a: file('a'), b: file(random.bytes(LEAF_BYTES + 1)), run: file('#!', true) }), path)
    await settled(join(path, 'a'), join(path, 'b'), join(path, 'run'))
    const first = node.only((await node.publish(path)).cid)
    await writeFile(join(path, 'a'), 'changed')
    const second = node.only((await node.publish(path)).cid)
    for (const name of ['b', 'run'])
      assert.equal(await inode(join(second.path, name)), await inode(join(first.path, name)))
    assert.notEqual(await inode(join(second.path, 'a')), await inode(join(first.path, 'a')))
    await writeFile(join(path, 'a'), 'changed again')
    const third = node.only((await node.publish(path)).cid)
    await until('the first to be deleted', async () => (await stat(join(third.path, 'b'))).nlink === 2)
    assert.deepEqual(node.store.holdings.of(first.root), [])
    for await (const leaf of node.store.reader.leaves(await fileIn(third.path, 'b'), [{ from: 0, to: 1 }], never))
      assert.equal(leaf.bytes.length, LEAF_BYTES)
    assert.ok((await node.store.reader.block(await fileIn(third.path, 'run'))) !== undefined)
  })

  /** The CID of a file in what is held. */
  const fileIn = async (path: string, name: string): Promise<CID> => {
    const copy = join(node.folder, 'copy of a file', name)
    await mkdir(dirname(copy), { recursive: true })
    await copyFile(join(path, name), copy)
    const { cid } = await node.publish(copy, { as: 'copies/one' })
    await node.unshare('copies/one')
    return CID.parse(cid)
  }

  it('of a file that was touched and is the same are found, and next time nothing is read', async () => {
    const path = join(node.work, 'file')
    await writeFile(path, 'the same')
    await node.publish(path)
    const before = node.only((await node.publish(path)).cid).path
    await utimes(path, 1, 1)
    await settled(path)
    const touched = await node.publish(path)
    assert.deepEqual([touched.unchanged, node.only(touched.cid).path, await node.folders()], [true, before, 1])
    node.store.kept.begin = () => assert.fail('staged')
    assert.equal((await node.publish(path)).unchanged, true)
  })

  it('have the bytes of one moment, or none: a writer that goes on is SOURCE_CHANGED, naming the file', async () => {
    const path = join(node.work, 'last.ckpt')
    const bytes = random.bytes(2 * LEAF_BYTES)
    await writeFile(path, bytes)
    let copies = 0
    node.copier = {
      ...noReflink,
      copy: async (from, to, options) => {
        await diskCopier.copy(from, to, options)
        copies++
        await writeFile(from, random.bytes(2 * LEAF_BYTES + copies))
      }
    }
    await assert.rejects(node.publish(path), failsWith('SOURCE_CHANGED', /works\/train\/last\.ckpt/))
    assert.equal(copies, 3)
    await until('the copies to go', async () => (await node.folders()) === 0)
  })

  it('of a file that was truncated while it was copied have what was written next', async () => {
    const path = join(node.work, 'last.ckpt')
    const next = random.bytes(2 * LEAF_BYTES + 7)
    await writeFile(path, random.bytes(3 * LEAF_BYTES))
    let copies = 0
    node.copier = {
      ...noReflink,
      copy: async (from, to, options) => {
        if (++copies > 1) return diskCopier.copy(from, to, options)
        const handle = await open(from, 'r+')
        await handle.truncate(LEAF_BYTES)
        await diskCopier.copy(from, to, options)
        await handle.write(next, 0, next.length, 0)
        await handle.close()
      }
    }
    const done = await node.publish(path)
    assert.equal(copies, 2)
    assert.equal(done.size, next.length)
    assert.ok((await readFile(node.only(done.cid).path)).equals(next))
  })
})
