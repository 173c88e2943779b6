// Owns the tests of the rules between blocks, and of bombs. Refuses single blocks: node.spec.ts has them.

import assert from 'node:assert/strict'
import type { PBLink } from '@ipld/dag-pb'
import { describe, it } from 'mocha'
import { checkTree } from '../../../daemon/content/check-tree.ts'
import { shardData } from '../../../daemon/content/directory.ts'
import { type Branch, buildFile } from '../../../daemon/content/file-dag.ts'
import { hashPath, slotPrefix } from '../../../daemon/content/hamt.ts'
import { RAW, cidOf } from '../../../daemon/content/multihash.ts'
import { listDirectory, resolvePath } from '../../../daemon/content/walk.ts'
import { BRANCH_LINKS, LEAF_BYTES, TREE_DEPTH_MAX } from '../../../proto/limits.ts'
import { MemoryBranches, blockOf, buildTree, directory, failsWith, file, link } from '../../helpers/trees.ts'

const leaf = cidOf(RAW, 'blake3', Buffer.from('x'))
const shaLeaf = cidOf(RAW, 'sha2-256', Buffer.from('x'))
const to = (branch: Branch, Name: string, Tsize: number): PBLink => ({ Hash: branch.cid, Name, Tsize })
const part = (size: number, tsize = size, Hash = leaf): PBLink & { size: number } => ({
  Hash,
  Name: '',
  Tsize: tsize,
  size
})
const fileOf = (parts: (PBLink & { size: number })[], mode?: number): Branch =>
  blockOf(
    { type: 'file', blockSizes: parts.map(({ size }) => BigInt(size)), ...(mode === undefined ? {} : { mode }) },
    parts.map(({ Hash, Name, Tsize }) => ({ Hash, Name: Name ?? '', Tsize: Tsize ?? 0 }))
  )
const tsizeOf = (branch: Branch, below: number): number => branch.bytes.length + below
const check = (root: Branch, ...others: Branch[]) => checkTree(root.cid, new MemoryBranches().add(root, ...others))

/** The first of many names whose path of slots begins like this. */
function nameAt(...slots: number[]): string {
  for (let i = 0; ; i++) if (slots.every((slot, level) => hashPath(`n${i}`)[level] === slot)) return `n${i}`
}

describe('checkTree', () => {
  it('counts a tree', async () => {
    const tree = directory({
      a: file('12345'),
      run: file('run', true),
      d: directory({ e: directory({}), l: link('../a') })
    })
    const { cid, store } = buildTree(tree, 'blake3')
    assert.deepEqual(await checkTree(cid, store), {
      kind: 'directory',
      size: 8,
      entries: 6,
      files: 2,
      leaves: 1,
      depth: 3
    })
  })

  it('takes a root that is a leaf, with the size it is told', async () => {
    assert.equal((await checkTree(leaf, new MemoryBranches(), { size: 1 })).size, 1)
    await assert.rejects(checkTree(leaf, new MemoryBranches()), TypeError)
    await assert.rejects(checkTree(leaf, new MemoryBranches(), { size: LEAF_BYTES + 1 }), failsWith('CORRUPT'))
  })

  it('names a missing branch', async () => {
    const { cid } = buildTree(directory({}), 'blake3')
    await assert.rejects(checkTree(cid, new MemoryBranches()), failsWith('NOT_FOUND', new RegExp(cid.toString())))
  })

  it('rethrows the reason of an abort', async () => {
    const { cid, store } = buildTree(directory({ d: directory({}) }), 'blake3')
    const reason = new Error('enough')
    await assert.rejects(checkTree(cid, store, { signal: AbortSignal.abort(reason) }), error => error === reason)
  })

  it('opens a block once however often it is linked', async () => {
    const { cid, store } = buildTree(
      directory({ a: directory({ x: file('1') }), b: directory({ x: file('1') }) }),
      'blake3'
    )
    assert.equal((await checkTree(cid, store)).entries, 5)
    assert.equal(store.asked.length, 2)
  })

  const full = part(LEAF_BYTES)
  const pair = fileOf([full, part(1)])
  const pairSize = LEAF_BYTES + 1
  const pairLink = (Tsize = tsizeOf(pair, pairSize), size = pairSize) => ({ ...to(pair, '', Tsize), size })
  const wide = fileOf(Array.from({ length: BRANCH_LINKS }, () => full))
  const wideSize = BRANCH_LINKS * LEAF_BYTES
  const wideLink = { ...to(wide, '', tsizeOf(wide, wideSize)), size: wideSize }
  const single = fileOf([part(1)])
  const singleLink = { ...to(single, '', tsizeOf(single, 1)), size: 1 }
  const executableSingle = fileOf([part(1)], 0o755)
  const folder = blockOf({ type: 'directory' })
  const shapes: [string, Branch[], RegExp][] = [
    ['a first leaf that is not full', [fileOf([part(5), part(5)])], /part 0 of a file has 5 bytes/],
    ['an empty last leaf', [fileOf([full, part(0)])], /part 1 of a file has 0 bytes/],
    ['an oversize last leaf', [fileOf([full, part(LEAF_BYTES + 1)])], /part 1 of a file/],
    ['a lying link to a leaf', [fileOf([full, part(5, 6)])], /states 6 bytes for a leaf of 5/],
    [
      'a lying link to a branch',
      [fileOf([wideLink, { ...singleLink, Tsize: 7 }]), wide, single],
      /states 7 bytes of blocks/
    ],
    [
      'a branch of another size than stated',
      [fileOf([wideLink, { ...singleLink, size: 2 }]), wide, single],
      /states 2 bytes and has 1/
    ],
    ['a first branch that is not full', [fileOf([pairLink(), singleLink]), pair, single], /part 0 of a file/],
    [
      'leaves and branches side by side',
      [fileOf([full, { ...singleLink, size: 1 }]), single],
      /mixes leaves and branches/
    ],
    ['branches and leaves side by side', [fileOf([wideLink, part(1)]), wide], /mixes leaves and branches/],
    ['a level too many', [fileOf([pairLink()]), pair], /a part, not a whole/],
    ['one leaf under a branch', [single], /a part, not a whole/],
    ['another hash function', [fileOf([full, part(1, 1, shaLeaf)])], /mixes hash functions/],
    [
      'a part of another mode',
      [
        fileOf([wideLink, { ...to(executableSingle, '', tsizeOf(executableSingle, 1)), size: 1 }]),
        wide,
        executableSingle
      ],
      /another mode/
    ],
    [
      'a directory inside',
      [fileOf([wideLink, { ...to(folder, '', folder.bytes.length), size: 1 }]), wide, folder],
      /branch of the right level/
    ]
  ]
  for (const [what, [root, ...others], message] of shapes) {
    it(`refuses a file with ${what}`, async () => {
      assert.ok(root)
      await assert.rejects(check(root, ...others), failsWith('CORRUPT', message))
    })
  }

  it('refuses a part of a file as an entry, and links whose size lies', async () => {
    const entry = (branch: Branch, tsize: number) => blockOf({ type: 'directory' }, [to(branch, 'a', tsize)])
    await assert.rejects(check(entry(single, singleLink.Tsize ?? 0), single), failsWith('CORRUPT', /a part of a file/))
    await check(entry(folder, folder.bytes.length), folder)
    await assert.rejects(check(entry(folder, 99), folder), failsWith('CORRUPT', /states 99 bytes/))
    const large = blockOf({ type: 'directory' }, [{ Hash: leaf, Name: 'a', Tsize: LEAF_BYTES + 1 }])
    await assert.rejects(check(large), failsWith('CORRUPT', /a leaf of/))
  })

  it('refuses a directory bomb of 10 blocks and 1024^10 entries at once', async () => {
    const store = new MemoryBranches()
    let branch = folder
    let tsize = branch.bytes.length
    for (let level = 0; level < 10; level++) {
      store.add(branch)
      const links = Array.from({ length: 1024 }, (_, i) => to(branch, `e${String(i).padStart(4, '0')}`, tsize))
      const parent = blockOf({ type: 'directory' }, links)
      tsize = Math.min(Number.MAX_SAFE_INTEGER, tsizeOf(parent, 1024 * tsize))
      branch = parent
    }
    store.add(branch)
    await assert.rejects(checkTree(branch.cid, store), failsWith('TOO_LARGE', /entries/))
    assert.ok(store.asked.length <= 11)
  })

  it('checks 1 TiB of zeros in two branches', async () => {
    const root = fileOf(Array.from({ length: 1024 }, () => wideLink))
    assert.deepEqual(await check(root, wide), {
      kind: 'file',
      size: 2 ** 40,
      entries: 1,
      files: 1,
      leaves: 2 ** 20,
      depth: 0
    })
  })

  it('refuses a file bomb, and a chain of branches', async () => {
    const store = new MemoryBranches()
    let child = singleLink
    store.add(single)
    for (let level = 0; level < 10; level++) {
      const above = fileOf([child])
      store.add(above)
      child = { ...to(above, '', tsizeOf(above, child.Tsize ?? 0)), size: 1 }
    }
    await assert.rejects(checkTree(child.Hash, store), failsWith('TOO_LARGE', /levels/))
    assert.ok(store.asked.length < 6)
  })

  it(`takes ${TREE_DEPTH_MAX} directories one inside the other, and refuses one more`, async () => {
    let tree = directory({})
    for (let depth = 1; depth < TREE_DEPTH_MAX; depth++) tree = directory({ d: tree })
    const fits = buildTree(tree, 'blake3')
    assert.equal((await checkTree(fits.cid, fits.store)).depth, TREE_DEPTH_MAX)
    const deeper = buildTree(directory({ d: tree }), 'blake3')
    await assert.rejects(checkTree(deeper.cid, deeper.store), failsWith('TOO_LARGE', /deep/))
  })

  it('refuses a chain of a million directories without walking it', async () => {
    let asked = 0
    const changing = {
      get: async () =>
        blockOf({ type: 'directory' }, [
          { Hash: cidOf(0x70, 'blake3', Buffer.from(String(asked++))), Name: 'd', Tsize: 1 }
        ]).bytes
    }
    await assert.rejects(checkTree(folder.cid, changing), failsWith('TOO_LARGE', /deep/))
    assert.ok(asked <= TREE_DEPTH_MAX + 2)
  })

  it('refuses a path that is too long', async () => {
    let tree = directory({})
    for (let depth = 0; depth < 17; depth++) tree = directory({ ['d'.repeat(250)]: tree })
    const { cid, store } = buildTree(tree, 'blake3')
    await assert.rejects(checkTree(cid, store), failsWith('TOO_LARGE', /path/))
  })

  it('takes a link that stays inside, and refuses one that leaves from its place', async () => {
    const inside = buildTree(directory({ a: directory({ b: directory({ l: link('../../x') }) }) }), 'blake3')
    await checkTree(inside.cid, inside.store)
    const outside = buildTree(directory({ a: directory({ b: directory({ l: link('../../../x') }) }) }), 'blake3')
    await assert.rejects(checkTree(outside.cid, outside.store), failsWith('UNSAFE_NAME', /leaves the tree/))
    const alone = buildTree(link('x'), 'blake3')
    await assert.rejects(checkTree(alone.cid, alone.store), failsWith('UNSAFE_NAME', /by itself/))
  })

  it('finds the one link that leaves, though a shared directory is safe elsewhere', async () => {
    const shared = directory({ l: link('../x') })
    const { cid, store } = buildTree(directory({ ok: directory({ deep: shared }), s: shared }), 'blake3')
    await checkTree(cid, store)
    const bad = buildTree(shared, 'blake3')
    await assert.rejects(checkTree(bad.cid, bad.store), failsWith('UNSAFE_NAME'))
  })
})

describe('checkTree of a shard', () => {
  const slot = (...slots: number[]): string => slotPrefix(slots.at(-1) ?? 0)
  const shard = (...links: [number, PBLink][]): Branch =>
    blockOf(
      shardData(links.map(([at]) => at)),
      links.map(([, pb]) => pb)
    )
  const entry = (name: string, level: number): [number, PBLink] => {
    const at = hashPath(name)[level] ?? 0
    return [at, { Hash: leaf, Name: slot(at) + name, Tsize: 1 }]
  }
  const byslot = (...links: [number, PBLink][]): [number, PBLink][] => links.sort(([a], [b]) => a - b)
  const two = byslot(entry(nameAt(7, 1), 1), entry(nameAt(7, 2), 1))
  const inner = shard(...two)
  const innerLink = (at: number, tsize = tsizeOf(inner, 2)): [number, PBLink] => [at, to(inner, slot(at), tsize)]

  it('takes one whose names are at home', async () => {
    const root = shard(innerLink(7))
    assert.equal((await check(root, inner)).entries, 3)
    const store = new MemoryBranches().add(root, inner)
    const found = await resolvePath(root.cid, [nameAt(7, 2)], store)
    assert.ok(found?.cid.equals(leaf))
  })

  it('refuses a name in the wrong slot, when checking, listing and looking up alike', async () => {
    const wrong = shard([9, { Hash: leaf, Name: `${slot(9)}${nameAt(7)}`, Tsize: 1 }])
    const store = new MemoryBranches().add(wrong)
    for (const act of [
      checkTree(wrong.cid, store),
      listDirectory(wrong.cid, store),
      resolvePath(wrong.cid, [nameAt(7)], store)
    ]) {
      await assert.rejects(act, failsWith('CORRUPT', /wrong slot/))
    }
  })

  it('refuses a shard below a slot that is not its own', async () => {
    await assert.rejects(check(shard(innerLink(8)), inner), failsWith('CORRUPT', /wrong slot/))
    await assert.rejects(check(shard(innerLink(7), innerLink(8)), inner), failsWith('CORRUPT', /wrong slot/))
  })

  it('refuses a shard below that holds one entry, or whose size lies', async () => {
    const one = shard(entry(nameAt(7), 1))
    await assert.rejects(
      check(shard([7, to(one, slot(7), tsizeOf(one, 1))]), one),
      failsWith('CORRUPT', /fewer than two/)
    )
    await assert.rejects(check(shard(innerLink(7, 1)), inner), failsWith('CORRUPT', /states 1 bytes/))
  })

  it('refuses something else where a shard belongs', async () => {
    const folder = blockOf({ type: 'directory' })
    await assert.rejects(
      check(shard([7, to(folder, slot(7), folder.bytes.length)]), folder),
      failsWith('CORRUPT', /where a shard belongs/)
    )
    await assert.rejects(
      check(shard([7, { Hash: leaf, Name: slot(7), Tsize: 1 }])),
      failsWith('CORRUPT', /no branch belongs/)
    )
  })

  it('refuses a shard below 8 others', async () => {
    const store = new MemoryBranches()
    let branch = inner
    let tsize = tsizeOf(inner, 2)
    for (let level = 0; level < 9; level++) {
      store.add(branch)
      const parent = shard([7, to(branch, slot(7), tsize)])
      tsize = tsizeOf(parent, tsize)
      branch = parent
    }
    await assert.rejects(checkTree(branch.cid, store.add(branch)), failsWith('CORRUPT', /below 8 others/))
  })
})

describe('buildFile', () => {
  it('refuses digests that do not fit the size, and an executable leaf that is not wrapped', () => {
    const base = { executable: false, hash: 'blake3' as const }
    assert.throws(() => buildFile({ ...base, leaves: new Uint8Array(32), size: LEAF_BYTES + 1 }), RangeError)
    assert.throws(() => buildFile({ ...base, executable: true, leaves: new Uint8Array(32), size: 1 }), TypeError)
  })
})
