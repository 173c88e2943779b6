// What lies on a node: how it comes to be held, what a kill at any step leaves, how it goes.

import assert from 'node:assert/strict'
import { cp, lstat, mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { systemClock } from '../../../daemon/clock.ts'
import { fingerprintOf } from '../../../daemon/content/fingerprint.ts'
import { Hasher } from '../../../daemon/content/hasher.ts'
import { cidOf, RAW } from '../../../daemon/content/multihash.ts'
import { silentLog } from '../../../daemon/log.ts'
import { put } from '../../../daemon/store/database.ts'
import { Store } from '../../../daemon/store/store.ts'
import { LEAF_BYTES } from '../../../proto/limits.ts'
import { smallBlocks } from '../../helpers/small-blocks.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { type OpenStore, begin, holdInPlace, holdManaged, openStore, sizeOf, write } from '../../helpers/stores.ts'
import { directory, failsWith, file, link, writeTree } from '../../helpers/trees.ts'

const random = new Seeded('store')
const large = random.bytes(2 * LEAF_BYTES + 100)
large.fill(0, LEAF_BYTES, 2 * LEAF_BYTES)

const tree = directory({
  a: directory({ small: file('small'), deeper: directory({ again: file('small') }) }),
  empty: directory({}),
  large: file(large),
  link: link('a/small'),
  none: file(),
  run: file('#!/bin/sh\n', true)
})

describe('Store', () => {
  let opened: OpenStore
  let hasher: Hasher

  beforeEach(async () => {
    opened = await openStore()
    hasher = new Hasher({ threads: 1 })
  })

  afterEach(async () => {
    await hasher.close()
    await opened.remove()
  })

  const assertLiesAt = async (path: string) => {
    assert.equal(await readFile(join(path, 'a/deeper/again'), 'utf8'), 'small')
    assert.ok((await readFile(join(path, 'large'))).equals(large))
    assert.equal(await readFile(join(path, 'link'), 'utf8'), 'small')
    assert.deepEqual((await readdir(path)).sort(), ['a', 'empty', 'large', 'link', 'none', 'run'])
    assert.deepEqual(await readdir(join(path, 'empty')), [])
  }

  it('is IN_USE while another daemon has the folder', async () => {
    const parts = { data: opened.data, clock: systemClock, random: Math.random, log: silentLog }
    await assert.rejects(Store.open(parts), failsWith('IN_USE'))
  })

  it('finish() makes content held, under its own name, read-only, and every block of it can be read', async () => {
    const holding = await holdManaged(opened.store, tree, 'checkpoints')
    assert.equal(holding.path, join(opened.data, 'content', holding.root.toString(), 'checkpoints'))
    assert.deepEqual([holding.kind, holding.size, holding.entries], ['directory', sizeOf(tree), 10])
    await assertLiesAt(holding.path)
    for (const [sub, mode] of [
      ['', 0o555],
      ['a/deeper', 0o555],
      ['a/small', 0o444],
      ['large', 0o444],
      ['run', 0o555]
    ] as const)
      assert.equal((await stat(join(holding.path, sub))).mode & 0o777, mode, sub)
    assert.deepEqual(await readdir(join(opened.data, 'partial')), [])
    assert.deepEqual((await opened.store.findHolding(holding.root))?.path, holding.path)
  })

  it('finish() indexes what whoever wrote a file said that it looks like, without a look of its own', async () => {
    const begun = await begin(opened.store, directory({ f: file('f') }))
    const [target] = await begun.partial.smallTargets(['f'])
    await write(begun)
    assert.ok(target !== undefined)
    const look = fingerprintOf(await lstat(target.path, { bigint: true }))
    begun.partial.looked('f', { ...look, ctimeNs: 7n })
    const { root } = await opened.store.finish(begun.partial, 1)
    const leaf = cidOf(RAW, 'blake3', Buffer.from('f'))
    const [place] = await opened.store.files.newest([leaf])
    assert.deepEqual(place?.facts.fingerprint, { ...look, ctimeNs: 7n })
    assert.equal(opened.store.holdings.of(root).length, 1)
    assert.equal((await opened.store.reader.block(leaf))?.toString(), 'f')
  })

  it('holds what it acknowledged after a reopening, and serves it', async () => {
    const { root, path } = await holdManaged(opened.store, tree)
    const store = await opened.reopen()
    assert.equal((await store.findHolding(root))?.path, path)
    await assertLiesAt(path)
    const blocks = await smallBlocks(store.reader, [root])
    assert.ok(blocks[0] !== undefined)
  })

  it('serves a wrapped executable from its file, and not from a second copy', async () => {
    const holding = await holdManaged(opened.store, file('#!/bin/sh\n', true), 'run')
    assert.equal(await opened.store.branches.get(holding.root), undefined)
    assert.ok((await opened.store.blocks.get(holding.root)) !== undefined)
  })

  it('finishes two roots that hold the same executable and were begun together', async () => {
    const run = file('#!/bin/sh\n', true)
    const [one, two] = [directory({ run, one: file('1') }), directory({ run, two: file('2') })]
    const begun = [await begin(opened.store, one), await begin(opened.store, two)]
    for (const each of begun) await write(each)
    for (const { partial, tree: whole } of begun) await opened.store.finish(partial, sizeOf(whole))
    for (const { built } of begun) assert.ok(await opened.store.findHolding(built.cid))
  })

  it('a kill before the rename leaves a transfer that goes on from its notes', async () => {
    const begun = await begin(opened.store, tree)
    await write(begun, 3)
    await begun.partial.checkpoint()
    await begun.partial.close()
    const bytes = await opened.store.partialBytes(begun.built.cid)
    assert.ok(bytes > 0)
    const store = await opened.reopen()
    assert.equal(await store.partialBytes(begun.built.cid), bytes)
    const again = { ...begun, partial: await store.startPartial(begun.built.cid, { basename: 'another name' }) }
    assert.equal(again.partial.basename, 'name')
    assert.equal(again.partial.ledger.count, 3)
    await write(again)
    await assertLiesAt((await store.finish(again.partial, sizeOf(tree))).path)
  })

  it('a kill between the rename and the last row leaves nothing half held: it is put back and finished', async () => {
    const begun = await begin(opened.store, tree)
    await write(begun)
    await begun.partial.checkpoint()
    const { database } = opened.store
    const commit = database.commit.bind(database)
    let commits = 0
    database.commit = async writes => {
      // The first is of the rows of files, which are written while the disk is waited for.
      if (++commits === 1) return commit(writes)
      throw new Error(`killed before ${writes.length} rows`)
    }
    await assert.rejects(opened.store.finish(begun.partial, sizeOf(tree)), /killed before/)
    database.commit = commit
    assert.equal(commits, 2)
    const root = begun.built.cid
    assert.deepEqual(await readdir(join(opened.data, 'content')), [root.toString()])

    const store = await opened.reopen()
    assert.equal(await store.findHolding(root), undefined)
    assert.deepEqual(await readdir(join(opened.data, 'content')), [])
    const again = { ...begun, partial: await store.startPartial(root, { basename: 'name' }) }
    assert.equal(await write(again), 0)
    await assertLiesAt((await store.finish(again.partial, sizeOf(tree))).path)
  })

  it('a copy of the folder taken at any commit of finish() opens, and holds all of it or can go on', async function () {
    this.timeout(30_000)
    const begun = await begin(opened.store, tree)
    await write(begun)
    await begun.partial.checkpoint()
    const copies: string[] = []
    const { database } = opened.store
    const commit = database.commit.bind(database)
    const copy = async () => {
      const to = join(opened.folder, `copy-${copies.length}`)
      await cp(opened.data, join(to, 'data'), { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
      copies.push(to)
    }
    database.commit = async writes => {
      await copy()
      await commit(writes)
      await copy()
    }
    await opened.store.finish(begun.partial, sizeOf(tree))
    database.commit = commit
    assert.ok(copies.length >= 4)
    const outcomes: boolean[] = []
    for (const folder of copies) {
      // The path of a held file is absolute: the copy has to lie where the original lay.
      await rename(opened.data, join(opened.folder, 'aside')).catch(() => undefined)
      await opened.store.close()
      await rename(join(folder, 'data'), opened.data)
      const store = await opened.reopen()
      const held = await store.findHolding(begun.built.cid)
      outcomes.push(held !== undefined)
      if (held === undefined) {
        const again = {
          ...(await begin(store, tree)),
          partial: await store.startPartial(begun.built.cid, { basename: 'name' })
        }
        assert.equal(await write(again), 0)
        await assertLiesAt((await store.finish(again.partial, sizeOf(tree))).path)
      } else await assertLiesAt(held.path)
      await store.close()
      await rename(opened.data, join(folder, 'done'))
      await mkdir(opened.data)
    }
    assert.equal(outcomes.at(-1), true)
    assert.equal(outcomes[0], false)
    await opened.reopen()
  })

  it('remove() deletes managed content, and what a kill left in the trash goes at the next start', async () => {
    const holding = await holdManaged(opened.store, tree)
    await opened.store.remove(holding)
    await assert.rejects(lstat(holding.path))
    assert.equal(await opened.store.findHolding(holding.root), undefined)
    const store = await opened.reopen()
    assert.deepEqual(await readdir(join(opened.data, 'trash')), [])
    assert.deepEqual(await readdir(join(opened.data, 'content')), [])
    assert.equal(store.holdings.size, 0)
  })

  it('remove() is IN_USE while a connected program reads it, and not afterwards', async () => {
    const holding = await holdManaged(opened.store, file('read'))
    const session = opened.store.leases.openSession()
    opened.store.leases.take(holding.root, session)
    await assert.rejects(opened.store.remove(holding), failsWith('IN_USE'))
    opened.store.leases.closeSession(session)
    await opened.store.remove(holding)
  })

  it('remove() touches no file that is shared in place, and serves it no more', async () => {
    const path = join(opened.folder, 'mine')
    await writeFile(path, 'mine')
    const holding = await holdInPlace(opened.store, hasher, path)
    assert.equal((await opened.store.reader.block(holding.root))?.length, 4)
    await opened.store.remove(holding)
    assert.equal(await opened.store.reader.block(holding.root), undefined)
    assert.equal(await readFile(path, 'utf8'), 'mine')
  })

  it('findHolding() has none while the path is missing or of another kind, and has it again when it is back', async () => {
    const path = join(opened.folder, 'mine')
    await writeTree(directory({ a: file('bytes') }), path)
    const { root } = await holdInPlace(opened.store, hasher, path)
    await rename(path, join(opened.folder, 'unmounted'))
    assert.equal(await opened.store.findHolding(root), undefined)
    await writeFile(path, 'a file now')
    assert.equal(await opened.store.findHolding(root), undefined)
    await rename(path, join(opened.folder, 'other'))
    await rename(join(opened.folder, 'unmounted'), path)
    assert.equal((await opened.store.findHolding(root))?.path, path)
    assert.equal(opened.store.holdings.of(root).length, 1)
  })

  it('findHolding() takes the place that can be reached', async () => {
    const paths = ['one', 'two'].map(name => join(opened.folder, name))
    for (const path of paths) await writeFile(path, 'the same')
    const [one, two] = paths
    assert.ok(one !== undefined && two !== undefined)
    const { root } = await holdInPlace(opened.store, hasher, one)
    await holdInPlace(opened.store, hasher, two)
    await rename(one, `${one}.away`)
    assert.equal((await opened.store.findHolding(root))?.path, two)
    assert.equal((await opened.store.reader.block(root))?.length, 8)
  })

  it('usage() tells what is stored, in place and begun', async () => {
    const path = join(opened.folder, 'mine')
    await writeFile(path, 'mine')
    await holdInPlace(opened.store, hasher, path)
    await holdManaged(opened.store, file('stored'))
    const begun = await begin(opened.store, file(large))
    await write(begun, 1)
    await begun.partial.checkpoint()
    const { freeBytes, ...usage } = await opened.store.usage()
    assert.deepEqual(usage, { roots: 2, inPlaceBytes: 4, storedBytes: 6, partialBytes: LEAF_BYTES })
    assert.ok(freeBytes > 0)
    await begun.partial.close()
  })

  it('needSpace() is NO_SPACE for more than there is, and says how much', async () => {
    await opened.store.needSpace(1)
    await assert.rejects(opened.store.needSpace(2 ** 52), failsWith('NO_SPACE', /make room/))
  })

  it('discardPartial() forgets a transfer and its bytes, and has undefined where there is none', async () => {
    const begun = await begin(opened.store, file(large))
    await write(begun, 1)
    await begun.partial.checkpoint()
    await begun.partial.close()
    assert.equal(await opened.store.discardPartial(begun.built.cid), LEAF_BYTES)
    assert.equal(await opened.store.discardPartial(begun.built.cid), undefined)
    assert.deepEqual(await readdir(join(opened.data, 'partial')), [])
    assert.equal((await opened.store.startPartial(begun.built.cid, { basename: 'x' })).ledger.count, 0)
  })

  it('startPartial() suspects what was written before another start of the machine, in every attempt from then on', async () => {
    const { built, partial } = await begin(opened.store, file(large))
    assert.equal(partial.suspect, false)
    const rows = opened.store.database.table<{ basename: string; boot: string; bytes: number }>('partials')
    const key = built.cid.toString()
    const row = await rows.get(key)
    assert.ok(row !== undefined)
    await opened.store.database.commit([put(rows, key, { ...row, boot: 'another' })])
    for (const attempt of ['first', 'second']) {
      const again = await opened.store.startPartial(built.cid, { basename: 'x' })
      await again.checkpoint()
      assert.equal(again.suspect, true, `the ${attempt} attempt`)
    }
  })

  it('startPartial() takes no name that would leave its folder', async () => {
    for (const basename of ['..', '.', '', 'a/b', 'a\0b', 'x'.repeat(256)]) {
      const { cid } = (await begin(opened.store, file(`for ${JSON.stringify(basename)}`))).built
      await opened.store.discardPartial(cid)
      const partial = await opened.store.startPartial(cid, { basename })
      assert.equal(partial.path, join(opened.data, 'partial', cid.toString(), cid.toString()))
    }
  })
})
