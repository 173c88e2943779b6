// The newest lines that a run printed, each with the number it was told under, and how many were lost before them. Bounded in
// lines and in characters; the oldest go first.

import { CALL_LOG_CHARS_MAX, CALL_LOG_LINES_MAX } from '../../proto/limits.ts'
import type { LogLine } from '../../proto/works-api.ts'
import { jsonBytes } from './bounds.ts'

/** Lines of consecutive numbers that were lost; or several of one number, as their host tells of them. */
interface Loss {
  readonly from: number
  readonly to: number
  readonly count: number
}

/** Places where lines were lost that are told apart; earlier ones are counted together. */
const LOSSES = CALL_LOG_LINES_MAX

export interface LogPart {
  readonly logs: LogLine[]
  /** The number of the last line, where lines behind it did not fit; else undefined. */
  readonly cutAt: number | undefined
}

export class LogRing {
  readonly #lines: { readonly number: number; readonly line: LogLine }[] = []
  #chars = 0
  readonly #losses: Loss[] = []
  /** Lines lost before the first of #losses. */
  #lostBefore = 0

  push(line: LogLine, number: number): void {
    this.#lines.push({ number, line })
    this.#chars += line.text.length
    while (this.#lines.length > CALL_LOG_LINES_MAX || this.#chars > CALL_LOG_CHARS_MAX) {
      const oldest = this.#lines.shift()
      if (oldest === undefined) return
      this.#chars -= oldest.line.text.length
      this.lose(1, oldest.number)
    }
  }

  /** Notes that lines of this number were lost. */
  lose(count: number, number: number): void {
    if (count === 0) return
    // A loss that the host tells of may be newer than the lines that the ring gives up.
    const at = this.#losses.findLastIndex(({ to }) => to <= number)
    const before = this.#losses[at]
    if (before !== undefined && count === 1 && before.to === number - 1 && isDense(before))
      this.#losses[at] = { from: before.from, to: number, count: before.count + 1 }
    else this.#losses.splice(at + 1, 0, { from: number, to: number, count })
    if (this.#losses.length > LOSSES) this.#lostBefore += this.#losses.shift()?.count ?? 0
  }

  /** Lines above a number, until their JSON is so long; one at least, if there is one. */
  after(number: number, mostBytes: number): LogPart {
    const logs: LogLine[] = []
    let bytes = 0
    let last = number
    for (const next of this.#lines) {
      if (next.number <= number) continue
      bytes += jsonBytes(next.line) + 1
      if (logs.length > 0 && bytes > mostBytes) return { logs, cutAt: last }
      logs.push(next.line)
      last = next.number
    }
    return { logs, cutAt: undefined }
  }

  /** Lines lost above `from`, up to `to`: at least so many, where more is lost than is told apart. */
  missed(from: number, to: number): number {
    const [first] = this.#losses
    const before = first !== undefined && from < first.from - 1 ? this.#lostBefore : 0
    return this.#losses.reduce((sum, loss) => sum + lostIn(loss, from, to), before)
  }
}

const isDense = ({ from, to, count }: Loss): boolean => count === to - from + 1

function lostIn(loss: Loss, above: number, to: number): number {
  if (!isDense(loss)) return loss.to > above && loss.to <= to ? loss.count : 0
  return Math.max(0, Math.min(loss.to, to) - Math.max(loss.from - 1, above))
}
