// Where a command writes: data to stdout, talk to stderr, one progress line on a terminal. Knows JSON from text; a reader that
// hangs up (`| head`) ends the command quietly.

import type { Progress } from '../../proto/api.ts'
import { errno, type PathmeshError } from '../../proto/errors.ts'
import { escapeLine, escapeText } from './escape.ts'
import type { Io, Screen } from './io.ts'
import { progressText } from './progress-text.ts'

export interface OutputOptions {
  readonly json: boolean
}

export class Output {
  readonly json: boolean
  readonly stdout: Screen
  readonly #stderr: Screen
  readonly #hungUp = new AbortController()
  #shown = false

  constructor(io: Pick<Io, 'stdout' | 'stderr'>, { json }: OutputOptions) {
    this.json = json
    this.stdout = io.stdout
    this.#stderr = io.stderr
    this.stdout.on('error', this.#onError)
  }

  /** Aborted when nobody reads stdout any more. */
  get hungUp(): AbortSignal {
    return this.#hungUp.signal
  }

  /** One JSON value on a line of stdout. */
  async value(value: unknown): Promise<void> {
    await this.data(`${JSON.stringify(value)}\n`)
  }

  /** Text on stdout, as it is; waits while the reader is behind. */
  async data(text: string): Promise<void> {
    this.#erase()
    if (this.#hungUp.signal.aborted || this.stdout.write(text)) return
    await new Promise<void>(resolve => {
      const go = () => {
        this.stdout.off('drain', go).off('close', go).off('error', go)
        resolve()
      }
      this.stdout.on('drain', go).on('close', go).on('error', go)
    })
  }

  /** A remark on stderr, for people: not with --json. */
  talk(text: string): void {
    if (this.json) return
    this.#erase()
    this.#stderr.write(`${escapeText(text)}\n`)
  }

  /** A failure on stderr. `ref` says which of several arguments failed. */
  failure({ code, message, retryable, details }: PathmeshError, ref?: string): void {
    this.#erase()
    if (this.json) {
      const error = {
        code,
        message,
        retryable,
        ...(details === undefined ? {} : { details }),
        ...(ref === undefined ? {} : { ref })
      }
      this.#stderr.write(`${JSON.stringify({ error })}\n`)
    } else this.#stderr.write(`pathmesh: ${escapeText(message)} [${code}]\n`)
  }

  /** Shows how far something is: an event with --json (when `events`), else one line, on a terminal only. */
  progress(progress: Progress, events: boolean): void {
    if (this.json) {
      if (events) this.stdout.write(`${JSON.stringify(progress)}\n`)
    } else this.live(progressText(progress))
  }

  /** One line for people that the next one overwrites, on a terminal only. */
  live(text: string): void {
    if (this.json || this.#stderr.isTTY !== true) return
    const width = Math.max(20, (this.#stderr.columns ?? 80) - 1)
    this.#stderr.write(`\r${escapeLine(text).slice(0, width)}\u001b[K`)
    this.#shown = true
  }

  close(): void {
    this.#erase()
    this.stdout.off('error', this.#onError)
  }

  #erase(): void {
    if (!this.#shown) return
    this.#shown = false
    this.#stderr.write('\r\u001b[K')
  }

  readonly #onError = (error: Error): void => {
    this.#hungUp.abort(errno(error) === 'EPIPE' ? new HungUp() : error)
  }
}

/** The reason of an abort because stdout has no reader. */
export class HungUp extends Error {
  override readonly name = 'HungUp'

  constructor() {
    super('nobody reads the output')
  }
}
