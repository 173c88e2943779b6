// Works by the routes of real daemons: hosted by a stream of lines, called from another node, and found again after a kill.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { type ClientRequest, request } from 'node:http'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'mocha'
import type { z } from 'zod'
import { ROUTES } from '../../../proto/routes.ts'
import {
  CallEvents,
  Called,
  type CallRequest,
  HostLine,
  type HostRequest,
  type ReportRequest,
  WorkLine
} from '../../../proto/works-api.ts'
import { connected, type Daemon, must, Scene } from '../../helpers/daemons.ts'
import { ask, type RawAnswer } from '../../helpers/raw-requests.ts'
import { until } from '../../helpers/until.ts'

const ID = 'call-of-the-admin-spec'
const HOSTED: HostRequest = { work: 'train', hash: 'a'.repeat(64), module: '/app/train.ts', hosted: true }

const post = (daemon: Daemon, path: string, body: unknown): Promise<RawAnswer> =>
  ask(daemon.socket, {
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(JSON.stringify(body))) },
    body: JSON.stringify(body)
  })

/** A program that hosts: the lines that it is sent, heartbeats left out. */
class Program {
  readonly #request: ClientRequest
  readonly #lines: AsyncGenerator<z.infer<typeof HostLine>>

  constructor(daemon: Daemon, hosted: HostRequest) {
    const { method, path } = ROUTES.host
    const body = JSON.stringify(hosted)
    const headers = {
      host: 'pathmesh.local',
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body)
    }
    this.#request = request({ socketPath: daemon.socket, method, path, headers })
    // The daemon is killed in the middle of it.
    this.#request.on('error', () => undefined)
    this.#request.end(body)
    this.#lines = this.#read()
  }

  async next(): Promise<z.infer<typeof HostLine>> {
    const { value, done } = await this.#lines.next()
    assert.ok(done !== true, 'its stream ended')
    return value
  }

  leave(): void {
    this.#request.destroy()
  }

  async *#read(): AsyncGenerator<z.infer<typeof HostLine>> {
    const [response] = await once(this.#request, 'response')
    response.on('error', () => undefined)
    for await (const line of createInterface({ input: response }))
      if (line !== '{}') yield HostLine.parse(JSON.parse(line))
  }
}

describe('the routes of works', function () {
  this.timeout(60_000)
  let scene: Scene
  let [a, b]: Daemon[] = []
  let program: Program

  const call = async (body: Partial<CallRequest>): Promise<RawAnswer> =>
    post(must(a), ROUTES.call.path, { id: ID, work: 'train', args: [], ...body })
  const report = async (body: ReportRequest): Promise<void> => {
    assert.deepEqual((await post(must(b), ROUTES.report.path, body)).json(), { done: true })
  }
  const events = async (after = 0): Promise<CallEvents> => {
    const path = `${ROUTES.callEvents.path}?id=${ID}&node=b&after=${after}`
    return CallEvents.parse((await ask(must(a).socket, { path })).json())
  }

  before(async () => {
    scene = await Scene.open()
    ;[a, b] = await scene.mesh('a', 'b')
    program = new Program(must(b), HOSTED)
  })
  after(async () => {
    program.leave()
    await scene.close()
  })

  it('host a work in its folder, and say that to other nodes', async () => {
    const line = await program.next()
    assert.ok(line.event === 'hosting' && line.origin === must(b).peerId)
    assert.ok((await stat(line.folder)).isDirectory())
    const lines = (await ask(must(a).socket, { path: ROUTES.works.path })).bytes.toString().trim().split('\n')
    const works = lines.map(text => WorkLine.parse(JSON.parse(text)))
    const hosting = works.find(({ work }) => work === 'train')?.hosting
    assert.deepEqual([hosting?.phase, hosting?.module, hosting?.call], ['idle', '/app/train.ts', null])
    const second = await post(must(b), ROUTES.host.path, HOSTED)
    assert.match(second.bytes.toString(), /"event":"error".*WORK_IN_USE.*\/app\/train\.ts/)
  })

  it('begin a call on another node, once, with all that it was given', async () => {
    const args = ['x'.repeat(200_000)]
    const state = { s: 'y'.repeat(200_000) }
    assert.deepEqual(Called.parse((await call({ args, state })).json()), { node: must(b).peerId, known: false })
    assert.deepEqual(await program.next(), { event: 'call', id: ID, args, state })
    assert.deepEqual((await call({ args, state, node: 'b' })).json(), { node: must(b).peerId, known: true })
    await report({ id: ID, phase: 'running', state: { epoch: 1 }, logs: [{ stream: 'stdout', text: 'hello' }] })
    const { phase, state: told, logs, next } = await events()
    assert.deepEqual([phase, told, logs], ['running', { epoch: 1 }, [{ stream: 'stdout', text: 'hello' }]])
    const waiting = events(next)
    assert.equal((await post(must(a), ROUTES.cancelCall.path, { id: ID, node: 'b' })).status, 200)
    assert.deepEqual(await program.next(), { event: 'cancel', id: ID })
    await report({ id: ID, state: { epoch: 2 } })
    assert.deepEqual((await waiting).state, { epoch: 2 })
  })

  it('refuse with the status of the error what is of another form, unknown, or too large', async () => {
    const other = 'another-call-of-the-spec'
    for (const [answer, status, code] of [
      [await call({ id: 'short' }), 400, 'INVALID_ARGUMENT'],
      [await call({ id: other, work: 'none', node: 'b' }), 404, 'NOT_FOUND'],
      [await call({ id: other, node: 'nobody' }), 404, 'NOT_FOUND'],
      [await call({ id: other, args: ['x'.repeat(262_144)] }), 413, 'TOO_LARGE'],
      [await call({ id: other, hash: 'b'.repeat(64) }), 426, 'INCOMPATIBLE'],
      [await post(must(a), ROUTES.cancelCall.path, { id: ID }), 200, undefined],
      [await post(must(b), ROUTES.cancelCall.path, { id: ID }), 404, 'NOT_FOUND'],
      [await post(must(b), ROUTES.report.path, { id: other, phase: 'running' }), 404, 'NOT_FOUND'],
      [await ask(must(b).socket, { path: `${ROUTES.callEvents.path}?id=${ID}` }), 404, 'NOT_FOUND']
    ] as const) {
      const body: unknown = answer.json()
      assert.ok(typeof body === 'object' && body !== null)
      assert.deepEqual([answer.status, 'code' in body ? body.code : undefined], [status, code], answer.bytes.toString())
    }
  })

  it('find a call again after the daemon of its node was killed and its host is back', async () => {
    await must(b).kill9()
    b = scene.own(await must(b).again())
    program.leave()
    program = new Program(b, { ...HOSTED, running: ID })
    assert.equal((await program.next()).event, 'hosting')
    await report({ id: ID, state: { epoch: 3 } })
    await report({ id: ID, outcome: { ok: true, result: { loss: 0.5 } } })
    await connected(must(a), b)
    const { outcome, state } = await events()
    assert.deepEqual([outcome, state], [{ ok: true, result: { loss: 0.5 } }, { epoch: 3 }])
    assert.deepEqual((await call({ node: 'b' })).json(), { node: b.peerId, known: true })
  })

  it('let a work go with the program that hosted it', async () => {
    program.leave()
    await until('the daemon has seen it go', async () => {
      const answer = await ask(must(b).socket, { path: ROUTES.works.path })
      return answer.bytes.toString().includes('"hosting":null')
    })
    assert.equal((await call({ id: 'a-call-of-what-is-gone', node: 'b' })).status, 404)
  })
})
