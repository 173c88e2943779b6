// Payloads that the disk of a daemon has no room for: refused before a byte where their size is said, else while they come.
// Nothing is left of them, and what fits is taken.

import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { Daemon, Scene } from '../helpers/daemons.ts'
import { smallFileSystem } from '../helpers/privileges.ts'
import { failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

const MiB = 1024 * 1024

describe('a disk that is too small for a Payload', function () {
  this.timeout(60_000)

  it('is NO_SPACE, whether or not its size is known, and keeps nothing of it', async function () {
    const scene = await Scene.open()
    const data = scene.at('data')
    const disk = smallFileSystem(data, 64)
    if (disk === undefined) {
      await scene.close()
      this.skip()
    }
    const daemon = await Daemon.up({ data, name: 'a' })
    try {
      await using mesh = await daemon.connect()
      let made = 0
      const endless = async function* (): AsyncGenerator<Uint8Array> {
        for (; made < 1024; made++) yield Buffer.alloc(MiB)
      }
      await assert.rejects(mesh.put('disk/endless', endless()), failsWith('NO_SPACE', /make room|no space left/))
      assert.ok(made < 256, `${made} MiB were sent to a disk of 64`)
      await assert.rejects(mesh.put('disk/large', Buffer.alloc(80 * MiB)), failsWith('NO_SPACE', /make room|no space/))
      await until('nothing is left', async () => (await readdir(join(data, 'kept'))).length === 0)
      for (const name of ['disk/endless', 'disk/large']) assert.equal(await mesh.payload(name).exists(), false)
      const fits = await mesh.put('disk/fits', Buffer.alloc(2 * MiB, 'x'))
      assert.equal((await mesh.payload<Uint8Array>(fits.toJSON()).get()).length, 2 * MiB)
      assert.equal(await mesh.put('disk/small', 'small').then(put => put.get()), 'small')
    } finally {
      await daemon.kill9()
      disk.unmount()
      await scene.close()
    }
  })
})
