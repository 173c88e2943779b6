// Where nodes are and what they are called: told by records, so that nodes find each other that never met, moved or were renamed.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'mocha'
import { connected, Daemon, must, Scene } from '../helpers/daemons.ts'
import { failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

describe('a node', function () {
  this.timeout(60_000)
  let scene: Scene
  let [a, b, c]: Daemon[] = []

  before(async () => {
    scene = await Scene.open()
    ;[a, b, c] = await scene.mesh('a', 'b', 'c')
  })
  after(() => scene.close())

  it('connects to one that it never met, and finds it again when the one is gone that knew both', async () => {
    await connected(must(b), must(c))
    await Promise.all([must(a).stop(), must(c).stop()])
    c = scene.own(await must(c).again())
    await connected(must(b), c)
    a = scene.own(await must(a).again())
    await connected(a, c)
    await connected(a, must(b))
  })

  it('that moved while it was renamed is found by one that moved as well, and keeps its name', async () => {
    await using mesh = await must(b).connect()
    await mesh.share(await scene.file('named', 'named'), { as: 'named/x' })
    await mesh.close()
    await Promise.all([must(b).stop(), must(c).stop()])
    // Each knows only where the other was; the first, which stays, tells both.
    const [old, data] = [must(b).port, must(b).data]
    b = scene.own(await Daemon.up({ data, name: 'other' }))
    c = scene.own(await must(c).again({ port: 0 }))
    assert.notEqual(b.port, old)
    await connected(b, c)
    await using there = await c.connect()
    const { peerId } = b
    const called = async (): Promise<string | null | undefined> =>
      (await must(c).peers()).find(peer => peer.peerId === peerId)?.name
    await until('the new name is known', async () => (await called()) === 'other')
    assert.equal(await there.path('named@other/x').readFile('utf8'), 'named')
    await assert.rejects(there.path('named@b/x').get(), failsWith('NOT_FOUND'))

    await b.stop()
    b = scene.own(await Daemon.up({ data, port: b.port }))
    assert.equal(b.ready.name, 'other')
    await connected(b, c)
    assert.equal(await called(), 'other')
  })
})
