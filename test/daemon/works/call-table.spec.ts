// The table of calls: what is kept of them, for how long, and how many.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { CallTable } from '../../../daemon/works/call-table.ts'
import { CALL_KEPT_MS, CALLS_KEPT_MAX } from '../../../proto/limits.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { MemoryRows } from './hosting-node.ts'

const DONE = { ok: true as const, result: null }

async function opened(rows = new MemoryRows(), clock = new ManualClock()) {
  const table = new CallTable(rows, clock)
  const open = await table.open()
  const accept = (id: string): Promise<void> => table.accept({ id, work: 'w', caller: 'k' }, clock.now(), true)
  const run = async (id: string): Promise<void> => {
    await accept(id)
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
      assert.notEqual(table.get('old'), undefined)
      await clock.advance(1)
      const { table: now, accept } = isRestarted ? await opened(rows, clock) : { table, accept: () => run('next') }
      if (!isRestarted) await accept('next')
      assert.deepEqual([now.get('old'), rows.rows.has('old'), rows.ends.has('old')], [undefined, false, false])
      assert.notEqual(now.get('at the bound'), undefined)
    }
  })

  it(`keeps ${CALLS_KEPT_MAX} ends; those that ended first go first, and what has not ended stays`, async () => {
    const { rows, clock, table, accept, run } = await opened()
    await accept('open')
    await accept('ended last')
    for (let i = 0; i < CALLS_KEPT_MAX; i++) await run(`c${i}`)
    assert.equal(rows.ends.size, CALLS_KEPT_MAX)
    await clock.advance(1)
    await table.end('ended last', DONE, {})
    assert.deepEqual([rows.ends.size, rows.ends.has('c0'), rows.ends.has('c1')], [CALLS_KEPT_MAX, false, true])
    await Promise.all([run('x'), run('y')])
    assert.deepEqual([rows.ends.size, rows.ends.has('c2'), rows.ends.has('c3')], [CALLS_KEPT_MAX, false, true])
    assert.notEqual(table.get('open'), undefined)
    const again = await opened(rows, clock)
    await again.run('z')
    assert.deepEqual([rows.ends.has('c3'), rows.ends.has('ended last')], [false, true])
  })
})
