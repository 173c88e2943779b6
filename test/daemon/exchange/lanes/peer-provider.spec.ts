// Which way bulk bytes of a peer take.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Lane } from '../../../../daemon/exchange/lanes/lane.ts'
import { type LanesOfPeer, PeerProvider } from '../../../../daemon/exchange/peer-provider.ts'
import type { LeavesOrder } from '../../../../daemon/exchange/provider.ts'
import { StreamProvider } from '../../../../daemon/exchange/stream-provider.ts'
import { cidOf, RAW } from '../../../../daemon/content/multihash.ts'
import { answer, Caller } from '../../../../daemon/rpc.ts'
import { LANE_PATIENCE_MS, LANE_SMALL_BYTES } from '../../../../proto/limits.ts'
import { ManualClock } from '../../../helpers/manual-clock.ts'
import { duplexPair } from '../../../helpers/memory-duplex.ts'
import { collect } from '../../../helpers/trees.ts'

describe('a peer with lanes', () => {
  const cid = cidOf(RAW, 'blake3', Buffer.from('x'))
  const order: LeavesOrder = { file: cid, leaves: [{ index: 0, cid, size: 1 }] }
  const clock = new ManualClock()

  /** Says over which way an order went. */
  function peerWith(open: Lane | undefined, opening: Promise<Lane | undefined>) {
    const went: string[] = []
    const tried: string[] = []
    const doubted: string[] = []
    const [near, far] = duplexPair()
    void answer(far, {
      async *leaves() {
        went.push('stream')
        yield* []
      },
      async *small() {
        went.push('stream')
        yield* []
      }
    })
    const lanes: LanesOfPeer = {
      opened: () => open,
      lane: (_, signal) => {
        tried.push('lane')
        return Promise.race([
          opening,
          new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        ])
      },
      doubt: (peer, why) => void doubted.push(`${peer}: ${why}`)
    }
    const provider = new PeerProvider(new StreamProvider(new Caller(near)), lanes, clock)
    return { provider, went, tried, doubted }
  }

  const laneThat = (went: string[]): Lane =>
    Object.assign(Object.create(null), {
      async *leaves() {
        went.push('lane')
        yield* []
      },
      async *small() {
        went.push('lane')
        yield* []
      }
    })
  const small = (size: number) => [{ cid, size, into: [] }]

  it('sends bulk over the lane that is open, and says so', async () => {
    const used: string[] = []
    const { provider } = peerWith(laneThat(used), Promise.resolve(undefined))
    await collect(provider.leaves(order))
    await collect(provider.small(small(1)))
    assert.deepEqual(used, ['lane', 'lane'])
    assert.equal(provider.via, 'lane')
  })

  it('opens none for small files of little size, and one for more', async () => {
    const used: string[] = []
    const { provider, went, tried } = peerWith(undefined, Promise.resolve(laneThat(used)))
    await collect(provider.small(small(LANE_SMALL_BYTES - 1))).catch(() => undefined)
    assert.deepEqual([tried, used, went], [[], [], ['stream']])
    await collect(provider.small(small(LANE_SMALL_BYTES)))
    await collect(provider.leaves(order))
    assert.deepEqual(used, ['lane', 'lane'])
  })

  it('uses the stream where a lane cannot be had, or not in time', async () => {
    for (const opening of [Promise.resolve(undefined), new Promise<undefined>(() => undefined)]) {
      const { provider, went } = peerWith(undefined, opening)
      const done = collect(provider.leaves(order)).catch(() => undefined)
      await clock.advance(LANE_PATIENCE_MS)
      await done
      assert.deepEqual(went, ['stream'])
    }
  })

  it('doubts its lane where whoever asked gave up', () => {
    const { provider, doubted } = peerWith(laneThat([]), Promise.resolve(undefined))
    provider.gaveUp()
    assert.deepEqual(doubted, [`${provider.peer}: nothing came over the lane in time`])
  })

  it('rejects with the reason of the caller while a lane is being opened', async () => {
    const { provider, went } = peerWith(undefined, new Promise(() => undefined))
    const stop = new AbortController()
    const running = collect(provider.leaves(order, { signal: stop.signal }))
    stop.abort(new Error('enough'))
    await assert.rejects(running, /enough/)
    assert.deepEqual(went, [])
  })
})
