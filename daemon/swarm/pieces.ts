// Cuts bytes into what is given to a stream at once: a larger piece would hold up the other streams of a connection,
// smaller ones cost a frame each, so neighbours share a piece. Nothing is copied.

import { Uint8ArrayList } from 'uint8arraylist'
import { STREAM_PIECE_BYTES } from '../../proto/limits.ts'

export function* pieces(parts: readonly Uint8Array[]): Generator<Uint8ArrayList> {
  let piece = new Uint8ArrayList()
  for (const part of parts) {
    for (let from = 0; from < part.byteLength;) {
      const to = Math.min(part.byteLength, from + STREAM_PIECE_BYTES - piece.byteLength)
      piece.append(part.subarray(from, to))
      from = to
      if (piece.byteLength === STREAM_PIECE_BYTES) {
        yield piece
        piece = new Uint8ArrayList()
      }
    }
  }
  if (piece.byteLength > 0) yield piece
}
