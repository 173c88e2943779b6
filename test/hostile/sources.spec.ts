// What cannot be shared: each is refused with its own code, names the file, and leaves nothing published.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { hasCode, type Mesh } from '../../client/index.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { collect, failsWith } from '../helpers/trees.ts'
import { isRoot } from '../helpers/privileges.ts'

describe('share() refuses', function () {
  this.timeout(60_000)
  let scene: Scene
  let daemon: Daemon | undefined
  let mesh: Mesh | undefined
  before(async () => {
    scene = await Scene.open()
    daemon = await scene.up('a')
    mesh = await scene.connect(daemon)
  })
  after(async () => {
    const names = await collect(must(mesh).names({ prefix: 'bad/' }))
    await scene.close()
    assert.deepEqual(names, [])
  })
  const share = (path: string) => must(mesh).share(path, { as: 'bad/x' })

  it('what is missing', async () => {
    await assert.rejects(share(scene.at('missing')), failsWith('NOT_FOUND', /missing/))
    const outcome = await must(daemon).cli(['share', scene.at('missing')])
    assert.deepEqual([outcome.status, outcome.error.code], [3, 'NOT_FOUND'])
  })

  it('a FIFO, alone or in a directory, without waiting for who writes to it', async () => {
    const folder = await scene.directory('fifo')
    execFileSync('mkfifo', [join(folder, 'pipe')])
    await assert.rejects(share(join(folder, 'pipe')), failsWith('UNSAFE_NAME', /pipe is a FIFO/))
    await assert.rejects(share(folder), failsWith('UNSAFE_NAME', /pipe is a FIFO/))
  })

  it('a socket and a device', async () => {
    const path = scene.at('socket')
    const server = createServer()
    await new Promise<void>(resolve => server.listen(path, resolve))
    try {
      await assert.rejects(share(path), failsWith('UNSAFE_NAME', /is a socket/))
    } finally {
      await new Promise(resolve => server.close(resolve))
    }
    await assert.rejects(share('/dev/null'), failsWith('UNSAFE_NAME', /is a device/))
  })

  it('a symbolic link that leads out of the tree, or to an absolute place', async () => {
    for (const target of ['../../outside', '/etc/passwd']) {
      const folder = await scene.directory(`link-${target.length}`)
      await symlink(target, join(folder, 'out'))
      await assert.rejects(share(folder), failsWith('UNSAFE_NAME', /link .*out.*--dereference/))
    }
  })

  it('a symbolic link to nothing, or to what it lies in, when links are to be followed', async () => {
    const folder = await scene.directory('loop')
    await symlink('.', join(folder, 'self'))
    await assert.rejects(must(mesh).share(folder, { as: 'bad/x', dereference: true }), failsWith('UNSAFE_NAME', /self/))
    const dangling = await scene.directory('dangling')
    await symlink('nothing', join(dangling, 'gone'))
    await assert.rejects(must(mesh).share(dangling, { as: 'bad/x', dereference: true }), failsWith('NOT_FOUND', /gone/))
  })

  it('a name that is not UTF-8', async () => {
    const folder = await scene.directory('latin')
    await writeFile(Buffer.concat([Buffer.from(`${folder}/caf`), Buffer.from([0xe9])]), 'x')
    await assert.rejects(share(folder), failsWith('UNSAFE_NAME', /is not UTF-8/))
  })

  it("pathmesh's own data folder, and what holds it", async () => {
    const { data } = must(daemon)
    for (const path of [data, join(data, 'db'), scene.folder, '/'])
      await assert.rejects(share(path), failsWith('DENIED', /own data folder/), path)
  })

  it('/proc and what it holds that has no size', async () => {
    await assert.rejects(share('/proc/self/mem'), error => error instanceof Error)
  })

  it('a file without permission', async function () {
    if (isRoot) this.skip()
    const path = await scene.file('secret', 'secret')
    await chmod(path, 0o000)
    await assert.rejects(share(path), failsWith('DENIED', /secret/))
  })

  it('names that no reference can hold', async () => {
    const path = await scene.file('named', 'x')
    for (const as of ['bad', 'bad/../x', 'bad//x', 'bad/\u0000', `bad/${'x'.repeat(1100)}`, 'bad@node/x', ''])
      await assert.rejects(must(mesh).share(path, { as }), failsWith('INVALID_ARGUMENT'), JSON.stringify(as))
  })

  it('meta of more than 4 KiB', async () => {
    const path = await scene.file('meta', 'x')
    await assert.rejects(
      must(mesh).share(path, { as: 'bad/x', meta: { large: 'x'.repeat(5000) } }),
      failsWith('INVALID_ARGUMENT', /meta/)
    )
  })

  it('nothing of a directory that loses files while it is hashed, or all of what is left', async () => {
    const folder = await scene.directory('losing')
    for (let i = 0; i < 400; i++) await writeFile(join(folder, `f${i}`), Buffer.alloc(200_000, i))
    await mkdir(join(folder, 'zz'))
    const sharing = must(mesh).share(folder, { as: 'losing/x' })
    sharing.catch(() => undefined)
    for (let i = 399; i >= 200; i--) await rm(join(folder, `f${i}`))
    try {
      await sharing
    } catch (error) {
      assert.ok(hasCode(error, 'SOURCE_CHANGED', 'NOT_FOUND'), String(error))
    }
    const again = await must(mesh).share(folder, { as: 'losing/x' })
    assert.equal(again.size, 200 * 200_000)
  })
})
