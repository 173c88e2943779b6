// Transfers that are stopped half way: by a peer that sleeps, by Ctrl-C, by a client that is gone. None hangs, none leaves a
// trace where it was to go, and the next attempt goes on where the last one ended.

import assert from 'node:assert/strict'
import { request } from 'node:http'
import { readdir, readFile } from 'node:fs/promises'
import { after, afterEach, before, describe, it } from 'mocha'
import { hasCode, PathmeshError } from '../../client/index.ts'
import { Got } from '../../proto/api.ts'
import { connected, type Daemon, must, Scene } from '../helpers/daemons.ts'
import { Gate, NO_LANES } from '../helpers/gate.ts'
import { Seeded } from '../helpers/seeded.ts'
import { until } from '../helpers/until.ts'

const MiB = 1024 * 1024
const SIZE = 32 * MiB
const HALF = 16 * MiB

describe('a transfer that is stopped half way', function () {
  this.timeout(60_000)
  const random = new Seeded('interrupted')
  let scene: Scene
  let origin: Daemon | undefined
  let other: Daemon | undefined
  let gate: Gate | undefined

  before(async () => {
    scene = await Scene.open()
    origin = await scene.up('a', { env: NO_LANES })
    gate = await Gate.to(origin)
    other = await scene.up('b', { join: await gate.invite(origin) })
    await connected(other, origin)
  })
  afterEach(() => gate?.allow(Infinity))
  after(async () => {
    await gate?.close()
    await scene.close()
  })

  /** Shares a file of which the first half and a little more will pass. */
  async function halfOf(name: string): Promise<Buffer> {
    const bytes = random.bytes(SIZE)
    const path = await scene.file(name, bytes)
    assert.equal((await must(origin).cli(['share', path, '--as', `half/${name}`])).status, 0)
    must(gate).allow(HALF + 4 * MiB)
    return bytes
  }

  it('because its peer sleeps fails in time, says why, and goes on when that wakes', async () => {
    const bytes = await halfOf('sleep')
    await using mesh = await must(other).connect()
    let came = 0
    const get = mesh.path('half/sleep').get({ stallMs: 1500, onProgress: ({ bytes }) => (came = bytes) })
    get.catch(() => undefined)
    await until('half has come', () => came >= HALF)
    must(origin).freeze()
    let failure: unknown
    try {
      must(gate).allow(Infinity)
      failure = await get.catch((error: unknown) => error)
    } finally {
      must(origin).thaw()
    }
    assert.ok(failure instanceof PathmeshError && hasCode(failure, 'TIMEOUT'), String(failure))
    assert.match(failure.message, /1\.5 s.*run it again/)
    assert.equal(failure.details?.['phase'], 'transferring')
    const verified = Number(failure.details?.['bytesVerified'])
    assert.ok(verified >= HALF, `${verified}`)
    const got = await mesh.path('half/sleep').get()
    assert.ok(bytes.equals(await readFile(got.path)))
    assert.ok(got.bytesFetched <= SIZE - verified + MiB, `${got.bytesFetched} after ${verified}`)
  })

  it('because the time of --timeout is over exits with 6, and goes on', async () => {
    const bytes = await halfOf('total')
    const first = await must(other).cli(['get', 'half/total', '--store', '--timeout', '2s'])
    assert.deepEqual([first.status, first.error.code], [6, 'TIMEOUT'])
    assert.match(first.error.message, /run it again/)
    must(gate).allow(Infinity)
    const done = (await must(other).cli(['get', 'half/total', '--store'])).value(
      Got.pick({ path: true, bytesFetched: true })
    )
    assert.ok(bytes.equals(await readFile(done.path)))
    assert.ok(done.bytesFetched <= SIZE - HALF + MiB, `${done.bytesFetched}`)
  })

  it('by Ctrl-C exits with 130, leaves nothing where it was to go, and goes on', async () => {
    const bytes = await halfOf('ctrl-c')
    const cwd = await scene.directory('cwd')
    const get = must(other).begin(['get', 'half/ctrl-c'], { cwd })
    await until('half has come', () => /"transferring","bytes":(?:1[6-9]|[2-9]\d)\d{6}/.test(get.stdout))
    get.child.kill('SIGINT')
    const outcome = await get.ended
    assert.deepEqual([outcome.status, outcome.error.code], [130, 'ABORTED'])
    assert.deepEqual(await readdir(cwd), [])
    must(gate).allow(Infinity)
    await until('no transfer is left', async () => (await must(other).status()).transfers.length === 0)
    const done = (await must(other).cli(['get', 'half/ctrl-c'], { cwd })).value(
      Got.pick({ path: true, bytesFetched: true })
    )
    assert.ok(bytes.equals(await readFile(done.path)))
    assert.ok(done.bytesFetched <= SIZE - 8 * MiB, `${done.bytesFetched}`)
    assert.deepEqual(await readdir(cwd), ['ctrl-c'])
  })

  it('by one of two that wait for it goes on for the other', async () => {
    const bytes = await halfOf('two')
    const impatient = must(other).begin(['get', 'half/two', '--store'])
    const patient = must(other).begin(['get', 'half/two', '--store'])
    await until('both wait', () => [impatient, patient].every(({ stdout }) => /transferring/.test(stdout)))
    impatient.child.kill('SIGINT')
    assert.equal((await impatient.ended).status, 130)
    must(gate).allow(Infinity)
    const done = (await patient.ended).value(Got.pick({ path: true, bytesFetched: true }))
    assert.ok(bytes.equals(await readFile(done.path)))
  })

  it('leaves what had come of it to the next version', async () => {
    const bytes = await halfOf('version')
    const first = must(other).begin(['get', 'half/version', '--store', '--timeout', '3s'])
    assert.equal((await first.ended).status, 6)
    must(gate).allow(Infinity)
    bytes.fill(1, 5 * MiB, 6 * MiB)
    const path = await scene.file('version-2', bytes)
    assert.equal((await must(origin).cli(['share', path, '--as', 'half/version'])).status, 0)
    await using mesh = await must(other).connect()
    await until('the next version is known', async () => {
      for await (const { seq } of mesh.names({ prefix: 'half/version' })) return seq === 2
      return false
    })
    const got = await mesh.path('half/version').get()
    assert.ok(bytes.equals(await readFile(got.path)))
    assert.ok(got.bytesFetched <= SIZE - HALF + 2 * MiB, `${got.bytesFetched}`)
    assert.equal((await mesh.status()).storage.partialBytes, 0)
  })

  it('is dropped with what had come of it', async () => {
    await halfOf('partial')
    assert.equal((await must(other).cli(['get', 'half/partial', '--store', '--timeout', '2s'])).status, 6)
    must(gate).allow(Infinity)
    assert.ok((await must(other).status()).storage.partialBytes >= HALF)
    assert.equal((await must(other).cli(['drop', 'half/partial'])).status, 0)
    assert.equal((await must(other).status()).storage.partialBytes, 0)
    assert.deepEqual(await readdir(`${must(other).data}/partial`), [])
  })

  it('while it is shared, by a client that is gone, leaves a daemon that shares it when asked again', async () => {
    const path = await scene.file('abandoned', random.bytes(64 * MiB))
    const body = JSON.stringify({ path, as: 'abandoned/x' })
    const { socket } = must(origin)
    await new Promise<void>((resolve, reject) => {
      const sent = request({
        socketPath: socket,
        method: 'POST',
        path: '/v1/share',
        headers: { host: 'pathmesh.local', 'content-type': 'application/json' }
      })
      sent.on('response', response => response.once('data', () => sent.destroy()))
      sent.on('error', error => (sent.destroyed ? resolve() : reject(error)))
      sent.on('close', resolve)
      sent.end(body)
    })
    await using mesh = await must(origin).connect()
    assert.equal((await mesh.share(path, { as: 'abandoned/x' })).seq, 1)
    assert.doesNotMatch(must(origin).log, /unhandled|uncaught/)
  })
})
