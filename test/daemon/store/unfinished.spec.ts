// What a transfer that did not end has written is found by transfers of other roots, and only where it is right.

import assert from 'node:assert/strict'
import { rm, stat, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { CID } from 'multiformats/cid'
import { leaves } from '../../../daemon/content/leaves.ts'
import { walkTree, type WalkedEntry } from '../../../daemon/content/walk.ts'
import { LEAF_BYTES } from '../../../proto/limits.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { begin, type Begun, type OpenStore, openStore, write } from '../../helpers/stores.ts'
import { collect, directory, file, type Tree } from '../../helpers/trees.ts'

const random = new Seeded('unfinished')
const { signal } = new AbortController()
const older = random.bytes(4 * LEAF_BYTES + 100)
const newer = Buffer.from(older)
newer.fill(1, LEAF_BYTES, LEAF_BYTES + 10)

const olderTree = directory({ a: file('first'), model: file(older), z: file('last') })
const newerTree = directory({ model: file(newer), moved: file('first'), z: file('last') })

describe('Unfinished', () => {
  let opened: OpenStore
  beforeEach(async () => void (opened = await openStore()))
  afterEach(() => opened.remove())

  const entries = async ({ built }: Begun): Promise<Map<string, WalkedEntry>> =>
    new Map((await collect(walkTree(built.cid, built.store))).map(entry => [entry.path, entry]))

  /** Which leaves of a file another transfer finds. */
  async function found(begun: Begun, path: string): Promise<number[]> {
    const unfinished = await opened.store.unfinished(begun.built.cid, signal)
    const entry = (await entries(begun)).get(path)
    assert.ok(entry !== undefined)
    const here: number[] = []
    for (const { index, size, cid } of await collect(leaves(entry.cid, begun.built.store))) {
      const bytes = await unfinished.leaf(entry, index, size, cid)
      if (bytes === undefined) continue
      assert.ok(newer.subarray(index * LEAF_BYTES, index * LEAF_BYTES + size).equals(bytes))
      here.push(index)
    }
    return here
  }

  const smallIn = async (begun: Begun, path: string): Promise<CID> => {
    const cid = (await entries(begun)).get(path)?.cid
    assert.ok(cid !== undefined)
    return cid
  }

  /** An older tree of which so many leaves came, and a newer one that begins. */
  async function half(most: number, tree: Tree = newerTree): Promise<[Begun, Begun]> {
    const before = await begin(opened.store, olderTree)
    await write(before, most)
    await before.partial.checkpoint()
    await before.partial.close()
    return [before, await begin(opened.store, tree)]
  }

  it('finds the leaves that a file at the same path has in common, of those that had come', async () => {
    const [, after] = await half(4)
    assert.deepEqual(await found(after, 'model'), [0, 2])
  })

  it('finds a file of the same content at another path', async () => {
    const [, after] = await half(6, directory({ elsewhere: file(older), other: file('x') }))
    const unfinished = await opened.store.unfinished(after.built.cid, signal)
    const entry = (await entries(after)).get('elsewhere')
    const [first] = entry === undefined ? [] : await collect(leaves(entry.cid, after.built.store, { to: 1 }))
    assert.ok(entry !== undefined && first !== undefined)
    const bytes = await unfinished.leaf(entry, 0, first.size, first.cid)
    assert.ok(bytes !== undefined && older.subarray(0, LEAF_BYTES).equals(bytes))
  })

  it('finds small files that had come, by what is in them', async () => {
    const [, after] = await half(1)
    const unfinished = await opened.store.unfinished(after.built.cid, signal)
    assert.equal(Buffer.from((await unfinished.small(await smallIn(after, 'moved'))) ?? '').toString(), 'first')
    assert.equal(await unfinished.small(await smallIn(after, 'z')), undefined)
  })

  it('hands out nothing of its own root, nothing that is not what it was, and nothing that is gone', async () => {
    const [before, after] = await half(6)
    assert.deepEqual(await found(before, 'model'), [])
    await writeFile(before.partial.at('model'), Buffer.alloc(older.length))
    assert.deepEqual(await found(after, 'model'), [])
    await rm(before.partial.at('a'))
    const unfinished = await opened.store.unfinished(after.built.cid, signal)
    assert.equal(await unfinished.small(await smallIn(after, 'moved')), undefined)
  })

  it('goes when another version of the same thing is here, unless it is wanted or is of something else', async () => {
    const { store } = opened
    const bytesOf = (begun: Begun): Promise<number> => store.partialBytes(begun.built.cid)
    const came = async (name: string, of: string): Promise<Begun> => {
      const begun = await begin(store, directory({ [name]: file(name) }), 'name', of)
      await write(begun)
      await begun.partial.checkpoint()
      return begun
    }
    const [gone, wanted, other, here] = [
      await came('gone', 'a x'),
      await came('wanted', 'a x'),
      await came('other', 'b x'),
      await came('here', 'a x')
    ]
    await store.discardOthers(here.built.cid, 'a x', root => root.equals(wanted.built.cid))
    assert.deepEqual(await Promise.all([gone, wanted, other, here].map(bytesOf)), [0, 6, 5, 4])
    await assert.rejects(stat(gone.partial.path), { code: 'ENOENT' })
  })
})
