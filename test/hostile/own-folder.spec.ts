// pathmesh's own data folder by every way around: links to it, links in what is shared, paths with dots. It is neither shared nor
// written into. And names as long as a file system takes, which are no reason to refuse anything.

import assert from 'node:assert/strict'
import { lstat, readdir, readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { z } from 'zod'
import { GetEvent, Got, ProblemBody } from '../../proto/api.ts'
import { ROUTES } from '../../proto/routes.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { ask } from '../helpers/raw-requests.ts'
import { collect } from '../helpers/trees.ts'

const Done = Got.pick({ path: true })

describe('the data folder', function () {
  this.timeout(60_000)
  let scene: Scene
  let [origin, other]: Daemon[] = []

  before(async () => {
    scene = await Scene.open()
    ;[origin, other] = await scene.mesh('a', 'b')
    const shared = await must(origin).cli(['share', await scene.file('x', 'content'), '--as', 'own/x'])
    assert.equal(shared.status, 0)
    await symlink(must(other).data, scene.at('link'))
    await symlink(scene.folder, scene.at('above'))
  })
  after(() => scene.close())

  for (const path of ['link', 'link/mesh.json', 'link/content', 'above', 'above/b', 'above/link/mesh.json']) {
    it(`is not shared as ${path}, through a link`, async () => {
      const shared = await must(other).cli(['share', scene.at(path), '--as', 'own/secret'])
      assert.deepEqual([shared.status, shared.error.code], [7, 'DENIED'])
      await assertNothingShared()
    })
  }

  it('is not shared in part by --dereference of a link to it', async () => {
    const folder = await scene.directory('linking/deep')
    await symlink(join(must(other).data, 'mesh.json'), join(folder, 'harmless'))
    const shared = await must(other).cli(['share', scene.at('linking'), '--as', 'own/secret', '--dereference'])
    assert.deepEqual([shared.status, shared.error.code], [7, 'DENIED'])
    await assertNothingShared()
  })

  it('is not written into through a link', async () => {
    for (const to of ['link/evil', 'link/content/evil', 'above/b/content/evil', 'above/link/evil']) {
      const got = await must(other).cli(['get', 'own/x', '--to', scene.at(to)])
      assert.deepEqual([got.status, got.error.code], [7, 'DENIED'], to)
    }
    await assertNothingWritten()
  })

  it('is not written into by a path with dots', async () => {
    const { data } = must(other)
    for (const to of [`/tmp/..${data}/content/evil`, `${data}/works/../content/evil`, `${data}/./evil`])
      assert.equal(await codeOfGet(to), 'DENIED', to)
    await assertNothingWritten()
  })

  async function assertNothingShared(): Promise<void> {
    await using mesh = await must(origin).connect()
    assert.deepEqual(
      (await collect(mesh.names())).map(({ url }) => url),
      ['pathmesh://own/x']
    )
  }

  async function assertNothingWritten(): Promise<void> {
    const { data } = must(other)
    for (const path of [data, join(data, 'content')]) assert.ok(!(await readdir(path)).includes('evil'), path)
  }

  /** The code of the error that a get of any `to` ends in: its client would have resolved the path. */
  async function codeOfGet(to: string): Promise<string | undefined> {
    const answer = await ask(must(other).socket, {
      method: 'POST',
      path: ROUTES.get.path,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ref: 'own/x', to })
    })
    if (answer.status !== 200) return ProblemBody.parse(answer.json()).code
    const last: unknown = JSON.parse(answer.bytes.toString().trimEnd().split('\n').at(-1) ?? '')
    const event = z.object({ event: z.string() }).and(GetEvent).parse(last)
    return event.event === 'error' ? event.error.code : undefined
  }
})

describe('a name of 240 bytes', function () {
  this.timeout(60_000)
  const name = '🧪'.repeat(60)
  let scene: Scene
  before(async () => {
    scene = await Scene.open()
  })
  after(() => scene.close())

  it('is shared, and fetched into the working directory, the store, and where --to says', async () => {
    assert.equal(Buffer.byteLength(name), 240)
    const [origin, other] = await scene.mesh('a', 'b')
    const shared = await must(origin).cli(['share', await scene.file(name, 'long'), '--as', `long/${name}`])
    assert.equal(shared.status, 0, shared.stderr)
    const cwd = await scene.directory('cwd')
    const into = await scene.directory('into')
    const ref = `long/${name}`
    const plain = (await must(other).cli(['get', ref], { cwd })).value(Done)
    assert.equal(plain.path, join(cwd, name))
    const to = (await must(other).cli(['get', ref, '--to', `${into}/`])).value(Done)
    assert.equal(to.path, join(into, name))
    const again = await must(other).cli(['get', ref, '--to', join(into, name), '--overwrite'])
    assert.equal(again.status, 0, again.stderr)
    const stored = (await must(other).cli(['get', ref, '--store'])).value(Done)
    assert.ok((await lstat(stored.path)).isFile())
    for (const { path } of [plain, to, stored]) assert.equal(await readFile(path, 'utf8'), 'long')
    assert.deepEqual(await readdir(into), [name])
  })
})
