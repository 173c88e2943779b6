// What a process prints, while it runs and after its end: its lines as they come, how far they are read, and what it said last. What
// it says beside its streams overtakes them. Waits for nothing that does not come.

import type { ChildProcess } from 'node:child_process'
import type { LogLine } from '../../proto/works-api.ts'
import { PrintedLines } from './host-lines.ts'

/** Without a byte: whoever closed a stream, or holds it open, sends no mark, or no end. */
const SILENT_MS = 1_000
/** In all: what the process has started may print for ever. */
const LINES_MS = 10 * SILENT_MS
/** What an error message shows of what it said last. */
const LAST_LINES = 20
const LAST_CHARS = 2_000
const STREAMS = ['stdout', 'stderr'] as const

export class Output {
  readonly #child: ChildProcess
  readonly #lines: readonly PrintedLines[]
  readonly #lastErrors: string[] = []
  /** Id of the last call of which all is read, for each stream. */
  readonly #marks = new Map<string, string>()
  readonly #waiting = new Set<() => void>()
  #isClosed = false

  constructor(child: ChildProcess, onLine: (line: LogLine) => void) {
    this.#child = child
    this.#lines = STREAMS.map(stream => {
      const printed = new PrintedLines({
        onLine: text => {
          if (stream === 'stderr') this.#lastErrors.push(text)
          if (this.#lastErrors.length > LAST_LINES) this.#lastErrors.shift()
          onLine({ stream, text })
        },
        onMark: id => void this.#marks.set(stream, id)
      })
      child[stream]?.on('data', (bytes: Buffer) => {
        printed.push(bytes)
        this.#came()
      })
      return printed
    })
    child.once('close', () => {
      this.#isClosed = true
      this.#came()
    })
  }

  /** What it printed last as errors; empty where nothing. */
  get lastWords(): string {
    return this.#lastErrors.join('\n').slice(-LAST_CHARS)
  }

  /** Resolves when all is read that a call printed. */
  async readTo(id: string): Promise<void> {
    await this.#reading(() => STREAMS.every(stream => this.#marks.get(stream) === id))
  }

  /** Resolves when all is read of a process that has ended; nothing is told afterwards. */
  async readToEnd(): Promise<void> {
    await this.#reading(() => false)
    for (const stream of STREAMS) this.#child[stream]?.destroy()
    for (const printed of this.#lines) printed.flush()
  }

  #came(): void {
    for (const look of this.#waiting) look()
  }

  /** Until `isRead`, or the end of both streams; or nothing comes any more. */
  #reading(isRead: () => boolean): Promise<void> {
    return new Promise(resolve => {
      const until = performance.now() + LINES_MS
      let pieces = 0
      const silent = setTimeout(() => {
        const before = pieces
        // A program that was busy meets its timers before its pipes.
        setImmediate(() => (pieces === before ? done() : silent.refresh()))
      }, SILENT_MS)
      const look = (): void => {
        pieces++
        if (this.#isClosed || isRead() || performance.now() > until) done()
        else silent.refresh()
      }
      const done = (): void => {
        clearTimeout(silent)
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }
}
