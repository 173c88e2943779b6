// mesh.call(): what becomes of the values of a program on the way to a Work, and of what comes back.

import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'mocha'
import { connect, Path, Payload, type Mesh } from '../../../client/index.ts'
import { CID, FakeDaemon, fail, json, PEER, STAT, type Answers } from '../fake-daemon.ts'

const RESULT = {
  models: [{ $path: { work: 'train', origin: PEER, path: 'model.bin', seq: 3 } }],
  metrics: { $payload: { work: 'train', origin: PEER, path: 'metrics', cid: CID } }
}
const DONE = {
  next: 1,
  phase: 'done',
  state: {},
  logs: [],
  missed: 0,
  progress: null,
  outcome: { ok: true, result: RESULT }
}

describe('mesh.call()', () => {
  let daemon: FakeDaemon
  let mesh: Mesh

  const start = async (answers: Answers = {}): Promise<void> => {
    const calls = { call: json({ node: PEER, known: false }), callEvents: json(DONE), stat: json(STAT) }
    daemon = await FakeDaemon.start({ ...calls, ...answers })
    mesh = await connect({ socket: daemon.socket })
  }
  const asked = (): unknown => {
    const body = daemon.bodies('call').at(-1)
    return typeof body === 'object' && body !== null && 'args' in body ? body.args : undefined
  }
  afterEach(async () => {
    await mesh.close()
    await daemon.stop()
  })

  it('fixes the references in its arguments, wherever they lie', async () => {
    await start()
    await mesh.call('train', [
      mesh.path('train/model.bin'),
      { deep: [mesh.path('train/model.bin').at(2)] },
      undefined,
      1
    ])
    const { work, origin, path, kind, cid, size, seq, providers } = STAT
    assert.deepEqual(asked(), [
      { $path: { work, origin, path, kind, cid, size, seq, providers } },
      { deep: [{ $path: { work, path, seq: 2 } }] },
      null,
      1
    ])
    assert.equal(daemon.received.filter(({ path: route }) => route === '/v1/stat').length, 1)
  })

  it('hands on what nobody has published yet as it is', async () => {
    await start({ stat: fail('NOT_FOUND', 'no such name') })
    await mesh.call('train', [mesh.path('train/later.bin')])
    assert.deepEqual(asked(), [{ $path: { work: 'train', path: 'later.bin' } }])
  })

  it('resolves to the result with the Paths and Payloads in it', async () => {
    await start()
    const result = await mesh.call('train')
    assert.ok(typeof result === 'object' && result !== null && 'models' in result && 'metrics' in result)
    const { models, metrics } = result
    assert.ok(Array.isArray(models) && models[0] instanceof Path && metrics instanceof Payload)
    assert.equal((await models[0].stat()).cid, CID)
    assert.deepEqual(asked(), [])
  })

  it('refuses what has no JSON form, and says which argument it is', async () => {
    await start()
    await assert.rejects(mesh.call('train', [1, { run: () => 1 }]), {
      code: 'INVALID_ARGUMENT',
      message: /argument 2 of train/
    })
    await assert.rejects(mesh.call('a/b', []), { code: 'INVALID_ARGUMENT' })
    assert.equal(asked(), undefined)
  })
})
