// Frames out of whatever pieces a socket delivers, with room for them now or later.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { Blocks } from '../../../../daemon/exchange/lanes/blocks.ts'
import { LaneFrame, type LaneHeader, laneFrame } from '../../../../daemon/exchange/lanes/frame.ts'
import { FrameReader, type FrameSink } from '../../../../daemon/exchange/lanes/frame-reader.ts'
import { hasCode } from '../../../../proto/errors.ts'
import { Seeded } from '../../../helpers/seeded.ts'

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

class Collected implements FrameSink {
  readonly frames: string[] = []
  readonly unusedRooms: number[] = []
  bytes = 0
  readonly #isSlow: () => boolean

  constructor(isSlow: () => boolean) {
    this.#isSlow = isSlow
  }

  room({ length }: LaneHeader): Uint8Array | Promise<Uint8Array> {
    return this.#isSlow() ? turn().then(() => new Uint8Array(length)) : new Uint8Array(length)
  }

  progress(_: LaneHeader, bytes: number): void {
    this.bytes += bytes
  }

  frame({ kind, id, index }: LaneHeader, payload: Uint8Array): void {
    this.frames.push(`${kind} ${id} ${index} ${Buffer.from(payload).toString('hex')}`)
  }

  unused(room: Uint8Array): void {
    this.unusedRooms.push(room.length)
  }
}

describe('frames of a lane', () => {
  it('are the same however they are cut, wherever they land, and whenever there is room', async () => {
    const random = new Seeded('frames')
    for (let run = 0; run < 60; run++) {
      const payloads = Array.from({ length: 20 }, (_, i) => random.bytes((7 * i * (run + 1)) % 200))
      const wire = Buffer.concat(payloads.map((bytes, i) => laneFrame(LaneFrame.LEAF, i, run, bytes)))
      const expected = payloads.map((bytes, i) => `${LaneFrame.LEAF} ${i} ${run} ${bytes.toString('hex')}`)
      const sink = new Collected(() => run % 2 === 1)
      let isPaused = false
      const fail = (error: unknown): never => assert.fail(String(error))
      const reader = new FrameReader({ sink, resume: () => void (isPaused = false), fail })
      // As a socket does that was given a buffer: it asks for the next one before it is told to go on.
      let target = reader.target()
      for (let at = 0; at < wire.length;) {
        // A paused socket may deliver a little more.
        if (isPaused && at % 3 === 0) await turn()
        const piece = wire.subarray(at, at + 1 + ((random.bytes(1)[0] ?? 0) % 90))
        if (run % 4 < 2) {
          const length = Math.min(piece.length, target.length)
          target.set(piece.subarray(0, length))
          at += length
          isPaused = !reader.took(length)
          target = reader.target()
        } else {
          at += piece.length
          isPaused = !reader.push(piece)
        }
      }
      for (let i = 0; i < 50 && sink.frames.length < expected.length; i++) await turn()
      assert.deepEqual(sink.frames, expected, `run ${run}`)
      assert.equal(
        sink.bytes,
        payloads.reduce((sum, { length }) => sum + length, 0)
      )
    }
  })

  it('give their room back when the lane ends, also where there was none yet', async () => {
    for (const isSlow of [false, true]) {
      const sink = new Collected(() => isSlow)
      const reader = new FrameReader({ sink, resume: () => undefined, fail: () => undefined })
      reader.push(laneFrame(LaneFrame.LEAF, 1, 0, Buffer.alloc(10)).subarray(0, 20))
      reader.close()
      await turn()
      await turn()
      assert.deepEqual(sink.unusedRooms, [10])
      assert.equal(reader.push(Buffer.alloc(100)), true)
      assert.deepEqual(sink.frames, [])
    }
  })

  it('end the lane where one is refused', () => {
    const failures: unknown[] = []
    const reader = new FrameReader({
      sink: new Collected(() => false),
      resume: () => undefined,
      fail: error => failures.push(error)
    })
    reader.push(Buffer.alloc(200, 99))
    assert.equal(failures.length, 1)
    assert.ok(hasCode(failures[0], 'CORRUPT'))
  })
})

describe('blocks', () => {
  it('are as many as the bound, one for every lane that has none, and go to who waits longest', async () => {
    const blocks = new Blocks(10, 2)
    const [slow, fast, third] = [{ held: 0 }, { held: 0 }, { held: 0 }]
    const [one, two] = [blocks.take(slow), blocks.take(slow)]
    assert.ok(one instanceof Buffer && two instanceof Buffer)
    const got: string[] = []
    const waits = blocks.take(slow)
    assert.ok(waits instanceof Promise)
    void waits.then(() => got.push('slow'))
    const own = blocks.take(fast)
    assert.ok(own instanceof Buffer, 'a lane that has none is not held up')
    const more = blocks.take(fast)
    assert.ok(more instanceof Promise)
    void more.then(() => got.push('fast'))
    assert.ok(blocks.take(third) instanceof Buffer)
    assert.equal(blocks.live, 4)
    blocks.give(fast, own)
    await turn()
    assert.deepEqual(got, ['fast'], 'it has none again')
    blocks.give(slow, one)
    blocks.lose(third)
    await turn()
    assert.deepEqual([got, blocks.live], [['fast'], 2])
    blocks.give(slow, two)
    await turn()
    assert.deepEqual([got, blocks.live], [['fast', 'slow'], 2])
  })
})
