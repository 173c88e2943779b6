// What is known of files: found again unchanged by path or inode, never trusted when it could have changed unseen; blocks
// found in every living file that holds them.

import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { buildFile } from '../../../daemon/content/file-dag.ts'
import type { Fingerprint } from '../../../daemon/content/fingerprint.ts'
import { RAW, cidFromDigest } from '../../../daemon/content/multihash.ts'
import { Database } from '../../../daemon/store/database.ts'
import { type FileFacts, FileTable } from '../../../daemon/store/file-table.ts'
import { collect, leafDigests, temporaryFolder } from '../../helpers/trees.ts'

const HOUR_NS = 3_600_000_000_000n
const NOW = 1_700_000_000_000

const print = (ino: number, mtimeNs: bigint, size = 3): Fingerprint => ({
  dev: 1n,
  ino: BigInt(ino),
  size: BigInt(size),
  mtimeNs,
  ctimeNs: mtimeNs
})

const OLD = BigInt(NOW) * 1_000_000n - HOUR_NS

function facts(path: string, fingerprint: Fingerprint, more: Partial<FileFacts> = {}): FileFacts {
  const { cid, tsize } = fileOf(path)
  return { path, fingerprint, cid, tsize, executable: false, stampedAt: NOW, class: 'in-place', ...more }
}

const fileOf = (text: string) => {
  const bytes = Buffer.from(text)
  return buildFile({ leaves: leafDigests(bytes, 'blake3'), size: bytes.length, executable: false, hash: 'blake3' })
}

/** With the CID as text: one that was read back holds another kind of array. */
const shown = (known: FileFacts | undefined) => known && { ...known, cid: known.cid.toString() }

describe('FileTable', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let database: Database
  let files: FileTable

  const open = async () => {
    database = await Database.open(folder.path)
    files = new FileTable(database)
    await files.open()
  }
  const add = (known: FileFacts, leaves: Uint8Array = known.cid.multihash.digest, wrapped = false) =>
    database.commit([...files.add(known, leaves, wrapped).writes])
  const look = async (path: string, fingerprint: Fingerprint) => {
    const { facts, stale } = await files.findUnchanged([{ path, fingerprint }])
    await database.commit(stale)
    return facts[0]
  }

  beforeEach(async () => {
    folder = await temporaryFolder()
    await open()
  })

  afterEach(async () => {
    await database.close()
    await folder.remove()
  })

  it('finds an unchanged file by its path, after a reopening as well', async () => {
    const known = facts('/a', print(1, OLD))
    await add(known)
    assert.deepEqual(shown(await look('/a', print(1, OLD))), shown(known))
    await database.close()
    await open()
    assert.deepEqual(shown(await look('/a', print(1, OLD))), shown(known))
  })

  it('finds a renamed file by its inode, and says where it was', async () => {
    await add(facts('/before', print(7, OLD)))
    assert.equal((await look('/after', print(7, OLD)))?.path, '/before')
    assert.equal(await look('/after', print(8, OLD)), undefined)
  })

  it('does not find a file of another size, time of writing or inode', async () => {
    await add(facts('/a', print(1, OLD)))
    for (const seen of [print(1, OLD, 4), print(1, OLD + 1n), print(2, OLD)])
      assert.equal((await files.findUnchanged([{ path: '/a', fingerprint: seen }])).facts[0], undefined)
  })

  it('forgets a file whose content changed, and not one that was only moved into its place', async () => {
    await add(facts('/a', print(1, OLD)))
    assert.equal(await look('/a', print(2, OLD)), undefined)
    assert.ok(await look('/a', print(1, OLD)))
    assert.equal(await look('/a', print(1, OLD + 1n)), undefined)
    assert.equal(await look('/a', print(1, OLD)), undefined)
  })

  it('does not trust a file that was written within the tick in which it was hashed', async () => {
    for (const [at, isTrusted] of [
      [NOW, false],
      [NOW - 20, false],
      [NOW - 21, true],
      [NOW + 1000, false]
    ] as const) {
      const fingerprint = print(at, BigInt(at) * 1_000_000n)
      await add(facts(`/at-${at}`, fingerprint))
      assert.equal((await look(`/at-${at}`, fingerprint)) !== undefined, isTrusted, `written ${NOW - at} ms before`)
    }
  })

  it('does not trust a fresh time of change either, as of a file that was moved or whose time was set back', async () => {
    const fingerprint = { ...print(1, OLD), ctimeNs: BigInt(NOW) * 1_000_000n }
    await add(facts('/a', fingerprint))
    assert.equal(await look('/a', fingerprint), undefined)
  })

  it('does not take a managed file for one in place', async () => {
    await add(facts('/a', print(1, OLD), { class: 'managed' }))
    assert.equal(await look('/a', print(1, OLD)), undefined)
  })

  it('names the leaf that a block is, the whole of a large file, and a wrapped one', async () => {
    const bytes = Buffer.alloc(2 * 1024 * 1024 + 5, 'x')
    bytes.fill('y', 1024 * 1024, 2 * 1024 * 1024)
    const leaves = leafDigests(bytes, 'blake3')
    const built = buildFile({ leaves, size: bytes.length, executable: false, hash: 'blake3' })
    await add({ ...facts('/large', print(1, OLD)), cid: built.cid }, leaves)
    await add(facts('/wrapped', print(2, OLD)), new Uint8Array(0), true)
    const placesOf = async (cid: FileFacts['cid']) => (await collect(files.places(cid))).map(place => place.index)
    assert.deepEqual(await placesOf(built.cid), ['whole'])
    for (const index of [0, 1, 2])
      assert.deepEqual(await placesOf(cidFromDigest(RAW, 'blake3', leaves.subarray(32 * index, 32 * index + 32))), [
        index
      ])
    assert.deepEqual(await placesOf(fileOf('/wrapped').cid), ['wrapped'])
  })

  it('never gives a number twice, even when the daemon was killed', async () => {
    await add(facts('/a', print(1, OLD)))
    await database.close()
    await open()
    await add(facts('/b', print(2, OLD)))
    await add(facts('/a', print(3, OLD + 1n)))
    const ids = [...(await collect(files.places(fileOf('/a').cid))), ...(await collect(files.places(fileOf('/b').cid)))]
    assert.equal(new Set(ids.map(({ fileId }) => fileId)).size, 3)
  })

  it('agrees with a model: blocks are found in living files only, the newest first; unchanged files by path', async () => {
    const content = fc.constantFrom('one', 'two', 'three')
    const step = fc.oneof(
      fc.record({
        do: fc.constant('add' as const),
        path: fc.constantFrom('/a', '/b'),
        ino: fc.integer({ min: 1, max: 3 }),
        age: fc.integer({ min: 1, max: 3 }),
        content
      }),
      fc.record({ do: fc.constant('remove' as const), content, which: fc.nat(3) })
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async steps => {
        await database.close()
        await folder.remove()
        folder = await temporaryFolder()
        await open()
        const model: { path: string; seen: Fingerprint; content: string; lives: boolean }[] = []
        const living = (content: string) => model.filter(row => row.lives && row.content === content).toReversed()
        for (const one of steps) {
          if (one.do === 'add') {
            const seen = print(one.ino, OLD + BigInt(one.age))
            await add({ ...facts(one.path, seen), cid: fileOf(one.content).cid })
            model.push({ path: one.path, seen, content: one.content, lives: true })
          } else {
            const place = (await collect(files.places(fileOf(one.content).cid)))[one.which]
            const row = living(one.content)[one.which]
            assert.equal(place === undefined, row === undefined)
            if (place === undefined || row === undefined) continue
            await database.commit([files.remove(place.fileId)])
            row.lives = false
          }
        }
        for (const text of ['one', 'two', 'three']) {
          const found = await collect(files.places(fileOf(text).cid))
          assert.deepEqual(
            found.map(({ facts }) => [facts.path, facts.fingerprint]),
            living(text).map(({ path, seen }) => [path, seen])
          )
        }
        for (const path of ['/a', '/b']) {
          const row = model.findLast(known => known.path === path)
          if (row === undefined) continue
          const { facts } = await files.findUnchanged([{ path, fingerprint: row.seen }])
          assert.equal(facts[0]?.cid.toString(), row.lives ? fileOf(row.content).cid.toString() : undefined)
        }
      }),
      { numRuns: 30 }
    )
  })
})
