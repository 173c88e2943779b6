// The floor of a fetch: Node's TLS 1.3 on loopback, into a buffer and no further; no hash, no disk. Sender and receiver are
// processes of their own, as daemons are. Run with `serve <key>` it is the sender.

import { fork } from 'node:child_process'
import { constants, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import tls from 'node:tls'
import { fileURLToPath } from 'node:url'
import { watched } from './children.ts'
import { cpuOf } from './processes.ts'

const PIECE = 1024 * 1024
const SUITE = {
  minVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256:PSK',
  secureOptions: constants.SSL_OP_NO_TICKET
} as const

/** Seconds that it took, and seconds on a processor of the sender and of the receiver, which is this process. */
export interface Floor {
  readonly seconds: number
  readonly senderCpu: number
  readonly receiverCpu: number
}

export async function tlsFloor(bytes: number): Promise<Floor> {
  const key = randomBytes(32)
  const sender = watched(fork(fileURLToPath(import.meta.url), ['serve', key.toString('hex'), String(bytes)]))
  const { pid } = sender
  if (pid === undefined) throw new Error('the sender could not be started')
  try {
    const [port]: unknown[] = await once(sender, 'message')
    if (typeof port !== 'number') throw new Error('the sender did not tell its port')
    const target = Buffer.allocUnsafeSlow(PIECE)
    let received = 0
    const before = (await cpuOf(pid)).seconds
    const [own, start] = [process.cpuUsage(), performance.now()]
    await new Promise<void>((resolve, reject) => {
      // Not in the types of tls, which hand it on to net: bytes land in the buffer without a copy.
      const onread = {
        buffer: () => target,
        callback: (count: number) => {
          received += count
          if (received >= bytes) resolve()
          return true
        }
      }
      const options = {
        ...SUITE,
        host: '127.0.0.1',
        port,
        onread,
        checkServerIdentity: () => undefined,
        pskCallback: () => ({ psk: key, identity: 'bench' })
      }
      const socket = tls.connect(options)
      socket.once('error', reject)
      socket.once('close', () => (received >= bytes ? resolve() : reject(new Error('the sender went away'))))
    })
    const seconds = (performance.now() - start) / 1000
    const { user, system } = process.cpuUsage(own)
    return { seconds, senderCpu: (await cpuOf(pid)).seconds - before, receiverCpu: (user + system) / 1e6 }
  } finally {
    sender.kill()
  }
}

async function serve(key: Buffer, bytes: number): Promise<void> {
  const piece = Buffer.alloc(PIECE, 7)
  const server = tls.createServer({ ...SUITE, pskCallback: () => key }, socket => {
    socket.once('error', () => process.exit(1))
    const send = async (): Promise<void> => {
      for (let sent = 0; sent < bytes; sent += PIECE) {
        if (!socket.write(piece.subarray(0, Math.min(PIECE, bytes - sent)))) await once(socket, 'drain')
      }
    }
    send().catch(() => process.exit(1))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  process.send?.(typeof address === 'object' ? address?.port : undefined)
}

const [, , role, key = '', bytes = '0'] = process.argv
if (role === 'serve') await serve(Buffer.from(key, 'hex'), Number(bytes))
