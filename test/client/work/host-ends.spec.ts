// How hosting ends, and what it outlives: calls that are cancelled, hosts that stop or die, daemons that are away.

import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { HostedWork } from '../../../client/work/host.ts'
import { until } from '../../helpers/until.ts'
import { type Answer, fail, json, lines, PEER, PUT, SHARED } from '../fake-daemon.ts'
import { HostingDaemon } from './fixtures/hosting-daemon.ts'

const PATIENCE = { cancelMs: 200, lastWordsMs: 1_000 }

describe('hosting', () => {
  let daemon: HostingDaemon
  let hosted: HostedWork | undefined

  beforeEach(async () => {
    daemon = await HostingDaemon.start()
    hosted = undefined
  })

  afterEach(async () => {
    await hosted?.stop()
    await daemon.stop()
  })

  it('ends a cancelled run that listens by itself, and one that does not by SIGTERM; both publish what they have', async () => {
    hosted = await daemon.host({}, PATIENCE)
    const polite = daemon.call({ do: 'untilCancelled' })
    await until('it runs', () => daemon.reports(polite).some(({ phase }) => phase === 'running'))
    daemon.cancel(polite)
    assert.equal((await daemon.failure(polite)).code, 'ABORTED')
    assert.deepEqual(daemon.published(), ['train/model.bin'])
    const deaf = daemon.call({ do: 'deaf' })
    const pid = await pidOf(daemon, deaf)
    daemon.cancel(deaf)
    assert.equal((await daemon.failure(deaf)).code, 'ABORTED')
    await until('its process is gone', () => !isRunning(pid))
    assert.deepEqual(daemon.published(), ['train/model.bin', 'train/model.bin'])
  })

  it('stops with a call that runs: that is ABORTED, published, and nothing is left running', async () => {
    hosted = await daemon.host({}, PATIENCE)
    const id = daemon.call({ do: 'deaf' })
    const pid = await pidOf(daemon, id)
    await hosted.stop()
    await hosted.closed
    const { code, detail } = await daemon.failure(id)
    assert.equal(code, 'ABORTED')
    assert.match(detail, /train was stopped/)
    assert.deepEqual(daemon.published(), ['train/model.bin'])
    assert.ok(!isRunning(pid))
    await until('the stream is closed', () => daemon.live.listening === 0)
  })

  it('kills a process that does not hear: a call in it is ABORTED', async () => {
    hosted = await daemon.host({}, { cancelMs: 50, lastWordsMs: 100 })
    const id = daemon.call({ do: 'busy' })
    await until('it is busy', () => daemon.printed(id).length > 0)
    daemon.cancel(id)
    assert.equal((await daemon.failure(id)).code, 'ABORTED')
  })

  it('publishes and ends where somebody else sends its process SIGTERM, and goes on with another', async () => {
    hosted = await daemon.host({}, PATIENCE)
    const id = daemon.call({ do: 'deaf' })
    process.kill(await pidOf(daemon, id), 'SIGTERM')
    const { code, detail } = await daemon.failure(id)
    assert.equal(code, 'ABORTED')
    assert.match(detail, /SIGTERM/)
    assert.deepEqual(daemon.published(), ['train/model.bin'])
    assert.ok((await daemon.outcome(daemon.call({ do: 'count' }))).ok)
  })

  it('ends with the process of a Work what that has started', async () => {
    hosted = await daemon.host({}, { cancelMs: 50, lastWordsMs: 200 })
    const id = daemon.call({ do: 'startAnother' })
    const [, pid = ''] = /(\d+)/.exec(await until('it has started one', () => daemon.printed(id)[0])) ?? []
    assert.ok(isRunning(Number(pid)))
    daemon.cancel(id)
    assert.equal((await daemon.failure(id)).code, 'ABORTED')
    await until('that is gone', () => !isRunning(Number(pid)))
  })

  for (const deed of ['untilCancelled', 'busy'])
    it(`ends at once with a program that is killed, and publishes nothing: in ${deed}`, async () => {
      const program = fork(new URL('./fixtures/hosting-program.js', import.meta.url), [daemon.daemon.socket], {
        execArgv: []
      })
      await until('it hosts', () => daemon.live.listening === 1)
      const id = daemon.call({ do: deed })
      const pid = await pidOf(daemon, id)
      assert.ok(isRunning(pid))
      program.kill('SIGKILL')
      await once(program, 'exit')
      await until('its process is gone', () => !isRunning(pid))
      assert.deepEqual(daemon.published(), [])
    })

  it('ends a run that closed one of its streams and muted the other', async () => {
    hosted = await daemon.host({}, PATIENCE)
    const id = daemon.call({ do: 'silence' })
    assert.ok((await daemon.outcome(id)).ok)
    await hosted.stop()
    assert.ok(daemon.events.some(event => event.event === 'log' && event.text === 'the last line'))
  })

  it('goes on after a break of the stream, naming the call that runs, and does not run that again', async () => {
    hosted = await daemon.host({}, PATIENCE)
    const id = daemon.call({ do: 'push', with: 1 })
    await until('it runs', () => daemon.state(id)['list'] !== undefined)
    daemon.live.end()
    await until('it hosts again', () => daemon.daemon.bodies('host').length === 2 && daemon.live.listening === 1)
    assert.equal(Object(daemon.daemon.bodies('host')[1]).running, id)
    daemon.live.send({ event: 'call', id, args: [{ do: 'count' }] })
    daemon.cancel(id)
    await daemon.failure(id)
    assert.deepEqual(
      daemon.events.filter(({ event }) => event === 'call' || event === 'reconnecting').map(({ event }) => event),
      ['call', 'reconnecting']
    )
  })
})

describe('hosting, with a daemon that refuses', () => {
  it('tells an outcome until it is taken', async () => {
    let refused = 0
    const daemon = await HostingDaemon.start({
      report: (received, response) => {
        const isTaken = !JSON.stringify(received.body).includes('outcome') || ++refused === 3
        const answer = isTaken ? json({}) : fail('DAEMON_UNREACHABLE', 'it stops')
        return answer(received, response)
      }
    })
    const hosted = await daemon.host({}, PATIENCE)
    daemon.call({ do: 'nothing' })
    await until('it is done', () => daemon.events.some(({ event }) => event === 'done'))
    assert.equal(refused, 3)
    await hosted.stop()
    await daemon.stop()
  })

  it('does not wait for a daemon that takes no outcome when it stops', async () => {
    const daemon = await HostingDaemon.start({
      report: (received, response) =>
        JSON.stringify(received.body).includes('outcome') ? undefined : json({})(received, response)
    })
    const hosted = await daemon.host({}, { cancelMs: 100, lastWordsMs: 60_000 })
    const id = daemon.call({ do: 'nothing' })
    await until('the outcome is told', () => daemon.reports(id).at(-1)?.outcome)
    let isStopped = false
    const stopping = hosted.stop().then(() => (isStopped = true))
    await until('it has stopped', () => isStopped)
    await stopping
    await daemon.stop()
  })

  it('has a run publish again and again while no daemon answers, until it is cancelled', async () => {
    let refused = 0
    let isAway = false
    const away: Answer = fail('DAEMON_UNREACHABLE', 'it stops')
    const first = (answer: Answer): Answer => {
      let times = 0
      return (received, response) => (isAway || times++ === 0 ? (refused++, away) : answer)(received, response)
    }
    const daemon = await HostingDaemon.start({ put: first(lines(PUT)), share: first(lines(SHARED)) })
    const hosted = await daemon.host({}, { cancelMs: 60_000 })
    assert.ok((await daemon.outcome(daemon.call({ do: 'payload', with: 'bytes' }))).ok)
    assert.equal(refused, 1)
    assert.ok((await daemon.outcome(daemon.call({ do: 'write' }, { extra: null }))).ok)
    assert.equal(refused, 2)
    isAway = true
    const id = daemon.call({ do: 'payload', with: 'bytes' }, { extra: null })
    await until('it was refused again', () => refused > 3)
    daemon.cancel(id)
    const { code, detail } = await daemon.failure(id)
    assert.equal(code, 'ABORTED')
    assert.match(detail, /cancelled; .* cannot be published: it stops/)
    await hosted.stop()
    await daemon.stop()
  })

  it('is over where somebody else hosts the work by then; and never begins where somebody does already', async () => {
    let times = 0
    const daemon = await HostingDaemon.start({
      host: (received, response) => {
        if (times++ > 0) return fail('WORK_IN_USE', 'another program hosts it')(received, response)
        return void response.end(
          `${JSON.stringify({ event: 'hosting', work: 'train', origin: PEER, folder: daemon.folder })}\n`
        )
      }
    })
    const hosted = await daemon.host({}, PATIENCE)
    await assert.rejects(hosted.closed, { code: 'WORK_IN_USE' })
    await assert.rejects(daemon.host({}, PATIENCE), { code: 'WORK_IN_USE' })
    await daemon.stop()
  })

  it('says what is wrong with a module before anything is claimed; and of a constructor that throws, how it is called', async () => {
    const daemon = await HostingDaemon.start()
    await assert.rejects(daemon.host({ module: '/nowhere/x.js' }), { code: 'NOT_FOUND', message: /\/nowhere\/x\.js/ })
    await assert.rejects(daemon.host({ name: 'Missing' }), {
      code: 'INVALID_ARGUMENT',
      message: /no Work called "Missing": name one of Broken, Doer/
    })
    assert.deepEqual(daemon.daemon.bodies('host'), [])
    await assert.rejects(daemon.host({ name: 'Broken' }), {
      code: 'WORK_FAILED',
      message: /^train failed: TypeError: .*made without arguments, new Broken\(\)/
    })
    await until('the stream is closed', () => daemon.live.listening === 0)
    await daemon.stop()
  })
})

/** Id of the process, as it told of itself by an attribute, or a line. */
async function pidOf(daemon: HostingDaemon, id: string): Promise<number> {
  return await until('it runs', () => {
    const { extra } = daemon.state(id)
    const printed = /^stdout: (\d+)$/.exec(daemon.printed(id)[0] ?? '')?.[1]
    return typeof extra === 'number' ? extra : printed !== undefined && Number(printed)
  })
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
