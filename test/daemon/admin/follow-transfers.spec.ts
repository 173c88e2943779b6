// The stream of transfers: what runs first, then what changes and nothing else, and every end with its outcome.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { followTransfers, runningTransfers } from '../../../daemon/admin/follow-transfers.ts'
import type { SessionStatus } from '../../../daemon/exchange/session-types.ts'
import type { ListedEnd, ListedTransfer } from '../../../daemon/sharing/transfer-facts.ts'
import { TRANSFERS_FOLLOW_MS } from '../../../proto/limits.ts'
import type { TransferEvent } from '../../../proto/node-api.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'
import { sessionStatus } from '../../helpers/session-status.ts'

describe('followTransfers()', () => {
  let clock: ManualClock
  let running: ListedTransfer[]
  let ended: ListedEnd[]
  let told: TransferEvent[]
  let left: AbortController
  let end: Promise<void>

  beforeEach(() => {
    clock = new ManualClock()
    running = []
    ended = []
    told = []
    left = new AbortController()
  })

  afterEach(async () => {
    left.abort()
    await end
    assert.equal(clock.pending, 0)
  })

  const parts = () => ({
    transfers: { list: () => running, ended: () => ended },
    nameOf: (peer: string) => (peer === 'alice' ? 'gpu-1' : undefined),
    clock
  })
  const follow = async (): Promise<void> => {
    end = (async () => {
      for await (const event of followTransfers(parts(), left.signal)) told.push(event)
    })()
    await settled()
  }
  const run = (root: string, status: Partial<SessionStatus> = {}): ListedTransfer => ({
    root,
    name: `train/${root}`,
    status: sessionStatus(status)
  })
  const failed = (root: string, at: number): ListedEnd => ({
    ...run(root, { state: 'failed', bytesDone: 7 }),
    at,
    error: { code: 'NO_PROVIDERS', message: 'nobody has it' }
  })
  const seen = (): string[] => told.splice(0).map(event => `${event.event} ${event.root} ${event.bytesDone}`)

  it('tells what runs, then only what changed', async () => {
    running = [run('a'), run('b')]
    await follow()
    assert.deepEqual(seen(), ['transfer a 0', 'transfer b 0'])
    await clock.advance(10 * TRANSFERS_FOLLOW_MS)
    assert.deepEqual(seen(), [])
    running = [run('a'), run('b', { bytesDone: 5 })]
    await clock.advance(TRANSFERS_FOLLOW_MS - 1)
    assert.deepEqual(seen(), [])
    await clock.advance(1)
    assert.deepEqual(seen(), ['transfer b 5'])
  })

  it('tells nothing of what ended before, and of each later end once, with its outcome', async () => {
    ended = [failed('old', 1)]
    running = [run('a')]
    await follow()
    running = []
    ended = [failed('a', 3), { ...run('quick', { state: 'done' }), at: 2, error: null }, ...ended]
    await clock.advance(5 * TRANSFERS_FOLLOW_MS)
    const [, quick, gone, ...more] = told
    assert.deepEqual(more, [])
    assert.ok(quick?.event === 'gone' && gone?.event === 'gone')
    assert.deepEqual([quick.root, quick.error], ['quick', null])
    assert.deepEqual([gone.root, gone.at, gone.bytesDone, gone.error?.code], ['a', 3, 7, 'NO_PROVIDERS'])
  })

  it('tells of one that begins again after its end', async () => {
    running = [run('a')]
    await follow()
    ended = [failed('a', 1)]
    await clock.advance(TRANSFERS_FOLLOW_MS)
    assert.deepEqual(seen(), ['transfer a 0', 'gone a 7', 'transfer a 0'])
  })

  it('names the nodes that send, where their names are known', async () => {
    const alice = { peerId: 'alice', bytes: 3, bytesPerSecond: 2, via: 'lane', state: 'sending', said: null } as const
    running = [run('a', { providers: [alice, { ...alice, peerId: 'bob' }] })]
    const [event] = runningTransfers(parts())
    assert.deepEqual(
      event?.providers.map(({ name }) => name),
      ['gpu-1', null]
    )
    await follow()
  })
})
