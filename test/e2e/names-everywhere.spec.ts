// Names on every node of a mesh: known at once, resolved and fetched with their origin gone, and by a node that is alone.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'mocha'
import type { Mesh } from '../../client/index.ts'
import { Change, Name, ProviderLine, Stat } from '../../proto/api.ts'
import { connected, type Daemon, must, Scene } from '../helpers/daemons.ts'
import { collect, failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

describe('a mesh of ten nodes, of which the first is gone, through which they met', function () {
  this.timeout(60_000)
  let scene: Scene
  /** Asked before all else: its last answer takes as long as a node waits that hears nobody. */
  let alone: Alone
  /** The first is the origin of `gone/…`; the second has fetched that. */
  let daemons: Daemon[] = []
  let meshes: Mesh[] = []

  before(async () => {
    scene = await Scene.open()
    alone = await askAlone(scene)
    daemons = await scene.mesh('n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7', 'n8', 'n9')
    meshes = await Promise.all(daemons.map(daemon => scene.connect(daemon)))
    const [origin, second] = meshes
    const file = await scene.file('x', 'first')
    await must(origin).share(file, { as: 'gone/x' })
    await scene.file('x', 'second one')
    await must(origin).share(file, { as: 'gone/x', meta: { epoch: 2 } })
    await must(origin).share(file, { as: 'gone/retired' })
    await must(origin).unshare('gone/retired')
    const other = await scene.file('y', 'of each')
    await Promise.all(meshes.map((mesh, i) => mesh.share(other, { as: `ten/${i}` })))
    await must(second).path('gone/x').get()
    await Promise.all(daemons.slice(2).map(daemon => connected(must(daemons[1]), daemon)))
    await must(daemons[0]).kill9()
  })
  after(() => scene.close())

  it('knows on each node what every node has published', async () => {
    for (const [i, mesh] of meshes.slice(1).entries()) {
      await until(`node ${i + 1} knows all names`, async () => {
        const names = await collect(mesh.names({ prefix: 'ten/' }))
        return names.length === 10 && new Set(names.map(({ origin }) => origin)).size === 10
      })
    }
  })

  it('hears of what is published then', async () => {
    const { origin } = await must(meshes[1]).share(await scene.file('later', 'later'), { as: 'later/x' })
    const later = must(meshes[9]).path('later/x')
    assert.equal((await later.waitFor({ timeoutMs: 10_000 })).origin, origin)
    assert.equal(await later.readFile('utf8'), 'later')
  })

  it('knows all of what the first published, and fetches it from one that has it', async () => {
    const [{ peerId: origin }, { peerId: second }, third] = [must(daemons[0]), must(daemons[1]), must(daemons[2])]
    const mesh = must(meshes[2])
    const names = await collect(mesh.names({ prefix: 'gone/' }))
    assert.deepEqual(
      names.map(({ url, seq, size, origin: from }) => [url, seq, size, from]),
      [['pathmesh://gone/x', 2, 10, origin]]
    )
    const known = await collect(mesh.history('gone/x'))
    assert.deepEqual(
      known.map(({ event, seq }) => [event, seq]),
      [
        ['version', 2],
        ['version', 1]
      ]
    )
    await assert.rejects(mesh.path('gone/retired').get(), failsWith('NOT_FOUND'))
    const { copies, local, meta, providers: from } = await mesh.stat('gone/x')
    assert.deepEqual([copies, local, meta, from], [1, false, { epoch: 2 }, [second]])

    const got = await mesh.path('gone/x').get()
    assert.equal(await readFile(got.path, 'utf8'), 'second one')
    assert.deepEqual(
      got.providers.map(({ peerId }) => peerId),
      [second]
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
        [second, { name: 'n1', complete: true, bytes: 10 }],
        [third.peerId, { name: 'n2', complete: true, bytes: 10 }]
      ])
    )
  })

  it('is not taken for the whole by a node that has heard no other since it started; what it knows it says at once', async () => {
    assert.equal(await alone.firstAnswer, 'known')
    assert.equal((await alone.known).size, 5)
    assert.ok(failsWith('NOT_SYNCED', /pathmesh peers/)(await alone.unknown))
    const { synced, peers, names } = await alone.mesh.status()
    assert.deepEqual([synced, peers, names], [false, 0, 1])
  })
})

interface Alone {
  readonly mesh: Mesh
  readonly known: Promise<Stat>
  /** How it failed. */
  readonly unknown: Promise<unknown>
  readonly firstAnswer: Promise<string>
}

/** Asks a node of another mesh, which started while no other was there, for a name that it knows and one that it does not. */
async function askAlone(scene: Scene): Promise<Alone> {
  const [first, second] = await scene.mesh('a', 'b')
  await using origin = await must(first).connect()
  await origin.share(await scene.file('known', 'known'), { as: 'known/x' })
  await Promise.all([must(first).kill9(), must(second).kill9()])
  const mesh = await scene.connect(scene.own(await must(second).again()))
  const unknown = mesh.stat('unknown/x').catch((error: unknown) => error)
  const known = mesh.stat('known/x')
  const firstAnswer = Promise.race([unknown.then(() => 'unknown'), known.then(() => 'known')])
  return { mesh, known, unknown, firstAnswer }
}
