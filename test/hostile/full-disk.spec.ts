// Disks that are full: the destination's and the daemon's own. The call fails with NO_SPACE, nothing is left behind, the daemon
// lives, and the same call goes well once there is room.

import assert from 'node:assert/strict'
import { readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { hasCode } from '../../client/index.ts'
import { connected, Daemon, must, Scene } from '../helpers/daemons.ts'
import { smallFileSystem } from '../helpers/privileges.ts'
import { Seeded } from '../helpers/seeded.ts'
import { failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

const MiB = 1024 * 1024

describe('a full disk', function () {
  this.timeout(60_000)
  let scene: Scene
  let origin: Daemon | undefined
  let unmount: (() => void)[] = []
  const random = new Seeded('full')

  before(async () => {
    scene = await Scene.open()
    origin = await scene.up('a')
    await must(origin).cli(['share', await scene.file('x', random.bytes(12 * MiB)), '--as', 'full/x'])
    for (let i = 0; i < 200; i++) await scene.file(`dir/f${i}`, random.bytes(60_000))
    await must(origin).cli(['share', scene.at('dir'), '--as', 'full/dir'])
  })
  after(async () => {
    // A daemon on such a disk must end before its disk goes.
    for (const step of unmount) step()
    await scene.close()
  })

  it('where it is to go: NO_SPACE, nothing left there, and done once there is room', async function () {
    const at = scene.at('small')
    const disk = smallFileSystem(at, 8) ?? this.skip()
    unmount.push(() => disk.unmount())
    const other = await scene.up('b', { join: await must(origin).invite() })
    await connected(other, must(origin))
    await using mesh = await other.connect()
    for (const ref of ['full/x', 'full/dir']) {
      await assert.rejects(
        mesh.path(ref).get({ to: join(at, 'to') }),
        failsWith('NO_SPACE', /small.*(?:no space left|make room)/)
      )
      assert.deepEqual(await readdir(at), [])
    }
    const outcome = await other.cli(['get', 'full/x'], { cwd: at })
    assert.deepEqual([outcome.status, outcome.error.code], [1, 'NO_SPACE'])
    const elsewhere = await mesh.path('full/x').get({ to: scene.at('elsewhere') })
    assert.equal(elsewhere.bytesFetched, 0)
    disk.unmount()
    await mesh.path('full/dir').get({ to: join(at, 'to') })
    assert.equal((await readdir(join(at, 'to'))).length, 200)
  })

  it('under the data folder: NO_SPACE before it is full, alive, and done once there is room', async function () {
    const data = scene.at('data')
    const disk = smallFileSystem(data, 40) ?? this.skip()
    const other = await Daemon.up({ data, name: 'c', join: await must(origin).invite() })
    try {
      await connected(other, must(origin))
      await using mesh = await other.connect()
      const { bavail, bsize } = await statfs(data)
      await writeFile(join(data, 'ballast'), Buffer.alloc(bavail * bsize - 20 * MiB))
      await assert.rejects(mesh.path('full/x').get(), failsWith('NO_SPACE', /make room/))
      assert.equal((await mesh.stat('full/x')).size, 12 * MiB)
      // Room for the check before a transfer, and none left while it runs.
      await rm(join(data, 'ballast'))
      const got = await mesh.path('full/x').get()
      assert.equal((await readFile(got.path)).length, 12 * MiB)
    } finally {
      await other.kill9()
      disk.unmount()
    }
  })

  it('to the last byte: no call is acknowledged that is not kept, and all is well once there is room', async function () {
    const data = scene.at('last')
    const disk = smallFileSystem(data, 40) ?? this.skip()
    let other = await Daemon.up({ data, name: 'd', join: await must(origin).invite() })
    try {
      await connected(other, must(origin))
      const ballast = join(data, 'ballast')
      await using mesh = await other.connect()
      const acknowledged: string[] = []
      for (let i = 0; i < 12; i++) {
        const path = await scene.file(`named/${i}`, `${i}`)
        await fill(ballast, data)
        try {
          await mesh.share(path, { as: `last/${i}`, meta: { long: 'x'.repeat(3000) } })
          acknowledged.push(`last/${i}`)
        } catch (error) {
          assert.ok(hasCode(error, 'NO_SPACE', 'IO'), String(error))
          assert.match(error.message, /disk .*is full/)
        }
      }
      assert.ok(acknowledged.length < 12, 'the disk was never full')
      await rm(ballast)
      await until('the index is open again', async () => {
        try {
          return (await mesh.status()).storage.freeBytes > MiB
        } catch (error) {
          assert.match(String(error), /disk .*is full/)
          return false
        }
      })
      const shared = await mesh.share(await scene.file('after', 'after'), { as: 'last/after' })
      assert.equal(shared.seq, 1)
      assert.equal((await mesh.path('full/x').get()).version.size, 12 * MiB)
      await other.kill9()
      other = await other.again()
      await using later = await other.connect()
      for (const name of [...acknowledged, 'last/after']) assert.equal((await later.path(name).latest()).seq, 1, name)
    } finally {
      await other.kill9()
      disk.unmount()
    }
  })
})

/** Writes until the disk of `folder` takes no more. */
async function fill(path: string, folder: string): Promise<void> {
  for (const piece of [MiB, 4096, 1]) {
    const { bavail, bsize } = await statfs(folder)
    const count = Math.ceil((bavail * bsize) / piece) + 1
    for (let i = 0; i < count; i++) {
      try {
        await writeFile(path, Buffer.alloc(piece, 1), { flag: 'a' })
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') break
        throw error
      }
      if (piece === 1 && i > 8192) break
    }
  }
}
