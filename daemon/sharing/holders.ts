// Who holds a root: this node, and those connected that say so when they are asked. One that does not answer in time is not
// counted.

import type { CID } from 'multiformats/cid'
import type { Clock } from '../clock.ts'
import { orAborted, withDeadline } from '../deadline.ts'
import type { Peers } from '../exchange/sources.ts'
import type { Held } from '../exchange/provider.ts'
import type { Store } from '../store/store.ts'
import { ASK_MS } from '../../proto/limits.ts'

export interface HoldersParts {
  readonly self: string
  readonly store: Pick<Store, 'findHolding' | 'partialBytes'>
  readonly peers: Peers
  readonly clock: Pick<Clock, 'after'>
}

export interface HolderOf extends Held {
  readonly peerId: string
}

/** Nodes that hold a root whole, this one first. */
export async function holdersOf(
  root: CID,
  parts: HoldersParts,
  signal: AbortSignal,
  askMs: number = ASK_MS
): Promise<string[]> {
  const holders: string[] = []
  for await (const { peerId, complete } of providersOf(root, parts, signal, askMs)) if (complete) holders.push(peerId)
  return holders
}

/** Nodes that hold a root, whole or in part, this one first. */
export async function* providersOf(
  root: CID,
  parts: HoldersParts,
  signal: AbortSignal,
  askMs: number = ASK_MS
): AsyncGenerator<HolderOf> {
  const { self, store, peers, clock } = parts
  const answers = peers.connected().map(async (peer): Promise<HolderOf> => {
    try {
      const [held] = await withDeadline(clock, askMs, `asking ${peer}`, signal, async until =>
        (await orAborted(peers.provider(peer), until)).held([root], { signal: until })
      )
      return { peerId: peer, complete: held?.complete ?? false, bytes: held?.bytes ?? 0 }
    } catch {
      // It does not answer: then nobody can say that it holds it.
      signal.throwIfAborted()
      return { peerId: peer, complete: false, bytes: 0 }
    }
  })
  const holding = await store.findHolding(root)
  const bytes = holding?.size ?? (await store.partialBytes(root))
  for (const held of [{ peerId: self, complete: holding !== undefined, bytes }, ...(await Promise.all(answers))])
    if (held.complete || held.bytes > 0) yield held
}
