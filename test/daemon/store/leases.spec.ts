// Who uses which bytes: a session's leases live as long as it, and one release gives back one lease.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { RAW, cidOf } from '../../../daemon/content/multihash.ts'
import { Database } from '../../../daemon/store/database.ts'
import { Leases } from '../../../daemon/store/leases.ts'
import { COMMAND_LEASE_MS, KEPT_SERVED_MS } from '../../../proto/limits.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { temporaryFolder } from '../../helpers/trees.ts'

const root = cidOf(RAW, 'blake3', Buffer.from('read'))
const other = cidOf(RAW, 'blake3', Buffer.from('not read'))

describe('Leases', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let database: Database
  let leases: Leases
  const clock = new ManualClock()

  beforeEach(async () => {
    folder = await temporaryFolder()
    database = await Database.open(folder.path)
    const random = new Seeded('leases')
    leases = new Leases(database, clock, () => random.next())
  })

  afterEach(async () => {
    await database.close()
    await folder.remove()
  })

  it('says that a root is read while any lease of it is taken', () => {
    const session = leases.openSession()
    const [one, two] = [leases.take(root, session), leases.take(root, session)]
    assert.ok(typeof one === 'string' && typeof two === 'string' && one !== two)
    assert.deepEqual([leases.isRead(root), leases.isRead(other)], [true, false])
    leases.release(one)
    leases.release(one)
    assert.equal(leases.isRead(root), true)
    leases.release(two)
    assert.equal(leases.isRead(root), false)
  })

  it('gives no lease that was given back before it was taken: its program has gone on', () => {
    const session = leases.openSession()
    assert.equal(leases.take(root, session, 'chosen-by-program-1'), 'chosen-by-program-1')
    leases.release('chosen-by-program-1')
    leases.release('chosen-by-program-2')
    assert.equal(leases.take(root, session, 'chosen-by-program-2'), null)
    assert.equal(leases.isRead(root), false)
  })

  it('says that a root is read while something is done with it, and waits for that, for a moment', async () => {
    let done = (): void => undefined
    const look = leases.looking([root, root], () => new Promise<void>(resolve => (done = resolve)))
    assert.deepEqual([leases.isRead(root), leases.isRead(other)], [true, false])
    await leases.unlooked(other)
    await clock.drive(leases.unlooked(root), 2_000)
    assert.equal(leases.isRead(root), true)
    const unlooked = leases.unlooked(root)
    done()
    await look
    await unlooked
    assert.equal(leases.isRead(root), false)
    await assert.rejects(
      leases.looking([root], () => Promise.reject(new Error('it failed'))),
      /it failed/
    )
    assert.equal(leases.isRead(root), false)
  })

  it('ends the leases of a session with it, and not those of others', () => {
    const [session, another] = [leases.openSession(), leases.openSession()]
    leases.take(root, session)
    leases.take(other, another)
    leases.closeSession(session)
    assert.deepEqual([leases.isRead(root), leases.isRead(other)], [false, true])
  })

  it('gives no lease to a session that is closed or was never opened', () => {
    const session = leases.openSession()
    leases.closeSession(session)
    assert.equal(leases.take(root, session), undefined)
    assert.equal(leases.take(root, 'made up'), undefined)
    leases.release('made up')
  })

  it('notes until when a command has a path', async () => {
    await leases.takeForDays(root)
    assert.equal(await database.table<number>('leases').get(root.toString()), clock.now() + COMMAND_LEASE_MS)
    assert.equal(leases.isRead(root), false)
  })

  it('isLeased() is so while a program reads it, and for the days of a command', async () => {
    assert.equal(await leases.isLeased(root), false)
    const session = leases.openSession()
    leases.take(root, session)
    assert.equal(await leases.isLeased(root), true)
    leases.closeSession(session)
    assert.equal(await leases.isLeased(root), false)
    await leases.takeForDays(root)
    await clock.advance(COMMAND_LEASE_MS - 1)
    assert.deepEqual([await leases.isLeased(root), await leases.isLeased(other)], [true, false])
    await clock.advance(1)
    assert.equal(await leases.isLeased(root), false)
    assert.deepEqual(await database.table('leases').keys().all(), [])
  })

  it('isServed() is so for a while after a peer asked', async () => {
    leases.served(root)
    await clock.advance(KEPT_SERVED_MS - 1)
    assert.deepEqual([leases.isServed(root), leases.isServed(other)], [true, false])
    leases.served(root)
    await clock.advance(KEPT_SERVED_MS - 1)
    assert.equal(leases.isServed(root), true)
    await clock.advance(1)
    assert.equal(leases.isServed(root), false)
  })

  it('remembers of so many roots that they were served, and forgets the one that was asked for the longest ago', () => {
    leases.served(other)
    leases.served(root)
    leases.served(other)
    for (let i = 0; i < 4_094; i++) leases.served(cidOf(RAW, 'blake3', Buffer.from(String(i))))
    assert.deepEqual([leases.isServed(root), leases.isServed(other)], [true, true])
    leases.served(cidOf(RAW, 'blake3', Buffer.from('one more')))
    assert.deepEqual([leases.isServed(root), leases.isServed(other)], [false, true])
  })
})
