// All of it as a user without privileges: read-only trees are written, read, dropped and replaced all the same.

import assert from 'node:assert/strict'
import { chmod, chown, mkdir, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, before, describe, it } from 'mocha'
import { Got } from '../../proto/api.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { factsOf } from '../helpers/disk-trees.ts'
import { asNobody, isRoot, nobody } from '../helpers/privileges.ts'
import { until } from '../helpers/until.ts'

const TYPESCRIPT = dirname(fileURLToPath(import.meta.resolve('typescript/package.json')))
const Done = Got.pick({ path: true, bytesFetched: true })

describe('a user without privileges', function () {
  this.timeout(60_000)
  let scene: Scene
  let origin: Daemon | undefined
  let other: Daemon | undefined
  /** How its processes are started; nothing where we are such a user ourselves. */
  let spawn: { prefix?: readonly string[]; env?: Record<string, string> } = {}

  before(async function () {
    const prefix = asNobody()
    if (isRoot && prefix === undefined) this.skip()
    scene = await Scene.open()
    await chmod(scene.folder, 0o755)
    const home = scene.at('home')
    await mkdir(home, { mode: 0o700 })
    if (prefix !== undefined) {
      await chown(home, nobody, nobody)
      spawn = { prefix, env: { HOME: home } }
    }
    origin = await scene.up('a')
    other = await scene.up('b', { data: join(home, 'data'), join: await origin.invite(), ...spawn })
    // Our own client does not speak to another user's daemon: the command asks as that user.
    await until('they are connected', async () => /"connected":true/.test((await run('peers')).stdout))
  })
  after(() => scene?.close())

  const run = (...args: string[]) => must(other).cli(args, { ...spawn, cwd: scene.at('home') })

  it('fetches a package, keeps it, copies it, drops it, and fetches it again', async () => {
    assert.equal((await must(origin).cli(['share', TYPESCRIPT, '--as', 'user/typescript'])).status, 0)
    const facts = await factsOf(TYPESCRIPT)
    const stored = (await run('get', 'user/typescript', '--store')).value(Done)
    assert.deepEqual(await factsOf(stored.path), facts)
    if (isRoot) assert.equal((await stat(stored.path)).uid, nobody)
    const copy = (await run('get', 'user/typescript', '--to', 'copy')).value(Done)
    assert.equal(copy.bytesFetched, 0)
    assert.deepEqual(await factsOf(copy.path), facts)
    assert.equal((await run('get', 'user/typescript', '--to', 'copy', '--overwrite')).status, 0)
    assert.equal((await run('drop', 'user/typescript')).status, 0)
    await assert.rejects(stat(stored.path), { code: 'ENOENT' })
    const again = (await run('get', 'user/typescript', '--store')).value(Done)
    assert.ok(again.bytesFetched > 0)
    assert.equal((await run('drop', 'user/typescript')).status, 0)
    assert.deepEqual((await readdir(scene.at('home'))).sort(), ['copy', 'data'])
  })

  it('is told DENIED where it may not read or write', async () => {
    const secret = await scene.file('secret', 'secret')
    await chmod(secret, 0o000)
    const shared = await run('share', secret)
    assert.deepEqual([shared.status, shared.error.code], [7, 'DENIED'])
    await scene.directory('closed')
    await chmod(scene.at('closed'), 0o555)
    const open = await scene.file('open', 'open')
    assert.equal((await must(origin).cli(['share', open, '--as', 'user/open'])).status, 0)
    const got = await run('get', 'user/open', '--to', scene.at('closed', 'x'))
    assert.deepEqual([got.status, got.error.code], [7, 'DENIED'])
    assert.deepEqual(await readdir(scene.at('closed')), [])
  })

  it('is told DENIED for a directory in which one file may not be read', async () => {
    const folder = scene.at('home', 'mixed')
    await mkdir(folder)
    await scene.file('home/mixed/good', 'good')
    await chmod(await scene.file('home/mixed/bad', 'bad'), 0o000)
    const shared = await run('share', folder)
    assert.deepEqual([shared.status, shared.error.code], [7, 'DENIED'])
    assert.match(shared.error.message, /bad/)
  })
})
