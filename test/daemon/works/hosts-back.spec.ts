// What becomes of calls when their host goes away, or the daemon is restarted: in time they go on, too late they end, and it is said
// whether they can have run.

import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'mocha'
import { PathmeshError } from '../../../proto/errors.ts'
import { HOST_BACK_MS } from '../../../proto/limits.ts'
import { settled } from '../../helpers/manual-clock.ts'
import { failsWith } from '../../helpers/trees.ts'
import { codeOf, HASH, HostingNode, idOf, OTHER, OTHER_HASH, type Program, SELF } from './hosting-node.ts'

const full = (): Promise<never> => Promise.reject(new PathmeshError('NO_SPACE', 'full'))

async function messageOf(node: HostingNode, id: string): Promise<string> {
  const { outcome } = await node.told(id)
  return outcome?.ok === false ? outcome.error.detail : ''
}

describe('a host that goes away', () => {
  let node: HostingNode
  let program: Program
  let ids: string[]
  beforeEach(async () => {
    node = await HostingNode.up()
    program = await node.host()
    ids = [await node.call(), await node.call(), await node.call()]
    await node.works.report({ id: ids[0] ?? '', phase: 'running', state: { epoch: 1 } })
    await program.vanish()
  })

  it('goes on with its call when it is back in time, and then with those that wait', async () => {
    await node.clock.advance(HOST_BACK_MS - 1)
    const back = await node.host({ running: ids[0] ?? '' })
    await node.clock.advance(HOST_BACK_MS)
    assert.deepEqual(back.lines.length, 1)
    await node.end(ids[0] ?? '')
    const told = await node.told(ids[0] ?? '')
    assert.deepEqual([codeOf(told), told.state], ['ok', { epoch: 1 }])
    assert.deepEqual(back.calls, ids.slice(1, 2))
  })

  it('may report the end of its call before it is back', async () => {
    await node.end(ids[0] ?? '')
    assert.equal(codeOf(await node.told(ids[0] ?? '')), 'ok')
    const back = await node.host()
    assert.deepEqual(back.calls, ids.slice(1, 2))
  })

  it('has lost its call when it is back without it, and takes those that wait', async () => {
    const back = await node.host()
    assert.equal(codeOf(await node.told(ids[0] ?? '')), 'WORK_LOST')
    assert.match(await messageOf(node, ids[0] ?? ''), /came back without this call: what the run had done/)
    assert.deepEqual(back.calls, ids.slice(1, 2))
    assert.deepEqual(node.rows.ends.get(ids[0] ?? '')?.state, { epoch: 1 })
  })

  it('has lost all of them when it is not back in time; those that waited never began', async () => {
    await node.clock.advance(HOST_BACK_MS)
    assert.deepEqual(
      await Promise.all(ids.map(async id => codeOf(await node.told(id)))),
      ids.map(() => 'WORK_LOST')
    )
    const [ran = '', ...waited] = await Promise.all(ids.map(id => messageOf(node, id)))
    assert.match(ran, /not back within 5 s: what the run had done by then is not known/)
    for (const message of waited) assert.match(message, /never began, and can be made again/)
    const back = await node.host({ running: ids[0] ?? '' })
    assert.deepEqual([back.calls, back.cancels], [[], ids.slice(0, 1)])
    await assert.rejects(node.works.report({ id: ids[0] ?? '', phase: 'running' }), failsWith('NOT_FOUND'))
    await node.end(ids[0] ?? '')
    assert.equal(codeOf(await node.told(ids[0] ?? '')), 'WORK_LOST')
  })

  it('takes its place again on another connection, although the first is not known to be gone', async () => {
    const first = await node.host({ running: ids[0] ?? '' })
    const second = await node.host({ running: ids[0] ?? '' })
    await first.ended
    await node.end(ids[0] ?? '')
    assert.deepEqual([first.calls, second.calls], [[], ids.slice(1, 2)])
    await assert.rejects((await node.host({ running: ids[0] ?? '' })).ended, failsWith('WORK_IN_USE'))
  })

  it('is told to end a call that is not the one it should run', async () => {
    const back = await node.host({ running: ids[1] ?? '' })
    assert.deepEqual(back.cancels, ids.slice(1, 2))
  })

  it('leaves the ends of its calls untold while the disk takes none', async () => {
    node.rows.beforeCommit = full
    await node.clock.advance(HOST_BACK_MS)
    assert.deepEqual(await Promise.all(ids.map(async id => codeOf(await node.told(id)))), [null, null, null])
    node.rows.beforeCommit = () => undefined
    await node.clock.advance(HOST_BACK_MS)
    assert.equal(codeOf(await node.told(ids[0] ?? '')), 'WORK_LOST')
  })
})

describe('a host that another module replaces', () => {
  it('leaves calls that wait for the old one INCOMPATIBLE', async () => {
    const node = await HostingNode.up()
    const program = await node.host({ hash: OTHER_HASH })
    const [, strict, any] = [await node.call(), await node.call({ hash: OTHER_HASH }), await node.call()]
    await program.vanish()
    const back = await node.host()
    assert.equal(codeOf(await node.told(strict)), 'INCOMPATIBLE')
    assert.deepEqual(back.calls, [any])
  })
})

describe('a host that goes away while its next call is written down', () => {
  it('is handed that call when it is back, and without it the call never began', async () => {
    for (const isBack of [true, false]) {
      const node = await HostingNode.up()
      const program = await node.host()
      let go: () => void = () => undefined
      node.rows.beforeCommit = () => new Promise<void>(resolve => (go = resolve))
      const began = node.call()
      await settled()
      await program.vanish()
      node.rows.beforeCommit = () => undefined
      go()
      const id = await began
      assert.deepEqual(program.calls, [])
      if (isBack) assert.deepEqual((await node.host()).calls, [id])
      else {
        await node.clock.advance(HOST_BACK_MS)
        assert.match(await messageOf(node, id), /never began/)
      }
    }
  })

  it('keeps that call from one that comes with another module', async () => {
    const node = await HostingNode.up()
    const program = await node.host()
    let go: () => void = () => undefined
    node.rows.beforeCommit = () => new Promise<void>(resolve => (go = resolve))
    const began = node.call({ hash: HASH })
    await settled()
    await program.vanish()
    const other = await node.host({ hash: OTHER_HASH })
    node.rows.beforeCommit = () => undefined
    go()
    assert.equal(codeOf(await node.told(await began)), 'INCOMPATIBLE')
    assert.deepEqual(other.calls, [])
  })
})

describe('a daemon that is restarted', () => {
  let node: HostingNode
  let ids: string[]
  beforeEach(async () => {
    const before = await HostingNode.up()
    await before.host()
    ids = [await before.call(), await before.call(), await before.call()]
    await before.works.report({ id: ids[0] ?? '', state: { epoch: 1 }, outcome: { ok: true, result: 1 } })
    await settled()
    node = await before.again()
  })

  it('knows how calls ended, and begins none of them again', async () => {
    const program = await node.host()
    for (const id of ids) await node.call({ id })
    assert.deepEqual(program.calls, [])
    const ended = await node.told(ids[0] ?? '')
    assert.deepEqual([ended.outcome, ended.state], [{ ok: true, result: 1 }, { epoch: 1 }])
  })

  it('says at once of calls that waited that they never began', async () => {
    assert.equal(codeOf(await node.told(ids[2] ?? '')), 'WORK_LOST')
    assert.match(await messageOf(node, ids[2] ?? ''), /restarted while it waited: this call never began/)
  })

  it('goes on with the call that a host names in time', async () => {
    const { next } = await node.told(ids[1] ?? '')
    assert.equal(codeOf(await node.told(ids[1] ?? '')), null)
    await node.clock.advance(HOST_BACK_MS / 2)
    const back = await node.host({ running: ids[1] ?? '' })
    await node.clock.advance(HOST_BACK_MS)
    assert.deepEqual(back.cancels, [])
    await node.works.report({ id: ids[1] ?? '', state: { epoch: 9 } })
    assert.deepEqual((await node.told(ids[1] ?? '', next)).state, { epoch: 9 })
    await node.end(ids[1] ?? '')
    assert.equal(codeOf(await node.told(ids[1] ?? '')), 'ok')
  })

  it('does not know how a call ended that no host names in time, and keeps to that', async () => {
    await node.clock.advance(HOST_BACK_MS)
    assert.equal(codeOf(await node.told(ids[1] ?? '')), 'OUTCOME_UNKNOWN')
    const later = await node.again()
    assert.equal(codeOf(await later.told(ids[1] ?? '')), 'OUTCOME_UNKNOWN')
    assert.equal(later.clock.pending, 0)
  })

  it('does not know either how a call ended that a host comes without, and hands it the next', async () => {
    const program = await node.host()
    assert.equal(codeOf(await node.told(ids[1] ?? '')), 'OUTCOME_UNKNOWN')
    const next = await node.call()
    assert.deepEqual(program.calls, [next])
  })

  it('lets a new call wait for a host that was there before, as long as that may take', async () => {
    const id = idOf('early')
    const [first, same] = [node.call({ id }), node.works.call({ id, work: 'train', args: [] }, SELF)]
    await settled()
    const program = await node.host()
    assert.deepEqual(await first, id)
    await same
    assert.deepEqual(program.calls, [id])

    const later = await node.again()
    const late = later.call()
    const refused = assert.rejects(late, failsWith('NOT_FOUND', /no program hosts train/))
    await later.clock.advance(HOST_BACK_MS - 1)
    assert.equal(later.clock.pending, 2)
    await later.clock.advance(1)
    await refused
    await assert.rejects(later.call(), failsWith('NOT_FOUND'))
    assert.deepEqual(later.rows.hosted.names, new Set())
  })

  it('begins no call that was cancelled while it waited for its host', async () => {
    const id = idOf('early')
    const early = assert.rejects(node.call({ id }), failsWith('ABORTED', /cancelled before it began/))
    await settled()
    await assert.rejects(node.works.cancel(id, OTHER), failsWith('NOT_FOUND'))
    await node.works.cancel(id, SELF)
    await early
    assert.deepEqual((await node.host()).calls, [])
  })

  it('lets no call wait for a host that had left, for one that never was, or once it stops', async () => {
    const program = await node.host()
    await program.vanish()
    assert.deepEqual(node.rows.hosted.names, new Set())
    await node.clock.advance(HOST_BACK_MS)
    const again = await node.again()
    for (const work of ['train', 'other']) await assert.rejects(again.call({ work }), failsWith('NOT_FOUND'))
    await again.host()
    const last = await again.again()
    const early = assert.rejects(last.call(), failsWith('DAEMON_UNREACHABLE'))
    await settled()
    last.works.stop()
    await early
  })
})
