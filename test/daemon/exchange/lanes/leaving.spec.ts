// When a lane is left for the stream, and who knows of it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { afterEach, describe, it } from 'mocha'
import { LANE_RETRY_MS } from '../../../../proto/limits.ts'
import { ManualClock } from '../../../helpers/manual-clock.ts'
import { collect, failsWith } from '../../../helpers/trees.ts'
import { until } from '../../../helpers/until.ts'
import { ASKER, type LaneNodes, laneNodes, never, serveFile } from './lane-nodes.ts'

describe('leaving a lane', () => {
  const cleanups: (() => unknown)[] = []
  afterEach(async () => {
    for (const clean of cleanups.splice(0).toReversed()) await clean()
  })

  async function make(...options: Parameters<typeof laneNodes>): Promise<LaneNodes> {
    const nodes = await laneNodes(...options)
    cleanups.push(nodes.remove)
    return nodes
  }

  it('is known to the node that serves, too', async () => {
    const nodes = await make()
    assert.ok(await nodes.a.lanes.lane('b', never))
    await until('it is heard of', () => nodes.b.lanes.how(ASKER).via === 'lane')
    nodes.a.lanes.drop('b')
    await until('it is closed', () => nodes.b.lanes.how(ASKER).via === 'stream')
  })

  it('is left for the stream for a while where it is doubted', async () => {
    const clock = new ManualClock()
    const nodes = await make({ clock })
    const { order } = await serveFile(nodes.b, nodes.folder, 10)
    nodes.a.lanes.doubt('b', 'silent')
    const lane = await nodes.a.lanes.lane('b', never)
    assert.ok(lane)
    nodes.b.source.hold = new Promise(() => undefined)
    const running = collect(lane.leaves(order))
    await until('it waits', () => nodes.b.source.busy === 1)
    nodes.a.lanes.doubt('b', 'silent')
    await assert.rejects(running, failsWith('NO_PROVIDERS'))
    assert.equal(await nodes.a.lanes.lane('b', never), undefined)
    assert.equal(nodes.a.lanes.how('b').why, 'silent')
    nodes.b.source.hold = undefined
    await clock.advance(LANE_RETRY_MS + 1)
    assert.ok(await nodes.a.lanes.lane('b', never))
  })

  it('is given up when the peer is gone, which is no failure of it', async () => {
    let asked = 0
    const nodes = await make({}, {}, async function* (_, { signal }) {
      asked++
      await once(signal, 'abort')
      yield { body: new Uint8Array(0), payload: new Uint8Array(0), last: true }
    })
    const opening = nodes.a.lanes.lane('b', never)
    await until('it is asked', () => asked === 1)
    nodes.a.lanes.drop('b')
    assert.equal(await opening, undefined)
    assert.equal(nodes.a.lanes.how('b').why, null)
  })
})
