// The floor of a small Payload: 1 KiB there and back on one open libp2p stream, TCP, noise and yamux, between two processes that
// do nothing else. Run with `serve` it is the one that echoes.

// oxlint-disable-next-line import/no-unassigned-import -- for its effect, and first
import '../daemon/polyfill.ts'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

const PROTOCOL = '/bench/echo/1'

const createNode = () =>
  createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()]
  })

/** Seconds of each of `count` echoes of `bytes`, one after the other. */
export async function echoFloor(count: number, bytes: number): Promise<number[]> {
  const server = fork(fileURLToPath(import.meta.url), ['serve'])
  const node = await createNode()
  try {
    const [address]: unknown[] = await once(server, 'message')
    const stream = await node.dialProtocol(multiaddr(String(address)), PROTOCOL)
    let came = 0
    let whole = (): void => undefined
    stream.addEventListener('message', ({ data }) => {
      came += data.byteLength
      if (came === bytes) whole()
    })
    const taken: number[] = []
    for (let i = 0; i < count; i++) {
      came = 0
      const back = new Promise<void>(resolve => (whole = resolve))
      const started = performance.now()
      stream.send(Buffer.alloc(bytes, i))
      await back
      taken.push((performance.now() - started) / 1000)
    }
    return taken
  } finally {
    await node.stop()
    server.kill()
  }
}

if (process.argv[2] === 'serve') {
  const node = await createNode()
  await node.handle(PROTOCOL, stream => {
    stream.addEventListener('message', ({ data }) => stream.send(data))
  })
  process.send?.(node.getMultiaddrs().map(String)[0])
}
