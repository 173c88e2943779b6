// Waiting for a name that nobody has published yet: looks again whenever something changes that it is, or lies in.

import type { Catalogue } from '../catalogue/catalogue.ts'
import type { Clock } from '../clock.ts'
import { withDeadline } from '../deadline.ts'
import type { Write } from '../store/database.ts'
import type { Progress } from '../../proto/api.ts'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import { parseRef } from '../../proto/ref.ts'
import { progressOf } from './fetch.ts'

export interface WaitParts {
  readonly catalogue: Catalogue<Write>
  readonly clock: Clock
}

/** Runs until it finds something, at most so long; TIMEOUT then. What it throws else is thrown. */
export async function untilPublished<T>(
  text: string,
  waitMs: number,
  run: () => Promise<T>,
  { catalogue, clock }: WaitParts,
  signal: AbortSignal,
  onProgress: (progress: Progress) => void
): Promise<T> {
  const ref = parseRef(text)
  const path = ref.type === 'name' ? `${ref.work}/${ref.path}` : undefined
  const until = clock.monotonic() + waitMs
  for (;;) {
    const { position } = catalogue.feed
    try {
      return await run()
    } catch (error) {
      if (!hasCode(error, 'NOT_FOUND', 'NOT_SYNCED') || path === undefined) throw error
      onProgress(progressOf({ phase: 'waiting', why: `nobody has published ${text} yet` }))
      const left = until - clock.monotonic()
      const late = new PathmeshError('TIMEOUT', `${text} was not published within ${waitMs / 1000} s`, { cause: error })
      if (left <= 0) throw late
      await withDeadline(clock, left, `waiting for ${text}`, signal, inner =>
        changed(path, position, catalogue, inner)
      ).catch((reason: unknown) => {
        signal.throwIfAborted()
        throw hasCode(reason, 'TIMEOUT') ? late : reason
      })
    }
  }
}

/** Resolves when something was published since that `path` is, or lies in. */
async function changed(path: string, position: number, { feed }: Catalogue<Write>, signal: AbortSignal): Promise<void> {
  for await (const change of feed.after(position, signal)) {
    if (change.type === 'gap') return
    const { name } = change.signed.record
    if (path === name || path.startsWith(`${name}/`)) return
  }
  signal.throwIfAborted()
}
