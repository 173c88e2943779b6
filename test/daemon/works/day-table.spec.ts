// Notes under the ids of calls: for a day, and so many; in memory and on the disk.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, it } from 'mocha'
import { Database } from '../../../daemon/store/database.ts'
import { type DayRows, dayRows, DayTable, NOTES_SWEPT } from '../../../daemon/works/day-table.ts'
import { CALL_KEPT_MS } from '../../../proto/limits.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { MemoryNotes } from './hosting-node.ts'

const MAX = 2 * NOTES_SWEPT

const cleanups: (() => Promise<void>)[] = []

async function onDisk(): Promise<DayRows<string>> {
  const data = await mkdtemp(join(tmpdir(), 'pathmesh-notes-'))
  const database = await Database.open(data)
  cleanups.push(async () => {
    await database.close()
    await rm(data, { recursive: true })
  })
  return dayRows(database, 'notes')
}

for (const [where, rowsOf] of [
  ['in memory', async () => new MemoryNotes<string>()],
  ['on the disk', onDisk]
] as const) {
  describe(`notes of calls ${where}`, () => {
    afterEach(async () => {
      for (const cleanup of cleanups.splice(0)) await cleanup()
    })

    it('are found by their ids, also by a later life; the first under an id stays', async () => {
      const [rows, clock] = [await rowsOf(), new ManualClock()]
      const table = new DayTable(rows, clock, MAX)
      await table.open()
      await table.note('a', 'first')
      await table.note('a', 'second')
      assert.deepEqual([await table.get('a'), await table.get('b')], ['first', undefined])
      const later = new DayTable(rows, clock, MAX)
      await later.open()
      assert.equal(await later.get('a'), 'first')
    })

    it('go after their day, at a start and with another note', async () => {
      for (const isRestarted of [true, false]) {
        const [rows, clock] = [await rowsOf(), new ManualClock()]
        const table = new DayTable(rows, clock, MAX)
        await table.note('old', 'x')
        await table.note('younger', 'x', clock.now() + 1)
        await clock.advance(CALL_KEPT_MS + 1)
        if (isRestarted) await new DayTable(rows, clock, MAX).open()
        else await table.note('new', 'x')
        assert.deepEqual([await rows.get('old'), await rows.get('younger')], [undefined, 'x'])
      }
    })

    it('are so many and no more: past that the oldest go, also those that a later life did not write', async () => {
      const [rows, clock] = [await rowsOf(), new ManualClock()]
      const table = new DayTable(rows, clock, MAX)
      await table.open()
      const start = clock.now()
      for (let i = 0; i < MAX; i++) await table.note(`n${i}`, 'x', start + MAX - i)
      const oldest = [`n${MAX - 1}`, `n${MAX - NOTES_SWEPT}`]
      const later = new DayTable(rows, clock, MAX)
      await later.open()
      assert.deepEqual(await Promise.all(oldest.map(id => rows.get(id))), ['x', 'x'])
      await later.note('one more', 'x', start + MAX + 1)
      assert.deepEqual(await Promise.all(oldest.map(id => rows.get(id))), [undefined, undefined])
      const kept = ['n0', `n${MAX - NOTES_SWEPT - 1}`, 'one more']
      assert.deepEqual(await Promise.all(kept.map(id => rows.get(id))), ['x', 'x', 'x'])
    })
  })
}
