// A link whose other side is gone without a word is noticed and dialled again.

import assert from 'node:assert/strict'
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { DIAL_MS, OPEN_STREAM_MS } from '../../../proto/limits.ts'
import type { Clock } from '../../../daemon/swarm/ports.ts'
import { cleanUp, newMesh, PROTOCOL, realClock, startNode, until } from './nodes.ts'

describe('a link whose other end is gone without a word', () => {
  afterEach(cleanUp)

  const impatient: Clock = {
    now: () => realClock.now(),
    after: (ms, run) => realClock.after(ms === OPEN_STREAM_MS || ms === DIAL_MS ? 500 : ms, run)
  }
  let server: Server | undefined
  const sockets: Socket[] = []

  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy()
    server?.close()
  })

  it('is hung up when it opens no stream, and the peer is dialled at its other address', async () => {
    const mesh = await newMesh()
    const [a, b] = [await startNode(mesh, { clock: impatient }), await startNode(mesh)]
    b.handle(PROTOCOL, async stream => await stream.write(Buffer.from('x')))
    const [direct = ''] = b.addresses()
    const proxy = await startProxy(Number(direct.split('/')[4]))
    await a.dial([direct.replace(/tcp\/\d+/, `tcp/${proxy}`)])
    await until('a has learnt the direct address', () => a.peers()[0]?.addresses.length === 2)
    for (const socket of sockets) socket.unpipe().pause()
    server?.close()
    const stream = await a.open(b.peerId, PROTOCOL)
    assert.equal((await stream.read(1))?.byteLength, 1)
    assert.equal(a.disconnects.length, 1)
    assert.deepEqual(a.connected(), [b.peerId])
  })

  async function startProxy(port: number): Promise<number> {
    const proxy = createServer(inner => {
      const outer = connect(port, '127.0.0.1')
      sockets.push(inner, outer)
      for (const socket of [inner, outer]) socket.on('error', () => socket.destroy())
      inner.pipe(outer).pipe(inner)
    })
    server = proxy
    await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
    const address = proxy.address()
    assert(address !== null && typeof address === 'object')
    return address.port
  }
})
