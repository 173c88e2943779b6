// One question to several peers, the likeliest first: the next is asked when the one before it has nothing, or takes its time. The
// first answer counts, and the others are called off.

import type { Clock } from '../clock.ts'
import { HEDGE_MS } from '../../proto/limits.ts'

/** The first answer that is one; undefined where no peer has any. Throws what `ask` throws, and the signal's reason. */
export async function firstAnswer<T>(
  peers: Iterable<string>,
  ask: (peer: string, signal: AbortSignal) => Promise<T | undefined>,
  clock: Pick<Clock, 'after'>,
  signal: AbortSignal
): Promise<T | undefined> {
  const over = new AbortController()
  const until = AbortSignal.any([signal, over.signal])
  const left = [...peers]
  const asked = new Set<Promise<T | undefined>>()
  try {
    while (left.length > 0 || asked.size > 0) {
      const peer = left.shift()
      if (peer !== undefined) {
        const asking: Promise<T | undefined> = ask(peer, until).finally(() => asked.delete(asking))
        asked.add(asking)
      }
      const answer = await anyOrLater(asked, left.length > 0 ? clock : undefined)
      if (answer !== undefined) return answer
    }
    return undefined
  } finally {
    if (asked.size > 0) over.abort()
    for (const asking of asked) asking.catch(() => undefined)
  }
}

/** What the next of them answers; undefined as well after a while, given a clock. */
async function anyOrLater<T>(
  asked: ReadonlySet<Promise<T | undefined>>,
  clock: Pick<Clock, 'after'> | undefined
): Promise<T | undefined> {
  if (clock === undefined) return Promise.race(asked)
  let cancel = (): void => undefined
  const later = new Promise<undefined>(resolve => (cancel = clock.after(HEDGE_MS, () => resolve(undefined))))
  try {
    return await Promise.race([...asked, later])
  } finally {
    cancel()
  }
}
