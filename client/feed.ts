// Sending bytes as they come, no faster than they are taken. Holds one piece at a time.

import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Pieces } from './codecs/codec.ts'

/** Sends pieces as they come and are taken; a source that fails fails the answer. */
export async function feed(sent: ClientRequest, pieces: Exclude<Pieces, Uint8Array>): Promise<void> {
  let response: IncomingMessage | undefined
  sent.once('response', (message: IncomingMessage) => (response = message))
  try {
    for await (const piece of pieces) {
      if (sent.destroyed) return
      if (!sent.write(piece)) await taken(sent)
    }
    sent.end()
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(String(error))
    if (response === undefined) sent.destroy(cause)
    else response.destroy(cause)
  }
}

/** Resolves when there is room for more, or nobody to take it. */
function taken(sent: ClientRequest): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      sent.off('drain', done)
      sent.off('close', done)
      resolve()
    }
    sent.once('drain', done)
    sent.once('close', done)
    if (sent.destroyed) done()
  })
}
