// Calls of a node's own works: at most once for each id, in order, bounded, told to whoever began them and to nobody else.

import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'mocha'
import { PathmeshError } from '../../../proto/errors.ts'
import {
  CALL_ARGS_BYTES_MAX,
  CALL_RESULT_BYTES_MAX,
  CALL_TOLD_MS,
  CALLS_QUEUED_MAX,
  CALLS_TOLD_MAX,
  HOST_BACK_MS,
  WORK_STATE_BYTES_MAX,
  WORKS_HOSTED_MAX
} from '../../../proto/limits.ts'
import { settled } from '../../helpers/manual-clock.ts'
import { failsWith } from '../../helpers/trees.ts'
import { codeOf, HASH, HostingNode, idOf, OTHER, OTHER_HASH, SELF } from './hosting-node.ts'

describe('hosting a work', () => {
  let node: HostingNode
  beforeEach(async () => {
    node = await HostingNode.up()
  })

  it('claims it, tells its folder first, and lasts as long as the connection', async () => {
    const program = await node.host()
    assert.deepEqual(node.claimed, ['train'])
    assert.deepEqual(program.lines, [{ event: 'hosting', work: 'train', origin: SELF, folder: '/data/works/train' }])
    assert.deepEqual(node.works.list(), [
      { work: 'train', module: '/app/train.ts', hosted: true, phase: 'idle', call: null, since: null, queued: 0 }
    ])
    await program.vanish()
    await program.ended
    assert.deepEqual(node.works.list(), [])
    assert.equal(node.clock.pending, 0)
  })

  it('refuses a second program, and names the first, until that is gone', async () => {
    const program = await node.host()
    const second = await node.host({ module: '/app/other.ts' })
    await assert.rejects(second.ended, failsWith('WORK_IN_USE', /\/app\/train\.ts/))
    assert.deepEqual(node.claimed, ['train'])
    await program.vanish()
    const third = await node.host()
    assert.equal(third.lines.length, 1)
  })

  it('refuses one of two that come at the same time', async () => {
    const [first, second] = await Promise.all([node.host(), node.host()])
    assert.equal(first.lines.length, 1)
    await assert.rejects(second.ended, failsWith('WORK_IN_USE'))
  })

  it(`takes ${WORKS_HOSTED_MAX} works, and refuses one more`, async () => {
    for (let i = 0; i < WORKS_HOSTED_MAX; i += 64)
      await Promise.all(Array.from({ length: 64 }, (_, j) => node.host({ work: `w${i + j}` })))
    assert.equal(node.works.list().length, WORKS_HOSTED_MAX)
    await assert.rejects((await node.host({ work: 'more' })).ended, failsWith('IN_USE', /256 works/))
  })
})

describe('calling a work', () => {
  let node: HostingNode
  beforeEach(async () => {
    node = await HostingNode.up()
  })

  it('hands the call to its host once it is on the disk, and the outcome back once that is', async () => {
    const program = await node.host()
    let go: () => void = () => undefined
    node.rows.beforeCommit = () => new Promise<void>(resolve => (go = resolve))
    const id = idOf('x')
    const began = node.works.call({ id, work: 'train', args: [1, 'two'], state: { lr: 0.1 } }, SELF)
    await settled()
    assert.deepEqual(program.calls, [])
    go()
    assert.deepEqual(await began, { node: SELF, known: false })
    await settled()
    assert.deepEqual(program.lines.at(-1), { event: 'call', id, args: [1, 'two'], state: { lr: 0.1 } })
    await node.works.report({ id, state: { epoch: 1 } })
    const reported = node.works.report({ id, state: { epoch: 2 }, outcome: { ok: true, result: 7 } })
    await settled()
    assert.deepEqual([codeOf(await node.told(id)), (await node.told(id)).state], [null, { epoch: 1 }])
    go()
    await reported
    assert.deepEqual(node.rows.ends.get(id), { outcome: { ok: true, result: 7 }, state: { epoch: 2 } })
    assert.deepEqual(codeOf(await node.told(id)), 'ok')
  })

  it('begins nothing a second time: not at the same time, not later, not when it is over', async () => {
    const program = await node.host()
    const request = { id: idOf('x'), work: 'train', args: [] }
    const both = await Promise.all([node.works.call(request, SELF), node.works.call(request, SELF)])
    assert.deepEqual(
      both.map(({ known }) => known),
      [false, true]
    )
    await node.end(request.id)
    assert.deepEqual(await node.works.call(request, SELF), { node: SELF, known: true })
    await node.clock.advance(CALL_TOLD_MS)
    await program.vanish()
    assert.deepEqual(await node.works.call(request, SELF), { node: SELF, known: true })
    assert.deepEqual(program.calls, [request.id])
  })

  it('forgets a call that could not be written down', async () => {
    const program = await node.host()
    node.rows.beforeCommit = () => Promise.reject(new PathmeshError('NO_SPACE', 'full'))
    const request = { id: idOf('x'), work: 'train', args: [] }
    await assert.rejects(node.works.call(request, SELF), failsWith('NO_SPACE'))
    node.rows.beforeCommit = () => undefined
    assert.deepEqual(await node.works.call(request, SELF), { node: SELF, known: false })
    await settled()
    assert.deepEqual(program.calls, [request.id])
  })

  it('keeps a run whose outcome could not be written down, until it is reported again', async () => {
    await node.host()
    const id = await node.call()
    node.rows.beforeCommit = () => Promise.reject(new PathmeshError('NO_SPACE', 'full'))
    const report = {
      id,
      logs: [{ stream: 'stdout' as const, text: 'last' }],
      outcome: { ok: true as const, result: 1 }
    }
    await assert.rejects(node.works.report(report), failsWith('NO_SPACE'))
    assert.equal(codeOf(await node.told(id)), null)
    node.rows.beforeCommit = () => undefined
    await node.works.report(report)
    // Its answer may have been lost.
    await node.works.report(report)
    assert.deepEqual((await node.told(id)).logs.length, 1)
  })

  it('begins none again whose outcome had to go: nobody knows what came of it', async () => {
    const program = await node.host()
    const id = idOf('x')
    const row = { work: 'train', caller: SELF, at: 1, ended: 2, began: true }
    await node.rows.notes.put(id, node.clock.now(), row)
    assert.deepEqual(await node.works.call({ id, work: 'train', args: [] }, SELF), { node: SELF, known: true })
    assert.deepEqual([program.calls, await node.works.knows(id)], [[], true])
    const { phase, outcome } = await node.told(id)
    assert.deepEqual([phase, codeOf({ outcome })], ['done', 'OUTCOME_UNKNOWN'])
    assert.match(outcome?.ok === false ? outcome.error.detail : '', /ended, and what came of it is no longer kept/)
    await node.works.cancel(id, SELF)
    // Its host may not have heard that its report was taken.
    await node.end(id)
    await assert.rejects(node.works.call({ id, work: 'train', args: [] }, OTHER), failsWith('ALREADY_EXISTS'))
    await assert.rejects(node.told(id, 0, OTHER), failsWith('NOT_FOUND'))
  })

  it('refuses an id that is taken by another caller or for another work', async () => {
    await node.host()
    const id = await node.call()
    await assert.rejects(node.call({ id }, OTHER), failsWith('ALREADY_EXISTS'))
    await assert.rejects(node.call({ id, work: 'other' }), failsWith('ALREADY_EXISTS'))
  })

  it('runs one at a time, in order', async () => {
    const program = await node.host()
    const ids = [await node.call(), await node.call(), await node.call()]
    assert.deepEqual(program.calls, ids.slice(0, 1))
    assert.deepEqual(
      node.works.list().map(({ call, queued, phase }) => [call, queued, phase]),
      [[ids[0], 2, 'starting']]
    )
    assert.equal((await node.told(ids[1] ?? '')).phase, 'queued')
    for (const id of ids) await node.end(id)
    assert.deepEqual(program.calls, ids)
  })

  it(`lets ${CALLS_QUEUED_MAX} calls wait, and refuses one more`, async () => {
    await node.host()
    const ids = []
    for (let i = 0; i <= CALLS_QUEUED_MAX; i++) ids.push(await node.call())
    await assert.rejects(node.call(), failsWith('IN_USE', /16 calls of train on gpu-1/))
    await node.end(ids[0] ?? '')
    await node.call()
  })

  it('says where to host what nobody hosts', async () => {
    await assert.rejects(node.call(), failsWith('NOT_FOUND', /on gpu-1.*`pathmesh works host MODULE --as train`/))
    const program = await node.host()
    const id = await node.call()
    await program.vanish()
    await assert.rejects(node.call(), failsWith('NOT_FOUND'))
    assert.equal(codeOf(await node.told(id)), null)
  })

  it('refuses a call made with another module, and takes one with the same', async () => {
    await node.host()
    const refusal = failsWith(
      'INCOMPATIBLE',
      /\/app\/train\.ts with the hash a{12}, .* b{12}: deploy the same file to both/
    )
    await assert.rejects(node.call({ hash: OTHER_HASH }), refusal)
    await node.call({ hash: HASH })
  })

  it('shows other nodes only what is hosted for all', async () => {
    await node.host({ hosted: false })
    await assert.rejects(node.call({}, OTHER), failsWith('NOT_FOUND', /no program hosts train/))
    await node.call()
  })

  it('tells a call to the node that began it, and to no other', async () => {
    await node.host()
    for (const [caller, stranger] of [
      [OTHER, SELF],
      [SELF, OTHER]
    ] as const) {
      const id = await node.call({}, caller)
      const never = new AbortController().signal
      for (const isOver of [false, true]) {
        if (isOver) {
          await node.end(id)
          await node.clock.advance(CALL_TOLD_MS)
        }
        await assert.rejects(node.works.events(id, 0, stranger, never), failsWith('NOT_FOUND'))
        await assert.rejects(node.works.cancel(id, stranger), failsWith('NOT_FOUND'))
        assert.equal(codeOf(await node.told(id, 0, caller)), isOver ? 'ok' : null)
      }
    }
  })

  it('takes arguments, state and results up to their bounds, and nothing past them', async () => {
    await node.host()
    const text = (bytes: number, frame: string): string => 'x'.repeat(bytes - frame.length)
    await assert.rejects(
      node.call({ args: [text(CALL_ARGS_BYTES_MAX + 1, '[""]')] }),
      failsWith('TOO_LARGE', /the arguments of a call of train is 262145 bytes of JSON, more than 262144/)
    )
    const state = { a: text(WORK_STATE_BYTES_MAX, '{"a":""}') }
    await assert.rejects(node.call({ state: { a: `${state.a}x` } }), failsWith('TOO_LARGE', /the state/))
    const id = await node.call({ args: [text(CALL_ARGS_BYTES_MAX, '[""]')], state })
    const result = text(CALL_RESULT_BYTES_MAX, '""')
    await assert.rejects(
      node.end(id, { ok: true, result: `${result}x` }),
      failsWith('TOO_LARGE', /the result of train/)
    )
    const error = new PathmeshError('WORK_FAILED', text(CALL_RESULT_BYTES_MAX, '')).toProblem()
    await assert.rejects(node.end(id, { ok: false, error }), failsWith('TOO_LARGE', /the error of train/))
    await node.end(id, { ok: true, result })
  })

  it('answers from memory for a while after the end, and then from the disk', async () => {
    await node.host()
    const ids = []
    for (let i = 0; i <= CALLS_TOLD_MAX; i++) {
      const id = await node.call()
      await node.works.report({ id, state: { i }, logs: [{ stream: 'stdout', text: 'said' }] })
      await node.end(id)
      ids.push(id)
    }
    const lines = await Promise.all(ids.map(async id => (await node.told(id)).logs.length))
    assert.deepEqual(lines, [0, ...Array.from({ length: CALLS_TOLD_MAX }, () => 1)])
    await node.clock.advance(CALL_TOLD_MS)
    assert.equal(node.clock.pending, 0)
    const { phase, state, logs, outcome } = await node.told(ids.at(-1) ?? '', 5)
    assert.deepEqual([phase, state, logs], ['done', { i: CALLS_TOLD_MAX }, []])
    assert.deepEqual(outcome, { ok: true, result: ids.at(-1) })
  })

  it('takes reports of the call that runs, and of no other', async () => {
    await node.host()
    const [running, waiting] = [await node.call(), await node.call()]
    for (const id of [waiting, idOf('none')]) {
      await assert.rejects(node.works.report({ id, phase: 'running' }), failsWith('NOT_FOUND'))
      await assert.rejects(node.works.report({ id, outcome: { ok: true, result: 0 } }), failsWith('NOT_FOUND'))
    }
    await node.end(running)
    await assert.rejects(node.works.report({ id: running, phase: 'running' }), failsWith('NOT_FOUND', /it is over/))
  })

  it('lets go of waits when the daemon stops, and begins nothing more', async () => {
    const program = await node.host()
    const id = await node.call()
    const { next } = await node.told(id)
    const wait = node.works.events(id, next, SELF, new AbortController().signal)
    await settled()
    node.works.stop()
    assert.equal((await wait).outcome, null)
    await program.ended
    assert.equal(node.clock.pending, 0)
    await assert.rejects(node.call(), failsWith('DAEMON_UNREACHABLE'))
  })
})

describe('cancelling a call', () => {
  it('ends one that waits, tells the host of one that runs, and leaves one that is over', async () => {
    const node = await HostingNode.up()
    const program = await node.host()
    const [running, waiting] = [await node.call(), await node.call()]
    for (let i = 0; i < 2; i++) {
      await node.works.cancel(waiting, SELF)
      await node.works.cancel(running, SELF)
    }
    await settled()
    assert.equal(codeOf(await node.told(waiting)), 'ABORTED')
    assert.equal(node.rows.ends.get(waiting)?.outcome.ok, false)
    assert.deepEqual(program.cancels, [running])
    assert.equal(codeOf(await node.told(running)), null)
    await node.end(running)
    await node.works.cancel(running, SELF)
    assert.equal(codeOf(await node.told(running)), 'ok')
    assert.deepEqual(program.calls, [running])
    await assert.rejects(node.works.cancel(idOf('none'), SELF), failsWith('NOT_FOUND'))
  })

  it('keeps one that is about to begin from its host', async () => {
    const node = await HostingNode.up()
    const program = await node.host()
    const [first, second] = [await node.call(), await node.call()]
    const begins: (() => void)[] = []
    let commits = 0
    // The end of the first, and then the beginning of the second.
    node.rows.beforeCommit = () => (++commits === 2 ? new Promise<void>(resolve => begins.push(resolve)) : undefined)
    await node.end(first)
    assert.equal(begins.length, 1)
    await node.works.cancel(second, SELF)
    begins[0]?.()
    await settled()
    assert.equal(codeOf(await node.told(second)), 'ABORTED')
    assert.deepEqual([program.calls, program.cancels], [[first], []])
  })

  it('reaches a host that comes back', async () => {
    const node = await HostingNode.up()
    const program = await node.host()
    const id = await node.call()
    await program.vanish()
    await node.works.cancel(id, SELF)
    await node.clock.advance(HOST_BACK_MS - 1)
    const back = await node.host({ running: id })
    assert.deepEqual(back.cancels, [id])
  })
})
