// A node whose data folder is an old backup: it hears from others what it published since, and counts on from there.

import assert from 'node:assert/strict'
import { cp, rename } from 'node:fs/promises'
import { after, before, describe, it } from 'mocha'
import type { Mesh } from '../../client/index.ts'
import { removeTree } from '../../daemon/store/disposal.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { collect, failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

describe('a node that was restored from a backup', function () {
  this.timeout(60_000)
  let scene: Scene
  let [a, b]: Daemon[] = []

  before(async () => {
    scene = await Scene.open()
    ;[a, b] = await scene.mesh('a', 'b')
  })
  after(() => scene.close())

  it('loses no name that others have heard, and gives no number twice', async () => {
    const share = async (mesh: Mesh, name: string, text: string): Promise<void> => {
      await mesh.share(await scene.file(`files/${name}-${text}`, text), { as: `backup/${name}` })
    }
    const names = async (mesh: Mesh) => {
      const found = await collect(mesh.names({ prefix: 'backup/' }))
      return found.map(({ path, seq, size, conflict }) => [path, seq, size, conflict])
    }
    let mesh = await must(a).connect()
    await share(mesh, 'before', '1')
    await mesh.close()
    await must(a).stop()
    const copy = scene.at('copy')
    await cp(must(a).data, copy, { recursive: true })

    a = scene.own(await must(a).again())
    mesh = await a.connect()
    await share(mesh, 'before', '22')
    for (const name of ['lost-1', 'lost-2', 'lost-3']) await share(mesh, name, name)
    await share(mesh, 'retired', 'x')
    await mesh.unshare('backup/retired')
    const there = await scene.connect(must(b))
    const lost = [
      ['before', 2, 2, undefined],
      ['lost-1', 1, 6, undefined],
      ['lost-2', 1, 6, undefined],
      ['lost-3', 1, 6, undefined]
    ]
    await until('the other knows all', async () => (await names(there)).length === lost.length)
    assert.deepEqual(await names(there), lost)
    await mesh.close()
    await a.kill9()
    await removeTree(a.data)
    await rename(copy, a.data)

    a = scene.own(await a.again())
    const restored = await scene.connect(a)
    await share(restored, 'before', '333')
    await share(restored, 'new', 'new one')
    const all = [['before', 3, 3, undefined], ...lost.slice(1), ['new', 1, 7, undefined]]
    await until('the other knows the new name', async () => (await names(there)).length === all.length)
    for (const node of [there, restored]) {
      assert.deepEqual(await names(node), all)
      await assert.rejects(node.stat('backup/retired'), failsWith('NOT_FOUND'))
    }
    assert.equal(await there.path('backup/before').readFile('utf8'), '333')
    assert.equal(await there.path('backup/lost-2').at(1).exists(), true)
  })
})
