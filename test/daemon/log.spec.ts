// The log: a JSON object a line, no more of one event in a second than can be read, and never without saying so.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { createLog } from '../../daemon/log.ts'
import { PathmeshError } from '../../proto/errors.ts'

function logged(least: 'debug' | 'info' | 'warn' | 'error' = 'debug') {
  const lines: string[] = []
  const at = { time: 1_700_000_000_000 }
  const log = createLog(
    line => lines.push(line),
    least,
    () => at.time
  )
  const read = () => lines.map((line): Record<string, unknown> => JSON.parse(line))
  return { log, at, lines, read }
}

describe('the log', () => {
  it('writes one object a line, with time, level, event and facts', () => {
    const { log, lines, read } = logged()
    log.info('peer connected', { peer: 'x\ny', bytes: 12n })
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', /^[^\n]+\n$/)
    assert.deepEqual(read(), [
      { time: '2023-11-14T22:13:20.000Z', level: 'info', event: 'peer connected', peer: 'x\ny', bytes: '12' }
    ])
  })

  it('leaves out what is below its level', () => {
    const { log, read } = logged('warn')
    for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level]('event')
    assert.deepEqual(
      read().map(({ level }) => level),
      ['warn', 'error']
    )
  })

  it('writes an error as its name, message and code', () => {
    const { log, read } = logged()
    log.error('failed', { error: new PathmeshError('IO', 'the disk') })
    assert.deepEqual(read()[0]?.['error'], { name: 'PathmeshError', message: 'the disk', code: 'IO' })
  })

  it('writes 20 lines of an event in a second, then says how many it left out', () => {
    const { log, at, read } = logged()
    for (let i = 0; i < 1000; i++) log.warn('flood', { i })
    log.warn('another')
    assert.equal(read().length, 21)
    at.time += 1000
    log.warn('flood')
    log.warn('flood')
    assert.deepEqual(
      read()
        .slice(21)
        .map(({ leftOut }) => leftOut),
      [980, undefined]
    )
  })
})
