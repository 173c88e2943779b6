// The stream by which a daemon tells a host what to do, for as long as it hosts: opened again when it breaks, which the daemon may do
// at any time. Refuses to go on where the work is hosted by somebody else by then.

import { hasCode, PathmeshError } from '../../proto/errors.ts'
import { ASK_AGAIN_MAX_MS, ASK_AGAIN_MS } from '../../proto/limits.ts'
import type { HostLine, HostRequest } from '../../proto/works-api.ts'
import type { CallOptions } from '../calls.ts'
import { hasPassed } from './host-pause.ts'

export interface HostStreamParts {
  readonly host: (body: HostRequest, options: CallOptions) => AsyncIterable<HostLine>
  readonly request: HostRequest
  /** Id of the call that runs at the moment. */
  readonly running: () => string | undefined
  /** Told, with the reason, each time that the stream broke. */
  readonly onBroken: (error: unknown) => void
  /** Ends it. */
  readonly signal: AbortSignal
}

/**
 * Yields the daemon's lines, `hosting` first and again after each break. Ends when it is aborted. Throws what keeps it from the first
 * `hosting`; later only WORK_IN_USE, DENIED and INVALID_ARGUMENT, and where another node answers.
 */
export async function* hostLines({
  host,
  request: { takeOver = false, ...request },
  running,
  onBroken,
  signal
}: HostStreamParts): AsyncGenerator<HostLine, void, undefined> {
  let origin: string | undefined
  let againMs = ASK_AGAIN_MS
  while (!signal.aborted) {
    const id = running()
    // It is taken over once: whoever takes it back keeps it.
    const first = origin === undefined && takeOver ? { takeOver } : {}
    try {
      for await (const line of host(
        { ...request, ...first, ...(id === undefined ? {} : { running: id }) },
        { signal }
      )) {
        if (line.event === 'hosting') {
          checkOrigin(origin, line.origin)
          origin = line.origin
          againMs = ASK_AGAIN_MS
        }
        yield line
      }
      onBroken(new PathmeshError('DAEMON_UNREACHABLE', 'the daemon ended the stream of its calls: it is stopping'))
    } catch (error) {
      if (signal.aborted) return
      const isFinal = hasCode(error, 'WORK_IN_USE', 'DENIED', 'INVALID_ARGUMENT')
      if (origin === undefined || isFinal) throw error
      onBroken(error)
    }
    await hasPassed(againMs, signal)
    againMs = Math.min(2 * againMs, ASK_AGAIN_MAX_MS)
  }
}

function checkOrigin(before: string | undefined, now: string): void {
  if (before === undefined || before === now) return
  throw new PathmeshError(
    'INVALID_ARGUMENT',
    `the daemon on this socket is ${now} now, and was ${before} when the work was hosted: host it again`
  )
}
