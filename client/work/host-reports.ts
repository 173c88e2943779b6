// What a host tells its daemon of one call: in order, one report at a time, news of some moments in one. The outcome is told again and
// again until the daemon has taken it. Bounded, whatever the Work prints and however long the daemon is away.

import { toPathmeshError, type PathmeshError } from '../../proto/errors.ts'
import { ASK_AGAIN_MAX_MS, ASK_AGAIN_MS, CALL_LOG_LINES_MAX, REPORT_AGAIN_MS, REPORT_MS } from '../../proto/limits.ts'
import type { LogLine, ReportRequest } from '../../proto/works-api.ts'
import type { CallOptions } from '../calls.ts'
import { hasPassed } from './host-pause.ts'
import type { News, Over } from './messages.ts'
import { failure } from './outcome.ts'
import type { Json } from './state.ts'

/** Bytes of the lines in one report: with the state and the result well below what a request may have. */
const LINES_BYTES_MAX = 256 * 1024
/** Refusals of a call that is not known, from a daemon that has this host, until it is believed. */
const UNKNOWN_TIMES = 3

export interface ReportParts {
  readonly report: (body: ReportRequest, options: CallOptions) => Promise<void>
  /** Whether the daemon knows this host at the moment: one that was restarted knows none of its calls before. */
  readonly isHosting: () => boolean
  /** Told when the daemon says that nobody waits for this call any more. */
  readonly onDisowned: () => void
}

export class CallReports {
  readonly #id: string
  readonly #parts: ReportParts
  readonly #signal: AbortSignal
  #news: News = {}
  #lines: LogLine[] = []
  #missed = 0
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> = Promise.resolve()
  #isSending = false
  #isFinishing = false
  #isDisowned = false

  /** `signal`: nothing is told any more. */
  constructor(id: string, parts: ReportParts, signal: AbortSignal) {
    this.#id = id
    this.#parts = parts
    this.#signal = signal
  }

  /** The newest of each attribute, and of the phase and the progress, is told soon. */
  add({ state, ...news }: News): void {
    const known: Readonly<Record<string, Json>> = { ...this.#news.state, ...state }
    this.#news = { ...this.#news, ...news, ...(Object.keys(known).length === 0 ? {} : { state: known }) }
    this.#soon()
  }

  /** Lines beyond the bound are counted: the oldest are left out. */
  log(line: LogLine): void {
    this.#lines.push(line)
    if (this.#lines.length > CALL_LOG_LINES_MAX) {
      this.#lines.shift()
      this.#missed++
    }
    this.#soon()
  }

  /** Tells the outcome, behind all else. Resolves when it was taken, or cannot be told: the daemon has said so, or is gone for long. */
  async finish({ outcome, state }: Over): Promise<void> {
    this.#isFinishing = true
    this.add({ state })
    clearTimeout(this.#timer)
    await this.#sending
    while (this.#hasMoreThanOne()) await this.#send(this.#taken())
    const last = { ...this.#taken(), outcome }
    const refused = await this.#send(last)
    if (refused === undefined) return
    await this.#send({ id: this.#id, outcome: failure(refused) })
  }

  #soon(): void {
    if (this.#isFinishing || this.#isSending || this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#sending = this.#sendAll()
    }, REPORT_MS)
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true
    await this.#send(this.#taken())
    this.#isSending = false
    if (this.#lines.length > 0 || this.#missed > 0 || Object.keys(this.#news).length > 0) this.#soon()
  }

  #hasMoreThanOne(): boolean {
    return this.#lines.length > linesThatFit(this.#lines)
  }

  #taken(): ReportRequest {
    const logs = this.#lines.splice(0, linesThatFit(this.#lines))
    const missed = this.#missed
    const news = this.#news
    this.#missed = 0
    this.#news = {}
    return { id: this.#id, ...news, ...(logs.length === 0 ? {} : { logs }), ...(missed === 0 ? {} : { missed }) }
  }

  /** Resolves to why it was refused for good; to nothing once it was taken, or nobody is left to take it. */
  async #send(body: ReportRequest): Promise<PathmeshError | undefined> {
    const until = performance.now() + REPORT_AGAIN_MS
    let waitMs = ASK_AGAIN_MS
    let unknown = 0
    while (!this.#isDisowned && !this.#signal.aborted && performance.now() < until) {
      try {
        await this.#parts.report(body, { signal: this.#signal })
        return undefined
      } catch (error) {
        if (this.#signal.aborted) return undefined
        const refusal = toPathmeshError(error, 'the report was refused')
        const isUnknown = refusal.code === 'NOT_FOUND'
        if (!isUnknown && !refusal.retryable) return refusal
        if (isUnknown && this.#parts.isHosting() && ++unknown === UNKNOWN_TIMES) return this.#disown()
      }
      await hasPassed(waitMs, this.#signal)
      waitMs = Math.min(2 * waitMs, ASK_AGAIN_MAX_MS)
    }
    return undefined
  }

  #disown(): undefined {
    this.#isDisowned = true
    this.#parts.onDisowned()
  }
}

function linesThatFit(lines: readonly LogLine[]): number {
  let bytes = 0
  const over = lines.findIndex(line => (bytes += Buffer.byteLength(JSON.stringify(line))) > LINES_BYTES_MAX)
  return over === -1 ? lines.length : over
}
