// Owns the tests of hashing on worker threads, and of the way from a disk to a DAG and back. Refuses to measure time.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { checkTree } from '../../../daemon/content/check-tree.ts'
import { buildFile } from '../../../daemon/content/file-dag.ts'
import type { Fingerprint } from '../../../daemon/content/fingerprint.ts'
import { planUnits } from '../../../daemon/content/hash-plan.ts'
import { Hasher } from '../../../daemon/content/hasher.ts'
import { type ScannedFile, scan } from '../../../daemon/content/scan.ts'
import { walkTree } from '../../../daemon/content/walk.ts'
import { HASH_BATCH_FILES, HASH_SEGMENT_BYTES, LEAF_BYTES } from '../../../proto/limits.ts'
import {
  buildTree,
  collect,
  directory,
  failsWith,
  file,
  leafDigests,
  link,
  temporaryFolder,
  writeTree
} from '../../helpers/trees.ts'

async function filesIn(root: string): Promise<ScannedFile[]> {
  return (await collect(scan(root))).filter(entry => entry.kind === 'file')
}

describe('Hasher', () => {
  let folder = { path: '', remove: async () => {} }
  const hasher = new Hasher({ threads: 2, now: () => 42 })
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(() => folder.remove())
  after(() => hasher.close())

  const at = (name: string): string => join(folder.path, name)
  const hashed = (files: Iterable<ScannedFile>, signal?: AbortSignal) => collect(hasher.hashFiles(files, { signal }))
  const one = async (name: string): Promise<ScannedFile> => {
    const [found] = await filesIn(at(name))
    assert.ok(found)
    return found
  }

  for (const size of [0, 1, LEAF_BYTES - 1, LEAF_BYTES, LEAF_BYTES + 1]) {
    it(`hashes a file of ${size} bytes as the builder would, with either hash`, async () => {
      const content = Buffer.alloc(size, 'pathmesh')
      await writeFile(at('f'), content)
      for (const hash of ['blake3', 'sha2-256'] as const) {
        const [found] = await collect(hasher.hashFiles([await one('f')], { hash }))
        assert.deepEqual(Buffer.from(found?.leaves ?? []), leafDigests(content, hash))
        assert.equal(found?.wrapped, undefined)
        assert.equal(found?.stampedAt, 42)
      }
    })
  }

  it('wraps executable files of a single leaf, between others', async () => {
    const tree = directory({ a: file('1'), b: file('2', true), c: file('', true), d: file('3') })
    await writeTree(tree, at('t'))
    const found = await hashed(await filesIn(at('t')))
    for (const { file: source, leaves, wrapped } of found) {
      const content = { a: '1', b: '2', c: '', d: '3' }[source.path] ?? ''
      const { cid } = buildFile({
        leaves,
        size: content.length,
        executable: source.executable,
        hash: 'blake3',
        wrapped
      })
      assert.ok(cid.equals(buildTree(file(content, source.executable), 'blake3').cid))
    }
  })

  it('cuts a large file into segments, and tells the progress of all its bytes', async () => {
    const size = 2 * HASH_SEGMENT_BYTES + LEAF_BYTES + 1
    await writeFile(at('large'), '')
    await truncate(at('large'), size)
    let progress = 0
    const [found] = await collect(hasher.hashFiles([await one('large')], { onProgress: bytes => (progress += bytes) }))
    assert.equal(progress, size)
    const zero = leafDigests(new Uint8Array(LEAF_BYTES), 'blake3')
    assert.equal(found?.leaves.length, (size / LEAF_BYTES + 1 - 1 / LEAF_BYTES) * 32)
    for (let i = 0; i < size - 1; i += 32 * LEAF_BYTES) {
      const index = i / LEAF_BYTES
      assert.deepEqual(Buffer.from(found?.leaves.subarray(index * 32, index * 32 + 32) ?? []), zero)
    }
    assert.deepEqual(Buffer.from(found?.leaves.subarray(-32) ?? []), leafDigests(new Uint8Array(1), 'blake3'))
  })

  it('yields many files in their order, several times their batch', async () => {
    const entries = Array.from(
      { length: 2 * HASH_BATCH_FILES + 5 },
      (_, i) => [`f${String(i).padStart(4, '0')}`, file(`${i}`)] as const
    )
    await writeTree({ kind: 'directory', entries }, at('many'))
    const found = await hashed(await filesIn(at('many')))
    assert.equal(found.length, entries.length)
    for (const [i, { file: source, leaves }] of found.entries()) {
      assert.equal(source.path, entries[i]?.[0])
      assert.deepEqual(Buffer.from(leaves), leafDigests(Buffer.from(`${i}`), 'blake3'))
    }
  })

  const fingerprint = (size: number): Fingerprint => ({
    dev: 1n,
    ino: 1n,
    size: BigInt(size),
    mtimeNs: 1n,
    ctimeNs: 1n
  })
  it('plans units within their bounds, each leaf once', async () => {
    const sizes = [
      0,
      5,
      3 * HASH_SEGMENT_BYTES + 7,
      LEAF_BYTES,
      HASH_SEGMENT_BYTES,
      ...Array.from({ length: 600 }, () => 9)
    ]
    const files = sizes.map((size, i) => ({ absolute: `${i}`, fingerprint: fingerprint(size), executable: false }))
    const next = new Map<string, number>()
    for await (const unit of planUnits(files)) {
      assert.ok(unit.length > 0 && unit.length <= HASH_BATCH_FILES)
      const leaves = unit.reduce(
        (total, { file, from, to }) =>
          total + Math.min(Number(file.fingerprint.size), to * LEAF_BYTES) - from * LEAF_BYTES,
        0
      )
      assert.ok(leaves <= HASH_SEGMENT_BYTES)
      for (const { file: source, from, to } of unit) {
        assert.equal(from, next.get(source.absolute) ?? 0)
        assert.ok(to > from)
        next.set(source.absolute, to)
      }
    }
    for (const [i, size] of sizes.entries()) assert.equal(next.get(`${i}`), Math.max(1, Math.ceil(size / LEAF_BYTES)))
  })

  const changes: [string, (path: string) => Promise<unknown>][] = [
    ['was written to', path => writeFile(path, 'other')],
    ['was touched', path => utimes(path, 1, 1)],
    ['was cut', path => truncate(path, 1)],
    ['vanished', path => rm(path)],
    [
      'became a link',
      async path => {
        await rm(path)
        await symlink('/etc/passwd', path)
      }
    ],
    [
      'became a FIFO',
      async path => {
        await rm(path)
        execFileSync('mkfifo', [path])
      }
    ],
    [
      'became a directory',
      async path => {
        await rm(path)
        await writeTree(directory({}), path)
      }
    ]
  ]
  for (const [what, change] of changes) {
    it(`is SOURCE_CHANGED for a file that ${what}, and names it`, async () => {
      await writeTree(directory({ before: file('1'), changing: file('12345') }), at('t'))
      const files = await filesIn(at('t'))
      await change(at('t/changing'))
      await assert.rejects(hashed(files), failsWith('SOURCE_CHANGED', /t\/changing/))
    })
  }

  it('refuses a file that states no size and yields bytes', async function () {
    if (process.platform !== 'linux') this.skip()
    await assert.rejects(hashed(await filesIn('/proc/self/limits')), failsWith('UNSAFE_NAME', /limits states no size/))
  })

  it('stops on abort with its reason, and works again after', async () => {
    await writeFile(at('large'), '')
    await truncate(at('large'), 4 * 1024 * HASH_SEGMENT_BYTES)
    const stop = new AbortController()
    const reason = new Error('enough')
    const files = [await one('large')]
    const act = collect(hasher.hashFiles(files, { signal: stop.signal, onProgress: () => stop.abort(reason) }))
    await assert.rejects(act, error => error === reason)
    await assert.rejects(collect(hasher.hashFiles(files, { signal: stop.signal })), error => error === reason)
    await writeFile(at('small'), 'x')
    assert.equal((await hashed([await one('small')])).length, 1)
  })

  it('stops when its reader goes away, and when it is closed', async () => {
    await writeTree(directory({ a: file('1'), b: file('2') }), at('t'))
    const files = await filesIn(at('t'))
    for await (const { file: source } of hasher.hashFiles(files)) {
      assert.equal(source.path, 'a')
      break
    }
    await writeFile(at('large'), '')
    await truncate(at('large'), 4 * 1024 * HASH_SEGMENT_BYTES)
    const own = new Hasher({ threads: 1 })
    const act = collect(own.hashFiles([await one('large')], { onProgress: () => void own.close() }))
    await assert.rejects(act, failsWith('ABORTED'))
    await own.close()
  })

  it('from disk to DAG and back: the walk lists what was scanned', async () => {
    const tree = directory({
      empty: directory({}),
      d: directory({
        'ä 😀': file('1'),
        '.h': file('', true),
        l: link('../big'),
        e: directory({ run: file('x', true) })
      }),
      big: file(Buffer.alloc(2 * LEAF_BYTES + 9, 'b'), true)
    })
    await writeTree(tree, at('t'))
    const scanned = await collect(scan(at('t')))
    const { cid, store } = buildTree(tree, 'blake3')
    const digests = new Map((await hashed(await filesIn(at('t')))).map(found => [found.file.path, found]))
    const walked = await collect(walkTree(cid, store))
    assert.deepEqual(
      walked.map(({ path, kind }) => [path, kind]),
      scanned.map(({ path, kind }) => [path, kind])
    )
    for (const entry of walked) {
      const found = digests.get(entry.path)
      if (entry.kind !== 'file') continue
      assert.ok(found)
      const { leaves, wrapped, file: source } = found
      const built = buildFile({ leaves, size: entry.size, executable: source.executable, hash: 'blake3', wrapped })
      assert.ok(built.cid.equals(entry.cid))
    }
    assert.equal((await checkTree(cid, store)).entries, scanned.length)
  })
})
