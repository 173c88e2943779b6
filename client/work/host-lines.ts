// What a process prints, as lines: UTF-8 that arrives in pieces, progress bars that go back to the start of their line, lines that never
// end, and the mark behind what a call printed, which is shown to nobody. Holds one line at most.

import { StringDecoder } from 'node:string_decoder'
import { LOG_LINE_CHARS_MAX } from '../../proto/limits.ts'

/** How a line ends: by itself, or by an `endMark`. */
const END = /\0pathmesh:([\w-]+)\n|\r\n|\n|\r/g
/** What may be the beginning of an end of which the rest has not come. */
const OPEN = /(?:\r|\0[\w:-]{0,80})$/

export interface Printed {
  readonly onLine: (text: string) => void
  /** All that the call of this id printed is told by then. */
  readonly onMark: (id: string) => void
}

export class PrintedLines {
  readonly #decoder = new StringDecoder('utf8')
  readonly #told: Printed
  #rest = ''

  constructor(told: Printed) {
    this.#told = told
  }

  push(bytes: Buffer): void {
    const text = this.#rest + this.#decoder.write(bytes)
    const open = OPEN.exec(text)?.index ?? text.length
    let start = 0
    for (const { index, 0: end, 1: mark } of text.slice(0, open).matchAll(END)) {
      const line = text.slice(start, index)
      start = index + end.length
      // A progress bar begins with one as often as it ends with one.
      const isPrinted = end !== '\r' && mark === undefined
      if (isPrinted || line !== '') this.#emit(line)
      if (mark !== undefined) this.#told.onMark(mark)
    }
    this.#rest = this.#emitFull(text.slice(start, open)) + text.slice(open)
  }

  /** What came without an end of its line is one now. */
  flush(): void {
    const rest = this.#rest.replace(/\r$/, '')
    this.#rest = ''
    if (rest !== '') this.#emit(rest)
  }

  #emit(line: string): void {
    this.#told.onLine(this.#emitFull(line))
  }

  /** Emits what is beyond one line's bound, in pieces of it; gives the rest. */
  #emitFull(line: string): string {
    let rest = line
    while (rest.length > LOG_LINE_CHARS_MAX) {
      const last = rest.charCodeAt(LOG_LINE_CHARS_MAX - 1)
      const end = last >= 0xd800 && last < 0xdc00 ? LOG_LINE_CHARS_MAX - 1 : LOG_LINE_CHARS_MAX
      this.#told.onLine(rest.slice(0, end))
      rest = rest.slice(end)
    }
    return rest
  }
}
