// Payloads in numbers, and while things break: many at once, one name from two programs, programs that are killed in the middle of
// sending, daemons that stop answering.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { hasCode, type Mesh, Payload } from '../../client/index.ts'
import { SMALL_PAYLOAD_BYTES } from '../../proto/limits.ts'
import { connected, type Daemon, must, Scene } from '../helpers/daemons.ts'
import { Seeded } from '../helpers/seeded.ts'
import { collect } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

const MiB = 1024 * 1024
const CLIENT = new URL(`../../client/index${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url)

describe('Payloads', function () {
  this.timeout(90_000)
  let scene: Scene
  let [a, b]: Daemon[] = []
  let [here, there]: Mesh[] = []
  const random = new Seeded('payloads at once')

  before(async () => {
    scene = await Scene.open()
    ;[a, b] = await scene.mesh('a', 'b')
    here = await scene.connect(must(a))
    there = await scene.connect(must(b))
  })
  after(() => scene.close())

  const folders = (daemon: Daemon): Promise<string[]> => readdir(join(daemon.data, 'kept'))

  it('are put and got by many at once, on both sides, small and large', async () => {
    const sizes = [0, 100, SMALL_PAYLOAD_BYTES, SMALL_PAYLOAD_BYTES + 1, 2 * MiB]
    const values = Array.from({ length: 30 }, (_, i) => random.bytes(sizes[i % sizes.length] ?? 0))
    const sides = [
      { from: must(here), to: must(there), name: 'a' },
      { from: must(there), to: must(here), name: 'b' }
    ]
    await Promise.all(
      sides.flatMap(({ from, to, name }) =>
        values.map(async (value, i) => {
          const put = await from.put(`many-${name}/${i}`, value)
          const got = await Payload.from(JSON.parse(JSON.stringify(put)), to).get()
          assert.ok(got instanceof Uint8Array && Buffer.from(got).equals(value), `many-${name}/${i}`)
        })
      )
    )
    for (const { from } of sides) assert.equal((await collect(from.names({ prefix: 'many-' }))).length, 60)
  })

  for (const [what, size] of [
    ['small', 10],
    ['large', SMALL_PAYLOAD_BYTES + 10]
  ] as const) {
    it(`of one name that are put by two programs at once are its versions, and none is lost (${what})`, async () => {
      await using second = await must(a).connect()
      const name = `same-${what}/x`
      const texts = Array.from({ length: 10 }, (_, i) => `${i} `.repeat(size))
      const puts = await Promise.all(
        texts.map(async (text, i) => {
          const payload = await (i % 2 === 0 ? must(here) : second).put(name, text, { keep: 10 })
          return { text, seq: payload.toJSON().$payload.seq }
        })
      )
      assert.deepEqual(
        puts.map(({ seq }) => seq ?? 0).sort((x, y) => x - y),
        Array.from({ length: 10 }, (_, i) => i + 1)
      )
      await until('all are known', async () => (await must(there).payload(name).latest()).seq === 10)
      for (const { text, seq } of puts)
        assert.equal(
          await must(there)
            .payload(name)
            .at(seq ?? 0)
            .get(),
          text
        )
    })
  }

  for (const [what, first] of [
    ['some bytes', 10],
    ['many bytes', 8 * MiB]
  ] as const) {
    it(`whose program is killed when it has sent ${what} leave nothing`, async () => {
      const before = await folders(must(a))
      const script = `
        import { connect } from ${JSON.stringify(CLIENT.href)}
        const mesh = await connect({ socket: ${JSON.stringify(must(a).socket)} })
        async function* pieces() {
          yield Buffer.alloc(${first}, 'x')
          yield Buffer.alloc(${SMALL_PAYLOAD_BYTES})
          console.log('sent')
          setInterval(() => undefined, 1000)
          await new Promise(() => undefined)
        }
        await mesh.put('killed/x', pieces())`
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'pipe']
      })
      try {
        await once(child.stdout, 'data')
        await until('the daemon writes it', async () => (await folders(must(a))).length > before.length)
      } finally {
        child.kill('SIGKILL')
      }
      await until('nothing is left of it', async () => (await folders(must(a))).length === before.length)
      assert.equal(await must(here).payload('killed/x').exists(), false)
    })
  }

  it('of a daemon that stops in the middle fail with a typed error, and go on when it goes on', async () => {
    const c = await scene.up('c', { join: await must(a).invite() })
    await connected(c, must(a))
    const mesh = await scene.connect(c)
    const controller = new AbortController()
    let sent = 0
    const putting = mesh.put(
      'stopped/x',
      (async function* () {
        while (true) {
          yield Buffer.alloc(MiB)
          sent++
          if (sent === 4) c.freeze()
        }
      })(),
      { signal: controller.signal }
    )
    const failed = putting.then(
      () => assert.fail('it went well'),
      (error: unknown) => error
    )
    await until('it is stopped', () => sent >= 4)
    controller.abort(new RangeError('waited for long enough'))
    assert.ok((await failed) instanceof RangeError)
    c.thaw()
    await until('it has ended', async () => (await folders(c)).length === 0)
    assert.equal((await mesh.put('stopped/x', 'now')).toJSON().$payload.seq, 1)
  })

  it('that are got from a node that stops fail with a typed error within their deadline', async () => {
    const d = await scene.up('d', { join: await must(a).invite() })
    await connected(d, must(a))
    const mesh = await scene.connect(d)
    const put = await mesh.put('frozen/x', random.bytes(4 * MiB))
    const small = await mesh.put('frozen/y', random.bytes(10))
    await until('it is known', async () => await must(here).payload('frozen/y').exists())
    d.freeze()
    try {
      for (const payload of [put, small])
        await assert.rejects(must(here).payload(payload.toJSON()).get({ timeoutMs: 1_500 }), (error: unknown) =>
          hasCode(error, 'TIMEOUT', 'NO_PROVIDERS')
        )
    } finally {
      d.thaw()
    }
    assert.equal((await must(here).payload<Uint8Array>(put.toJSON()).get({ timeoutMs: 30_000 })).length, 4 * MiB)
  })
})
