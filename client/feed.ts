// Sending bytes as they come, no faster than they are taken. Holds one piece at a time.

import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Pieces } from './codecs/codec.ts'

/** Why bytes that were to be sent did not come: no fault of whom they were sent to, whatever it looks like. */
export class FeedFailure {
  #failure: { readonly error: unknown } | undefined

  set(error: unknown): void {
    this.#failure ??= { error }
  }

  throwIfSet(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

/** Sends pieces as they come and are taken; a source that fails is noted, and cuts the request off. */
export async function feed(
  sent: ClientRequest,
  pieces: Exclude<Pieces, Uint8Array>,
  failure: FeedFailure
): Promise<void> {
  let response: IncomingMessage | undefined
  sent.once('response', (message: IncomingMessage) => (response = message))
  try {
    for await (const piece of pieces) {
      if (sent.destroyed) return
      if (!sent.write(piece)) await taken(sent)
    }
    sent.end()
  } catch (error) {
    failure.set(error)
    const cut = new Error('what was to be sent did not come')
    if (response === undefined) sent.destroy(cut)
    else response.destroy(cut)
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
