// Where nodes are and what they are called: told by records, so that nodes find each other that never met, moved or were renamed.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { connected, Daemon, must, Scene } from '../helpers/daemons.ts'
import { failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

describe('a node', function () {
  this.timeout(60_000)
  let scene: Scene

  beforeEach(async () => {
    scene = await Scene.open()
  })
  afterEach(() => scene.close())

  it('finds others that it never met, that have moved, that were renamed, and without the one that knew both', async () => {
    let [a, b, c] = await scene.mesh('a', 'b', 'c')
    await connected(must(b), must(c))
    const file = await scene.file('x', 'named')
    assert.equal((await must(a).cli(['share', file, '--as', 'named/x'])).status, 0)
    await Promise.all([must(a).stop(), must(c).stop()])

    // Without --name it is called as before.
    c = scene.own(await Daemon.up({ data: must(c).data, port: must(c).port }))
    assert.equal(c.ready.name, 'c')
    await connected(must(b), c)

    await c.kill9()
    const old = [must(a).port, c.port]
    ;[a, c] = await Promise.all([must(a).again({ port: 0, name: 'other' }), c.again({ port: 0 })])
    for (const moved of [a, c]) assert.ok(!old.includes(scene.own(moved).port))
    // Each knows only where the other was; the one that stayed tells both.
    await connected(a, c)
    await using mesh = await c.connect()
    const { peerId } = a
    const called = async () => (await must(b).peers()).find(peer => peer.peerId === peerId)?.name
    await until('the new name is known', async () => (await called()) === 'other')
    await until('there, too', async () => await mesh.path('named@other/x').exists())
    assert.equal(await mesh.path('named@other/x').readFile('utf8'), 'named')
    await assert.rejects(mesh.path('named@a/x').get(), failsWith('NOT_FOUND'))
  })
})
