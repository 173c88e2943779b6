// One ping over one connection: 32 bytes that the other side's ping service sends back.
// Not libp2p's client: that one picks a connection itself, and dials if there is none.

import { randomBytes } from 'node:crypto'
import { byteStream } from './byte-stream.ts'
import type { Link } from './links.ts'
import type { Clock } from './ports.ts'

const PROTOCOL = '/pathmesh/ping/1.0.0'

export async function pingOnce({ connection, peer }: Link, clock: Clock, signal: AbortSignal): Promise<void> {
  const raw = await connection.newStream([PROTOCOL], { signal, runOnLimitedConnection: true })
  const stream = byteStream(raw, { peer, clock, onHeard: () => {} })
  try {
    const question = randomBytes(32)
    await stream.write(question, { signal })
    const answer = await stream.read(question.byteLength, { signal })
    if (answer === null || !question.equals(answer)) throw new Error(`${peer} answered a ping wrongly`)
    void stream.close()
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(String(error)))
    throw error
  }
}
