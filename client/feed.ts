// Sending bytes as they come, no faster than they are taken: a piece has gone out before the next is asked for, since its memory may
// be written to then. Small ones are copied, and go out together.

import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Pieces } from './codecs/codec.ts'

/** Pieces of fewer bytes go out together. */
const JOINED_BYTES = 64 * 1024

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
    for await (const piece of joined(pieces)) {
      if (sent.destroyed) return
      await written(sent, piece)
    }
    sent.end()
  } catch (error) {
    failure.set(error)
    const cut = new Error('what was to be sent did not come')
    if (response === undefined) sent.destroy(cut)
    else response.destroy(cut)
  }
}

/** The same bytes, small pieces put together: each that goes out costs a wait. */
async function* joined(pieces: Exclude<Pieces, Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let small: Buffer[] = []
  let bytes = 0
  for await (const piece of pieces) {
    if (piece.length < JOINED_BYTES) {
      small.push(Buffer.from(piece))
      bytes += piece.length
    }
    if (small.length > 0 && (bytes >= JOINED_BYTES || piece.length >= JOINED_BYTES)) {
      yield Buffer.concat(small)
      ;[small, bytes] = [[], 0]
    }
    if (piece.length >= JOINED_BYTES) yield piece
  }
  if (small.length > 0) yield Buffer.concat(small)
}

/** Resolves when a piece is with the operating system, or there is nobody to take it. */
function written(sent: ClientRequest, piece: Uint8Array): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      sent.off('close', done)
      resolve()
    }
    sent.once('close', done)
    sent.write(piece, done)
  })
}
