// TCP ports of this machine for the rivals of benches: a free one, and whether somebody answers there.

import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

const ANSWERS_MS = 5_000

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** Resolves once something accepts connections there. */
export async function answers(port: number): Promise<void> {
  const end = performance.now() + ANSWERS_MS
  while (!(await accepts(port))) {
    if (performance.now() > end) throw new Error(`nothing answers on port ${port}`)
    await wait(20)
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => (socket.destroy(), resolve(true)))
    socket.once('error', () => resolve(false))
  })
}
