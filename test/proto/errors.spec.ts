// The table of errors and the forms an error takes.

import assert from 'node:assert/strict'
import { ERRORS, isErrorCode, PathmeshError, toPathmeshError } from '../../proto/errors.ts'

describe('PathmeshError', () => {
  it('comes back from its problem document', () => {
    const error = new PathmeshError('NO_PROVIDERS', 'nobody has it', { details: { asked: 2 } })
    const back = PathmeshError.fromProblem(JSON.parse(JSON.stringify(error.toProblem())))
    assert.deepEqual(
      [back.code, back.message, back.retryable, back.details],
      ['NO_PROVIDERS', 'nobody has it', true, { asked: 2 }]
    )
  })

  it('makes an INTERNAL error of anything that is no problem document', () => {
    for (const body of [
      undefined,
      null,
      'x',
      {},
      { code: '__proto__', detail: 'x' },
      { code: 'NOT_FOUND', detail: 1 }
    ]) {
      assert.equal(PathmeshError.fromProblem(body).code, 'INTERNAL')
    }
  })

  it('has only exit statuses that the command documents', () => {
    for (const { exit } of Object.values(ERRORS)) assert.ok([1, 2, 3, 4, 6, 7, 130].includes(exit))
    assert.ok(!isErrorCode('constructor') && isErrorCode('TIMEOUT'))
  })

  it('is made of system errors, aborts and deadlines', () => {
    const code = (error: unknown): string => toPathmeshError(error, 'test').code
    assert.equal(code(Object.assign(new Error('x'), { code: 'ENOSPC' })), 'NO_SPACE')
    assert.equal(code(Object.assign(new Error('x'), { code: 'EIO' })), 'IO')
    assert.equal(code(new DOMException('x', 'AbortError')), 'ABORTED')
    assert.equal(code(new DOMException('x', 'TimeoutError')), 'TIMEOUT')
    assert.equal(code('x'), 'INTERNAL')
  })
})
