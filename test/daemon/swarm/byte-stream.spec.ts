// Byte streams over real libp2p: order, back-pressure both ways, and how they end.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { ByteStream } from '../../../daemon/swarm/byte-stream.ts'
import { hasCode } from '../../../proto/errors.ts'
import { READ_AHEAD_BYTES, STREAM_PIECE_BYTES, STREAM_WINDOW_BYTES, STREAM_WRITERS_MAX } from '../../../proto/limits.ts'
import { cleanUp, streamPair, until } from './nodes.ts'

const MiB = 1024 * 1024

describe('byte stream', () => {
  afterEach(cleanUp)

  for (const size of [0, 1, STREAM_PIECE_BYTES - 1, STREAM_PIECE_BYTES, STREAM_PIECE_BYTES + 1, 3 * MiB + 7]) {
    it(`${size} bytes arrive as they were sent, read() and readInto() alike`, async () => {
      const { here, there } = await streamPair()
      const bytes = randomBytes(size)
      const sent = here.write([bytes.subarray(0, size >> 1), bytes.subarray(size >> 1)])
      const got = await there.read(size)
      await sent
      assert(bytes.equals(got ?? Buffer.alloc(1)))
      const back = there.write(bytes)
      const target = new Uint8Array(size)
      assert.equal(await here.readInto(target), true)
      await back
      assert(bytes.equals(target))
    })
  }

  it('reads of any size see the same bytes', async () => {
    const { here, there } = await streamPair()
    const bytes = randomBytes(2 * MiB)
    const sent = here.write(bytes)
    const got: Uint8Array[] = []
    for (let n = 1, left = bytes.byteLength; left > 0; n = Math.min(left, n * 2 + 1)) {
      const part = await there.read(n)
      assert(part !== null)
      got.push(part)
      left -= part.byteLength
    }
    await sent
    assert(bytes.equals(Buffer.concat(got)))
  })

  for (const way of ['opener', 'opened'] as const) {
    it(`a reader that does not read holds the ${way === 'opener' ? 'opened' : 'opener'} side back`, async () => {
      const pair = await streamPair()
      const [writer, reader] = way === 'opener' ? [pair.there, pair.here] : [pair.here, pair.there]
      const total = 64 * MiB
      const written = await writeUntilHeld(writer, total)
      const bound = 3 * STREAM_WINDOW_BYTES + READ_AHEAD_BYTES
      assert(written.bytes <= bound, `${written.bytes} bytes were taken while nobody read`)
      let read = 0
      const block = new Uint8Array(MiB)
      while (read < total) {
        assert.equal(await reader.readInto(block), true)
        assert.equal(block[0], (read / MiB) % 256)
        read += block.byteLength
      }
      await written.done
    })
  }

  it('a clean end is null before the first byte and an error within', async () => {
    const { here, there } = await streamPair()
    await here.write(Buffer.from('abc'))
    const closing = here.close()
    assert.equal((await there.read(2))?.byteLength, 2)
    await assert.rejects(there.read(2), error => hasCode(error, 'NO_PROVIDERS'))
    assert.equal((await there.read(1))?.byteLength, 1)
    assert.equal(await there.read(1), null)
    assert.equal(await there.readInto(new Uint8Array(4)), false)
    await there.close()
    await closing
    await Promise.all([here.closed, there.closed])
  })

  it('the end arrives behind everything that was written before close()', async () => {
    const { here, there } = await streamPair()
    const bytes = randomBytes(20 * MiB)
    const sent = here.write(bytes).then(async () => await here.close())
    const parts: Uint8Array[] = []
    for (let part = await there.read(MiB); part !== null; part = await there.read(MiB)) parts.push(part)
    assert(bytes.equals(Buffer.concat(parts)))
    await there.close()
    await sent
  })

  it('after close() the other way goes on', async () => {
    const { here, there } = await streamPair()
    const closing = here.close()
    assert.equal(await there.read(1), null)
    await there.write(Buffer.from('late'))
    assert.equal(Buffer.from((await here.read(4)) ?? []).toString(), 'late')
    await assert.rejects(here.write(Buffer.from('x')), error => hasCode(error, 'NO_PROVIDERS'))
    await there.close()
    await closing
  })

  it('a connection that is lost within a read, or between two, is an error and no end', async () => {
    for (const size of [2, 1]) {
      const { here, there, a } = await streamPair()
      await here.write(Buffer.from('a'))
      if (size === 1) await there.read(1)
      const failed = assert.rejects(there.read(2), error => hasCode(error, 'NO_PROVIDERS'))
      await a.stop()
      await failed
      await Promise.all([here.closed, there.closed])
      await assert.rejects(there.write(Buffer.from('b')), error => hasCode(error, 'NO_PROVIDERS'))
    }
  })

  it('abort() fails reads and writes of both sides, here with its own error', async () => {
    const { here, there } = await streamPair()
    const mine = new Error('mine')
    const local = assert.rejects(here.read(1), error => error === mine)
    const remote = assert.rejects(there.read(1), error => hasCode(error, 'NO_PROVIDERS'))
    here.abort(mine)
    await Promise.all([local, remote, here.closed, there.closed])
    await assert.rejects(here.write(Buffer.from('x')), error => error === mine)
  })

  it('an aborted read takes nothing, and the next one gets its bytes', async () => {
    const { here, there } = await streamPair()
    await here.write(Buffer.from('abc'))
    assert.equal((await there.read(1))?.byteLength, 1)
    const controller = new AbortController()
    const reading = there.read(8, { signal: controller.signal })
    const reason = new Error('enough')
    controller.abort(reason)
    await assert.rejects(reading, error => error === reason)
    await here.write(Buffer.from('def'))
    assert.equal(Buffer.from((await there.read(5)) ?? []).toString(), 'bcdef')
  })

  it('a write aborted half-way aborts the stream; one that waits for its turn does not', async () => {
    const { here, there } = await streamPair()
    const controller = new AbortController()
    const { signal } = controller
    const long = assert.rejects(here.write(new Uint8Array(64 * MiB), { signal }), error => error === signal.reason)
    const waiting = new AbortController()
    const queued = assert.rejects(here.write(new Uint8Array(1), { signal: waiting.signal }))
    waiting.abort(new Error('waited enough'))
    await queued
    assert.notEqual(await there.read(1), null)
    controller.abort(new Error('no more'))
    await long
    await here.closed
  })

  it('concurrent writes do not mix', async () => {
    const { here, there } = await streamPair()
    const size = STREAM_PIECE_BYTES + 11
    const writes = Array.from({ length: 40 }, async (_, i) => await here.write(new Uint8Array(size).fill(i + 1)))
    for (let i = 0; i < writes.length; i++) {
      const block = await there.read(size)
      assert(
        block?.every(byte => byte === i + 1),
        `block ${i} is mixed`
      )
    }
    await Promise.all(writes)
  })

  it('a second reader is a TypeError, and one write too many a RangeError', async () => {
    const { here, there } = await streamPair()
    const first = there.read(1)
    await assert.rejects(there.read(1), TypeError)
    const block = new Uint8Array(64 * MiB)
    const writes = Array.from({ length: STREAM_WRITERS_MAX + 1 }, async () => await here.write(block))
    const ends = Promise.allSettled(writes)
    await assert.rejects(here.write(block), RangeError)
    await first
    here.abort(new Error('enough'))
    assert((await ends).every(end => end.status === 'rejected' && !(end.reason instanceof RangeError)))
  })

  it('close() aborts a stream that the other side keeps open while nobody reads', async function () {
    this.timeout(30_000)
    const { here, there } = await streamPair()
    await here.close()
    await there.closed
  })

  async function writeUntilHeld(writer: ByteStream, total: number): Promise<{ bytes: number; done: Promise<void> }> {
    let bytes = 0
    let moved = Date.now()
    const writeAll = async () => {
      for (let i = 0; i < total / MiB; i++) {
        await writer.write(new Uint8Array(MiB).fill(i % 256))
        bytes += MiB
        moved = Date.now()
      }
    }
    const done = writeAll()
    await until('no more is taken', () => bytes === total || Date.now() - moved > 400)
    return { bytes, done }
  }
})
