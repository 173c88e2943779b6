// Owns the tests of listing, walking, looking up and enumerating leaves, on flat and sharded directories alike.
// Refuses hostile blocks: check-tree.spec.ts has them.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { buildFile } from '../../../daemon/content/file-dag.ts'
import { leafAt, leaves } from '../../../daemon/content/leaves.ts'
import { RAW, cidOf } from '../../../daemon/content/multihash.ts'
import { compareNames, targetFault } from '../../../daemon/content/names.ts'
import { expand, listDirectory, resolvePath, walkTree } from '../../../daemon/content/walk.ts'
import { BRANCH_LINKS, LEAF_BYTES } from '../../../proto/limits.ts'
import { MemoryBranches, type Tree, buildTree, collect, directory, failsWith, file, link } from '../../helpers/trees.ts'

const tree = directory({
  z: file('zz'),
  run: file('#!', true),
  d: directory({ '\u{1F600}': file('e'), '\uFF21': file('f'), l: link('../z'), empty: directory({}) }),
  'd.txt': file('t')
})

const large = (count: number): Tree => ({
  kind: 'directory',
  entries: Array.from({ length: count }, (_, i): [string, Tree] => [`entry-${i}`, file(`${i}`)])
})

describe('walkTree', () => {
  it('yields directories first, then their entries by the bytes of names', async () => {
    const { cid, store } = buildTree(tree, 'blake3')
    const entries = await collect(walkTree(cid, store))
    const paths = ['', 'd', 'd/empty', 'd/l', 'd/\uFF21', 'd/\u{1F600}', 'd.txt', 'run', 'z']
    assert.deepEqual(
      entries.map(({ path }) => path),
      paths
    )
    const run = entries.find(({ path }) => path === 'run')
    assert.ok(run?.executable && run.size === 2 && Buffer.from(run.inline ?? []).toString() === '#!')
    assert.equal(entries.find(({ path }) => path === 'd/l')?.target, '../z')
    assert.equal(entries.find(({ path }) => path === 'z')?.size, 2)
  })

  it('yields a file that is the root, and needs the size of a leaf', async () => {
    const { cid, store } = buildTree(file('abc'), 'blake3')
    const [root] = await collect(walkTree(cid, store, { size: 3 }))
    assert.deepEqual([root?.path, root?.kind, root?.size], ['', 'file', 3])
    await assert.rejects(collect(walkTree(cid, store)), TypeError)
  })

  it('sorts a sharded directory as a flat one', async () => {
    const { cid, store } = buildTree(large(7000), 'blake3')
    assert.ok(store.asked.length === 0)
    const paths = (await collect(walkTree(cid, store))).slice(1).map(({ path }) => path)
    assert.deepEqual(paths, paths.toSorted())
    assert.equal(paths.length, 7000)
    assert.equal((await listDirectory(cid, store)).length, 7000)
  })

  it('refuses a link that leaves the tree, and rethrows the reason of an abort', async () => {
    const bad = buildTree(directory({ l: link('../x') }), 'blake3')
    await assert.rejects(collect(walkTree(bad.cid, bad.store)), failsWith('UNSAFE_NAME', /"l" to "..\/x" leaves/))
    const { cid, store } = buildTree(tree, 'blake3')
    const reason = new Error('enough')
    await assert.rejects(
      collect(walkTree(cid, store, { signal: AbortSignal.abort(reason) })),
      error => error === reason
    )
  })
})

describe('resolvePath', () => {
  it('finds what is there, and undefined for what is not', async () => {
    const { cid, store } = buildTree(tree, 'blake3')
    assert.equal((await resolvePath(cid, ['d', 'l'], store))?.target, '../z')
    assert.equal((await resolvePath(cid, ['z'], store))?.size, 2)
    assert.equal((await resolvePath(cid, [], store))?.kind, 'directory')
    assert.equal(await resolvePath(cid, ['nothing'], store), undefined)
    assert.equal(await resolvePath(cid, ['z', 'below'], store), undefined)
  })

  it('finds every name of a sharded directory, opening a few blocks', async () => {
    const { cid, store } = buildTree(large(7000), 'blake3')
    for (const i of [0, 17, 4321, 6999]) {
      store.asked.length = 0
      const found = await resolvePath(cid, [`entry-${i}`], store)
      assert.equal(found?.cid.toString(), cidOf(RAW, 'blake3', Buffer.from(`${i}`)).toString())
      assert.ok(store.asked.length <= 3)
    }
    assert.equal(await resolvePath(cid, ['entry-7000'], store), undefined)
  })
})

describe('expand', () => {
  it('reaches every branch of a tree, breadth-first', async () => {
    const { cid, store } = buildTree(directory({ big: large(7000), d: tree }), 'blake3')
    const frontier = [cid]
    const seen = new Set<string>()
    for (let next = frontier.shift(); next !== undefined; next = frontier.shift()) {
      const bytes = await store.get(next)
      assert.ok(bytes)
      if (seen.has(next.toString())) continue
      seen.add(next.toString())
      frontier.push(...expand(next, bytes))
    }
    const walked = await collect(walkTree(cid, store))
    for (const entry of walked) if (entry.cid.code !== RAW) assert.ok(seen.has(entry.cid.toString()))
    assert.deepEqual(expand(cidOf(RAW, 'blake3', Buffer.from('x')), Buffer.from('x')), [])
  })
})

describe('leaves', () => {
  const count = 2 * BRANCH_LINKS + 3
  const size = (count - 1) * LEAF_BYTES + 5
  const digests = new Uint8Array(count * 32)
  for (let i = 0; i < count; i++) new DataView(digests.buffer).setUint32(i * 32, i)
  const built = buildFile({ leaves: digests, size, executable: false, hash: 'blake3' })
  const store = new MemoryBranches().add(...built.branches)

  it('yields all of a file, in order and with sizes', async () => {
    const all = await collect(leaves(built.cid, store))
    assert.equal(all.length, count)
    for (const [i, { index, cid, size: bytes }] of all.entries()) {
      assert.equal(index, i)
      assert.equal(new DataView(cid.multihash.digest.slice().buffer).getUint32(0), i)
      assert.equal(bytes, i === count - 1 ? 5 : LEAF_BYTES)
    }
  })

  it('opens only the branches above a range', async () => {
    store.asked.length = 0
    const some = await collect(leaves(built.cid, store, { from: BRANCH_LINKS - 1, to: BRANCH_LINKS + 1 }))
    assert.deepEqual(
      some.map(({ index }) => index),
      [BRANCH_LINKS - 1, BRANCH_LINKS]
    )
    assert.equal(store.asked.length, 3)
    assert.equal((await leafAt(built.cid, count - 1, store))?.size, 5)
    assert.equal(await leafAt(built.cid, count, store), undefined)
  })

  it('yields the one of a file that is a leaf, and none of a wrapped leaf', async () => {
    const leaf = cidOf(RAW, 'blake3', Buffer.from('x'))
    assert.deepEqual(await collect(leaves(leaf, store, { size: 1 })), [{ index: 0, cid: leaf, size: 1 }])
    await assert.rejects(collect(leaves(leaf, store)), TypeError)
    const wrapped = buildTree(file('x', true), 'blake3')
    assert.deepEqual(await collect(leaves(wrapped.cid, wrapped.store)), [])
  })

  it('refuses a directory', async () => {
    const folder = buildTree(directory({}), 'blake3')
    await assert.rejects(collect(leaves(folder.cid, folder.store)), failsWith('CORRUPT', /not a file/))
  })
})

describe('names', () => {
  it('compare as their UTF-8 bytes', () => {
    const names = ['a', 'ab', '', 'é', '\uE000', '\uFFEE', '\u{10000}', '\u{1F600}', '\uD7FF', 'B']
    const byBytes = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    assert.deepEqual(names.toSorted(compareNames), byBytes)
  })

  const targets: [string, number, boolean][] = [
    ['x', 0, true],
    ['./x/', 0, true],
    ['a//b', 0, true],
    ['..', 1, true],
    ['../..', 2, true],
    ['..', 0, false],
    ['../../x', 1, false],
    ['/x', 5, false],
    ['', 5, false],
    ['a/..', 5, false],
    ['../a/../b', 5, false],
    ['a\0', 5, false],
    ['\uD800', 5, false]
  ]
  for (const [target, depth, safe] of targets) {
    it(`a link ${depth} deep ${safe ? 'may' : 'may not'} point to ${JSON.stringify(target)}`, () => {
      assert.equal(targetFault(target, depth) === undefined, safe)
    })
  }
})
