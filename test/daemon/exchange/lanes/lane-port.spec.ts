// Keys of lanes: until when they let somebody in.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import tls from 'node:tls'
import { describe, it } from 'mocha'
import { systemClock } from '../../../../daemon/clock.ts'
import { LanePort } from '../../../../daemon/exchange/lanes/lane-port.ts'
import { LANE_SUITE } from '../../../../daemon/exchange/lanes/tls.ts'

describe('the port of lanes', () => {
  it('lets nobody in whose key was forgotten during the handshake', async () => {
    const opened: number[] = []
    const lanePort = new LanePort({
      clock: systemClock,
      handshakeMs: 10_000,
      onLane: ({ lane }, socket) => {
        opened.push(lane)
        socket.destroy()
      },
      onUnused: () => undefined
    })
    const port = await lanePort.listen({ hosts: ['127.0.0.1'], port: 0, fixed: false })
    try {
      for (const lane of [1, 2]) {
        const [identity, psk] = [`key ${lane}`, Buffer.alloc(32, lane)]
        lanePort.expect({ lane, peer: 'b', way: 'serve' }, { id: identity, key: psk }, 10_000)
        const checkServerIdentity = (): undefined => undefined
        const pskCallback = () => ({ psk, identity })
        const socket = tls.connect({ ...LANE_SUITE, host: '127.0.0.1', port, checkServerIdentity, pskCallback })
        socket.on('error', () => undefined)
        // This end is done with the handshake first.
        if (lane === 1) socket.once('secureConnect', () => lanePort.forget(lane))
        await once(socket.resume(), 'close')
      }
      assert.deepEqual(opened, [2])
    } finally {
      lanePort.close()
    }
  })
})
