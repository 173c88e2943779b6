// Calls that come at once, or right after one that was cancelled: many gets of one peer, a get where another has just ended, a
// drop while a get copies, several that replace one directory. Each gets what it asked for.

import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'mocha'
import { hasCode, type Mesh } from '../../client/index.ts'
import { connected, must, Scene } from '../helpers/daemons.ts'
import { factsOf } from '../helpers/disk-trees.ts'
import { Gate, NO_LANES } from '../helpers/gate.ts'
import { Seeded } from '../helpers/seeded.ts'
import { until } from '../helpers/until.ts'

const KiB = 1024
const MiB = 1024 * KiB
const MANY = 24

describe('transfers at once', function () {
  this.timeout(60_000)
  const random = new Seeded('at once')
  let scene: Scene
  let [here, there]: Mesh[] = []
  let gate: Gate | undefined

  before(async () => {
    scene = await Scene.open()
    const origin = await scene.up('a', { env: NO_LANES })
    gate = await Gate.to(origin)
    const other = await scene.up('b', { join: await gate.invite(origin) })
    await connected(other, origin)
    here = await scene.connect(origin)
    there = await scene.connect(other)
  })
  afterEach(() => gate?.allow(Infinity))
  after(async () => {
    await gate?.close()
    await scene.close()
  })

  for (const [kind, size] of [
    ['large', 2 * MiB],
    ['small', 100]
  ] as const) {
    it(`of ${MANY} ${kind} files all succeed`, async () => {
      const files = Array.from({ length: MANY }, (_, i) => ({ name: `${kind}/${i}`, bytes: random.bytes(size) }))
      for (const { name, bytes } of files) await must(here).share(await scene.file(name, bytes), { as: name })
      const all = await Promise.all(files.map(({ name }) => must(there).path(name).get()))
      for (const [i, { path }] of all.entries()) assert.ok(files[i]?.bytes.equals(await readFile(path)), path)
    })
  }

  it('of a directory succeed again at once after one that was cancelled', async () => {
    for (let i = 0; i < 40; i++) await scene.file(`again/small/${i}`, random.bytes(1000))
    for (let i = 0; i < 4; i++) await scene.file(`again/large ${i}`, random.bytes(2 * MiB))
    await must(here).share(scene.at('again'), { as: 'again/dir' })
    const facts = await factsOf(scene.at('again'))
    const path = must(there).path('again/dir')
    for (let round = 1; round <= 10; round++) {
      const late = round % 2 === 0
      must(gate).allow(late ? Infinity : round * 512 * KiB)
      const caller = new AbortController()
      let hasEnded = false
      const first = path
        .get({ signal: caller.signal })
        // One that had ended before it was cancelled has a lease.
        .then(async done => await done.release())
        .catch((error: unknown) => error)
        .finally(() => (hasEnded = true))
      // While bytes come, and while they are put into place, which takes longer to end.
      await until(`round ${round} has begun`, async () => {
        const [transfer] = (await must(there).status()).transfers
        return hasEnded || (transfer !== undefined && (!late || transfer.state === 'materialising'))
      })
      must(gate).allow(Infinity)
      caller.abort()
      const got = await path.get()
      await first
      assert.deepEqual(await factsOf(got.path), facts)
      await got.release()
      await path.drop()
    }
  })

  it('copy out of the store what is dropped meanwhile, or keep it from being dropped', async () => {
    await scene.file('dropped/first and large', random.bytes(64 * MiB))
    for (let i = 0; i < 400; i++) await scene.file(`dropped/small ${i}`, `file ${i}`)
    await must(here).share(scene.at('dropped'), { as: 'dropped/dir' })
    const path = must(there).path('dropped/dir')
    await (await path.get()).release()
    const to = scene.at('copy')
    let drop: Promise<unknown> | undefined
    await path.get({
      to,
      onProgress: ({ phase }) => {
        if (phase === 'copying') drop ??= path.drop().catch((error: unknown) => error)
      }
    })
    const failure = await must(drop)
    if (failure instanceof Error) assert.ok(hasCode(failure, 'IN_USE'), String(failure))
    assert.deepEqual(await factsOf(to), await factsOf(scene.at('dropped')))
  })

  it('that replace one directory leave it whole, and all succeed, or say that it is in use', async () => {
    for (let i = 0; i < 100; i++) await scene.file(`replaced/${i}`, random.bytes(1000))
    await must(here).share(scene.at('replaced'), { as: 'replaced/dir' })
    const facts = await factsOf(scene.at('replaced'))
    const to = join(await scene.directory('to'), 'dir')
    const path = must(there).path('replaced/dir')
    await path.get({ to })
    for (let round = 0; round < 3; round++) {
      const all = await Promise.allSettled(Array.from({ length: 3 }, () => path.get({ to, overwrite: true })))
      for (const result of all)
        if (result.status === 'rejected') assert.ok(hasCode(result.reason, 'IN_USE'), String(result.reason))
      assert.ok(all.some(({ status }) => status === 'fulfilled'))
      assert.deepEqual(await factsOf(to), facts)
      assert.deepEqual(await readdir(scene.at('to')), ['dir'])
    }
  })
})
