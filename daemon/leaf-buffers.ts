// Buffers of a leaf's size, used again: a transfer fills a thousand of them a GiB, and memory outside of the heap that is
// thrown away so fast makes the collector run all the time.

import { LEAF_BUFFERS_KEPT, LEAF_BYTES } from '../proto/limits.ts'

const spare: Buffer[] = []

/** `bytes` long; what it holds is whatever was there before. */
export function takeBuffer(bytes: number): Buffer {
  return (bytes === LEAF_BYTES ? spare.pop() : undefined) ?? Buffer.allocUnsafeSlow(bytes)
}

/** To be called once, by whoever is sure that nobody reads or writes it any more; not calling it is no harm. */
export function giveBuffer(bytes: Uint8Array): void {
  if (
    bytes instanceof Buffer &&
    bytes.length === LEAF_BYTES &&
    bytes.buffer.byteLength === LEAF_BYTES &&
    spare.length < LEAF_BUFFERS_KEPT
  )
    spare.push(bytes)
}
