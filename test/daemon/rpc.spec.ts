// Requests and answers over a byte stream: what arrives is what was sent, however it was cut; and what a peer may not do
// ends the stream before it costs anything.

import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { bytesOf, frame } from '../../daemon/frames.ts'
import { type Answer, Caller, type Handler, answer } from '../../daemon/rpc.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { FrameKind, Header } from '../../proto/generated/rpc.ts'
import { FRAME_HEADER_BYTES_MAX, FRAME_PAYLOAD_BYTES_MAX, REQUESTS_OPEN_MAX } from '../../proto/limits.ts'
import { settled } from '../helpers/manual-clock.ts'
import { type MemoryEnd, duplexPair } from '../helpers/memory-duplex.ts'
import { collect, failsWith } from '../helpers/trees.ts'

const body = (text: string) => bytesOf(Buffer.from(text))
const say = (text: string, payload: Uint8Array = Buffer.of()): Answer => ({ body: body(text), payload })
const LARGE = { maxBytes: 64 * 1024 * 1024 }

/** Answers with what it was asked, in so many answers as the number it begins with. */
const echo: Handler = async function* (request) {
  const text = Buffer.from(request).toString()
  for (let i = 0; i < Number.parseInt(text); i++) yield say(`${i} ${text}`, Buffer.alloc(i, i))
}

function connected(handlers: Record<string, Handler>, capacity?: number) {
  const [asker, answerer] = duplexPair(capacity)
  const answering = answer(answerer, handlers)
  const caller = new Caller(asker)
  const end = async () => {
    caller.close()
    await answering
    await caller.closed
  }
  return { asker, answerer, answering, caller, end }
}

describe('rpc', () => {
  it('answers many calls at a time, each in its order', async () => {
    const { caller, end } = connected({ echo })
    const texts = Array.from({ length: 20 }, (_, i) => `${i} call`)
    const answers = await Promise.all(texts.map(text => collect(caller.call('echo', body(text), LARGE))))
    for (const [i, text] of texts.entries()) {
      assert.deepEqual(
        answers[i]?.map(answer => Buffer.from(answer.body).toString()),
        Array.from({ length: i }, (_, n) => `${n} ${text}`)
      )
      assert.deepEqual(
        answers[i]?.map(({ payload }) => payload.length),
        Array.from({ length: i }, (_, n) => n)
      )
    }
    await end()
  })

  it('reads frames that were cut at every byte', async () => {
    const bytes = Buffer.concat([
      ...frame({ id: 1, kind: FrameKind.REQUEST, method: 'echo', body: body('2 x') }),
      ...frame({ id: 2, kind: FrameKind.REQUEST, method: 'echo', body: body('1 y') })
    ])
    for (let cut = 0; cut <= bytes.length; cut++) {
      const [asker, answerer] = duplexPair()
      const answering = answer(answerer, { echo })
      await asker.write([bytes.subarray(0, cut)])
      await settled()
      await asker.write([bytes.subarray(cut)])
      const ends: number[] = []
      while (ends.length < 2) {
        const next = await readFrame(asker)
        if (next.kind === FrameKind.END) ends.push(next.id)
      }
      assert.deepEqual(new Set(ends), new Set([1, 2]))
      asker.abort(new Error('done'))
      await answering
    }
  })

  it('carries any bodies and payloads', async () => {
    const answered: Answer[] = []
    const { caller, end } = connected({
      any: async function* () {
        yield* answered
      }
    })
    const bytes = fc.uint8Array({ maxLength: 3000 })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(bytes, bytes), { maxLength: 5 }), async pairs => {
        answered.splice(0, Infinity, ...pairs.map(([head, payload]) => ({ body: bytesOf(head), payload })))
        const got = await collect(caller.call('any', body(''), LARGE))
        assert.deepEqual(
          got.map(({ body, payload }) => [Buffer.from(body), Buffer.from(payload)]),
          pairs.map(([head, payload]) => [Buffer.from(head), Buffer.from(payload)])
        )
      }),
      { numRuns: 50 }
    )
    await end()
  })

  it('carries a payload at the limit, and makes none past it', async () => {
    const { caller, end } = connected({
      large: async function* () {
        yield say('', Buffer.alloc(FRAME_PAYLOAD_BYTES_MAX, 1))
      },
      larger: async function* () {
        yield say('', Buffer.alloc(FRAME_PAYLOAD_BYTES_MAX + 1))
      }
    })
    const [got] = await collect(caller.call('large', body(''), LARGE))
    assert.equal(got?.payload.length, FRAME_PAYLOAD_BYTES_MAX)
    await assert.rejects(collect(caller.call('larger', body(''), LARGE)), failsWith('TOO_LARGE'))
    await end()
  })

  for (const [what, header, payload] of [
    ['a header', FRAME_HEADER_BYTES_MAX + 1, 0],
    ['a payload', 10, FRAME_PAYLOAD_BYTES_MAX + 1],
    ['everything', 0xffff_ffff, 0xffff_ffff]
  ] as const) {
    it(`refuses ${what} past the limit when it is announced, before its bytes`, async () => {
      const lengths = Buffer.alloc(8)
      lengths.writeUInt32BE(header, 0)
      lengths.writeUInt32BE(payload, 4)
      const asked = duplexPair()
      const answering = answer(asked[1], {})
      await asked[0].write([lengths])
      await answering
      assert.ok(asked[1].aborted !== undefined)
      const answered = duplexPair()
      const caller = new Caller(answered[0])
      const call = collect(caller.call('x', body(''), LARGE))
      call.catch(() => undefined)
      await answered[1].write([lengths])
      await assert.rejects(call, failsWith('TOO_LARGE'))
      await caller.closed
    })
  }

  it('ends the stream of a peer that answers what nobody asked', async () => {
    for (const kind of [FrameKind.ANSWER, FrameKind.END, FrameKind.FAILURE]) {
      const [asker, answerer] = duplexPair()
      const caller = new Caller(asker)
      await answerer.write(frame({ id: 17, kind }))
      await caller.closed
      assert.ok(asker.aborted !== undefined)
      await assert.rejects(collect(caller.call('x', body(''), LARGE)), failsWith('CORRUPT', /not made/))
    }
  })

  it('ends the stream of a peer that sends requests where answers belong, and answers where requests do', async () => {
    const [asker, answerer] = duplexPair()
    const caller = new Caller(asker)
    const call = collect(caller.call('x', body(''), LARGE))
    call.catch(() => undefined)
    await answerer.write(frame({ id: 1, kind: FrameKind.REQUEST }))
    await assert.rejects(call, failsWith('CORRUPT'))
    const other = duplexPair()
    const answering = answer(other[1], {})
    await other[0].write(frame({ id: 1, kind: FrameKind.ANSWER }))
    await answering
    assert.ok(other[1].aborted !== undefined)
  })

  it('ends the stream of a peer whose header cannot be read', async () => {
    const [asker, answerer] = duplexPair()
    const caller = new Caller(asker)
    await answerer.write([Buffer.from([0, 0, 0, 2, 0, 0, 0, 0, 0xff, 0xff])])
    await caller.closed
    await assert.rejects(collect(caller.call('x', body(''), LARGE)), failsWith('CORRUPT', /cannot be read/))
  })

  it(`answers ${REQUESTS_OPEN_MAX} requests at a time, and cuts off who sends one more`, async () => {
    const [asker, answerer] = duplexPair(2 ** 20)
    let open = 0
    const wait: Handler = async function* (_, { signal }) {
      open++
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
      open--
      yield say('never')
    }
    const answering = answer(answerer, { wait })
    for (let id = 1; id <= REQUESTS_OPEN_MAX; id++)
      await asker.write(frame({ id, kind: FrameKind.REQUEST, method: 'wait' }))
    await settled()
    assert.equal(open, REQUESTS_OPEN_MAX)
    assert.equal(answerer.aborted, undefined)
    await asker.write(frame({ id: 1000, kind: FrameKind.REQUEST, method: 'wait' }))
    await answering
    await settled()
    assert.ok(answerer.aborted !== undefined)
    assert.equal(open, 0, 'handlers of a stream that is gone go on')
  })

  it('cuts off who uses the number of an open request again', async () => {
    const [asker, answerer] = duplexPair()
    const wait: Handler = async function* (_, { signal }) {
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
      yield say('never')
    }
    const answering = answer(answerer, { wait })
    for (const id of [1, 1]) await asker.write(frame({ id, kind: FrameKind.REQUEST, method: 'wait' }))
    await answering
    assert.ok(answerer.aborted !== undefined)
  })

  it(`opens ${REQUESTS_OPEN_MAX} calls itself, and one more when one of them has ended`, async () => {
    const [asker, answerer] = duplexPair(2 ** 20)
    const ends: (() => void)[] = []
    const wait: Handler = async function* () {
      await new Promise<void>(resolve => ends.push(resolve))
      yield say('done')
    }
    const answering = answer(answerer, { wait })
    const caller = new Caller(asker)
    const calls = Array.from({ length: REQUESTS_OPEN_MAX + 1 }, () => collect(caller.call('wait', body(''), LARGE)))
    await settled()
    assert.equal(ends.length, REQUESTS_OPEN_MAX)
    ends[0]?.()
    await calls[0]
    await settled()
    assert.equal(ends.length, REQUESTS_OPEN_MAX + 1)
    for (const end of ends) end()
    assert.equal((await Promise.all(calls)).length, REQUESTS_OPEN_MAX + 1)
    caller.close()
    await Promise.all([answering, caller.closed])
  })

  it('lets a call that waits for its turn be cancelled, and ends it with the connection', async () => {
    const [asker, answerer] = duplexPair(2 ** 20)
    const caller = new Caller(asker)
    const calls = Array.from({ length: REQUESTS_OPEN_MAX }, () => collect(caller.call('x', body(''), LARGE)))
    for (const call of calls) call.catch(() => undefined)
    const reason = new Error('enough')
    await assert.rejects(collect(caller.call('x', body(''), { ...LARGE, signal: AbortSignal.abort(reason) })), reason)
    const late = collect(caller.call('x', body(''), LARGE))
    answerer.abort(new Error('gone'))
    await assert.rejects(late, failsWith('NO_PROVIDERS'))
    await Promise.allSettled(calls)
    await caller.closed
  })

  it('tells the handler when the asker cancels, by its signal or by leaving the loop', async () => {
    const reasons: unknown[] = []
    const slow: Handler = async function* (_, { signal }) {
      signal.addEventListener('abort', () => reasons.push(signal.reason), { once: true })
      for (let i = 0; ; i++) {
        signal.throwIfAborted()
        yield say(String(i), Buffer.alloc(1000))
        await settled()
      }
    }
    const { caller, end } = connected({ slow, echo })
    for await (const _ of caller.call('slow', body(''), LARGE)) break
    await settled()
    assert.equal(reasons.length, 1)
    const cancelled = new AbortController()
    const call = caller.call('slow', body(''), { ...LARGE, signal: cancelled.signal })
    await call.next()
    cancelled.abort(new Error('enough'))
    await assert.rejects(collect(call), /enough/)
    await settled()
    assert.equal(reasons.length, 2)
    // The stream is as good as before.
    assert.equal((await collect(caller.call('echo', body('3'), LARGE))).length, 3)
    await end()
  })

  it('tells every handler when the asker is gone', async () => {
    let open = 0
    const { asker, answering, caller } = connected({
      async *wait(_, { signal }) {
        open++
        await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
        open--
        yield say('never')
      }
    })
    const calls = [1, 2, 3].map(() => collect(caller.call('wait', body(''), LARGE)))
    for (const call of calls) call.catch(() => undefined)
    await settled()
    assert.equal(open, 3)
    asker.abort(new Error('unplugged'))
    await answering
    await settled()
    assert.equal(open, 0)
    await Promise.allSettled(calls)
  })

  it('fails open and later calls with NO_PROVIDERS when the connection is lost', async () => {
    const [asker, answerer] = duplexPair()
    const caller = new Caller(asker)
    const call = collect(caller.call('x', body(''), LARGE))
    call.catch(() => undefined)
    await settled()
    answerer.abort(new Error('unplugged'))
    await assert.rejects(call, failsWith('NO_PROVIDERS', /was lost/))
    await caller.closed
    assert.equal(caller.isClosed, true)
    await assert.rejects(collect(caller.call('x', body(''), LARGE)), failsWith('NO_PROVIDERS'))
  })

  it('fails open calls when the stream ends cleanly, or in the middle of a frame', async () => {
    for (const cut of [0, 4, 9, 12]) {
      const [asker, answerer] = duplexPair()
      const caller = new Caller(asker)
      const call = collect(caller.call('x', body(''), LARGE))
      call.catch(() => undefined)
      const whole = Buffer.concat(frame({ id: 1, kind: FrameKind.ANSWER, body: body('answer') }, Buffer.alloc(5)))
      await answerer.write([whole.subarray(0, cut)])
      await answerer.close()
      await assert.rejects(call, (error: unknown) => error instanceof PathmeshError)
      await caller.closed
    }
  })

  it('cuts off a peer whose answers are more than the request can mean', async () => {
    const ten: Handler = async function* () {
      for (let i = 0; i < 10; i++) yield say('', Buffer.alloc(100))
    }
    const first = connected({ ten })
    assert.equal((await collect(first.caller.call('ten', body(''), { maxBytes: 1000 }))).length, 10)
    await assert.rejects(collect(first.caller.call('ten', body(''), { maxBytes: 999 })), failsWith('TOO_LARGE'))
    assert.ok(first.asker.aborted !== undefined)
    await first.end()
  })

  it('sends failures with their code and message; unknown codes are INTERNAL', async () => {
    const { caller, answerer, end } = connected({
      async *known() {
        yield say('one')
        throw new PathmeshError('SOURCE_CHANGED', 'share it again')
      },
      async *unknown() {
        yield say('one')
        throw new Error('x'.repeat(5000))
      }
    })
    await assert.rejects(collect(caller.call('known', body(''), LARGE)), failsWith('SOURCE_CHANGED', /share it again/))
    await assert.rejects(collect(caller.call('unknown', body(''), LARGE)), failsWith('INTERNAL', /^.{0,1000}$/))
    await assert.rejects(collect(caller.call('nothing', body(''), LARGE)), failsWith('INCOMPATIBLE'))
    await assert.rejects(collect(caller.call('toString', body(''), LARGE)), failsWith('INCOMPATIBLE'))
    assert.equal(answerer.aborted, undefined)
    await end()
  })

  it('takes a code that it does not know as INTERNAL', async () => {
    const [asker, answerer] = duplexPair()
    const caller = new Caller(asker)
    const call = collect(caller.call('x', body(''), LARGE))
    call.catch(() => undefined)
    await answerer.write(frame({ id: 1, kind: FrameKind.FAILURE, code: 'FROM_THE_FUTURE', message: 'new' }))
    await assert.rejects(call, failsWith('INTERNAL', /new/))
    answerer.abort(new Error('done'))
    await caller.closed
  })

  it('lets a slow writer wait, so that answers do not pile up at the answerer', async () => {
    const payload = 10_000
    let made = 0
    const [asker, answerer] = duplexPair(payload)
    const answering = answer(answerer, {
      async *many() {
        for (let i = 0; i < 1000; i++) {
          made++
          yield say('', Buffer.alloc(payload))
        }
      }
    })
    await asker.write(frame({ id: 1, kind: FrameKind.REQUEST, method: 'many' }))
    await settled()
    assert.ok(made <= 3, `${made} answers were made for nobody`)
    assert.ok(answerer.mostUnread < 3 * payload)
    asker.abort(new Error('done'))
    await answering
  })
})

async function readFrame(end: MemoryEnd): Promise<{ id: number; kind: FrameKind | undefined }> {
  const start = await end.read(8)
  assert.ok(start !== null)
  const lengths = Buffer.from(start)
  const head = await end.read(lengths.readUInt32BE(0))
  assert.ok(head !== null)
  await end.read(lengths.readUInt32BE(4))
  return Header.decode(bytesOf(head))
}
