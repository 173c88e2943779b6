// Calls of a hosted Work, in a real process, against a daemon of tests: what they are given, what is told of them, how they end.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import type { HostedWork } from '../../../client/work/host.ts'
import { moduleHash } from '../../../client/work/module-file.ts'
import { until } from '../../helpers/until.ts'
import { CID, GOT, json, lines, fail, PEER } from '../fake-daemon.ts'
import { DOER, HostingDaemon } from './fixtures/hosting-daemon.ts'

const FIXED = { $path: { work: 'data', origin: PEER, path: 'set', root: CID } }
const FOLLOWING = { $path: { work: 'data', origin: PEER, path: 'unborn' } }

describe('a hosted Work', () => {
  let daemon: HostingDaemon
  let hosted: HostedWork

  before(async () => {
    daemon = await HostingDaemon.start({
      session: (_, response) => void response.write(`${JSON.stringify({ session: 's' })}\n`),
      release: json({}),
      get: (received, response) => {
        const text = JSON.stringify(received.body)
        if (text.includes('unborn')) return fail('NOT_FOUND', 'nobody knows it')(received, response)
        if (text.includes('lost')) return fail('NO_PROVIDERS', 'nobody has it')(received, response)
        return lines(
          {
            event: 'progress',
            phase: 'transferring',
            bytes: 5,
            total: 9,
            files: 0,
            filesTotal: 1,
            bytesPerSecond: 4,
            etaSeconds: 1,
            why: null,
            providers: []
          },
          GOT
        )(received, response)
      }
    })
    hosted = await daemon.host({}, { cancelMs: 300, lastWordsMs: 2_000 })
  })

  after(async () => {
    await hosted.stop()
    await daemon.stop()
  })

  it('is registered with the hash of its module, and has the folder of its work', async () => {
    const { module, ...request } = Object(daemon.daemon.bodies('host')[0])
    assert.deepEqual(request, { work: 'train', hash: await moduleHash(DOER), hosted: true })
    assert.match(String(module), /doer\.js$/)
    assert.deepEqual([hosted.work, hosted.node, hosted.folder], ['train', PEER, daemon.folder])
  })

  it('runs in a process of its own, in that folder, and keeps its attributes from call to call', async () => {
    const first = daemon.call({ do: 'count' })
    const second = daemon.call({ do: 'count' }, { count: 41 })
    assert.deepEqual(await daemon.outcome(first), {
      ok: true,
      result: { count: 1, folder: daemon.folder, name: 'train' }
    })
    const outcome = await daemon.outcome(second)
    assert.ok(outcome.ok)
    assert.deepEqual(Object(outcome.result).count, 42)
    assert.equal(daemon.state(second)['count'], 42)
  })

  it('returns null for nothing, and TOO_LARGE for a result past the bound', async () => {
    assert.deepEqual(await daemon.outcome(daemon.call({ do: 'nothing' })), { ok: true, result: null })
    const { code, detail } = await daemon.failure(daemon.call({ do: 'large' }))
    assert.equal(code, 'TOO_LARGE')
    assert.match(detail, /return a Payload/)
  })

  it('tells of an attribute that changed inside while it runs; of one that is cancelled, the state so far', async () => {
    const id = daemon.call({ do: 'push', with: { deep: 1 } }, { list: [] })
    await until('the list is told', () => JSON.stringify(daemon.state(id)['list']) === '[{"deep":1}]')
    assert.equal(daemon.reports(id).at(-1)?.outcome, undefined)
    daemon.cancel(id)
    const { code, detail } = await daemon.failure(id)
    assert.equal(code, 'ABORTED')
    assert.match(detail, /the call of train was cancelled/)
  })

  it('refuses an attribute that is no JSON as it is set, and fails a run that hid one in a list', async () => {
    const refused = await daemon.failure(daemon.call({ do: 'refuse' }))
    assert.equal(refused.code, 'WORK_FAILED')
    assert.match(refused.detail, /attribute extra .* no JSON/)
    const hidden = await daemon.failure(daemon.call({ do: 'hide' }, { list: [] }))
    assert.equal(hidden.code, 'INVALID_ARGUMENT')
    assert.match(hidden.detail, /attribute list/)
    await daemon.outcome(daemon.call({ do: 'nothing' }, { list: [] }))
  })

  it('fails with name, message, code and stack of what was thrown, and the state by then', async () => {
    const id = daemon.call({ do: 'throw' }, { count: 0 })
    const { code, detail, details } = await daemon.failure(id)
    assert.deepEqual([code, detail], ['WORK_FAILED', 'train failed: RangeError: too far'])
    assert.deepEqual([details?.['work'], details?.['name'], details?.['code']], ['train', 'RangeError', 'E_FAR'])
    assert.match(String(details?.['stack']), /RangeError: too far\n.*doer\./)
    assert.equal(daemon.state(id)['count'], 77)
  })

  it('is lost with its process, with the last words of that, and is there again for the next call', async () => {
    const left = await daemon.failure(daemon.call({ do: 'exit' }))
    assert.equal(left.code, 'WORK_LOST')
    assert.match(left.detail, /ended with status 3 .*It said last: the last words$/)
    const killed = await daemon.failure(daemon.call({ do: 'die' }))
    assert.deepEqual([killed.code, killed.details?.['signal']], ['WORK_LOST', 'SIGKILL'])
    const stray = await daemon.failure(daemon.call({ do: 'stray' }))
    assert.deepEqual([stray.code, stray.detail], ['WORK_FAILED', 'train failed: Error: nobody caught this'])
    const outcome = await daemon.outcome(daemon.call({ do: 'count' }))
    assert.ok(outcome.ok)
    assert.equal(Object(outcome.result).count, 1)
  })

  it('has what it prints told line by line, behind its call', async () => {
    const id = daemon.call({ do: 'print' })
    await daemon.outcome(id)
    const printed = daemon.printed(id).filter(line => !line.includes('is not published'))
    assert.deepEqual(printed.sort(), ['stderr: drei', 'stdout: 100%', 'stdout: 50%', 'stdout: eins', 'stdout: zwei'])
    const said = daemon.events.some(event => event.event === 'log' && event.id === id && event.text === 'eins')
    assert.ok(said)
  })

  for (const [lines, fails] of [
    [1_000, false],
    [400, true]
  ] as const)
    it(`has all of ${lines} lines told, in order, before it ${fails ? 'fails' : 'is over'}`, async () => {
      const id = daemon.call({ do: 'loud', with: { lines, fails } })
      await until('it is done', () => daemon.events.some(event => event.event === 'done' && event.id === id))
      const told = daemon.events.flatMap(event =>
        event.event === 'log' && event.id === id && event.stream === 'stdout' ? [Number.parseInt(event.text, 10)] : []
      )
      assert.deepEqual(
        told,
        Array.from({ length: lines }, (_, at) => at)
      )
    })

  it('has a Path that came into a list in place told as its own, and published', async () => {
    const reference = { $path: { work: 'train', origin: PEER, path: 'pushed.bin' } }
    const failed = daemon.call({ do: 'pushPath', with: 'a failure' }, { list: [] })
    assert.equal((await daemon.failure(failed)).code, 'WORK_FAILED')
    assert.deepEqual(daemon.state(failed)['list'], [{ checkpoint: reference }])
    assert.ok(!daemon.published().includes('train/pushed.bin'))
    const id = daemon.call({ do: 'pushPath' }, { list: [] })
    assert.ok((await daemon.outcome(id)).ok)
    assert.deepEqual(daemon.state(id)['list'], [{ checkpoint: reference }])
    assert.ok(daemon.published().includes('train/pushed.bin'))
    await daemon.outcome(daemon.call({ do: 'nothing' }, { list: [] }))
  })

  it('has a Payload published as it is set, by its keys, and handed on by reference; those it returns, too', async () => {
    const id = daemon.call({ do: 'payload', with: 'bytes' })
    const outcome = await daemon.outcome(id)
    assert.ok(outcome.ok)
    const [payload, path] = Array.from(Object(outcome.result), (one: unknown) => JSON.stringify(one))
    assert.match(String(payload), /"path":"result\.0","cid":/)
    assert.match(String(path), /"work":"train".*"path":"model.bin"/)
    const reference = { $payload: { work: 'train', origin: PEER, path: 'extra.deep.0' } }
    assert.deepEqual(daemon.state(id)['extra'], { deep: [reference] })
    assert.deepEqual(
      daemon.published().filter(name => !name.endsWith('.bin')),
      ['train/extra.deep.0', 'train/result.0']
    )
  })

  it('has its Paths published when it has run: not one inside another, and one that is missing is told once', async () => {
    const id = daemon.call({ do: 'write' })
    assert.deepEqual(await daemon.outcome(id), { ok: true, result: null })
    assert.equal(await readFile(join(hosted.folder, 'out/a'), 'utf8'), 'a')
    assert.deepEqual(
      daemon.published().filter(name => !/\/(?:extra|result|pushed)/.test(name)),
      ['train/model.bin', 'train/out']
    )
    assert.deepEqual(daemon.printed(id), [
      'stderr: train/absent is not published: nothing lies there in the folder of the work'
    ])
  })

  it('is given what its references refer to, but for lazy keys; what nobody has published yet, as it is', async () => {
    const before = daemon.daemon.bodies('get').length
    const id = daemon.call({ do: 'read', with: FIXED, later: FIXED }, { far: FOLLOWING, extra: FOLLOWING })
    const outcome = await daemon.outcome(id)
    assert.deepEqual(outcome, { ok: true, result: [`pathmesh://data@${PEER}/set?version=${CID}`, false] })
    const asked = daemon.daemon
      .bodies('get')
      .slice(before)
      .map(body => Object(body))
    const waited = asked.map(({ ref, waitMs }) => `${String(ref).includes('unborn') ? 'following' : 'fixed'} ${waitMs}`)
    assert.deepEqual(waited.sort(), ['fixed 10000', 'following undefined'])
    await until('the lease is given back', () => daemon.daemon.bodies('release').length > 0)
  })

  it('is not run where a reference cannot be had: the error says which, by its own code', async () => {
    const lost = { $path: { ...FIXED.$path, path: 'lost' } }
    const id = daemon.call({ do: 'count', with: lost }, { extra: null, far: null, count: 5 })
    const { code, detail } = await daemon.failure(id)
    assert.equal(code, 'NO_PROVIDERS')
    assert.match(detail, /^argument 1\.with is pathmesh:\/\/data@.*lost.*nobody has it/)
    assert.equal(daemon.state(id)['count'], undefined)
  })
})
