// Owns the comparison with ipfs-unixfs-importer: the same bytes have the same CID everywhere (unixfs-v1-2025).
// Refuses to compare with anything of ours.

import assert from 'node:assert/strict'
import { MemoryBlockstore } from 'blockstore-core/memory'
import * as fc from 'fast-check'
import { type ImportCandidate, importer } from 'ipfs-unixfs-importer'
import { describe, it } from 'mocha'
import type { CID } from 'multiformats/cid'
import { checkTree } from '../../../daemon/content/check-tree.ts'
import { buildDirectory } from '../../../daemon/content/directory.ts'
import { buildFile } from '../../../daemon/content/file-dag.ts'
import { RAW, cidOf, digest, hashCode } from '../../../daemon/content/multihash.ts'
import { BRANCH_LINKS, LEAF_BYTES, SHARD_THRESHOLD_BYTES } from '../../../proto/limits.ts'
import { MemoryBranches, type Tree, buildTree, collect, file } from '../../helpers/trees.ts'

/** What the importer makes of these: its last result is the root. */
async function imported(source: Iterable<ImportCandidate>, wrapWithDirectory = true): Promise<CID> {
  const options = { profile: 'unixfs-v1-2025' as const, wrapWithDirectory }
  const results = await collect(importer(source, new MemoryBlockstore(), options))
  const root = results.at(-1)
  assert.ok(root)
  return root.cid
}

function* candidates(tree: Tree, path: string): Generator<ImportCandidate> {
  if (tree.kind === 'file') yield { path, content: tree.bytes, ...(tree.executable ? { mode: 0o755 } : {}) }
  if (tree.kind === 'symlink') yield { path, link: tree.target }
  if (tree.kind === 'directory' && tree.entries.length === 0) yield { path }
  if (tree.kind !== 'directory') return
  for (const [name, child] of tree.entries) yield* candidates(child, path === '' ? name : `${path}/${name}`)
}

const importedTree = (tree: Tree): Promise<CID> => imported(candidates(tree, ''))

describe('CIDs of files equal those of ipfs-unixfs-importer', () => {
  for (const size of [0, 1, LEAF_BYTES - 1, LEAF_BYTES, LEAF_BYTES + 1, 3 * LEAF_BYTES]) {
    for (const executable of [false, true]) {
      it(`${size} bytes${executable ? ', executable' : ''}`, async () => {
        const content = Buffer.alloc(size, 'pathmesh')
        const expected = await imported([{ path: 'f', content, ...(executable ? { mode: 0o755 } : {}) }], false)
        const { cid, store } = buildTree(file(content, executable), 'sha2-256')
        assert.equal(cid.toString(), expected.toString())
        const checked = await checkTree(cid, store, { size })
        assert.equal(checked.size, size)
      })
    }
  }

  for (const executable of [false, true]) {
    it(`1,100 chunks, the last of them short${executable ? ', executable' : ''}`, async () => {
      const leaf = new Uint8Array(LEAF_BYTES)
      const last = new Uint8Array(7)
      const content = (function* () {
        for (let i = 0; i < 1099; i++) yield leaf
        yield last
      })()
      const expected = await imported([{ path: 'f', content, ...(executable ? { mode: 0o755 } : {}) }], false)
      const one = digest(hashCode('sha2-256'), leaf)
      const leaves = Buffer.concat([...Array.from({ length: 1099 }, () => one), digest(hashCode('sha2-256'), last)])
      const size = 1099 * LEAF_BYTES + 7
      const built = buildFile({ leaves, size, executable, hash: 'sha2-256' })
      assert.equal(built.cid.toString(), expected.toString())
      assert.equal(built.branches.length, 3)
      const checked = await checkTree(built.cid, new MemoryBranches().add(...built.branches))
      assert.deepEqual(checked, { kind: 'file', size, entries: 1, files: 1, leaves: 1100, depth: 0 })
    }).timeout(60_000)
  }

  it(`${BRANCH_LINKS + 1} leaves leave one alone under a branch of its own`, () => {
    const leaves = new Uint8Array((BRANCH_LINKS + 1) * 32)
    const built = buildFile({ leaves, size: (BRANCH_LINKS + 1) * LEAF_BYTES, executable: false, hash: 'blake3' })
    assert.equal(built.branches.length, 3)
  })
})

/** A link of a name of 31 bytes: 2 + 36 + 2 + 2 + 31 + 2. */
const FILLER_BYTES = 75

const name = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }),
    fc.constantFrom('.hidden', 'ä', 'a\u0308', '😀', '\uffee', 'a b', 'A', 'a')
  )
  .filter(text => text !== '.' && text !== '..' && !/[/\\\0\uFEFF]/.test(text) && text.isWellFormed())

const { tree: anyTree } = fc.letrec<{ tree: Tree; directory: Tree }>(tie => ({
  directory: fc
    .uniqueArray(fc.tuple(name, tie('tree')), { selector: ([key]) => key, maxLength: 5 })
    .map(entries => ({ kind: 'directory' as const, entries })),
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({
      kind: fc.constant('file' as const),
      bytes: fc.uint8Array({ maxLength: 40 }),
      executable: fc.boolean()
    }),
    fc.record({ kind: fc.constant('symlink' as const), target: fc.constantFrom('x', 'a/b', './y', 'ä') }),
    tie('directory')
  )
}))

describe('CIDs of trees equal those of ipfs-unixfs-importer', () => {
  it('for any small tree', async () => {
    const entries = fc.uniqueArray(fc.tuple(name, anyTree), { selector: ([key]) => key, minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(entries, async list => {
        const tree: Tree = { kind: 'directory', entries: list }
        const { cid, store } = buildTree(tree, 'sha2-256')
        assert.equal(cid.toString(), (await importedTree(tree)).toString())
        await checkTree(cid, store)
      }),
      { numRuns: 150 }
    )
  })

  it('for 4,000 and for 7,000 entries, flat and sharded, whatever their order', async () => {
    for (const [count, branches] of [
      [4000, 1],
      [7000, 0]
    ] as const) {
      const entries = Array.from({ length: count }, (_, i): [string, Tree] => [`entry-${i}`, file(String(i % 3))])
      const tree: Tree = { kind: 'directory', entries }
      const built = buildTree(tree, 'sha2-256')
      assert.equal(built.cid.toString(), (await importedTree(tree)).toString())
      if (branches > 0) assert.equal(built.branches.length, branches)
      else assert.ok(built.branches.length > 1)
      const reversed = buildTree({ kind: 'directory', entries: entries.toReversed() }, 'sha2-256')
      assert.equal(reversed.cid.toString(), built.cid.toString())
      assert.equal((await checkTree(built.cid, built.store)).entries, count + 1)
    }
  }).timeout(60_000)

  it('around the threshold, to the byte', async () => {
    const leaf = cidOf(RAW, 'sha2-256', new Uint8Array(1))
    const filled = Math.floor(SHARD_THRESHOLD_BYTES / FILLER_BYTES) - 1
    const entriesWith = (length: number) =>
      [...Array.from({ length: filled }, (_, i) => `n${String(i).padStart(30, '0')}`), 'z'.repeat(length)].map(
        name => ({
          name,
          cid: leaf,
          tsize: 1
        })
      )
    const rest = SHARD_THRESHOLD_BYTES - filled * FILLER_BYTES
    // What a directory without entries takes, and a link of a name of no length.
    const exact = rest - 4 - 44
    assert.ok(exact > 1 && exact < 80)
    for (const length of [exact - 1, exact, exact + 1]) {
      const built = buildDirectory(entriesWith(length), 'sha2-256')
      if (length === exact) assert.equal(built.branches[0]?.bytes.length, SHARD_THRESHOLD_BYTES)
      assert.equal(built.branches.length === 1, length <= exact)
      const source = entriesWith(length).map(entry => ({ path: entry.name, content: new Uint8Array(1) }))
      assert.equal(built.cid.toString(), (await imported(source)).toString())
    }
  }).timeout(60_000)
})
