// What a call is told of the bytes of its answers while they come: enough to tell a slow peer from one that trickles.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { bytesOf, frame } from '../../daemon/frames.ts'
import { Caller } from '../../daemon/rpc.ts'
import { FrameKind } from '../../proto/generated/rpc.ts'
import { FRAME_PART_BYTES } from '../../proto/limits.ts'
import { settled } from '../helpers/manual-clock.ts'
import { duplexPair } from '../helpers/memory-duplex.ts'
import { collect } from '../helpers/trees.ts'

describe('a call', () => {
  it('is told of a payload as it comes, and of what trickles nothing', async () => {
    const [asker, answerer] = duplexPair(1024 * 1024)
    const caller = new Caller(asker)
    const told: number[] = []
    const call = collect(
      caller.call('x', bytesOf(Buffer.alloc(0)), { maxBytes: 1024 * 1024, onBytes: bytes => told.push(bytes) })
    )
    const sent = frame({ id: 1, kind: FrameKind.ANSWER }, Buffer.alloc(2 * FRAME_PART_BYTES + 1))
    const bytes = Buffer.concat([...sent, ...frame({ id: 1, kind: FrameKind.END })])
    const start = bytes.length - Buffer.concat(frame({ id: 1, kind: FrameKind.END })).length - 2 * FRAME_PART_BYTES - 1
    const seen: number[][] = []
    for (const [from, to] of [
      [0, start + FRAME_PART_BYTES - 1],
      [start + FRAME_PART_BYTES - 1, start + FRAME_PART_BYTES],
      [start + FRAME_PART_BYTES, start + 2 * FRAME_PART_BYTES],
      [start + 2 * FRAME_PART_BYTES, bytes.length]
    ] as const) {
      await answerer.write([bytes.subarray(from, to)])
      await settled()
      seen.push(told.splice(0))
    }
    assert.deepEqual(seen, [[], [FRAME_PART_BYTES], [FRAME_PART_BYTES], [1]])
    assert.equal((await call).length, 1)
    caller.close()
    await caller.closed
  })
})
