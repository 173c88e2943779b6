// A file from one node to another: by the command and by the client, of every size that matters, whole, in part and by range.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir, readFile, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import type { Mesh } from '../../client/index.ts'
import { Got, Progress, Shared } from '../../proto/api.ts'
import { LEAF_BYTES } from '../../proto/limits.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { Seeded } from '../helpers/seeded.ts'
import { failsWith } from '../helpers/trees.ts'

const MiB = 1024 * 1024
const FULL = process.env['PATHMESH_TEST_FULL'] === '1'
const LARGE = FULL ? 1024 * MiB : 64 * MiB

const Done = Got.pick({
  event: true,
  path: true,
  cid: true,
  seq: true,
  size: true,
  bytesFetched: true,
  seconds: true,
  providers: true
}).strict()

describe('a file', function () {
  this.timeout(FULL ? 600_000 : 60_000)
  const random = new Seeded('files')
  let scene: Scene
  let [origin, other]: Daemon[] = []
  let [here, there]: Mesh[] = []

  before(async () => {
    scene = await Scene.open()
    ;[origin, other] = await scene.mesh('a', 'b')
    here = await scene.connect(must(origin))
    there = await scene.connect(must(other))
  })
  after(() => scene.close())

  for (const size of [0, 1, LEAF_BYTES - 1, LEAF_BYTES, LEAF_BYTES + 1, 3 * LEAF_BYTES, 9 * LEAF_BYTES + 7]) {
    it(`of ${size} bytes arrives as it was`, async () => {
      const bytes = random.bytes(size)
      const shared = await must(here).share(await scene.file(`size-${size}`, bytes), { as: `sizes/${size}` })
      assert.equal(shared.size, size)
      const got = await must(there).path(`sizes/${size}`).get()
      assert.ok(bytes.equals(await readFile(got.path)))
      assert.equal(got.version.cid, shared.cid)
      assert.equal(got.version.seq, 1)
      assertFetched(got.bytesFetched, size)
      await got.release()
    })
  }

  it('is shared and fetched by the command, with progress, and the answers that the contract states', async () => {
    const bytes = random.bytes(LARGE)
    const path = await scene.file('model.bin', bytes)
    const shared = (await must(origin).cli(['share', path, '--as', 'train/model.bin'])).value(Shared.strict())
    assert.deepEqual(
      { ...shared, cid: '' },
      {
        url: 'pathmesh://train/model.bin',
        cid: '',
        kind: 'file',
        size: LARGE,
        seq: 1,
        origin: must(origin).peerId,
        kept: false,
        copies: 1
      }
    )
    const cwd = await scene.directory('cwd')
    const outcome = await must(other).cli(['get', 'train/model.bin'], { cwd })
    const done = outcome.value(Done)
    assert.equal(done.path, join(cwd, 'model.bin'))
    assert.deepEqual(done.providers, [{ peerId: must(origin).peerId, bytes: done.bytesFetched }])
    assertFetched(done.bytesFetched, LARGE)
    assert.equal(done.seq, 1)
    assert.equal(outcome.stderr, '')
    const progress = outcome.lines.slice(0, -1).map(line => Progress.strict().parse(line))
    assert.ok(progress.length > 0)
    assert.ok(progress.every(({ bytes, total }) => total === null || bytes <= total))
    assert.ok(bytes.equals(await readFile(done.path)))
    assert.deepEqual(await readdir(cwd), ['model.bin'])
    await rm(done.path)
  })

  it('is fetched once: the second get asks nobody', async () => {
    await must(here).share(await scene.file('once', random.bytes(5 * MiB)), { as: 'once/x' })
    const first = await must(there).path('once/x').get()
    const second = await must(there).path('once/x').get()
    assertFetched(first.bytesFetched, 5 * MiB)
    assert.equal(second.bytesFetched, 0)
    assert.deepEqual(second.providers, [])
    assert.equal(second.path, first.path)
    const byContent = await must(there).path(`ipfs://${first.version.cid}`).get()
    assert.equal(byContent.bytesFetched, 0)
    assert.equal((await must(there).stat('once/x')).copies, 2)
  })

  it('is left in the store read-only, under its own name, by --store', async () => {
    await must(here).share(await scene.file('kept.txt', 'keep me'), { as: 'stored/kept.txt' })
    const { path } = (await must(other).cli(['get', 'stored/kept.txt', '--store'])).value(Done)
    assert.ok(path.startsWith(join(must(other).data, 'content')))
    assert.ok(path.endsWith('/kept.txt'))
    assert.equal((await stat(path)).mode & 0o222, 0)
    assert.equal(await readFile(path, 'utf8'), 'keep me')
  })

  it('goes where --to says: to that path, or with a slash into that folder', async () => {
    await must(here).share(await scene.file('to.txt', 'to'), { as: 'to/to.txt' })
    const folder = await scene.directory('to-folder')
    const exact = (await must(other).cli(['get', 'to/to.txt', '--to', join(folder, 'exact')])).value(Done)
    assert.equal(exact.path, join(folder, 'exact'))
    const inside = (await must(other).cli(['get', 'to/to.txt', '--to', `${folder}/`])).value(Done)
    assert.equal(inside.path, join(folder, 'to.txt'))
    const relative = (await must(other).cli(['get', 'to/to.txt', '--to', 'relative'], { cwd: folder })).value(Done)
    assert.equal(relative.path, join(folder, 'relative'))
    assert.deepEqual((await readdir(folder)).sort(), ['exact', 'relative', 'to.txt'])
  })

  it('is read in part, and no more is fetched than is read', async () => {
    const bytes = random.bytes(8 * MiB)
    await must(here).share(await scene.file('ranges', bytes), { as: 'ranges/x' })
    const whole = (await must(other).cli(['cat', 'ranges/x'])).bytes
    assert.ok(bytes.equals(whole))
    const before = (await must(other).peers())[0]?.bytesIn ?? 0
    const part = await must(other).cli(['cat', 'ranges/x', '--range', `${MiB - 3}-${MiB + 2}`])
    assert.deepEqual(part.bytes, bytes.subarray(MiB - 3, MiB + 3))
    const tail = await must(other).cli(['cat', 'ranges/x', '--range', `${8 * MiB - 4}-`])
    assert.deepEqual(tail.bytes, bytes.subarray(-4))
    const came = ((await must(other).peers())[0]?.bytesIn ?? 0) - before
    assert.ok(came < 4 * MiB, `${came} bytes came`)
    const beyond = await must(other).cli(['cat', 'ranges/x', '--range', `${9 * MiB}-`])
    assert.deepEqual([beyond.status, beyond.bytes.length], [0, 0])
    const pieces: Buffer[] = []
    for await (const piece of must(there).path('ranges/x').createReadStream({ start: 10, end: 19 })) {
      assert.ok(Buffer.isBuffer(piece))
      pieces.push(piece)
    }
    assert.deepEqual(Buffer.concat(pieces), bytes.subarray(10, 20))
    assert.equal((await must(there).path('ranges/x').readFile()).length, 8 * MiB)
  })

  it('that is sparse arrives with its holes', async () => {
    const size = FULL ? 5 * 1024 * MiB : 256 * MiB
    const path = await scene.file('sparse', random.bytes(3 * MiB))
    await truncate(path, size)
    const shared = await must(here).share(path, { as: 'sparse/x' })
    const to = scene.at('sparse-copy')
    const got = await must(there).path('sparse/x').get({ to })
    assert.equal(got.version.cid, shared.cid)
    const { size: arrived, blocks } = await stat(to)
    assert.equal(arrived, size)
    assert.ok(blocks * 512 <= 4 * MiB, `${blocks * 512} bytes on the disk`)
    await must(other).cli(['drop', 'sparse/x'])
  })

  it('has the address that other IPFS tools give it, with sha2-256', async () => {
    const path = await scene.file('ipfs', 'hello\n')
    const args = ['share', path, '--as', 'ipfs/hello', '--hash', 'sha2-256']
    const { cid } = (await must(origin).cli(args)).value(Shared.strict())
    assert.equal(cid, 'bafkreicysg23kiwv34eg2d7qweipxwosdo2py4ldv42nbauguluen5v6am')
    const { path: copy } = await must(there).path('ipfs/hello').get()
    assert.equal(
      createHash('sha256')
        .update(await readFile(copy))
        .digest('hex')
        .slice(0, 4),
      '5891'
    )
  })

  it('is served no more once it is unshared, and its copies stay', async () => {
    const path = await scene.file('retired', 'retired')
    const { cid } = await must(here).share(path, { as: 'retire/x' })
    await (await must(there).path('retire/x').get()).release()
    assert.equal((await must(origin).cli(['unshare', 'retire/x'])).status, 0)
    await assert.rejects(must(there).path('retire/x').get(), failsWith('NOT_FOUND'))
    assert.equal(await readFile(path, 'utf8'), 'retired')
    assert.equal(await must(there).path(`ipfs://${cid}`).existsLocal(), true)
    await must(there).drop(`ipfs://${cid}`)
    await assert.rejects(must(there).path(`ipfs://${cid}`).get({ stallMs: 500 }), failsWith('NO_PROVIDERS'))
  })

  it('that was dropped is gone from the store, and comes again', async () => {
    await must(here).share(await scene.file('dropped', random.bytes(MiB)), { as: 'drop/x' })
    const { path } = (await must(other).cli(['get', 'drop/x', '--store'])).value(Done)
    const dropped = await must(other).cli(['drop', 'drop/x'])
    assert.deepEqual(dropped.lines, [{ url: 'pathmesh://drop/x', roots: 1, files: 1, bytes: MiB }])
    await assert.rejects(stat(path), { code: 'ENOENT' })
    assert.equal(await must(there).path('drop/x').existsLocal(), false)
    assert.equal(await must(there).path('drop/x').exists(), true)
    assert.equal((await must(there).path('drop/x').get()).bytesFetched, MiB)
  })

  it('that a program reads is not dropped until it is released', async () => {
    await must(here).share(await scene.file('leased', 'leased'), { as: 'lease/x' })
    const got = await must(there).path('lease/x').get()
    assert.equal((await must(other).cli(['drop', 'lease/x'])).error.code, 'IN_USE')
    await got.release()
    assert.equal((await must(other).cli(['drop', 'lease/x'])).status, 0)
  })
})

/** The content, and what says how it hangs together: a thousandth, and less. */
function assertFetched(bytes: number, size: number): void {
  assert.ok(bytes >= size && bytes <= size * 1.001, `${bytes} bytes were fetched for ${size}`)
}
