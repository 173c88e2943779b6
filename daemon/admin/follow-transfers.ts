// Transfers as a stream of lines: what runs, and then what changes. A slow reader misses steps in between, and is told of every end
// that is still remembered.

import type { Clock } from '../clock.ts'
import { endedFacts, type ListedEnd, type NameOf, transferFacts, type TransferList } from '../sharing/transfer-facts.ts'
import { TRANSFERS_FOLLOW_MS } from '../../proto/limits.ts'
import type { TransferEvent } from '../../proto/node-api.ts'

export interface FollowParts {
  readonly transfers: TransferList
  readonly nameOf: NameOf
  readonly clock: Pick<Clock, 'after'>
}

/** What runs now, one line each. */
export function* runningTransfers({ transfers, nameOf }: FollowParts): Generator<TransferEvent> {
  for (const one of transfers.list()) yield { event: 'transfer', ...transferFacts(one, nameOf) }
}

/** What runs now, and a line whenever something of it changed, `gone` at its end. Ends with the signal. */
export async function* followTransfers(parts: FollowParts, signal: AbortSignal): AsyncGenerator<TransferEvent> {
  const { transfers, nameOf, clock } = parts
  const told = new Map<string, string>()
  let newest = keyOf(transfers.ended()[0])
  while (!signal.aborted) {
    const ended = transfers.ended()
    const known = ended.findIndex(one => keyOf(one) === newest)
    newest = keyOf(ended[0])
    for (const one of ended.slice(0, known < 0 ? ended.length : known).toReversed()) {
      told.delete(one.root)
      yield { event: 'gone', ...endedFacts(one, nameOf) }
    }
    const running = [...runningTransfers(parts)]
    for (const event of running) {
      const text = JSON.stringify(event)
      if (told.get(event.root) === text) continue
      told.set(event.root, text)
      yield event
    }
    const roots = new Set(running.map(({ root }) => root))
    for (const root of told.keys()) if (!roots.has(root)) told.delete(root)
    await pause(clock, signal)
  }
}

const keyOf = (ended: ListedEnd | undefined): string | undefined =>
  ended === undefined ? undefined : `${ended.at} ${ended.root}`

/** Until the next look, or the end. */
function pause(clock: Pick<Clock, 'after'>, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const end = (): void => {
      cancel()
      signal.removeEventListener('abort', end)
      resolve()
    }
    const cancel = clock.after(TRANSFERS_FOLLOW_MS, end)
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
  })
}
