// A root that grows: what is written lies where it will stay, holes stay holes, few files are open, and a killed transfer goes
// on from its notes.

import assert from 'node:assert/strict'
import { chmod, lstat, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { RAW, cidOf } from '../../../daemon/content/multihash.ts'
import { FilePool } from '../../../daemon/store/file-pool.ts'
import { Ledger } from '../../../daemon/store/ledger.ts'
import { PartialTree } from '../../../daemon/store/partial-tree.ts'
import { CHECKPOINT_FILES, LEAF_BYTES, LOOKS_MAX, PARTIAL_FILES_OPEN } from '../../../proto/limits.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { failsWith, temporaryFolder } from '../../helpers/trees.ts'

const random = new Seeded('partial tree')

describe('PartialTree', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let pool: FilePool
  let notes: { bits: Uint8Array; bytes: number }[]

  beforeEach(async () => {
    folder = await temporaryFolder()
    pool = new FilePool()
    notes = []
  })

  afterEach(async () => {
    await pool.close()
    await folder.remove()
  })

  const begin = (ledger = new Ledger()) =>
    new PartialTree(cidOf(RAW, 'blake3', Buffer.from('root')), join(folder.path, 'root'), ledger, {
      pool,
      suspect: false,
      bytes: 0,
      note: async (bits, bytes) => void notes.push({ bits: bits.toBytes(), bytes })
    })
  const small = (ordinal: number, path: string, bytes: Uint8Array, executable = false) => ({
    ordinal,
    path,
    bytes,
    executable
  })
  const leaf = (ordinal: number, path: string, bytes: Uint8Array | null, index: number, fileSize: number) => ({
    ordinal,
    path,
    fileSize,
    executable: false,
    offset: index * LEAF_BYTES,
    bytes
  })
  const look = { dev: 1n, ino: 2n, size: 3n, mtimeNs: 4n, ctimeNs: 5n }
  const openFiles = async () => {
    const fds = await readdir('/proc/self/fd')
    const links = await Promise.all(fds.map(fd => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
    return links.filter(link => link.startsWith(folder.path)).length
  }

  it('writes small files with their directories, read-only, executable where they are', async () => {
    const partial = begin()
    await partial.writeSmall([
      small(0, 'a/b/c', Buffer.from('one')),
      small(1, 'run', Buffer.from('two'), true),
      small(2, 'a/none', Buffer.alloc(0))
    ])
    assert.equal(await readFile(join(partial.path, 'a/b/c'), 'utf8'), 'one')
    assert.equal((await readFile(join(partial.path, 'a/none'))).length, 0)
    assert.equal((await stat(join(partial.path, 'run'))).mode & 0o777, 0o555)
    assert.equal((await stat(join(partial.path, 'a/b/c'))).mode & 0o777, 0o444)
    assert.deepEqual(
      [0, 1, 2, 3].map(ordinal => partial.ledger.has(ordinal)),
      [true, true, true, false]
    )
    assert.equal(partial.bytes, 6)
  })

  it('writes a root that is a file', async () => {
    const partial = begin()
    await partial.writeSmall([small(0, '', Buffer.from('itself'))])
    assert.equal(await readFile(partial.path, 'utf8'), 'itself')
  })

  it('writes leaves in any order, and leaves of zeros stay holes', async () => {
    const size = 4 * LEAF_BYTES + 5
    const bytes = random.bytes(size)
    bytes.fill(0, LEAF_BYTES, 3 * LEAF_BYTES)
    const partial = begin()
    for (const index of [4, 1, 0, 2, 3]) {
      const part = bytes.subarray(index * LEAF_BYTES, Math.min(size, (index + 1) * LEAF_BYTES))
      await partial.writeLeaf(leaf(index, 'large', index === 1 || index === 2 ? null : part, index, size))
    }
    await partial.finishLarge('large', size, true)
    await partial.close()
    const path = join(partial.path, 'large')
    assert.ok((await readFile(path)).equals(bytes))
    const stats = await stat(path)
    assert.equal(stats.mode & 0o777, 0o555)
    assert.ok(stats.blocks * 512 <= 2 * LEAF_BYTES + 64 * 1024, `${stats.blocks} blocks are no hole`)
    assert.equal(partial.bytes, 2 * LEAF_BYTES + 5)
  })

  it('makes a file that is all holes', async () => {
    const partial = begin()
    const size = 2 * LEAF_BYTES
    await partial.finishLarge('zeros', size, false)
    assert.deepEqual(await readFile(join(partial.path, 'zeros')), Buffer.alloc(size))
  })

  it(`keeps no more than ${PARTIAL_FILES_OPEN} files open, whatever the order of leaves`, async function () {
    if (process.platform !== 'linux') this.skip()
    const partial = begin()
    const count = 3 * PARTIAL_FILES_OPEN
    const size = LEAF_BYTES + 10
    const tail = (i: number) => Buffer.alloc(10, i + 1)
    const jobs = Array.from({ length: count }, (_, i) => leaf(2 * i + 1, `f${i}`, tail(i), 1, size))
    for (const job of jobs) {
      await partial.writeLeaf(job)
      assert.ok((await openFiles()) <= PARTIAL_FILES_OPEN)
    }
    // All at once as well, each opened again.
    await Promise.all(jobs.map((_, i) => partial.writeLeaf(leaf(2 * i, `f${i}`, Buffer.alloc(LEAF_BYTES, i), 0, size))))
    await Promise.all(jobs.map((_, i) => partial.finishLarge(`f${i}`, size, false)))
    assert.equal(await openFiles(), 0)
    await partial.close()
    for (let i = 0; i < count; i++) {
      const bytes = await readFile(join(partial.path, `f${i}`))
      assert.ok(bytes.equals(Buffer.concat([Buffer.alloc(LEAF_BYTES, i), tail(i)])), `f${i}`)
    }
  })

  it('goes on with a file that another process had begun, finished ones included', async () => {
    const size = 2 * LEAF_BYTES
    const [one, two] = [random.bytes(LEAF_BYTES), random.bytes(LEAF_BYTES)]
    const first = begin()
    await first.writeLeaf(leaf(0, 'large', one, 0, size))
    await first.checkpoint()
    const again = begin(new Ledger(notes[0]?.bits))
    assert.ok(again.ledger.has(0) && !again.ledger.has(1))
    assert.ok(one.equals((await again.read('large', 0, LEAF_BYTES)) ?? Buffer.of()))
    await again.writeLeaf(leaf(1, 'large', two, 1, size))
    await again.finishLarge('large', size, false)
    await again.close()
    const third = begin(new Ledger(notes[0]?.bits))
    await third.writeLeaf(leaf(1, 'large', two, 1, size))
    await third.finishLarge('large', size, false)
    await third.close()
    await first.close()
    assert.ok((await readFile(join(first.path, 'large'))).equals(Buffer.concat([one, two])))
    assert.equal((await stat(join(first.path, 'large'))).mode & 0o777, 0o444)
  })

  it('read() has undefined for what is missing or shorter', async () => {
    const partial = begin()
    assert.equal(await partial.read('nothing', 0, 1), undefined)
    await partial.writeSmall([small(0, 'three', Buffer.from('abc'))])
    assert.equal((await partial.read('three', 1, 2))?.toString(), 'bc')
    assert.equal(await partial.read('three', 1, 3), undefined)
  })

  it('writes nothing through a link that lies in its way', async () => {
    const outside = join(folder.path, 'outside')
    await writeFile(outside, 'kept')
    const partial = begin()
    await partial.makeDirectory('')
    await symlink(outside, join(partial.path, 'small'))
    await symlink(outside, join(partial.path, 'large'))
    await partial.writeSmall([small(0, 'small', Buffer.from('new'))])
    assert.ok((await lstat(join(partial.path, 'small'))).isFile())
    await assert.rejects(
      partial.writeLeaf(leaf(1, 'large', random.bytes(LEAF_BYTES), 0, 2 * LEAF_BYTES)),
      failsWith('UNSAFE_NAME')
    )
    assert.equal(await readFile(outside, 'utf8'), 'kept')
  })

  it('fails to write below what is no directory, and can be closed then', async () => {
    const partial = begin()
    await partial.makeDirectory('')
    await writeFile(join(partial.path, 'parent'), 'a file')
    await chmod(join(partial.path, 'parent'), 0o444)
    await assert.rejects(
      partial.writeLeaf(leaf(0, 'parent/large', random.bytes(LEAF_BYTES), 0, 2 * LEAF_BYTES)),
      failsWith('ALREADY_EXISTS')
    )
    await partial.close()
  })

  it(`notes what was written after ${CHECKPOINT_FILES} files, and not before`, async () => {
    const partial = begin()
    for (let i = 0; i < CHECKPOINT_FILES; i++) {
      assert.equal(notes.length, 0)
      await partial.writeSmall([small(i, `f${i}`, Buffer.from([i & 255]))])
    }
    assert.equal(notes.length, 1)
    assert.equal(new Ledger(notes[0]?.bits).count, CHECKPOINT_FILES)
    assert.equal(notes[0]?.bytes, CHECKPOINT_FILES)
  })

  it('knows what a small file looked like that one other wrote, and not where it was asked of two', async () => {
    const tree = begin()
    assert.deepEqual(await tree.smallTargets(['d/x', 'd/y']), [
      { path: tree.at('d/x'), mode: 0o444 },
      { path: tree.at('d/y'), mode: 0o444 }
    ])
    assert.deepEqual(await readdir(tree.path), ['d'])
    assert.equal(tree.lookOf('d/x'), undefined)
    tree.looked('d/x', look)
    assert.equal(tree.lookOf('d/x'), look)
    await tree.smallTargets(['d/y'])
    tree.looked('d/y', look)
    assert.equal(tree.lookOf('d/y'), undefined)
    await tree.smallTargets(['d/x'])
    assert.equal(tree.lookOf('d/x'), undefined)
    tree.looked('other', look)
    assert.equal(tree.lookOf('other'), undefined)
  })

  it('makes no directory for a root that is a small file', async () => {
    const tree = begin()
    await tree.smallTargets([''])
    await assert.rejects(lstat(tree.path), { code: 'ENOENT' })
  })

  it('remembers LOOKS_MAX looks and no more', async () => {
    const tree = begin()
    const paths = Array.from({ length: LOOKS_MAX + 1 }, (_, i) => String(i))
    await tree.smallTargets(paths)
    for (const path of paths) tree.looked(path, look)
    assert.equal(paths.filter(path => tree.lookOf(path) !== undefined).length, LOOKS_MAX)
    assert.equal(tree.lookOf(String(LOOKS_MAX)), undefined)
  })
})
