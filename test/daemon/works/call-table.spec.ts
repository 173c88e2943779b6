// The table of calls: what is kept of them, for how long, and how many.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { CallTable } from '../../../daemon/works/call-table.ts'
import { EndedCalls } from '../../../daemon/works/ended-calls.ts'
import { CALL_KEPT_MS, CALLS_KEPT_ALL_MAX, CALLS_KEPT_MAX } from '../../../proto/limits.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { MemoryRows } from './hosting-node.ts'

const DONE = { ok: true as const, result: null }

async function opened(rows = new MemoryRows(), clock = new ManualClock()) {
  const table = new CallTable(rows, clock)
  const open = await table.open()
  const accept = (id: string): Promise<void> => table.accept({ id, work: 'w', caller: 'k' }, clock.now(), true)
  const run = async (id: string, caller = 'k'): Promise<void> => {
    await table.accept({ id, work: 'w', caller }, clock.now(), true)
    await table.end(id, DONE, { id })
  }
  return { rows, clock, table, open, accept, run }
}

describe('the table of calls', () => {
  it('finds after a restart what it was told, and tells which calls have not ended', async () => {
    const before = await opened()
    await before.run('ended')
    await before.accept('began')
    await before.table.accept({ id: 'waited', work: 'w', caller: 'k' }, 5, false)
    const { table, open } = await opened(before.rows, before.clock)
    assert.deepEqual(
      open.map(({ id, began, ended }) => [id, began, ended]),
      [
        ['began', true, null],
        ['waited', false, null]
      ]
    )
    assert.deepEqual(await table.endOf('ended'), { outcome: DONE, state: { id: 'ended' } })
    await table.begin('waited')
    assert.equal(before.rows.rows.get('waited')?.began, true)
  })

  it('keeps an end for a day, and then removes it when the next call comes, or at start', async () => {
    for (const isRestarted of [false, true]) {
      const { rows, clock, table, run } = await opened()
      await run('old')
      await clock.advance(CALL_KEPT_MS)
      await run('at the bound')
      assert.notEqual(await table.find('old'), undefined)
      await clock.advance(1)
      const now = isRestarted ? (await opened(rows, clock)).table : table
      if (!isRestarted) await run('next')
      assert.deepEqual([await now.find('old'), rows.rows.has('old'), rows.ends.has('old')], [undefined, false, false])
      assert.notEqual(await now.find('at the bound'), undefined)
    }
  })

  it(`keeps ${CALLS_KEPT_MAX} ends of a caller; past that its own oldest go, and a note stays, for the rest of the day`, async () => {
    const { rows, clock, table, accept, run } = await opened()
    await run("another's", 'other')
    await clock.advance(1)
    await accept('open')
    for (let i = 0; i < CALLS_KEPT_MAX; i++) await run(`c${i}`)
    assert.equal(rows.ends.size, 1 + CALLS_KEPT_MAX)
    await Promise.all([run('x'), run('y')])
    assert.deepEqual([rows.ends.has('c0'), rows.ends.has('c1'), rows.ends.has('c2')], [false, false, true])
    assert.deepEqual([rows.ends.has("another's"), rows.ends.size], [true, 1 + CALLS_KEPT_MAX])
    const gone = await table.find('c0')
    assert.deepEqual([gone?.caller, gone?.work, gone?.ended], ['k', 'w', clock.now()])
    assert.deepEqual([await table.endOf('c0'), rows.rows.has('c0')], [undefined, false])
    assert.equal((await table.find('open'))?.ended, null)
    await clock.advance(1)
    const again = await opened(rows, clock)
    await again.run('z')
    assert.deepEqual([rows.ends.has('c2'), rows.ends.has('c3')], [false, true])
    assert.notEqual(await again.table.find('c2'), undefined)
    await clock.advance(CALL_KEPT_MS)
    const { table: later } = await opened(rows, clock)
    assert.deepEqual([await later.find('c0'), await later.find("another's")], [undefined, undefined])
  })

  it(`keeps ${CALLS_KEPT_ALL_MAX} ends of all callers; past that the caller with the most loses its oldest`, async () => {
    const ended = new EndedCalls()
    const row = (caller: string) => ({ work: 'w', caller, at: 1, ended: 2, began: true })
    for (let i = 0; i < CALLS_KEPT_ALL_MAX - 1; i++) ended.add(`c${i}`, row(`k${i % 8}`))
    ended.add('of the most', row('k5'))
    assert.equal(ended.excess(), undefined)
    ended.add('first of a new one', row('new'))
    assert.equal(ended.excess()?.[0], 'c5')
    ended.delete('c5')
    assert.equal(ended.excess(), undefined)
  })

  it('finds a call in each moment of being let go of, and keeps its end while the disk takes no note', async () => {
    const { rows, table, run } = await opened()
    for (let i = 0; i < CALLS_KEPT_MAX; i++) await run(`c${i}`)
    let commits = 0
    rows.beforeCommit = async () => {
      commits++
      assert.notEqual(await table.find('c0'), undefined)
      if (commits === 3) throw new Error('full')
    }
    await run('x')
    assert.equal(rows.ends.has('c0'), true)
    await run('y')
    assert.deepEqual([rows.ends.has('c0'), rows.ends.has('c1'), rows.ends.has('c2')], [false, false, true])
  })
})
