// Reports of a call: their order, their bounds, and what becomes of those that the daemon does not take.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { CallReports, type ReportParts } from '../../../client/work/host-reports.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import { API_BODY_BYTES_MAX, CALL_LOG_LINES_MAX, LOG_LINE_CHARS_MAX } from '../../../proto/limits.ts'
import type { ReportRequest } from '../../../proto/works-api.ts'

const ID = 'call-of-the-test'
const DONE = { outcome: { ok: true as const, result: 1 }, state: {} }

function reportsTo(taken: ReportRequest[], more: Partial<ReportParts> = {}, stop = new AbortController()): CallReports {
  const parts = {
    report: async (body: ReportRequest) => void taken.push(body),
    isHosting: () => true,
    onDisowned: () => undefined,
    ...more
  }
  return new CallReports(ID, parts, stop.signal)
}

describe('reports of a call', () => {
  it('merge what came meanwhile, the newest of each, and end with the outcome', async () => {
    const taken: ReportRequest[] = []
    const reports = reportsTo(taken)
    reports.add({ phase: 'fetching', state: { a: 1, b: 1 } })
    reports.log({ stream: 'stdout', text: 'one' })
    reports.add({ phase: 'running', state: { a: 2 } })
    await reports.finish({ ...DONE, state: { c: 3 } })
    const logs = [{ stream: 'stdout', text: 'one' }]
    assert.deepEqual(taken, [{ id: ID, phase: 'running', state: { a: 2, b: 1, c: 3 }, logs, outcome: DONE.outcome }])
  })

  it('leave out the oldest of too many lines, and say how many; each is shorter than a request may be', async () => {
    const taken: ReportRequest[] = []
    const reports = reportsTo(taken)
    for (let at = 0; at < CALL_LOG_LINES_MAX + 2; at++)
      reports.log({ stream: 'stderr', text: String(at).padEnd(LOG_LINE_CHARS_MAX, '\u0001') })
    await reports.finish(DONE)
    assert.equal(taken[0]?.missed, 2)
    const lines = taken.flatMap(({ logs = [] }) => logs.map(({ text }) => Number.parseInt(text, 10)))
    assert.deepEqual(
      lines,
      Array.from({ length: CALL_LOG_LINES_MAX }, (_, at) => at + 2)
    )
    assert.ok(taken.every(body => JSON.stringify(body).length < API_BODY_BYTES_MAX))
    assert.deepEqual(
      taken.map(({ outcome }) => outcome !== undefined),
      taken.map((_, at) => at === taken.length - 1)
    )
  })

  it('tell why, where the daemon refuses an outcome for good', async () => {
    const taken: ReportRequest[] = []
    const reports = reportsTo(taken, {
      report: async body => {
        if (body.outcome?.ok === true) throw new PathmeshError('TOO_LARGE', 'the state is too large')
        taken.push(body)
      }
    })
    await reports.finish({ ...DONE, state: { a: 1 } })
    assert.equal(taken.length, 1)
    assert.ok(taken[0]?.outcome?.ok === false)
    assert.deepEqual([taken[0].outcome.error.code, taken[0].state], ['TOO_LARGE', undefined])
  })

  it('end where the daemon that has this host does not know the call; one that does not have it is asked again', async () => {
    let asked = 0
    let disowned = 0
    const reports = reportsTo([], {
      report: async () => {
        asked++
        throw new PathmeshError('NOT_FOUND', 'no such call')
      },
      isHosting: () => asked > 1,
      onDisowned: () => disowned++
    })
    await reports.finish(DONE)
    assert.deepEqual([asked, disowned], [4, 1])
  })

  it('end when hosting does', async () => {
    const stop = new AbortController()
    const away = async (): Promise<never> => {
      stop.abort()
      throw new PathmeshError('DAEMON_UNREACHABLE', 'nobody listens')
    }
    await reportsTo([], { report: away }, stop).finish(DONE)
  })
})
