// Versions that are kept: what is made for them and what is not, what a kill leaves, when they go.

import assert from 'node:assert/strict'
import { copyFile, cp, mkdir, open, readdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { Hasher } from '../../../daemon/content/hasher.ts'
import { createLog, silentLog } from '../../../daemon/log.ts'
import { Retention } from '../../../daemon/sharing/keep-retention.ts'
import { share, unshare } from '../../../daemon/sharing/own.ts'
import { type Copier, diskCopier } from '../../../daemon/store/copy-file.ts'
import { put } from '../../../daemon/store/database.ts'
import { Store } from '../../../daemon/store/store.ts'
import type { ShareDone, ShareRequest } from '../../../proto/api.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import { KEPT_SERVED_MS, LEAF_BYTES } from '../../../proto/limits.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { directory, failsWith, file, link, temporaryFolder, writeTree } from '../../helpers/trees.ts'
import { until } from '../../helpers/until.ts'
import { OwnNames } from './own-names.ts'

const random = new Seeded('keep')
const never = new AbortController().signal

/** As on ext4, wherever the test runs. */
const noReflink: Copier = { ...diskCopier, reflink: async () => false }
/** As on XFS or Btrfs: a copy that is told to have cost nothing. */
const reflinks: Copier = {
  ...diskCopier,
  reflink: async (from, to) => {
    await copyFile(from, to)
    return true
  }
}

describe('kept versions', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let clock: ManualClock
  let store: Store
  let hasher: Hasher
  let names: OwnNames
  let retention: Retention
  let data: string
  let work: string
  let copier: Copier
  let logged: string[]

  const start = async () => {
    const log = createLog(line => logged.push(line), 'debug')
    store = await Store.open({
      data,
      clock,
      random: Math.random,
      log,
      copier: { reflink: (...to) => copier.reflink(...to), copy: (...to) => copier.copy(...to) }
    })
    retention = new Retention({ store, namesOf: root => names.namesOf(root), clock, log })
  }
  const stop = async () => {
    await retention.stop()
    await store.close()
  }

  beforeEach(async () => {
    folder = await temporaryFolder()
    data = join(folder.path, 'data')
    work = join(data, 'works', 'train')
    await mkdir(work, { recursive: true })
    clock = new ManualClock(Date.now())
    hasher = new Hasher({ threads: 1 })
    names = new OwnNames()
    copier = noReflink
    logged = []
    await start()
  })

  afterEach(async () => {
    await hasher.close()
    await stop()
    await folder.remove()
    assert.deepEqual(
      logged.filter(line => /error/.test(line)),
      []
    )
  })

  const publish = async (path: string, request: Partial<ShareRequest> = {}): Promise<Omit<ShareDone, 'copies'>> => {
    const parts = { self: 'self', nodeName: 'node', store, hasher, catalogue: names, retention }
    const done = await share({ path, as: `train/${path.split('/').at(-1)}`, ...request }, parts, never, () => undefined)
    await retention.sweep()
    return done
  }
  const holdings = (cid: string) => store.holdings.of(CID.parse(cid))
  const only = (cid: string) => {
    const [holding, ...others] = holdings(cid)
    assert.ok(holding !== undefined && others.length === 0, `${others.length + 1} holdings`)
    return holding
  }
  const folders = async () => (await readdir(join(data, 'kept'))).length
  const inode = async (path: string) => (await stat(path)).ino
  /** A change of these files would show in their times from now on. */
  const settled = async (...paths: string[]) => {
    const latest = Math.max(...(await Promise.all(paths.map(async path => (await stat(path)).ctimeMs))))
    await until('the times of files to be past', () => Date.now() > latest + 50)
  }

  it("in a work's folder, outlive the file that they were made of", async () => {
    const path = join(work, 'last.ckpt')
    const bytes = random.bytes(LEAF_BYTES + 10)
    await writeFile(path, bytes)
    const done = await publish(path)
    assert.equal(done.kept, true)
    await writeFile(path, 'overwritten')
    const { path: kept, class: kind } = only(done.cid)
    assert.equal(kind, 'kept')
    assert.equal(kept.split('/').at(-1), 'last.ckpt')
    assert.ok((await readFile(kept)).equals(bytes))
    assert.equal((await stat(kept)).mode & 0o777, 0o444)
    const leaves = []
    for await (const leaf of store.reader.leaves(CID.parse(done.cid), [{ from: 0, to: 2 }], never))
      leaves.push(leaf.bytes)
    assert.ok(Buffer.concat(leaves).equals(bytes))
    assert.equal((await store.usage()).storedBytes, bytes.length)
  })

  it('are whole trees: directories, links, programs, files of no bytes', async () => {
    const path = join(work, 'model')
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
    const kept = only((await publish(path)).cid)
    assert.deepEqual([kept.kind, kept.entries, kept.size, kept.source], ['directory', 7, 3, path])
    assert.equal(await readFile(join(kept.path, 'link'), 'utf8'), 'b')
    assert.deepEqual(await readdir(join(kept.path, 'empty')), [])
    assert.equal((await stat(join(kept.path, 'run'))).mode & 0o777, 0o555)
    assert.equal((await stat(join(kept.path, 'a'))).mode & 0o777, 0o555)
    assert.ok((await store.reader.block(kept.root)) !== undefined)
  })

  it('elsewhere are made where that costs nothing, and not where it does', async () => {
    const path = join(folder.path, 'mine')
    await writeFile(path, 'mine')
    const inPlace = await publish(path)
    assert.equal(inPlace.kept, false)
    assert.equal(only(inPlace.cid).class, 'in-place')
    assert.equal(await folders(), 0)
    copier = reflinks
    const other = join(folder.path, 'other')
    await writeFile(other, 'other')
    const kept = await publish(other)
    assert.equal(kept.kept, true)
    await writeFile(other, 'changed')
    assert.equal(await readFile(only(kept.cid).path, 'utf8'), 'other')
  })

  it('are not made with keep: 0, and are made anywhere with more', async () => {
    const inside = join(work, 'file')
    await writeFile(inside, 'inside')
    const done = await publish(inside, { keep: 0 })
    assert.deepEqual([done.kept, only(done.cid).class], [false, 'in-place'])
    const outside = join(folder.path, 'mine')
    await writeFile(outside, 'mine')
    assert.equal((await publish(outside, { keep: 1 })).kept, true)
  })

  it('are links to what is never written again, whose mode is left alone', async () => {
    const path = join(work, 'written')
    await writeFile(path, 'written once', { mode: 0o640 })
    const { path: kept } = only((await publish(path, { written: [''] })).cid)
    assert.equal(await inode(kept), await inode(path))
    assert.equal((await stat(path)).mode & 0o777, 0o640)
    await writeFile(`${path}.new`, 'the next')
    await rename(`${path}.new`, path)
    assert.equal(await readFile(kept, 'utf8'), 'written once')
  })

  it('leave the mode of a link alone when they go', async () => {
    const path = join(work, 'tree')
    await writeTree(directory({ a: file('a'), b: file('b') }), path)
    const done = await publish(path, { written: ['a'] })
    assert.equal((await stat(join(path, 'a'))).nlink, 2)
    assert.equal((await stat(join(path, 'b'))).nlink, 1)
    await unshare('train/tree', { self: 'self', nodeName: 'node', store, hasher, catalogue: names, retention })
    await retention.sweep()
    assert.deepEqual(holdings(done.cid), [])
    assert.equal((await stat(join(path, 'a'))).mode & 0o777, 0o644)
    await until('the other name to go', async () => (await stat(join(path, 'a'))).nlink === 1)
  })

  it('of an unchanged tree are not made again, and nothing is read or copied', async () => {
    const path = join(work, 'tree')
    await writeTree(directory({ a: file('a'), deep: directory({ b: file('b'), run: file('#!', true) }) }), path)
    await settled(join(path, 'a'), join(path, 'deep/b'), join(path, 'deep/run'))
    const first = await publish(path)
    const before = await inode(only(first.cid).path)
    hasher.hashFiles = () => assert.fail('hashed')
    store.kept.begin = () => assert.fail('staged')
    const again = await publish(path)
    assert.deepEqual([again.unchanged, again.kept, again.seq], [true, true, 1])
    assert.equal(await inode(only(again.cid).path), before)
  })

  it('of a tree in which one file changed share all the others', async () => {
    const path = join(work, 'tree')
    await writeTree(directory({ a: file('a'), b: file(random.bytes(LEAF_BYTES + 1)), run: file('#!', true) }), path)
    await settled(join(path, 'a'), join(path, 'b'), join(path, 'run'))
    const first = only((await publish(path)).cid)
    await writeFile(join(path, 'a'), 'changed')
    const second = only((await publish(path)).cid)
    for (const name of ['b', 'run'])
      assert.equal(await inode(join(second.path, name)), await inode(join(first.path, name)))
    assert.notEqual(await inode(join(second.path, 'a')), await inode(join(first.path, 'a')))
    await writeFile(join(path, 'a'), 'changed again')
    const third = only((await publish(path)).cid)
    await until('the first to be deleted', async () => (await stat(join(third.path, 'b'))).nlink === 2)
    assert.deepEqual(store.holdings.of(first.root), [])
    for await (const leaf of store.reader.leaves(await fileIn(third.path, 'b'), [{ from: 0, to: 1 }], never))
      assert.equal(leaf.bytes.length, LEAF_BYTES)
    assert.ok((await store.reader.block(await fileIn(third.path, 'run'))) !== undefined)
  })

  /** The CID of a file in what is held. */
  const fileIn = async (path: string, name: string): Promise<CID> => {
    const copy = join(folder.path, 'copy of a file', name)
    await mkdir(dirname(copy), { recursive: true })
    await copyFile(join(path, name), copy)
    const { cid } = await publish(copy, { as: 'copies/one' })
    await unshare('copies/one', { self: 'self', nodeName: 'node', store, hasher, catalogue: names, retention })
    return CID.parse(cid)
  }

  it('of a file that was touched and is the same are found, and next time nothing is read', async () => {
    const path = join(work, 'file')
    await writeFile(path, 'the same')
    await publish(path)
    const before = only((await publish(path)).cid).path
    await utimes(path, 1, 1)
    await settled(path)
    const touched = await publish(path)
    assert.deepEqual([touched.unchanged, only(touched.cid).path, await folders()], [true, before, 1])
    store.kept.begin = () => assert.fail('staged')
    assert.equal((await publish(path)).unchanged, true)
  })

  it('are the newest two of a name; the third goes', async () => {
    const path = join(work, 'last.ckpt')
    const cids: string[] = []
    for (const text of ['one', 'two', 'three']) {
      await writeFile(path, text)
      cids.push((await publish(path)).cid)
    }
    assert.deepEqual(
      cids.map(cid => holdings(cid).length),
      [0, 1, 1]
    )
    await until('the first to be deleted', async () => (await folders()) === 2)
    await writeFile(path, 'four')
    await publish(path, { keep: 1 })
    assert.deepEqual(
      cids.map(cid => holdings(cid).length),
      [0, 0, 0]
    )
  })

  it('stay while another name keeps the same bytes', async () => {
    const path = join(work, 'last.ckpt')
    await writeFile(path, 'good')
    const good = await publish(path, { keep: 1 })
    await publish(path, { as: 'train/good' })
    await writeFile(path, 'worse')
    await publish(path, { keep: 1 })
    assert.equal(await readFile(only(good.cid).path, 'utf8'), 'good')
  })

  const replace = async (path: string): Promise<void> => {
    await writeFile(path, 'the next')
    await publish(path, { keep: 1 })
  }

  it('stay while a program reads them, and go soon after', async () => {
    const path = join(work, 'last.ckpt')
    await writeFile(path, 'read')
    const { cid } = await publish(path)
    const session = store.leases.openSession()
    store.leases.take(CID.parse(cid), session)
    await replace(path)
    assert.equal(holdings(cid).length, 1)
    store.leases.closeSession(session)
    await clock.advance(KEPT_SERVED_MS)
    await retention.sweep()
    assert.deepEqual(holdings(cid), [])
  })

  it('stay for the days for which a command was given their path, also after a restart', async () => {
    const path = join(work, 'last.ckpt')
    await writeFile(path, 'given')
    const { cid } = await publish(path)
    await store.leases.takeForDays(CID.parse(cid))
    await replace(path)
    await stop()
    await start()
    retention.start()
    await retention.sweep()
    assert.equal(holdings(cid).length, 1)
    await clock.advance(8 * 24 * 3_600_000)
    await retention.sweep()
    assert.deepEqual(holdings(cid), [])
  })

  it('stay while a peer fetches them', async () => {
    const path = join(work, 'last.ckpt')
    await writeFile(path, random.bytes(LEAF_BYTES + 1))
    const { cid } = await publish(path)
    store.leases.served(CID.parse(cid))
    await replace(path)
    assert.equal(holdings(cid).length, 1)
    await clock.advance(KEPT_SERVED_MS / 2)
    for await (const leaf of store.reader.leaves(CID.parse(cid), [{ from: 0, to: 1 }], never))
      assert.equal(leaf.index, 0)
    await clock.advance(KEPT_SERVED_MS - 1)
    await retention.sweep()
    assert.equal(holdings(cid).length, 1)
    await clock.advance(KEPT_SERVED_MS)
    await retention.sweep()
    assert.deepEqual(holdings(cid), [])
  })

  it('that were released before a kill go after the start', async () => {
    const path = join(work, 'last.ckpt')
    await writeFile(path, 'one')
    const { cid } = await publish(path)
    retention.wake = () => undefined
    await writeFile(path, 'two')
    const parts = { self: 'self', nodeName: 'node', store, hasher, catalogue: names, retention }
    await share({ path, as: 'train/last.ckpt', keep: 1 }, parts, never, () => undefined)
    assert.equal(holdings(cid).length, 1)
    await stop()
    await start()
    retention.start()
    await until('it to go', () => holdings(cid).length === 0)
  })

  it('replace what was held in place where they lie', async () => {
    const path = join(work, 'file')
    await writeFile(path, 'one')
    const one = await publish(path, { keep: 0 })
    await writeFile(path, 'two')
    await publish(path)
    assert.deepEqual(holdings(one.cid), [])
  })

  it('have the bytes of one moment, or none: a writer that goes on is SOURCE_CHANGED, naming the file', async () => {
    const path = join(work, 'last.ckpt')
    const bytes = random.bytes(2 * LEAF_BYTES)
    await writeFile(path, bytes)
    let copies = 0
    copier = {
      ...noReflink,
      copy: async (from, to, options) => {
        await diskCopier.copy(from, to, options)
        copies++
        await writeFile(from, random.bytes(2 * LEAF_BYTES + copies))
      }
    }
    await assert.rejects(publish(path), failsWith('SOURCE_CHANGED', /works\/train\/last\.ckpt/))
    assert.equal(copies, 3)
    await until('the copies to go', async () => (await folders()) === 0)
  })

  it('of a file that was truncated while it was copied have what was written next', async () => {
    const path = join(work, 'last.ckpt')
    const next = random.bytes(2 * LEAF_BYTES + 7)
    await writeFile(path, random.bytes(3 * LEAF_BYTES))
    let copies = 0
    copier = {
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
    const done = await publish(path)
    assert.equal(copies, 2)
    assert.equal(done.size, next.length)
    assert.ok((await readFile(only(done.cid).path)).equals(next))
  })

  it('whose name is refused leave nothing behind', async () => {
    const path = join(work, 'file')
    await writeFile(path, 'bytes')
    names.refuse = new PathmeshError('NAME_CONFLICT', 'refused')
    await assert.rejects(publish(path), failsWith('NAME_CONFLICT'))
    await until('the copy to go', async () => (await folders()) === 0)
    assert.equal(store.holdings.size, 0)
  })

  it('that a kill left half made are removed at the start, and those that are held are not', async () => {
    const path = join(work, 'file')
    await writeFile(path, 'kept')
    const { cid } = await publish(path)
    const stage = await store.kept.begin('half')
    await writeTree(directory({ made: file('made') }), stage.path)
    const intents = store.database.table<true>('stages')
    await store.database.commit([put(intents, 'nothing-was-made', true)])
    await stop()
    await start()
    await until('the half to go', async () => (await folders()) === 1)
    assert.equal(await readFile(only(cid).path, 'utf8'), 'kept')
    assert.deepEqual(await store.database.table('stages').keys().all(), [])
  })

  it('are held whole or not at all in a copy of the folder that is taken at any commit', async function () {
    this.timeout(60_000)
    const path = join(work, 'tree')
    await writeTree(directory({ a: file('a'), deep: directory({ b: file(random.bytes(LEAF_BYTES + 1)) }) }), path)
    const copies: string[] = []
    const { database } = store
    const commit = database.commit.bind(database)
    const copy = async () => {
      const to = join(folder.path, `copy ${copies.length}`)
      await cp(data, to, { recursive: true, preserveTimestamps: true })
      copies.push(to)
    }
    database.commit = async writes => {
      await copy()
      await commit(writes)
      await copy()
    }
    const { cid } = await publish(path)
    database.commit = commit
    const outcomes: number[] = []
    for (const from of copies) {
      await stop()
      // What is held is known by its path: the copy has to lie where the original lay.
      await rename(data, `${from} before`)
      await rename(from, data)
      await start()
      outcomes.push(holdings(cid).length)
      await until('what is not held to go', async () => (await folders()) === holdings(cid).length)
      for (const held of holdings(cid)) {
        assert.equal(await readFile(join(held.path, 'a'), 'utf8'), 'a')
        assert.equal((await readFile(join(held.path, 'deep/b'))).length, LEAF_BYTES + 1)
      }
    }
    assert.deepEqual([outcomes[0], outcomes.at(-1)], [0, 1])
  })

  it('that were removed while they were published again are made again', async () => {
    const path = join(work, 'file')
    await writeFile(path, 'bytes')
    await settled(path)
    const { cid } = await publish(path)
    const publishNow = names.publish.bind(names)
    let calls = 0
    names.publish = async (version, commit) => {
      if (++calls === 1) await store.remove(only(cid))
      return publishNow(version, commit)
    }
    assert.equal((await publish(path)).kept, true)
    assert.equal(calls, 2)
    assert.equal(await readFile(only(cid).path, 'utf8'), 'bytes')
  })

  it('that turned out to be damaged are made again when the file is shared again', async () => {
    const path = join(work, 'file')
    await writeFile(path, random.bytes(LEAF_BYTES + 1), { mode: 0o644 })
    const { cid } = await publish(path, { written: [''] })
    const damaged = only(cid).path
    const bytes = await readFile(path)
    await writeFile(damaged, Buffer.alloc(bytes.length))
    assert.equal(await store.reader.recheck(CID.parse(cid), 0), true)
    await writeFile(`${path}.new`, bytes)
    await rename(`${path}.new`, path)
    assert.equal((await publish(path)).unchanged, true)
    assert.ok((await readFile(only(cid).path)).equals(bytes))
    assert.notEqual(only(cid).path, damaged)
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
