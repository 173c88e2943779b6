// What has passed between this node and its peers: counted by both ways that bytes travel, and told with the way that they take.

import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'mocha'
import { NodeFacts } from '../../daemon/node-facts.ts'
import type { LaneState } from '../../daemon/sharing/why-peer.ts'
import { ManualClock } from '../helpers/manual-clock.ts'
import { sessionStatus } from '../helpers/session-status.ts'

describe('the facts of a node', () => {
  let clock: ManualClock
  let isConnected: boolean
  let lane: LaneState
  let streamBytes: number
  let facts: NodeFacts

  beforeEach(() => {
    clock = new ManualClock()
    isConnected = true
    lane = { via: 'stream', why: null }
    streamBytes = 0
    const alice = { peerId: 'alice', addresses: [], latencyMs: null, lastSeen: null }
    facts = new NodeFacts({
      name: 'laptop',
      mesh: { id: 'mesh', secret: new Uint8Array(32) },
      swarm: {
        peerId: 'self',
        addresses: () => [],
        connected: () => (isConnected ? ['alice'] : []),
        peers: () => [{ ...alice, connected: isConnected }]
      },
      store: {
        usage: async () => ({ roots: 0, inPlaceBytes: 0, storedBytes: 0, partialBytes: 0, freeBytes: 0 })
      },
      catalogue: { isSynced: true, names: 0, nodeName: peer => (peer === 'alice' ? 'gpu-1' : undefined) },
      transfers: {
        list: () => [
          { root: 'a', name: null, status: sessionStatus({ etaSeconds: 3, bytesFetched: 4 }) },
          { root: 'b', name: null, status: sessionStatus({ state: 'structure', etaSeconds: 3 }) }
        ]
      },
      callers: { bytesIn: () => streamBytes },
      laneOf: () => lane,
      clock
    })
  })

  it('count what comes and goes over lanes and streams together', () => {
    streamBytes = 10
    facts.received('alice', 5)
    facts.received('alice', 5)
    facts.served('alice', 7)
    facts.received('bob', 1)
    const [peer] = facts.peers()
    assert.deepEqual([peer?.name, peer?.bytesIn, peer?.bytesOut], ['gpu-1', 20, 7])
  })

  it('tell what is being sent now', async () => {
    facts.served('alice', 1_000_000)
    await clock.advance(1_000)
    assert.deepEqual(facts.traffic('alice'), { bytesIn: 0, bytesOut: 1_000_000, bytesOutPerSecond: 1_000_000 })
    await clock.advance(60_000)
    assert.equal(facts.traffic('alice').bytesOutPerSecond, 0)
    assert.deepEqual(facts.traffic('bob'), { bytesIn: 0, bytesOut: 0, bytesOutPerSecond: 0 })
  })

  it('tell how bulk bytes travel: by the stream once some did, by a lane as soon as it is open, by none while it is away', () => {
    const laneIs = (): unknown => facts.peers()[0]?.lane
    assert.equal(laneIs(), null)
    facts.served('alice', 1)
    assert.equal(laneIs(), 'stream')
    lane = { via: 'lane', why: null }
    assert.equal(laneIs(), 'lane')
    isConnected = false
    assert.equal(laneIs(), null)
  })

  it('tell of each transfer when it will be here, once its content is on the way', async () => {
    const [transfer, structure] = (await facts.status()).transfers
    assert.deepEqual([transfer?.etaSeconds, transfer?.bytesFetched, structure?.etaSeconds], [3, 4, null])
  })
})
