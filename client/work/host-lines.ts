// What a process prints, as lines: UTF-8 that arrives in pieces, progress bars that go back to the start of their line, lines that never
// end. Holds one line at most.

import { StringDecoder } from 'node:string_decoder'
import { LOG_LINE_CHARS_MAX } from '../../proto/limits.ts'

const LINE_END = /\r\n|\n|\r/g

export class PrintedLines {
  readonly #decoder = new StringDecoder('utf8')
  readonly #onLine: (text: string) => void
  #rest = ''
  /** A carriage return that came last: a newline behind it is of the same end. */
  #held = ''

  constructor(onLine: (text: string) => void) {
    this.#onLine = onLine
  }

  push(bytes: Buffer): void {
    this.#split(this.#decoder.write(bytes))
  }

  /** What came without an end of its line is one now. */
  flush(): void {
    const rest = this.#rest
    this.#rest = ''
    this.#held = ''
    if (rest !== '') this.#emit(rest)
  }

  #split(decoded: string): void {
    if (decoded === '') return
    const whole = this.#held + decoded
    this.#held = whole.endsWith('\r') ? '\r' : ''
    const text = whole.slice(0, whole.length - this.#held.length)
    let start = 0
    for (const { index, 0: end } of text.matchAll(LINE_END)) {
      const line = this.#rest + text.slice(start, index)
      this.#rest = ''
      start = index + end.length
      // A progress bar begins with one as often as it ends with one.
      if (end !== '\r' || line !== '') this.#emit(line)
    }
    this.#rest += text.slice(start)
    if (this.#rest.length > LOG_LINE_CHARS_MAX) this.#rest = this.#emitFull(this.#rest)
  }

  #emit(line: string): void {
    this.#onLine(this.#emitFull(line))
  }

  /** Emits what is beyond one line's bound, in pieces of it; gives the rest. */
  #emitFull(line: string): string {
    let rest = line
    while (rest.length > LOG_LINE_CHARS_MAX) {
      const last = rest.charCodeAt(LOG_LINE_CHARS_MAX - 1)
      const end = last >= 0xd800 && last < 0xdc00 ? LOG_LINE_CHARS_MAX - 1 : LOG_LINE_CHARS_MAX
      this.#onLine(rest.slice(0, end))
      rest = rest.slice(end)
    }
    return rest
  }
}
