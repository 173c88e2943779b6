// Files that are shared from where they lie and then change: nobody is ever handed the new bytes as the old ones.

import assert from 'node:assert/strict'
import { open, readdir, readFile, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'mocha'
import { hasCode, type Mesh } from '../../client/index.ts'
import { connected, type Daemon, must, Scene } from '../helpers/daemons.ts'
import { Gate, NO_LANES } from '../helpers/gate.ts'
import { Seeded } from '../helpers/seeded.ts'
import { failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

const MiB = 1024 * 1024
const STALL = { stallMs: 1500 }
const ADVICE = /share it again/

describe('a shared file that changed', function () {
  this.timeout(60_000)
  const random = new Seeded('changed')
  let scene: Scene
  let [origin, other]: Daemon[] = []
  let [here, there]: Mesh[] = []
  before(async () => {
    scene = await Scene.open()
    ;[origin, other] = await scene.mesh('a', 'b')
    here = await scene.connect(must(origin))
    there = await scene.connect(must(other))
  })
  after(() => scene.close())

  for (const size of [100, 3 * MiB + 5]) {
    for (const keepsTime of [false, true]) {
      const how = `${keepsTime ? 'in one byte, with its time set back' : 'in one byte'}, of ${size} bytes`
      it(`${how}, is refused to others, who are told what to do, and comes once it is shared again`, async () => {
        const as = `changed/${size}-${keepsTime}`
        const path = await scene.file(as, random.bytes(size))
        await must(here).share(path, { as })
        await changeOneByte(path, size - 1, keepsTime)
        await assert.rejects(must(there).path(as).get(STALL), failsWith('SOURCE_CHANGED', ADVICE))
        await assert.rejects(must(there).path(as).readFile(), (error: unknown) =>
          hasCode(error, 'SOURCE_CHANGED', 'IO')
        )
        assert.equal(await must(there).path(as).existsLocal(), false)
        const again = await must(here).share(path, { as })
        assert.deepEqual([again.seq, again.unchanged], [2, false])
        const got = await must(there).path(as).get()
        assert.ok((await readFile(path)).equals(await readFile(got.path)))
      })
    }
  }

  it('is refused at its origin too', async () => {
    const path = await scene.file('own', random.bytes(2 * MiB))
    await must(here).share(path, { as: 'own/x' })
    await changeOneByte(path, 5, true)
    await assert.rejects(
      must(here)
        .path('own/x')
        .get({ ...STALL, to: scene.at('own-copy') }),
      error => {
        assert.ok(hasCode(error, 'SOURCE_CHANGED'), String(error))
        return ADVICE.test(error.message)
      }
    )
    await assert.rejects(stat(scene.at('own-copy')), { code: 'ENOENT' })
  })

  it('at its origin comes from another node that has the old bytes', async () => {
    const bytes = random.bytes(2 * MiB)
    const path = await scene.file('elsewhere', bytes)
    await must(here).share(path, { as: 'elsewhere/x' })
    await must(there).path('elsewhere/x').get()
    await changeOneByte(path, 5, true)
    const got = await must(here)
      .path('elsewhere/x')
      .get({ to: scene.at('elsewhere-copy') })
    assert.ok(bytes.equals(await readFile(got.path)))
    assert.deepEqual(
      got.providers.map(({ peerId }) => peerId),
      [must(other).peerId]
    )
  })

  it('in length is refused', async () => {
    for (const [as, change] of [
      ['length/shorter', (path: string) => truncate(path, 2 * MiB)],
      ['length/empty', (path: string) => truncate(path, 0)],
      ['length/longer', (path: string) => writeFile(path, 'more', { flag: 'a' })]
    ] as const) {
      const path = await scene.file(as, random.bytes(3 * MiB))
      await must(here).share(path, { as })
      await change(path)
      if (as === 'length/longer') {
        await assert.rejects(
          must(here)
            .path(as)
            .get({ ...STALL, to: scene.at('longer') }),
          failsWith('SOURCE_CHANGED')
        )
        continue
      }
      await assert.rejects(must(there).path(as).get(STALL), failsWith('SOURCE_CHANGED', ADVICE))
    }
  })

  it('by being replaced under the same name is refused', async () => {
    const path = await scene.file('replaced', random.bytes(2 * MiB))
    await must(here).share(path, { as: 'replaced/x' })
    await rename(await scene.file('replacement', random.bytes(2 * MiB)), path)
    await assert.rejects(must(there).path('replaced/x').get(STALL), failsWith('SOURCE_CHANGED', ADVICE))
  })

  it('in its time alone is served', async () => {
    const path = await scene.file('touched', random.bytes(2 * MiB))
    await must(here).share(path, { as: 'touched/x' })
    await utimes(path, 1, 1)
    assert.equal((await must(there).path('touched/x').get()).version.size, 2 * MiB)
  })

  it('by being removed has no provider, and has one again once it is back', async () => {
    const bytes = random.bytes(2 * MiB)
    const path = await scene.file('removed', bytes)
    await must(here).share(path, { as: 'removed/x' })
    const away = scene.at('away')
    await rename(path, away)
    await assert.rejects(must(there).path('removed/x').get(STALL), error => {
      return hasCode(error, 'NO_PROVIDERS', 'SOURCE_CHANGED')
    })
    await rename(away, path)
    const got = await must(there).path('removed/x').get(STALL)
    assert.ok(bytes.equals(await readFile(got.path)))
  })

  it('inside a directory is named, and the rest of the directory is no less true', async () => {
    await scene.file('dir/good', random.bytes(MiB))
    const path = await scene.file('dir/bad', random.bytes(MiB))
    await must(here).share(scene.at('dir'), { as: 'dir/x' })
    await changeOneByte(path, 7, true)
    await assert.rejects(must(there).path('dir/x').get(STALL), failsWith('SOURCE_CHANGED', ADVICE))
    assert.equal((await must(there).path('dir/x/good').get(STALL)).version.size, MiB)
    await rm(path)
    await assert.rejects(
      must(here)
        .path('dir/x')
        .get({ ...STALL, to: scene.at('dir-copy') }),
      failsWith('SOURCE_CHANGED', /dir\/bad/)
    )
    assert.deepEqual(
      (await readdir(scene.folder)).filter(name => name.includes('dir-copy')),
      []
    )
  })
})

describe('a file that changes while it is served', function () {
  this.timeout(60_000)
  let scene: Scene
  before(async () => {
    scene = await Scene.open()
  })
  after(() => scene.close())

  it('is not received, and what came of it is not lost once the change is undone', async () => {
    const origin = await scene.up('a', { env: NO_LANES })
    const gate = await Gate.to(origin)
    try {
      const other = await scene.up('b', { join: await gate.invite(origin) })
      await connected(other, origin)
      const size = 40 * MiB
      const bytes = new Seeded('while served').bytes(size)
      const path = await scene.file('x', bytes)
      await origin.cli(['share', path, '--as', 'served/x'])
      gate.allow(8 * MiB)
      await using mesh = await other.connect()
      let came = 0
      const get = mesh.path('served/x').get({ stallMs: 5000, onProgress: ({ bytes }) => (came = bytes) })
      get.catch(() => undefined)
      await until('some has come', () => came >= 4 * MiB)
      // In every leaf: which of them have come is not known, since a node begins where its key says.
      for (let at = 0; at < size; at += MiB) await changeOneByte(path, at, true)
      gate.allow(Infinity)
      await assert.rejects(get, failsWith('SOURCE_CHANGED', ADVICE))
      await writeFile(path, bytes)
      await origin.cli(['share', path, '--as', 'served/x'])
      const got = await mesh.path('served/x').get()
      assert.ok(bytes.equals(await readFile(got.path)))
      assert.ok(got.bytesFetched < size, `${got.bytesFetched}`)
    } finally {
      await gate.close()
    }
  })
})

/** Flips a bit in place; with `keepsTime` so that size and time of writing are what they were. */
async function changeOneByte(path: string, at: number, keepsTime: boolean): Promise<void> {
  const { atime, mtimeMs, mtime } = await stat(path)
  const file = await open(path, 'r+')
  try {
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, at)
    byte[0] = (byte[0] ?? 0) ^ 1
    await file.write(byte, 0, 1, at)
  } finally {
    await file.close()
  }
  if (keepsTime) await utimes(path, atime, mtime)
  else if ((await stat(path)).mtimeMs === mtimeMs) await utimes(path, atime, new Date(mtimeMs + 1000))
}
