// Orders on a lane as the main thread sees them: what waits for its turn, and what an order that is given up still brings.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { cidOf, RAW } from '../../../../daemon/content/multihash.ts'
import { Lane } from '../../../../daemon/exchange/lanes/lane.ts'
import type { LeafCame, ToThread } from '../../../../daemon/exchange/lanes/messages.ts'
import type { CameLeaf } from '../../../../daemon/exchange/provider.ts'
import { REQUESTS_OPEN_MAX } from '../../../../proto/limits.ts'
import { settled } from '../../../helpers/manual-clock.ts'
import { collect } from '../../../helpers/trees.ts'

describe('orders on a lane', () => {
  const file = cidOf(RAW, 'blake3', Buffer.from('x'))

  function laneWith() {
    const sent: ToThread[] = []
    const lane = new Lane({ lane: 1, peer: 'b', post: message => sent.push(message), onReceived: () => undefined })
    const ask = (signal?: AbortSignal): AsyncGenerator<CameLeaf> =>
      lane.leaves({ file, leaves: [{ index: 0, cid: file, size: 1 }] }, signal === undefined ? {} : { signal })
    const orders = (type: 'leaves' | 'cancel'): number[] =>
      sent.flatMap(message => (message.type === type ? [message.order] : []))
    const end = (order: number, leaves: LeafCame[] = []): void =>
      lane.take({
        type: 'came',
        lane: 1,
        order,
        raw: 0,
        leaves,
        small: [],
        written: undefined,
        end: { fault: undefined }
      })
    return { ask, orders, end }
  }

  it('begin when others end, whoever gave up waiting before', async () => {
    const { ask, orders, end } = laneWith()
    const open = Array.from({ length: REQUESTS_OPEN_MAX }, () => collect(ask()))
    const stop = new AbortController()
    const givenUp = Array.from({ length: REQUESTS_OPEN_MAX }, () => collect(ask(stop.signal)))
    const last = collect(ask())
    await settled()
    const [first = 0, ...others] = orders('leaves')
    assert.equal(others.length + 1, REQUESTS_OPEN_MAX)
    stop.abort(new Error('enough'))
    for (const one of await Promise.allSettled(givenUp)) assert.equal(one.status, 'rejected')
    end(first)
    await settled()
    assert.equal(orders('leaves').length, REQUESTS_OPEN_MAX + 1)
    for (const order of orders('leaves')) end(order)
    await Promise.all([...open, last])
  })

  it('hand over what was written until they are cancelled, and then reject with the reason', async () => {
    const { ask, orders, end } = laneWith()
    const stop = new AbortController()
    const running = ask(stop.signal)
    const next = running.next()
    await settled()
    stop.abort(new Error('enough'))
    await settled()
    assert.deepEqual(orders('cancel'), orders('leaves'))
    end(1, [{ index: 0, bytes: undefined }])
    assert.deepEqual((await next).value, { index: 0, bytes: undefined })
    await assert.rejects(running.next(), /enough/)
    assert.deepEqual(orders('cancel'), [1])
  })

  it('may share one signal, as many as there are', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning)
    process.on('warning', onWarning)
    const { ask, orders, end } = laneWith()
    const { signal } = new AbortController()
    const running = Array.from({ length: REQUESTS_OPEN_MAX }, () => collect(ask(signal)))
    await settled()
    for (const order of orders('leaves')) end(order)
    await Promise.all(running)
    process.off('warning', onWarning)
    assert.deepEqual(warnings, [])
  })
})
