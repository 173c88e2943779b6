// What publishing a Work's Payloads and Paths has in common: where the Work is at home, and that its daemon may be restarted in the
// middle of a run. Publishes nothing itself.

import { hasCode, PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { ASK_AGAIN_MAX_MS, ASK_AGAIN_MS, REPORT_AGAIN_MS } from '../../proto/limits.ts'
import type { Mesh } from '../mesh.ts'
import { hasPassed } from './host-pause.ts'
import type { Work } from './work.ts'

/** Bound on what one run publishes at the same time. */
export const AT_ONCE = 8

/** A Work in its process, and where it is at home. */
export interface AtHome {
  readonly work: Work
  readonly mesh: Mesh
  /** Absolute path of the folder of its work. */
  readonly folder: string
}

/**
 * What `publish` resolves to, which is tried again while no daemon answers, for as long as a host tells an outcome; once only from
 * `hurry` on. An error keeps its code, and says that it is about `what`.
 */
export async function publishing<T>(what: string, publish: () => Promise<T>, hurry: AbortSignal): Promise<T> {
  const until = performance.now() + REPORT_AGAIN_MS
  for (let waitMs = ASK_AGAIN_MS; ; waitMs = Math.min(2 * waitMs, ASK_AGAIN_MAX_MS)) {
    try {
      return await publish()
    } catch (error) {
      const isAway = hasCode(error, 'DAEMON_UNREACHABLE', 'TIMEOUT') && performance.now() < until
      if (!isAway || !(await hasPassed(waitMs, hurry))) throw failed(what, error)
    }
  }
}

function failed(what: string, error: unknown): PathmeshError {
  const { code, message, details } = toPathmeshError(error, 'it failed')
  return new PathmeshError(code, `${what} cannot be published: ${message}`, {
    cause: error,
    ...(details === undefined ? {} : { details })
  })
}
