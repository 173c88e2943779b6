// What is no stall: this node's own limit, and a peer that is busy with another transfer. And what two transfers share.

import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'mocha'
import type { CID } from 'multiformats/cid'
import { RateLimit } from '../../../daemon/exchange/rate-limit.ts'
import { Scheduler } from '../../../daemon/exchange/scheduler.ts'
import { Transfers } from '../../../daemon/exchange/transfers.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import { LEAF_BYTES, PROVIDER_STALL_MS, RATE_LIMIT_MIN, STALL_MS } from '../../../proto/limits.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { directory, failsWith, file } from '../../helpers/trees.ts'
import { Content, downloadParts, FakePeers, FakeProvider, MemoryDestination } from './fakes.ts'

const random = new Seeded('held back')
const never = new AbortController().signal

describe('a transfer', () => {
  let clock: ManualClock
  let content: Content
  let provider: FakeProvider
  let peers: FakePeers
  beforeEach(() => {
    clock = new ManualClock()
    content = new Content()
    provider = new FakeProvider('one', content)
    peers = new FakePeers(provider)
  })
  const fetch = (transfers: Transfers<MemoryDestination>, root: CID) =>
    transfers.fetch({ root, hints: [], name: null }, new MemoryDestination(), { signal: never })

  it('that waits for the limit of its node says so, and does not fail by it, however many do', async () => {
    const parts = { ...downloadParts(clock), download: new RateLimit(clock, RATE_LIMIT_MIN), peers }
    const transfers = new Transfers<MemoryDestination>(parts)
    const roots = await Promise.all([1, 2, 3].map(() => content.add(file(random.bytes(3 * LEAF_BYTES)))))
    const started = clock.now()
    const all = Promise.all(roots.map(root => fetch(transfers, root)))
    await clock.advance(3_000)
    assert.ok([...transfers.list()].some(({ status: { why } }) => /download limit of this node/.test(why ?? '')))
    await clock.drive(all)
    assert.ok(clock.now() - started > 2 * STALL_MS, 'it was not held back')
  })

  it('is not stalled while who is asked sends to another transfer of this node, and is when that ends', async () => {
    const parts = { ...downloadParts(clock), peers }
    const transfers = new Transfers<MemoryDestination>(parts)
    const root = await content.add(file(random.bytes(3 * LEAF_BYTES)))
    provider.before = signal =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }))
    const waiting = fetch(transfers, root)
    waiting.catch(() => undefined)
    for (let ms = 0; ms < 2 * STALL_MS; ms += PROVIDER_STALL_MS / 2) {
      parts.heard.came('one')
      await clock.advance(PROVIDER_STALL_MS / 2)
    }
    assert.equal(transfers.isRunning(root.toString()), true)
    await assert.rejects(clock.drive(waiting), failsWith('TIMEOUT'))
  })

  it('of a part takes what the transfer of the whole brings, and nothing is sent twice', async () => {
    const part = file(random.bytes(3 * LEAF_BYTES))
    const whole = await content.add(directory({ other: file(random.bytes(3 * LEAF_BYTES)), part }))
    const root = await content.add(part)
    let release: () => void = () => undefined
    const gate = new Promise<void>(resolve => (release = resolve))
    provider.before = () => gate
    const transfers = new Transfers<MemoryDestination>({ ...downloadParts(clock), peers })
    const all = fetch(transfers, whole)
    await clock.advance(100)
    const some = fetch(transfers, root)
    await settled()
    release()
    await clock.drive(Promise.all([all, some]))
    assert.equal(provider.asked.leaves.length, 6)
  })

  it('of what changed at its only holder says so at its deadline, though others are connected', async () => {
    const root = await content.add(file(random.bytes(3 * LEAF_BYTES)))
    provider.withdraws = true
    provider.leaf = (bytes, index) => ({ index, bytes: Buffer.alloc(bytes.length, 1) })
    peers.all.set('idle', new FakeProvider('idle', new Content()))
    const transfers = new Transfers<MemoryDestination>({ ...downloadParts(clock), peers })
    await assert.rejects(clock.drive(fetch(transfers, root)), (error: unknown) => {
      assert.ok(failsWith('SOURCE_CHANGED')(error) && error instanceof PathmeshError)
      return true
    })
  })

  it('asks for what somebody waits for first again, when the one that was asked for it is gone', () => {
    const scheduler = new Scheduler('self', { isInOrder: true })
    const units = Array.from({ length: 20 }, (_, n) => ({ ordinals: [n], bytes: LEAF_BYTES, group: 'file' }))
    for (const unit of units) scheduler.add(unit)
    scheduler.hurry(new Set([17]))
    scheduler.join('one', undefined, 4 * LEAF_BYTES, 0)
    assert.ok(scheduler.take('one', Infinity, 0).some(unit => unit === units[17]))
    scheduler.leave('one')
    scheduler.join('two', undefined, 4 * LEAF_BYTES, 0)
    assert.ok(scheduler.take('two', Infinity, 0).some(unit => unit === units[17]))
  })
})
