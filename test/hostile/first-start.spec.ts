// Beginnings that go wrong: a first start that fails, a start after a kill in the middle of finishing, a mesh whose only other
// node sleeps. Each leaves a node that can be used, and says what it does not know.

import assert from 'node:assert/strict'
import { chmod, chown, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { Got, Shared } from '../../proto/api.ts'
import { errno } from '../../proto/errors.ts'
import { connected, type Daemon, must, Scene } from '../helpers/daemons.ts'
import { factsOf } from '../helpers/disk-trees.ts'
import { asNobody, nobody } from '../helpers/privileges.ts'
import { until } from '../helpers/until.ts'

describe('a beginning', function () {
  this.timeout(60_000)
  let scene: Scene
  beforeEach(async () => {
    scene = await Scene.open()
  })
  afterEach(() => scene.close())

  it('that fails since the port is taken makes no mesh: the folder can join one', async () => {
    const first = await scene.up('a')
    const failed = await scene.start({ data: scene.at('b'), port: first.port }).ended
    assert.equal(failed.status, 1)
    assert.match(failed.stderr, /"code":"IN_USE"/)
    const second = await scene.up('b', { join: await first.invite() })
    assert.deepEqual([second.ready.meshId, second.ready.created], [first.ready.meshId, false])
    await connected(second, first)
  })

  it('whose only peer sleeps knows which names there are, and which not', async () => {
    const [origin, other] = await scene.mesh('a', 'b')
    await must(origin).cli(['share', await scene.file('awake', 'awake'), '--as', 'awake/x'])
    must(origin).freeze()
    assert.equal((await must(other).cli(['ls'])).lines.length, 1)
    const unknown = await must(other).cli(['get', 'asleep/x', '--store'])
    assert.deepEqual([unknown.status, unknown.error.code], [3, 'NOT_FOUND'])
    must(origin).thaw()
  })

  it('after a kill while a tree is put into place finishes it, as a user without privileges too', async function () {
    const prefix = asNobody() ?? this.skip()
    await chmod(scene.folder, 0o755)
    const home = scene.at('home')
    await mkdir(home, { mode: 0o700 })
    await chown(home, nobody, nobody)
    const spawn = { prefix, env: { HOME: home } }
    const origin = await scene.up('a')
    let other = await scene.up('b', { data: join(home, 'data'), join: await origin.invite(), ...spawn })
    await seesPeer(other)

    await Promise.all(
      Array.from({ length: 4000 }, (_, i) => scene.file(`tree/${i % 20}/${Math.floor(i / 20)}`, `file ${i}`))
    )
    const shared = await origin.cli(['share', scene.at('tree'), '--as', 'placed/tree'])
    const { cid } = shared.value(Shared)
    const placed = join(other.data, 'content', cid, 'tree')
    const get = other.begin(['get', 'placed/tree', '--store'], { ...spawn, cwd: home })
    await until('it is in place and read-only', async () => {
      try {
        return ((await stat(placed)).mode & 0o222) === 0
      } catch (error) {
        if (errno(error) === 'ENOENT') return false
        throw error
      }
    })
    await other.kill9()
    await get.ended

    other = scene.own(await other.again())
    await seesPeer(other)
    const got = await other.cli(['get', 'placed/tree', '--store'], { ...spawn, cwd: home })
    const { path } = got.value(Got.pick({ path: true }))
    assert.deepEqual(await factsOf(path), await factsOf(scene.at('tree')))

    // Our own client does not speak to another user's daemon: the command asks as that user.
    async function seesPeer(daemon: Daemon): Promise<void> {
      await until('it is connected', async () =>
        /"connected":true/.test((await daemon.cli(['peers'], { ...spawn, cwd: home })).stdout)
      )
    }
  })
})
