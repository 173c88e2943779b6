// The transport, on real sockets.

import assert from 'node:assert/strict'
import { chmod, symlink } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { Transport } from '../../client/transport.ts'
import { API_HEADER, ROUTES } from '../../proto/routes.ts'
import { until } from '../helpers/until.ts'
import { FakeDaemon, fail, json, LiveLines, type Answers } from './fake-daemon.ts'

describe('Transport', () => {
  let daemon: FakeDaemon
  let transport: Transport

  const start = async (answers: Answers): Promise<void> => {
    daemon = await FakeDaemon.start(answers)
    transport = new Transport(daemon.socket, { startHint: 'pathmesh up --detach --data /x' })
  }
  const read = async (signal?: AbortSignal, silenceMs?: number): Promise<object[]> => {
    const found: object[] = []
    for await (const line of transport.lines(ROUTES.peers, { signal, silenceMs })) found.push(line)
    return found
  }

  afterEach(async () => {
    transport.close()
    await daemon.stop()
  })

  it('sends the host, the query and the body that the API wants', async () => {
    await start({ drop: json({ ok: true }) })
    assert.deepEqual(await transport.json(ROUTES.drop, { body: { ref: 'é' }, query: { a: 'b&c', d: undefined } }), {
      ok: true
    })
    const [request] = daemon.received
    assert.equal(request?.headers.host, 'pathmesh.local')
    assert.equal(request?.headers['content-type'], 'application/json')
    assert.deepEqual([...(request?.query ?? [])], [['a', 'b&c']])
    assert.deepEqual(request?.body, { ref: 'é' })
  })

  it('throws what the daemon answers as a problem', async () => {
    await start({ stat: fail('AMBIGUOUS_WORK', 'two of them') })
    await assert.rejects(transport.json(ROUTES.stat), {
      name: 'PathmeshError',
      code: 'AMBIGUOUS_WORK',
      message: 'two of them'
    })
  })

  it('says how to start a daemon when none listens', async () => {
    await start({})
    const nowhere = new Transport(join(daemon.folder, 'other.sock'), { startHint: 'pathmesh up --detach --data /x' })
    await assert.rejects(nowhere.json(ROUTES.status), {
      code: 'DAEMON_UNREACHABLE',
      message: `no daemon answers on ${join(daemon.folder, 'other.sock')}. Start one: pathmesh up --detach --data /x`
    })
  })

  it('refuses a socket, or a folder of it, that others can write to, and a symbolic link', async () => {
    await start({})
    await symlink(daemon.socket, join(daemon.folder, 'link.sock'))
    await assert.rejects(new Transport(join(daemon.folder, 'link.sock')).json(ROUTES.status), { code: 'DENIED' })
    await chmod(daemon.socket, 0o666)
    await assert.rejects(transport.json(ROUTES.status), { code: 'DENIED' })
    await chmod(daemon.socket, 0o600)
    await chmod(daemon.folder, 0o777)
    await assert.rejects(transport.json(ROUTES.status), { code: 'DENIED' })
    await chmod(daemon.folder, 0o700)
    assert.ok(await transport.json(ROUTES.status))
    assert.equal(daemon.received.length, 1)
  })

  it('refuses a daemon of another version, and what is no daemon', async () => {
    await start({
      status: (_, response) => void response.setHeader(API_HEADER, 'v2').end('{}'),
      invite: (_, response) => {
        response.removeHeader(API_HEADER)
        response.end('{}')
      }
    })
    await assert.rejects(transport.json(ROUTES.status), { code: 'INCOMPATIBLE' })
    await assert.rejects(transport.json(ROUTES.invite), { code: 'INCOMPATIBLE' })
  })

  it('gives up on an answer that does not come, and on a stream that falls silent', async () => {
    await start({ status: () => undefined, peers: (_, response) => void response.write('{"a":1}\n') })
    await assert.rejects(transport.json(ROUTES.status, { silenceMs: 20 }), { code: 'TIMEOUT' })
    await assert.rejects(read(undefined, 20), { code: 'TIMEOUT' })
  })

  it('reads what has come while the program was suspended, before it says that nothing did', async () => {
    const live = new LiveLines({ a: 1 })
    const late: ServerResponse[] = []
    await start({ peers: live.answer, status: (_, response) => void late.push(response) })
    const lines = transport.lines(ROUTES.peers, { silenceMs: 250 })
    assert.deepEqual((await lines.next()).value, { a: 1 })
    const waiting = Promise.all([lines.next(), transport.json(ROUTES.status, { silenceMs: 250 })])
    await until('both are asked', () => late.length === 1)
    // From a setImmediate the event loop goes on with timers. What is written reaches the sockets within the tick.
    await new Promise(resolve => setImmediate(resolve))
    live.send({ a: 2 })
    late[0]?.end('{}')
    await new Promise<void>(resolve => process.nextTick(resolve))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
    const [line, status] = await waiting
    assert.deepEqual([line.value, status], [{ a: 2 }, {}])
    await lines.return()
  })

  it('does not cut a stream that only says that it lives', async () => {
    const beatMs = 50
    await start({
      peers: (_, response) => {
        let beats = 0
        const beat = setInterval(() => {
          if (++beats === 24) response.end('{"a":1}\n')
          else response.write('{}\n')
        }, beatMs)
        response.once('close', () => clearInterval(beat))
      }
    })
    assert.deepEqual(await read(undefined, 20 * beatMs), [{ a: 1 }])
  })

  it('rethrows the reason of an abort, before, while waiting and while reading', async () => {
    await start({ status: () => undefined, peers: (_, response) => void response.write('{"a":1}\n') })
    const reason = new Error('enough')
    await assert.rejects(transport.json(ROUTES.status, { signal: AbortSignal.abort(reason) }), reason)
    const waiting = new AbortController()
    setImmediate(() => waiting.abort(reason))
    await assert.rejects(transport.json(ROUTES.status, { signal: waiting.signal }), reason)
    const reading = new AbortController()
    const lines = transport.lines(ROUTES.peers, { signal: reading.signal })
    assert.deepEqual((await lines.next()).value, { a: 1 })
    setImmediate(() => reading.abort(reason))
    await assert.rejects(lines.next(), reason)
  })

  it('tells a daemon that broke off from one that ended', async () => {
    await start({
      status: (_, response) => void response.destroy(),
      peers: (_, response) => void response.write('{"a":1}\n', () => response.destroy())
    })
    await assert.rejects(transport.json(ROUTES.status), { code: 'DAEMON_UNREACHABLE' })
    await assert.rejects(read(), { code: 'DAEMON_UNREACHABLE' })
  })

  it('tries again on a kept connection that the daemon has closed meanwhile', async () => {
    let calls = 0
    await start({
      status: (_, response) => {
        if (++calls === 2) response.destroy()
        else response.end('{}')
      }
    })
    await transport.json(ROUTES.status)
    await new Promise(resolve => setImmediate(resolve))
    await transport.json(ROUTES.status)
    assert.equal(calls, 3)
  })

  it('hangs up when a stream is left early', async () => {
    let closed: Promise<void> | undefined
    await start({
      peers: (_, response) => {
        closed = new Promise(resolve => response.once('close', resolve))
        response.write('{"a":1}\n{"a":2}\n')
      }
    })
    for await (const line of transport.lines(ROUTES.peers)) {
      assert.deepEqual(line, { a: 1 })
      break
    }
    await closed
  })

  it('does not take a plain folder for a socket', async () => {
    await start({})
    await assert.rejects(new Transport(daemon.folder).json(ROUTES.status), { code: 'DENIED' })
    await assert.rejects(new Transport(join(daemon.folder, 'a', 'b')).json(ROUTES.status), {
      code: 'DAEMON_UNREACHABLE'
    })
  })
})
