// Payloads whose maker is gone: the program, the name, the node. What was put is kept, and who has it hands it on.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, describe, it } from 'mocha'
import { type Mesh, Payload } from '../../client/index.ts'
import { SMALL_PAYLOAD_BYTES } from '../../proto/limits.ts'
import { connected, type Daemon, must, Scene } from '../helpers/daemons.ts'
import { failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

const CLIENT = new URL(`../../client/index${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url)

const SIZES = [
  ['small', 5],
  ['large', 3 * SMALL_PAYLOAD_BYTES]
] as const

/** Puts in a program of its own, which is gone when this returns; what it printed. */
function putElsewhere(daemon: Daemon, name: string, size: number): string {
  const script = `
    import { connect } from ${JSON.stringify(CLIENT.href)}
    const mesh = await connect({ socket: ${JSON.stringify(daemon.socket)} })
    const value = { name: ${JSON.stringify(name)}, text: 'x'.repeat(${size}) }
    console.log(JSON.stringify({ payload: await mesh.put(${JSON.stringify(name)}, value) }))
    await mesh.close()`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 30_000
  })
  assert.equal(status, 0, stderr)
  return stdout
}

describe('a Payload whose maker is gone', function () {
  this.timeout(90_000)
  let scene: Scene
  before(async () => (scene = await Scene.open()))
  after(() => scene.close())

  const payloadIn = (text: string, mesh: Mesh): Payload => {
    const { payload } = JSON.parse(text, mesh.reviver)
    assert.ok(payload instanceof Payload)
    return payload
  }

  it('is read from its node, and from who read it when that is gone, too', async () => {
    const [a, b, c] = await scene.mesh('a', 'b', 'c')
    await connected(must(b), must(c))
    const [second, third] = [await scene.connect(must(b)), await scene.connect(must(c))]
    const texts = SIZES.map(([what, size]) => putElsewhere(must(a), `gone/${what}`, size))
    const expected = SIZES.map(([what, size]) => ({ name: `gone/${what}`, text: 'x'.repeat(size) }))
    for (const [i, text] of texts.entries()) {
      const payload = payloadIn(text, second)
      assert.deepEqual(await payload.get(), expected[i])
      await payload.release()
    }
    await must(a).kill9()
    for (const [i, text] of texts.entries()) {
      const payload = payloadIn(text, third)
      assert.deepEqual(await payload.get({ timeoutMs: 30_000 }), expected[i])
      assert.equal(payload.fetched?.seq, 1)
    }
    for (const [what] of SIZES) {
      const version = await third.payload(`gone/${what}`).latest()
      assert.equal(version.codec, 'cbor')
    }
  })

  it('is there after a kill right after it was put, and can be put again', async () => {
    const made = await scene.up('killed')
    const mesh = await made.connect()
    const puts = await Promise.all(SIZES.map(([what, size]) => mesh.put(`kept/${what}`, { text: 'y'.repeat(size) })))
    const last = await mesh.put('kept/last', 'the last before the kill')
    await made.kill9()
    await mesh.close()
    const again = scene.own(await made.again())
    const later = await scene.connect(again)
    for (const [i, [, size]] of SIZES.entries())
      assert.deepEqual(await later.payload(must(puts[i]).toJSON()).get(), { text: 'y'.repeat(size) })
    assert.equal(await later.payload(last.toJSON()).get(), 'the last before the kill')
    assert.equal((await later.put('kept/last', 'after')).toJSON().$payload.seq, 2)
  })

  it('is read by its content where nobody knows its name, or knows it no more', async () => {
    const [d, e] = await scene.mesh('d', 'e')
    const [here, there] = [await scene.connect(must(d)), await scene.connect(must(e))]
    for (const [what, size] of SIZES) {
      const value = { text: 'z'.repeat(size) }
      const { $payload } = (await here.put(`known/${what}`, value)).toJSON()
      for (const facts of [
        { ...$payload, work: 'unknown' },
        { ...$payload, work: 'unknown', origin: 'no-such-node', providers: [must(d).peerId] }
      ]) {
        const payload = there.payload<{ text: string }>({ $payload: facts })
        assert.deepEqual(await payload.get({ timeoutMs: 20_000 }), value, what)
        assert.equal(payload.codec, 'cbor')
      }
      await here.payload(`known/${what}`).unshare()
      const other = there.payload(`known/${what}`)
      await until('it is retired there', async () => !(await other.exists()))
      assert.deepEqual(await there.payload({ $payload }).get({ timeoutMs: 20_000 }), value, what)
      await assert.rejects(other.get(), failsWith('NOT_FOUND'))
    }
  })

  it('and of which nobody has a copy fails with what was tried, within its deadline', async () => {
    const [f, g] = await scene.mesh('f', 'g')
    const [here, there] = [await scene.connect(must(f)), await scene.connect(must(g))]
    const texts = await Promise.all(SIZES.map(async ([what, size]) => await here.put(`lost/${what}`, 'l'.repeat(size))))
    await until('it is known', async () => await there.payload('lost/large').exists())
    await must(f).kill9()
    for (const put of texts)
      await assert.rejects(there.payload(put.toJSON()).get({ timeoutMs: 2_000 }), failsWith('TIMEOUT', /lost/))
  })
})
