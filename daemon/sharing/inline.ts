// Small content that travels with the answer: read from the index or its file, else asked of those who are likely to have it,
// in one question; and made into a file where somebody wants a path. Every byte that comes in was verified by its provider.

import type { CID } from 'multiformats/cid'
import type { Clock } from '../clock.ts'
import { RAW } from '../content/multihash.ts'
import { orAborted, withDeadline } from '../deadline.ts'
import type { Peers } from '../exchange/sources.ts'
import type { Holding } from '../store/holding-table.ts'
import type { Store } from '../store/store.ts'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import { ASK_MS, HEDGED_PEERS_MAX, SMALL_PAYLOAD_BYTES } from '../../proto/limits.ts'
import { firstAnswer } from './first-answer.ts'
import type { Eager } from './eager.ts'
import type { Resolved } from './resolve.ts'

export interface SmallParts {
  readonly self: string
  readonly store: Pick<Store, 'reader' | 'inline' | 'holdings' | 'database'>
  readonly peers: Peers
  readonly clock: Pick<Clock, 'after'>
  readonly eager?: Pick<Eager, 'take'> | undefined
}

/** A small file, and whom it came from. */
export interface Small {
  readonly bytes: Uint8Array
  /** Null where it was here. */
  readonly from: string | null
}

/** The file of a reference, if it is small and can be had at once; undefined where it must be fetched as others are. */
export async function smallFile(
  { entry, hints, root }: Resolved,
  asked: readonly string[],
  parts: SmallParts,
  signal: AbortSignal
): Promise<Small | undefined> {
  const { cid, kind, size } = entry
  if (kind !== 'file' || size > SMALL_PAYLOAD_BYTES || cid.code !== RAW) return undefined
  const { self, store, peers } = parts
  // Whatever is held has a holding: only then are files looked through.
  const isHeld = [cid, root].some(one => store.holdings.of(one).length > 0)
  const here = (await store.inline.get(cid)) ?? (isHeld ? await store.reader.block(cid) : undefined)
  if (here !== undefined) return { bytes: here, from: null }
  const came = parts.eager?.take(cid)
  if (came !== undefined) {
    await store.database.note([store.inline.put(cid, came.bytes)])
    return came
  }
  const connected = peers.connected()
  const hinted = [...asked, ...hints].filter(peer => peer !== self && connected.includes(peer))
  const likely = [...new Set([...hinted, ...connected])].slice(0, HEDGED_PEERS_MAX)
  const ask = async (peer: string, until: AbortSignal): Promise<Small | undefined> => {
    const bytes = await askFor(cid, peer, parts, until)
    return bytes && { bytes, from: peer }
  }
  const found = await firstAnswer(likely, ask, parts.clock, signal)
  if (found !== undefined) await store.database.note([store.inline.put(cid, found.bytes)])
  return found
}

async function askFor(
  cid: CID,
  peer: string,
  { peers, clock }: SmallParts,
  signal: AbortSignal
): Promise<Uint8Array | undefined> {
  try {
    return await withDeadline(clock, ASK_MS, `asking ${peer}`, signal, async until => {
      const provider = await orAborted(peers.provider(peer), until)
      // Waited out: leaving it early would be one more message, to cancel it.
      let bytes: Uint8Array | undefined
      for await (const [block] of provider.small([{ cid, size: undefined, into: [] }], { signal: until }))
        bytes ??= block?.bytes
      return bytes
    })
  } catch (error) {
    signal.throwIfAborted()
    // Others may have it: who else is asked, and what is told of this one, is decided by the transfer.
    if (!(error instanceof PathmeshError) || hasCode(error, 'INTERNAL')) throw error
    return undefined
  }
}

/** Files of content that lies in the index, made one at a time for each root. */
export class InlineFiles {
  readonly #store: Store
  readonly #isRunning: (root: string) => boolean
  readonly #making = new Map<string, Promise<Holding | undefined>>()

  /** `isRunning`: whether a root is being fetched, and so made into a file already. */
  constructor(store: Store, isRunning: (root: string) => boolean) {
    this.#store = store
    this.#isRunning = isRunning
  }

  /** A holding at a path; undefined where the root does not lie in the index, or is being fetched. */
  file(root: CID, basename: string): Promise<Holding | undefined> {
    const key = root.toString()
    const making = this.#making.get(key) ?? this.#make(root, basename).finally(() => this.#making.delete(key))
    this.#making.set(key, making)
    return making
  }

  async #make(root: CID, basename: string): Promise<Holding | undefined> {
    const bytes = await this.#store.inline.get(root)
    if (bytes === undefined) return undefined
    await this.#store.needSpace(bytes.length)
    // Asked last: two would write the same file.
    if (this.#isRunning(root.toString())) return undefined
    const partial = await this.#store.startPartial(root, { basename })
    try {
      await partial.writeSmall([{ ordinal: 0, path: '', executable: false, bytes }])
      await partial.checkpoint()
    } finally {
      await partial.close()
    }
    return this.#store.finish(partial, bytes.length)
  }
}
