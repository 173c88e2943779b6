// Reading from files that belong to others: what changed is never handed out as what it was, whatever its size and time say.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFile, chmod, open, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { leafRange } from '../../../daemon/content/file-dag.ts'
import { Hasher } from '../../../daemon/content/hasher.ts'
import { leaves } from '../../../daemon/content/leaves.ts'
import { RAW } from '../../../daemon/content/multihash.ts'
import { verify } from '../../../daemon/content/verify.ts'
import { LEAF_BYTES } from '../../../proto/limits.ts'
import { smallBlocks } from '../../helpers/small-blocks.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { type OpenStore, holdInPlace, openStore } from '../../helpers/stores.ts'
import { collect, failsWith } from '../../helpers/trees.ts'

const random = new Seeded('content reader')
const LEAVES = 3
const bytes = random.bytes((LEAVES - 1) * LEAF_BYTES + 77)
const never = new AbortController().signal

describe('ContentReader', () => {
  let opened: OpenStore
  let hasher: Hasher
  let path: string
  let root: CID
  let cids: CID[]

  beforeEach(async () => {
    opened = await openStore()
    hasher = new Hasher({ threads: 1 })
    path = join(opened.folder, 'large')
    await writeFile(path, bytes)
    root = (await holdInPlace(opened.store, hasher, path)).root
    cids = (await collect(leaves(root, opened.store.branches))).map(leaf => leaf.cid)
  })

  afterEach(async () => {
    await hasher.close()
    await opened.remove()
  })

  const read = async (from = 0, to = LEAVES) => collect(opened.store.reader.leaves(root, [{ from, to }], never))
  const part = (index: number) => {
    const { offset, length } = leafRange(bytes.length, index)
    return bytes.subarray(offset, offset + length)
  }
  const block = (index: number) => {
    const cid = cids[index]
    assert.ok(cid !== undefined)
    return opened.store.reader.block(cid)
  }
  /** One byte of a leaf, with size and time as they were: a lie that no look can find. */
  const changeUnseen = async (index: number, at = path) => {
    const { atime, mtime } = await stat(at)
    const before = await stat(at, { bigint: true })
    const handle = await open(at, 'r+')
    await handle.write(Buffer.from([(part(index)[5] ?? 0) ^ 1]), 0, 1, index * LEAF_BYTES + 5)
    await handle.close()
    await utimes(at, atime, mtime)
    // Times are set to the millisecond: whole ones come back exactly.
    assert.equal((await stat(at, { bigint: true })).mtimeNs, before.mtimeNs)
  }
  /** Gives the file a time of writing that can be restored exactly, and shares it again. */
  const shareWithRoundTime = async () => {
    await utimes(path, 1_600_000_000, 1_600_000_000)
    root = (await holdInPlace(opened.store, hasher, path)).root
  }

  it('hands out leaves in the order asked, and any block by its CID', async () => {
    const asked = await collect(
      opened.store.reader.leaves(
        root,
        [
          { from: 2, to: 3 },
          { from: 0, to: 1 }
        ],
        never
      )
    )
    assert.deepEqual(
      asked.map(({ index }) => index),
      [2, 0]
    )
    for (const { index, bytes } of asked) assert.ok(part(index).equals(bytes))
    for (let index = 0; index < LEAVES; index++) assert.ok(part(index).equals((await block(index)) ?? Buffer.of()))
    assert.ok((await opened.store.reader.block(root)) !== undefined)
  })

  it('refuses leaves that the file does not have, and roots that are not here', async () => {
    for (const range of [
      { from: 0, to: LEAVES + 1 },
      { from: 1, to: 1 },
      { from: 2, to: 1 }
    ])
      await assert.rejects(collect(opened.store.reader.leaves(root, [range], never)), failsWith('INVALID_ARGUMENT'))
    const [leaf] = cids
    assert.ok(leaf !== undefined)
    await assert.rejects(collect(opened.store.reader.leaves(leaf, [{ from: 0, to: 1 }], never)), failsWith('NOT_FOUND'))
  })

  it('serves a file whose time was touched and whose content is the same', async () => {
    await utimes(path, new Date(), new Date())
    for (const { index, bytes } of await read()) assert.ok(part(index).equals(bytes))
    assert.deepEqual(
      opened.log.filter(line => line.includes('withdrawn')),
      []
    )
  })

  it('refuses the first wrong leaf of a file that changed, and withdraws the file', async () => {
    const handle = await open(path, 'r+')
    await handle.write(Buffer.from('changed'), 0, 7, LEAF_BYTES)
    await handle.close()
    const got: number[] = []
    await assert.rejects(
      async () => {
        for await (const { index } of opened.store.reader.leaves(root, [{ from: 0, to: LEAVES }], never))
          got.push(index)
      },
      failsWith('SOURCE_CHANGED', /share it again/)
    )
    assert.deepEqual(got, [0])
    await assert.rejects(read(0, 1), failsWith('SOURCE_CHANGED'))
    assert.equal(await block(0), undefined)
    assert.equal(opened.log.filter(line => line.includes('withdrawn')).length, 1)
  })

  it('finds a byte that changed unseen when a block is asked for, and withdraws the file', async () => {
    await shareWithRoundTime()
    await changeUnseen(1)
    assert.equal(await block(1), undefined)
    await assert.rejects(read(), failsWith('SOURCE_CHANGED'))
  })

  it('recheck() finds a byte that changed unseen, after its leaf was handed out as it lies', async () => {
    await shareWithRoundTime()
    await changeUnseen(1)
    const [leaf] = await read(1, 2)
    const [, cid] = cids
    assert.ok(leaf !== undefined && cid !== undefined)
    assert.throws(() => verify(cid, leaf.bytes), failsWith('CORRUPT'))
    assert.equal(await opened.store.reader.recheck(root, 0), false)
    assert.equal(await opened.store.reader.recheck(root, 1), true)
    await assert.rejects(read(1, 2), failsWith('SOURCE_CHANGED'))
    assert.equal(await opened.store.reader.recheck(root, 1), true, 'who else complains is told so too')
  })

  it('recheck() finds a small file that changed unseen', async () => {
    for (const [name, mode] of [
      ['plain', 0o644],
      ['run', 0o755]
    ] as const) {
      const small = join(opened.folder, name)
      await writeFile(small, 'content')
      await chmod(small, mode)
      await utimes(small, 1_600_000_000, 1_600_000_000)
      const holding = await holdInPlace(opened.store, hasher, small)
      await writeFile(small, 'CONTENT')
      await utimes(small, 1_600_000_000, 1_600_000_000)
      const [unverified] = await smallBlocks(opened.store.reader, [holding.root])
      assert.ok(unverified !== undefined)
      assert.throws(() => verify(holding.root, unverified), failsWith('CORRUPT'))
      assert.equal(await opened.store.reader.recheck(holding.root, 0), true, name)
      assert.deepEqual(await smallBlocks(opened.store.reader, [holding.root]), [undefined])
    }
  })

  it('refuses what is missing of a file that was truncated, and never what happened to be in memory', async () => {
    await truncate(path, LEAF_BYTES + 10)
    assert.equal((await read(0, 1)).length, 1)
    await assert.rejects(read(1, 2), failsWith('SOURCE_CHANGED'))
    assert.equal(await block(2), undefined)
  })

  it('serves the old leaves of a file that only grew', async () => {
    await appendFile(path, 'more')
    for (const { index, bytes } of await read()) assert.ok(part(index).equals(bytes))
  })

  it('does not hang on a FIFO in the place of the file', async () => {
    await rm(path)
    execFileSync('mkfifo', [path])
    await assert.rejects(read(0, 1))
    assert.equal(await block(0).catch(() => undefined), undefined)
    assert.equal((await smallBlocks(opened.store.reader, cids.slice(0, 1)).catch(() => [undefined]))[0], undefined)
  })

  it('says NOT_FOUND for a file that is away, forgets nothing, and serves it when it is back', async () => {
    await rename(path, `${path}.away`)
    await assert.rejects(read(), failsWith('NOT_FOUND', /at the moment/))
    assert.equal(await block(0), undefined)
    await rename(`${path}.away`, path)
    assert.equal((await read()).length, LEAVES)
  })

  it('goes on with another copy when one has changed', async () => {
    const copy = join(opened.folder, 'copy')
    await writeFile(copy, bytes)
    await holdInPlace(opened.store, hasher, copy)
    await writeFile(copy, 'something else')
    assert.equal((await read()).length, LEAVES)
    await rm(copy)
    for (let index = 0; index < LEAVES; index++) assert.ok((await block(index)) !== undefined)
  })

  it('hands out nothing that lies in nothing that is held', async () => {
    const [holding] = opened.store.holdings.of(root)
    assert.ok(holding !== undefined)
    await opened.store.remove(holding)
    await assert.rejects(read())
    assert.equal(await block(0), undefined)
  })

  it('makes the block of an executable of one leaf from its file', async () => {
    const run = join(opened.folder, 'run')
    for (const size of [0, 1, LEAF_BYTES]) {
      await writeFile(run, random.bytes(size))
      await chmod(run, 0o755)
      const holding = await holdInPlace(opened.store, hasher, run)
      assert.notEqual(holding.root.code, RAW)
      for (const found of [
        await opened.store.reader.block(holding.root),
        ...(await smallBlocks(opened.store.reader, [holding.root]))
      ]) {
        assert.ok(found !== undefined, `${size} bytes`)
        verify(holding.root, found)
      }
    }
  })

  it('smallBlocks() answers in the order asked, undefined where it has none, and past files that fail', async () => {
    const small = join(opened.folder, 'small')
    const roots: CID[] = []
    for (const name of ['one', 'two', 'three']) {
      await writeFile(`${small}-${name}`, name)
      roots.push((await holdInPlace(opened.store, hasher, `${small}-${name}`)).root)
    }
    await writeFile(`${small}-two`, 'another content')
    const [leaf] = cids
    assert.ok(leaf !== undefined)
    const found = await smallBlocks(opened.store.reader, [...roots.toReversed(), leaf])
    assert.deepEqual(
      found.map(bytes => (bytes === undefined ? undefined : Buffer.from(bytes).toString().slice(0, 5))),
      ['three', undefined, 'one', part(0).toString().slice(0, 5)]
    )
  })

  it('ends when its caller has had enough', async () => {
    const gone = new AbortController()
    const all = opened.store.reader.leaves(root, [{ from: 0, to: LEAVES }], gone.signal)
    await all.next()
    gone.abort(new Error('enough'))
    await assert.rejects(all.next(), /enough/)
  })
})
