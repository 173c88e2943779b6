// A peer that is asked over its stream, and for bulk bytes over a lane: where there is one, or one can be had at once.

import { setMaxListeners } from 'node:events'
import type { CID } from 'multiformats/cid'
import type { Clock } from '../clock.ts'
import { LANE_PATIENCE_MS, LANE_SMALL_BYTES } from '../../proto/limits.ts'
import type { Lane } from './lanes/lane.ts'
import type { Lanes } from './lanes/lanes.ts'
import type {
  BulkOptions,
  CameLeaf,
  CameSmall,
  Held,
  HeldMore,
  LeavesOrder,
  Provider,
  TreeAnswer,
  Via,
  WaitOptions,
  WantedSmall
} from './provider.ts'

export type LanesOfPeer = Pick<Lanes, 'lane' | 'opened' | 'doubt'>

export class PeerProvider implements Provider {
  readonly #stream: Provider
  readonly #lanes: LanesOfPeer
  readonly #clock: Pick<Clock, 'after'>

  /** `stream`: the same peer over its stream. */
  constructor(stream: Provider, lanes: LanesOfPeer, clock: Pick<Clock, 'after'>) {
    this.#stream = stream
    this.#lanes = lanes
    this.#clock = clock
  }

  get peer(): string {
    return this.#stream.peer
  }

  get via(): Via {
    return this.#lanes.opened(this.peer) === undefined ? 'stream' : 'lane'
  }

  /** Whoever asked it waited in vain: a lane that is open and brings nothing is left for the stream. */
  gaveUp(): void {
    this.#lanes.doubt(this.peer, 'nothing came over the lane in time')
  }

  tree(cids: readonly CID[], options?: WaitOptions): Promise<TreeAnswer> {
    return this.#stream.tree(cids, options)
  }

  have(cids: readonly CID[], options?: WaitOptions): Promise<boolean[]> {
    return this.#stream.have(cids, options)
  }

  held(cids: readonly CID[], options?: WaitOptions): Promise<Held[]> {
    return this.#stream.held(cids, options)
  }

  follow(root: CID, options?: WaitOptions): AsyncGenerator<HeldMore> {
    return this.#stream.follow(root, options)
  }

  wrong(file: CID, index: number, options?: WaitOptions): Promise<boolean> {
    return this.#stream.wrong(file, index, options)
  }

  async *leaves(order: LeavesOrder, options: BulkOptions = {}): AsyncGenerator<CameLeaf> {
    const lane = await this.#lane(options)
    yield* (lane ?? this.#stream).leaves(order, options)
  }

  async *small(wanted: readonly WantedSmall[], options: BulkOptions = {}): AsyncGenerator<readonly CameSmall[]> {
    // Whoever waits for something small would wait for the handshake more than for the bytes.
    const bytes = wanted.reduce((sum, { size }) => sum + (size ?? 0), 0)
    const lane = bytes < LANE_SMALL_BYTES ? this.#lanes.opened(this.peer) : await this.#lane(options)
    yield* (lane ?? this.#stream).small(wanted, options)
  }

  /** Waits no longer than an order can wait; the lane goes on being opened for those that follow. */
  async #lane({ signal }: WaitOptions): Promise<Lane | undefined> {
    const open = this.#lanes.opened(this.peer)
    if (open !== undefined) return open
    // One signal may serve as many orders as there are.
    if (signal !== undefined) setMaxListeners(0, signal)
    const patience = new AbortController()
    const give = (): void => patience.abort()
    const cancel = this.#clock.after(LANE_PATIENCE_MS, give)
    signal?.addEventListener('abort', give, { once: true })
    try {
      const lane = await this.#lanes.lane(this.peer, patience.signal).catch((error: unknown) => {
        if (!patience.signal.aborted) throw error
        return undefined
      })
      signal?.throwIfAborted()
      return lane
    } finally {
      cancel()
      signal?.removeEventListener('abort', give)
    }
  }
}
