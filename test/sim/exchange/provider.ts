// One simulated node as another sees it: what it has, as slow as it is, and as false as its role makes it. As every provider it
// hands out nothing that is wrong, and says CORRUPT instead.

import type { CID } from 'multiformats/cid'
import type {
  BulkOptions,
  CameLeaf,
  CameSmall,
  Held,
  HeldMore,
  LeavesOrder,
  Provider,
  TreeAnswer,
  WaitOptions,
  WantedSmall
} from '../../../daemon/exchange/provider.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import { Violation } from '../oracle.ts'
import type { SimNode } from './node.ts'

/** Parts of a leaf that come one after the other. */
const PARTS = 4
/** So little that even all requests of a peer together make no progress. */
const TRICKLE_BYTES = 256
const TRICKLE_MS = 1_000

export class SimProvider implements Provider {
  readonly via = 'stream'
  readonly #asker: SimNode
  readonly #node: SimNode

  constructor(asker: SimNode, node: SimNode) {
    this.#asker = asker
    this.#node = node
  }

  get peer(): string {
    return this.#node.id
  }

  async tree(cids: readonly CID[], { signal }: WaitOptions = {}): Promise<TreeAnswer> {
    return this.#one(signal, async () => {
      const { content } = this.#node.world
      await this.#misbehave(signal)
      const isThere = (cid: CID): boolean =>
        this.#node.plan.isWhole || this.#node.isWhole || this.#node.destination.keepsBranch(cid)
      const blocks = await Promise.all(
        cids.filter(isThere).map(async cid => ({ cid, bytes: (await content.branches.get(cid)) ?? new Uint8Array(0) }))
      )
      if (blocks.length > 0) this.#asker.moved()
      return { blocks, missing: cids.filter(cid => !isThere(cid)) }
    })
  }

  async *small(
    wanted: readonly WantedSmall[],
    { signal, onBytes }: BulkOptions = {}
  ): AsyncGenerator<readonly CameSmall[]> {
    const { small } = this.#node.world.content
    for (const { cid } of wanted) this.#assertWanted(small.get(cid.toString())?.ordinal ?? -1)
    yield* this.#many(signal, async function* (this: SimProvider) {
      await this.#misbehave(signal, onBytes)
      for (const { cid } of wanted) {
        const known = small.get(cid.toString())
        if (known === undefined || !this.#node.has(known.ordinal)) {
          yield [{ cid, bytes: undefined, is: 'missing', size: 0 }]
          continue
        }
        await this.#uplink(known.bytes.length, signal)
        if (this.#isWrong(0)) throw this.#corrupt('small content', { wrong: cid.toString() })
        this.#asker.moved()
        yield [{ cid, bytes: known.bytes, is: 'here', size: known.bytes.length }]
      }
    })
  }

  async *leaves({ file, leaves }: LeavesOrder, { signal, onBytes }: BulkOptions = {}): AsyncGenerator<CameLeaf> {
    const { content } = this.#node.world
    if (!file.equals(content.file)) throw new Violation('another file is asked for')
    for (const { index } of leaves) this.#assertWanted(content.first + index)
    yield* this.#many(signal, async function* (this: SimProvider) {
      for (const { index, size } of leaves) {
        await this.#misbehave(signal, onBytes)
        this.#assertHas(content.first + index)
        for (let part = 0; part < PARTS; part++) {
          await this.#uplink(size / PARTS, signal)
          onBytes?.(size / PARTS)
          this.#asker.moved()
        }
        this.#node.sentLeaves++
        if (this.#isWrong(index)) throw this.#corrupt(`leaf ${index}`, { wrongLeaf: index })
        yield { index, bytes: content.leaves[index] }
      }
    })
  }

  async *follow(root: CID, { signal }: WaitOptions = {}): AsyncGenerator<HeldMore> {
    yield* this.#many(signal, async function* (this: SimProvider) {
      await this.#pass(signal)
      const { role } = this.#node.plan
      const all = this.#node.world.content.byOrdinal.length
      if (role === 'spans') yield { complete: false, bytes: 0, spans: [{ from: 0, to: all }] }
      if (role === 'huge')
        for (let n = 0; n < 3; n++) yield { complete: false, bytes: 0, spans: [{ from: 0, to: 2 ** 32 - 1 }] }
      if (!this.#node.isHonest) await this.#sleep(Infinity, signal)
      const stop = new AbortController()
      const until = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
      const lost = (error: PathmeshError): void => stop.abort(error)
      for (const { waits } of this.#ends) waits.add(lost)
      try {
        for await (const { spans, bytes } of this.#node.transfers.follow(root, this.#asker.id, until)) {
          await this.#pass(signal)
          yield { complete: false, bytes, spans }
        }
      } finally {
        for (const { waits } of this.#ends) waits.delete(lost)
      }
      await this.#pass(signal)
      yield { complete: this.#node.isWhole, bytes: 0, spans: [] }
    })
  }

  async have(cids: readonly CID[], options?: WaitOptions): Promise<boolean[]> {
    return (await this.held(cids, options)).map(({ complete }) => complete)
  }

  async held(cids: readonly CID[], { signal }: WaitOptions = {}): Promise<Held[]> {
    return this.#one(signal, async () => {
      const { role } = this.#node.plan
      const claims = !this.#node.isHonest && role !== 'spans' && role !== 'huge'
      return cids.map(() => ({ complete: claims || (this.#node.isHonest && this.#node.isWhole), bytes: 0 }))
    })
  }

  async wrong(_file: CID, _index: number, { signal }: WaitOptions = {}): Promise<boolean> {
    const isWithdrawn = await this.#one(signal, async () => {
      const { role } = this.#node.plan
      if (role === 'mute') await this.#sleep(Infinity, signal)
      if (role === 'changed') this.#node.withdraw()
      return role === 'changed'
    })
    if (!isWithdrawn) this.#asker.insisted.add(this.peer)
    return isWithdrawn
  }

  // --- what goes wrong ---------------------------------------------------------------------------------------------

  async #misbehave(signal: AbortSignal | undefined, onBytes?: (bytes: number) => void): Promise<void> {
    const { plan, world } = this.#node
    const { random } = world
    if (random.chance(world.loss)) throw new PathmeshError('NO_PROVIDERS', `the stream to ${this.peer} was reset`)
    if (plan.role === 'stalls') await this.#sleep(Infinity, signal)
    while (plan.role === 'trickles') {
      await this.#sleep(TRICKLE_MS, signal)
      onBytes?.(TRICKLE_BYTES)
    }
    if (plan.role === 'pauses' && random.chance(0.1)) await this.#sleep(random.between(100, 20_000), signal)
    if (plan.role === 'vanishes' && this.#node.sentLeaves >= 0.99 * (world.content.leaves.length - 1)) {
      this.#node.crash()
      await this.#sleep(Infinity, signal)
    }
  }

  #isWrong(index: number): boolean {
    const { role } = this.#node.plan
    if (role === 'changed') return index === this.#node.world.content.leaves.length >> 1
    return role === 'insists' || role === 'mute'
  }

  #corrupt(what: string, details: Record<string, unknown>): PathmeshError {
    return new PathmeshError('CORRUPT', `${this.peer}: ${what} is wrong`, {
      details: { peerId: this.peer, ...details }
    })
  }

  #assertHas(ordinal: number): void {
    if (this.#node.has(ordinal)) return
    const isChanged = this.#node.plan.role === 'changed'
    throw new PathmeshError(isChanged ? 'SOURCE_CHANGED' : 'NOT_FOUND', `${this.peer} does not have ${ordinal}`, {
      details: { peerId: this.peer }
    })
  }

  /** What is verified is asked of nobody. */
  #assertWanted(ordinal: number): void {
    if (!this.#asker.destination.ledger.has(ordinal)) return
    this.#node.world.schedule.fail(new Violation(`${this.#asker.id} asks again for ${ordinal}`))
  }

  // --- time --------------------------------------------------------------------------------------------------------

  get #ends(): readonly SimNode[] {
    return [this.#asker, this.#node]
  }

  async #one<T>(signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
    const { open } = this.#node.world
    const key = new SimProvider(this.#asker, this.#node)
    open.add(key)
    try {
      await this.#pass(signal)
      const answer = await run()
      await this.#pass(signal)
      return answer
    } finally {
      open.delete(key)
    }
  }

  async *#many<T>(signal: AbortSignal | undefined, run: (this: SimProvider) => AsyncGenerator<T>): AsyncGenerator<T> {
    const { open } = this.#node.world
    const key = new SimProvider(this.#asker, this.#node)
    open.add(key)
    try {
      await this.#pass(signal)
      yield* run.call(this)
    } finally {
      open.delete(key)
    }
  }

  /** The way from one to the other. */
  #pass(signal: AbortSignal | undefined): Promise<void> {
    return this.#sleep(this.#node.plan.latencyMs, signal)
  }

  /** Bytes go out after all that was given to the uplink before. */
  async #uplink(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    const node = this.#node
    const { schedule } = node.world
    node.uplinkFreeAt = Math.max(schedule.now, node.uplinkFreeAt) + (1000 * bytes) / node.plan.uplink
    await this.#sleep(node.uplinkFreeAt - schedule.now, signal)
    node.sentBytes += bytes
  }

  /** Rejects with the signal's reason, and when one of both is gone. */
  #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const { schedule } = this.#node.world
    return new Promise((resolve, reject) => {
      const end = (): void => {
        cancel()
        signal?.removeEventListener('abort', onAbort)
        for (const { waits } of this.#ends) waits.delete(lost)
      }
      const onAbort = (): void => lost(signal?.reason)
      const lost = (error: unknown): void => {
        end()
        reject(error)
      }
      const done = (): void => {
        end()
        resolve()
      }
      const cancel = ms === Infinity ? () => undefined : schedule.after(ms, done)
      signal?.addEventListener('abort', onAbort, { once: true })
      for (const { waits } of this.#ends) waits.add(lost)
      if (signal?.aborted === true) onAbort()
      else if (!this.#node.isUp || !this.#asker.isUp) lost(new PathmeshError('NO_PROVIDERS', `${this.peer} is gone`))
    })
  }
}
