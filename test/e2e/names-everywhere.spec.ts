// Names on every node of the mesh: known at once, resolved and fetched with their origin gone, and by a node that is alone.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'mocha'
import { Change, Name, ProviderLine, Stat } from '../../proto/api.ts'
import type { Mesh } from '../../client/index.ts'
import { connected, type Daemon, must, Scene } from '../helpers/daemons.ts'
import { collect, failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

describe('a name', function () {
  this.timeout(60_000)
  let scene: Scene
  let [a, b, c]: Daemon[] = []

  before(async () => {
    scene = await Scene.open()
    ;[a, b, c] = await scene.mesh('a', 'b', 'c')
    await connected(must(b), must(c))
  })
  after(() => scene.close())

  it('is resolved and fetched with its origin gone, and resolved by a node that starts alone', async () => {
    const [origin, second, third] = [must(a), must(b), must(c)]
    const file = await scene.file('x', 'first')
    const [onOrigin, onSecond, onThird] = await Promise.all([a, b, c].map(node => scene.connect(must(node))))
    await must(onOrigin).share(file, { as: 'gone/x' })
    await scene.file('x', 'second one')
    const { cid } = await must(onOrigin).share(file, { as: 'gone/x', meta: { epoch: 2 } })
    await must(onOrigin).share(file, { as: 'gone/retired' })
    await must(onOrigin).unshare('gone/retired')
    await must(onSecond).path('gone/x').get()
    await must(onOrigin).close()
    await origin.stop()

    const facts = async (mesh: Mesh) => {
      const names = await collect(mesh.names({ prefix: 'gone/' }))
      const history = await collect(mesh.history('gone/x'))
      return {
        names: names.map(({ url, seq, size, origin: from }) => [url, seq, size, from]),
        history: history.map(({ event, seq }) => [event, seq])
      }
    }
    const expected = {
      names: [['pathmesh://gone/x', 2, 10, origin.peerId]],
      history: [
        ['version', 2],
        ['version', 1]
      ]
    }
    assert.deepEqual(await facts(must(onThird)), expected)
    const before = await must(onThird).stat('gone/x')
    assert.deepEqual(
      [before.copies, before.local, before.meta, before.providers],
      [1, false, { epoch: 2 }, [second.peerId]]
    )
    await assert.rejects(must(onThird).path('gone/retired').get(), failsWith('NOT_FOUND'))
    const got = await must(onThird).path('gone/x').get()
    assert.equal(await readFile(got.path, 'utf8'), 'second one')
    assert.deepEqual(
      got.providers.map(({ peerId }) => peerId),
      [second.peerId]
    )
    const [ls, history, stat, providers] = await Promise.all(
      [
        ['ls', 'gone/'],
        ['history', 'gone/x'],
        ['stat', 'gone/x'],
        ['providers', 'gone/x']
      ].map(args => third.cli(args))
    )
    assert.equal(must(ls).value(Name.strict()).local, true)
    assert.equal(must(history).value(Change).seq, 1)
    assert.equal(must(stat).value(Stat.strict()).copies, 2)
    assert.deepEqual(
      new Map(
        must(providers)
          .lines.map(line => ProviderLine.parse(line))
          .map(({ peerId, ...rest }) => [peerId, rest])
      ),
      new Map([
        [second.peerId, { name: 'b', complete: true, bytes: 10 }],
        [third.peerId, { name: 'c', complete: true, bytes: 10 }]
      ])
    )

    await Promise.all([must(onSecond).close(), must(onThird).close()])
    await Promise.all([second.stop(), third.stop()])
    const again = scene.own(await third.again())
    await using alone = await again.connect()
    assert.deepEqual(await facts(alone), expected)
    assert.equal((await alone.path('gone/x').latest()).cid, cid)
    assert.equal(await alone.path('gone/x').readFile('utf8'), 'second one')
    // Had any of this waited until it hears others, it would have come about by now, or failed.
    assert.deepEqual([(await alone.status()).synced, (await alone.status()).peers], [false, 0])
  })
})

describe('nodes of a mesh', function () {
  this.timeout(60_000)
  const TEN = ['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7', 'n8', 'n9'] as const
  let scene: Scene
  let lone: Mesh
  /** What comes of an unknown name where no other node is heard; it takes as long as such a node waits. */
  let unknown: Promise<unknown>

  before(async () => {
    scene = await Scene.open()
    const [first, second] = await scene.mesh('p', 'q')
    await using mesh = await must(first).connect()
    await mesh.share(await scene.file('known', 'known'), { as: 'known/x' })
    await Promise.all([must(first).kill9(), must(second).kill9()])
    lone = await scene.connect(scene.own(await must(second).again()))
    unknown = lone.stat('unknown/x').catch((error: unknown) => error)
  })
  after(() => scene.close())

  it('all know what each publishes, also once the one is gone through which they met', async () => {
    const daemons = await scene.mesh(...TEN)
    const meshes = await Promise.all(daemons.map(daemon => scene.connect(daemon)))
    const file = await scene.file('ten', 'of ten')
    await Promise.all(meshes.map((mesh, i) => mesh.share(file, { as: `ten/${i}` })))
    for (const [i, mesh] of meshes.entries()) {
      await until(`${i} knows all names`, async () => {
        const names = await collect(mesh.names({ prefix: 'ten/' }))
        return names.length === TEN.length && new Set(names.map(({ origin }) => origin)).size === TEN.length
      })
    }
    await must(daemons[0]).kill9()
    await must(meshes[1]).share(await scene.file('later', 'later'), { as: 'later/x' })
    const later = must(meshes[9]).path('later/x')
    assert.equal((await later.waitFor({ timeoutMs: 10_000 })).origin, must(daemons[1]).peerId)
    assert.equal(await later.readFile('utf8'), 'later')
  })

  it('that heard no other since they started know their names, and cannot say that there is no other', async () => {
    assert.equal((await lone.stat('known/x')).size, 5)
    assert.equal((await lone.status()).synced, false)
    assert.ok(failsWith('NOT_SYNCED', /pathmesh peers/)(await unknown))
    assert.equal((await lone.stat('known/x')).size, 5)
  })
})
