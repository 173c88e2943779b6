// Lines of what a process prints, however it arrives; and what a process inherits of the arguments of Node.

import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { inheritedArguments } from '../../../client/work/host-exec.ts'
import { PrintedLines } from '../../../client/work/host-lines.ts'
import { endMark } from '../../../client/work/messages.ts'
import { LOG_LINE_CHARS_MAX } from '../../../proto/limits.ts'

const MARK = endMark('call-of-the-test')

/** Lines as they are, and marks as ids in brackets. */
function linesOf(...pieces: readonly (string | Buffer)[]): string[] {
  const lines: string[] = []
  const printed = new PrintedLines({ onLine: line => lines.push(line), onMark: id => lines.push(`[${id}]`) })
  for (const piece of pieces) printed.push(Buffer.from(piece))
  printed.flush()
  return lines
}

describe('printed lines', () => {
  it('are the same however the bytes arrive', () => {
    const text = fc.array(fc.constantFrom('a', 'é', '🦊', '\n', '\r', '\r\n', '\0', MARK), { maxLength: 30 })
    fc.assert(
      fc.property(text, fc.array(fc.nat(200), { maxLength: 5 }), (parts, cuts) => {
        const bytes = Buffer.from(parts.join(''))
        const ends = [...cuts.map(cut => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b)
        const pieces = ends.map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end))
        assert.deepEqual(linesOf(...pieces), linesOf(bytes))
      })
    )
  })

  it('end where a progress bar begins again; an empty one is kept only where it was printed as one', () => {
    assert.deepEqual(linesOf('\r10%\r20%\r\n', '\nrest'), ['10%', '20%', '', 'rest'])
  })

  it('end at a mark, which is shown to nobody, also behind half a line and a full one', () => {
    const full = 'x'.repeat(LOG_LINE_CHARS_MAX)
    const text = `one\n${MARK}two${MARK}${full}${MARK}\r${MARK}\0`
    const read = [
      'one',
      '[call-of-the-test]',
      'two',
      '[call-of-the-test]',
      full,
      '[call-of-the-test]',
      '[call-of-the-test]'
    ]
    assert.deepEqual(linesOf(text), [...read, '\0'])
    const almost = 'x'.repeat(LOG_LINE_CHARS_MAX - 1)
    assert.deepEqual(linesOf(almost, ...MARK.split('')), [almost, '[call-of-the-test]'])
    assert.deepEqual(linesOf(...text.split('')), [...read, '\0'])
  })

  it(`are cut at ${LOG_LINE_CHARS_MAX} characters, and between characters`, () => {
    assert.deepEqual(linesOf(`${'x'.repeat(LOG_LINE_CHARS_MAX)}\n`).length, 1)
    const lines = linesOf(`${'x'.repeat(LOG_LINE_CHARS_MAX - 1)}🦊`)
    assert.deepEqual(
      lines.map(({ length }) => length),
      [LOG_LINE_CHARS_MAX - 1, 2]
    )
  })
})

describe('the arguments of a process', () => {
  it('are those of its program, without debugger and code to evaluate', () => {
    const loader = ['--import', 'tsx', '--enable-source-maps']
    assert.deepEqual(inheritedArguments(['--inspect-brk=9229', ...loader, '--inspect']), loader)
    assert.deepEqual(inheritedArguments(['--inspect-port', '9230', ...loader, '-e', 'go()']), loader)
    assert.deepEqual(inheritedArguments(['--eval=go()', '-p', '1 + 1', '--print', ...loader]), loader)
  })
})
