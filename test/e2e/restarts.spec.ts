// Daemons that end and start again, in order or by kill -9, and nodes that stand in for others.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { watch } from 'node:fs'
import { chmod, readdir, readFile, stat } from 'node:fs/promises'
import { after, before, beforeEach, afterEach, describe, it } from 'mocha'
import { connected, type Daemon, must, Scene } from '../helpers/daemons.ts'
import { Gate, NO_LANES } from '../helpers/gate.ts'
import { Seeded } from '../helpers/seeded.ts'
import { failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

const MiB = 1024 * 1024

describe('a node that starts again', function () {
  this.timeout(60_000)
  let scene: Scene
  beforeEach(async () => {
    scene = await Scene.open()
  })
  afterEach(() => scene.close())

  it('still has its names and copies, and finds its peers', async () => {
    let [origin, other] = await scene.mesh('a', 'b')
    const file = await scene.file('x', 'kept over a restart')
    await must(origin).cli(['share', file, '--as', 'restart/x'])
    const got = await must(other).cli(['get', 'restart/x', '--store'])
    assert.equal(got.status, 0)
    assert.deepEqual([(await must(origin).stop()).status, (await must(other).stop()).status], [0, 0])
    await assert.rejects(stat(must(origin).socket), { code: 'ENOENT' })
    origin = scene.own(await must(origin).again())
    other = scene.own(await must(other).again())
    assert.equal(origin.ready.created, false)
    await connected(origin, other)
    await using mesh = await other.connect()
    assert.equal(await mesh.path('restart/x').existsLocal(), true)
    assert.equal((await mesh.path('restart/x').get()).bytesFetched, 0)
    const again = await scene.file('y', 'new since')
    await origin.cli(['share', again, '--as', 'restart/y'])
    assert.equal(await mesh.path('restart/y').readFile('utf8'), 'new since')
    assert.equal((await mesh.stat('restart/x')).copies, 2)
  })

  it('by kill -9 has what was acknowledged, and removes the socket that it left', async () => {
    const [origin, other] = await scene.mesh('a', 'b')
    const file = await scene.file('x', 'acknowledged')
    assert.equal((await must(origin).cli(['share', file, '--as', 'killed/x'])).status, 0)
    await must(origin).kill9()
    assert.ok((await readdir(must(origin).data)).includes('admin.sock'))
    const again = scene.own(await must(origin).again())
    await connected(again, must(other))
    await using mesh = await must(other).connect()
    assert.equal(await mesh.path('killed/x').readFile('utf8'), 'acknowledged')
    await must(other).kill9()
    const second = scene.own(await must(other).again())
    await connected(again, second)
  })

  it('goes on with a transfer in which it was killed', async () => {
    const origin = await scene.up('a', { env: NO_LANES })
    const gate = await Gate.to(origin)
    try {
      const other = await scene.up('b', { join: await gate.invite(origin) })
      const size = 48 * MiB
      const bytes = new Seeded('killed').bytes(size)
      await origin.cli(['share', await scene.file('x', bytes), '--as', 'resume/x'])
      await connected(other, origin)
      gate.allow(36 * MiB)
      const get = other.begin(['get', 'resume/x', '--store'])
      await until(
        'two thirds have come',
        async () => ((await other.status()).transfers[0]?.bytesDone ?? 0) >= 32 * MiB,
        30_000
      )
      await other.kill9()
      assert.equal((await get.ended).status, 4)
      gate.allow(Infinity)
      const again = scene.own(await other.again())
      await connected(again, origin)
      await using mesh = await again.connect()
      const got = await mesh.path('resume/x').get()
      assert.ok(bytes.equals(await readFile(got.path)))
      assert.ok(got.bytesFetched <= size - 16 * MiB, `${got.bytesFetched / MiB} MiB were fetched again`)
    } finally {
      await gate.close()
    }
  })
})

describe('a node that is killed while it writes where it was told to', function () {
  this.timeout(60_000)
  let scene: Scene
  before(async () => {
    scene = await Scene.open()
  })
  after(() => scene.close())

  it('leaves the old or the new there, and nothing beside it once it has started again', async () => {
    let daemon = await scene.up('a')
    const folder = await scene.directory('to')
    for (const size of [24 * MiB, 25 * MiB, 26 * MiB]) {
      const path = await scene.file('x', new Seeded(`${size}`).bytes(size))
      assert.equal((await daemon.cli(['share', path, '--as', 'write/x'])).status, 0)
      const watcher = watch(folder)
      const get = daemon.begin(['get', 'write/x', '--to', `${folder}/`, '--overwrite'])
      await once(watcher, 'change')
      watcher.close()
      await daemon.kill9()
      await get.ended
      daemon = scene.own(await daemon.again())
      const there = await readdir(folder)
      assert.ok(there.length === 0 || (there.length === 1 && there[0] === 'x'), there.join(' '))
      if (there.length === 1) assert.ok([24, 25, 26].includes((await stat(`${folder}/x`)).size / MiB))
    }
    assert.equal((await daemon.cli(['get', 'write/x', '--to', `${folder}/`, '--overwrite'])).status, 0)
    assert.equal((await stat(`${folder}/x`)).size, 26 * MiB)
  })
})

describe('a third node', function () {
  this.timeout(60_000)
  let scene: Scene
  let daemons: Daemon[] = []
  before(async () => {
    scene = await Scene.open()
    daemons = await scene.mesh('a', 'b')
  })
  after(() => scene.close())

  it('gets from the second what the first, which is gone, has published', async () => {
    const [origin, second] = daemons
    const file = await scene.file('relay/x', 'passed on')
    await must(origin).cli(['share', scene.at('relay'), '--as', 'relay/dir'])
    assert.equal((await must(second).cli(['get', 'relay/dir', '--store'])).status, 0)
    await must(origin).stop()
    await chmod(file, 0o000)
    const third = await scene.up('c', { join: await must(second).invite() })
    await connected(third, must(second))
    await using mesh = await third.connect()
    const got = await mesh.path('relay/dir').get()
    assert.equal(await readFile(`${got.path}/x`, 'utf8'), 'passed on')
    assert.equal(got.version.origin, must(origin).peerId)
    assert.deepEqual(
      got.providers.map(({ peerId }) => peerId),
      [must(second).peerId]
    )
    await assert.rejects(mesh.path('relay/unknown').get(), failsWith('NOT_FOUND'))
  })

  it('waits no longer than told for bytes that nobody connected has', async () => {
    const [, second] = daemons
    const lone = await scene.up('d', { join: await must(second).invite() })
    await connected(lone, must(second))
    await lone.cli(['share', await scene.file('lone', 'lone'), '--as', 'lone/x'])
    await using mesh = await must(second).connect()
    assert.equal((await mesh.stat('lone/x')).size, 4)
    await lone.stop()
    await assert.rejects(mesh.path('lone/x').get({ stallMs: 400 }), failsWith('NO_PROVIDERS'))
    assert.equal(await mesh.path('lone/x').exists(), true)
    assert.equal(await mesh.path('lone/x').existsRemote(), false)
  })
})
