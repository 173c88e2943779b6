// What a call tells: all that is newer than a number, once; of what was too much, that it was lost; and waits that end.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { Call } from '../../../daemon/works/call.ts'
import {
  API_LINE_BYTES_MAX,
  CALL_EVENTS_MS,
  CALL_LOG_CHARS_MAX,
  CALL_LOG_LINES_MAX,
  CALL_PROGRESS_BYTES_MAX,
  LOG_LINE_CHARS_MAX,
  WORK_STATE_BYTES_MAX
} from '../../../proto/limits.ts'
import type { CallEvents, LogLine, ReportRequest } from '../../../proto/works-api.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'
import { failsWith } from '../../helpers/trees.ts'

const NOW = 1_000_000
const never = new AbortController().signal
const line = (text: string): LogLine => ({ stream: 'stdout', text })
const lines = (count: number, from = 0): LogLine[] => Array.from({ length: count }, (_, i) => line(String(from + i)))
const texts = ({ logs }: CallEvents): string[] => logs.map(({ text }) => text)

const newCall = (): Call => new Call({ id: 'c', work: 'w', caller: 'k' }, { at: NOW, now: NOW })

/** What is told at once; an answer that waits fails. */
async function told(call: Call, after = 0): Promise<CallEvents> {
  const clock = new ManualClock()
  const answer = call.events(after, clock, never)
  await settled()
  assert.equal(clock.pending, 0, 'it waits')
  return answer
}

/** All answers until its end. */
async function toldToEnd(call: Call): Promise<CallEvents[]> {
  const answers = [await told(call)]
  for (let last = answers[0]; last?.outcome === null; answers.push(last)) last = await told(call, last.next)
  return answers
}

const progress = (why: string): NonNullable<ReportRequest['progress']> => ({
  event: 'progress',
  phase: 'waiting',
  bytes: 0,
  total: null,
  files: 0,
  filesTotal: null,
  bytesPerSecond: 0,
  etaSeconds: null,
  why,
  providers: []
})

describe('a call', () => {
  it('tells everything to whoever asks first, and to others what is newer', async () => {
    const call = newCall()
    call.report({ phase: 'running', state: { epoch: 1, lr: 0.1 }, logs: lines(2) })
    const all = await told(call)
    assert.deepEqual(
      [all.phase, all.state, texts(all), all.outcome],
      ['running', { epoch: 1, lr: 0.1 }, ['0', '1'], null]
    )
    call.report({ state: { epoch: 2 }, logs: lines(1, 2), progress: progress('a') })
    const { next, state, logs, progress: newest } = await told(call, all.next)
    assert.deepEqual([state, logs.map(({ text }) => text), newest?.why], [{ epoch: 2 }, ['2'], 'a'])
    assert.ok(next > all.next)
    const again = await told(call)
    assert.deepEqual([again.state, texts(again)], [{ epoch: 2, lr: 0.1 }, ['0', '1', '2']])
  })

  it('tells everything where the number is one that it has not reached', async () => {
    const call = newCall()
    call.report({ state: { a: 1 } })
    assert.deepEqual((await told(call, NOW * 2)).state, { a: 1 })
  })

  it('waits for something newer, and answers as soon as there is', async () => {
    const call = newCall()
    const clock = new ManualClock()
    const answer = call.events(NOW, clock, never)
    await settled()
    assert.equal(clock.pending, 1)
    call.report({ state: { a: null } })
    assert.deepEqual((await answer).state, { a: null })
    assert.equal(clock.pending, 0)
  })

  it('answers with nothing after a while, when it is let go, and never once its asker is gone', async () => {
    const call = newCall()
    const clock = new ManualClock()
    const gone = new AbortController()
    const [first, second] = [call.events(NOW, clock, never), call.events(NOW, clock, gone.signal)]
    await settled()
    gone.abort(new Error('gone'))
    await assert.rejects(second, /gone/)
    await clock.advance(CALL_EVENTS_MS)
    assert.deepEqual([(await first).next, (await first).state], [NOW, {}])
    const third = call.events(NOW, clock, never)
    await settled()
    call.release()
    assert.equal((await third).outcome, null)
    assert.equal(clock.pending, 0)
  })

  it('tells its end at once, and again', async () => {
    const call = newCall()
    call.finish({ ok: true, result: 7 })
    const { next, phase, outcome } = await told(call)
    assert.deepEqual([phase, outcome], ['done', { ok: true, result: 7 }])
    assert.deepEqual((await told(call, next)).outcome, outcome)
  })

  it('keeps the newest lines, and says to each asker how many of those it missed', async () => {
    const call = newCall()
    call.report({ logs: lines(CALL_LOG_LINES_MAX) })
    const first = await told(call)
    assert.deepEqual([first.logs.length, first.missed], [CALL_LOG_LINES_MAX, 0])
    call.report({ logs: lines(1, CALL_LOG_LINES_MAX) })
    const follower = await told(call, first.next)
    assert.deepEqual([texts(follower), follower.missed], [[String(CALL_LOG_LINES_MAX)], 0])
    const late = await told(call)
    assert.deepEqual([late.logs.length, late.missed, texts(late)[0]], [CALL_LOG_LINES_MAX, 1, '1'])
    for (let i = 0; i < 3; i++) call.report({ logs: lines(CALL_LOG_LINES_MAX) })
    const behind = await told(call, follower.next)
    assert.deepEqual([behind.logs.length, behind.missed], [CALL_LOG_LINES_MAX, 2 * CALL_LOG_LINES_MAX])
  })

  it('hands on what its host could not keep', async () => {
    const call = newCall()
    call.report({ missed: 5, logs: lines(1) })
    const { missed, next } = await told(call)
    assert.equal(missed, 5)
    call.report({ state: { a: 1 } })
    assert.equal((await told(call, next)).missed, 0)
  })

  it('keeps no more than so many characters of lines', async () => {
    const call = newCall()
    const long = line('x'.repeat(LOG_LINE_CHARS_MAX))
    const most = CALL_LOG_CHARS_MAX / LOG_LINE_CHARS_MAX
    call.report({ logs: Array.from({ length: most }, () => long) })
    assert.equal((await told(call)).missed, 0)
    call.report({ logs: [line('y')] })
    assert.equal((await told(call)).missed, 1)
  })

  it('tells much in several answers, each short enough, with the end in the last', async () => {
    const call = newCall()
    call.report({ state: { early: 1, big: 'x'.repeat(WORK_STATE_BYTES_MAX - 100) } })
    // Each of these characters takes six in JSON.
    const lines = Array.from({ length: 250 }, () => line('\u0001'.repeat(LOG_LINE_CHARS_MAX)))
    call.report({ logs: lines, state: { early: 2 } })
    call.report({ state: { late: true } })
    call.finish({ ok: true, result: null })
    const answers = await toldToEnd(call)
    assert.ok(answers.length > 5)
    for (const answer of answers) assert.ok(Buffer.byteLength(JSON.stringify(answer)) < API_LINE_BYTES_MAX)
    assert.deepEqual(
      answers.flatMap(({ logs }) => logs),
      lines
    )
    const states = answers.map(({ state }) => Object.keys(state))
    assert.deepEqual(states.flat().sort(), ['big', 'early', 'late'])
    assert.deepEqual([states[0]?.includes('late'), states.at(-1)], [false, ['late']])
  })

  it('takes a state up to its bound, counted over all reports, and nothing of a report past it', () => {
    const call = newCall()
    const room = WORK_STATE_BYTES_MAX - Buffer.byteLength('{"a":1,"ü":""}')
    call.report({ state: { a: 1, ü: 'x'.repeat(room) } })
    assert.equal(Buffer.byteLength(JSON.stringify(call.state())), WORK_STATE_BYTES_MAX)
    call.report({ state: { a: 2 } })
    assert.throws(() => call.report({ state: { a: 33 } }), failsWith('TOO_LARGE', /the state of w is 262145 bytes/))
    assert.equal(call.state()['a'], 2)
  })

  it('takes progress up to its bound, and nothing of a report past it', () => {
    const call = newCall()
    const room = CALL_PROGRESS_BYTES_MAX - Buffer.byteLength(JSON.stringify(progress('')))
    call.report({ progress: progress('x'.repeat(room)) })
    assert.throws(
      () => call.report({ state: { a: 1 }, progress: progress('x'.repeat(room + 1)) }),
      failsWith('TOO_LARGE', /progress/)
    )
    assert.deepEqual(call.state(), {})
  })
})
