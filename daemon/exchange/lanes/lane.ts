// A lane that this node asks on, as the main thread sees it: orders go to the thread that holds it, and what came comes back in
// batches. An order that is left early is over only when its thread says that nothing of it is written any more; where a signal
// cancels it, what was written until then is still handed over.

import { setMaxListeners } from 'node:events'
import { PathmeshError } from '../../../proto/errors.ts'
import { REQUESTS_OPEN_MAX } from '../../../proto/limits.ts'
import type { BulkOptions, CameLeaf, CameSmall, LeavesOrder, WantedSmall } from '../provider.ts'
import { fromFault, type FromThread, type LeafCame, lost, type SmallCame, type ToThread } from './messages.ts'
import { type PackedWritten, packWishes, writtenIn } from './small-files.ts'

type OrderMessage = Extract<FromThread, { readonly type: 'came' }>

export interface LaneComponents {
  readonly lane: number
  readonly peer: string
  /** Posts to the thread that holds it. */
  readonly post: (message: ToThread) => void
  /** Told of bytes that came in. */
  readonly onReceived: (bytes: number) => void
}

export class Lane {
  readonly peer: string
  readonly #parts: LaneComponents
  readonly #orders = new Map<number, Order>()
  readonly #waiting: (() => void)[] = []
  #next = 1
  #over: PathmeshError | undefined

  constructor(parts: LaneComponents) {
    this.peer = parts.peer
    this.#parts = parts
  }

  get isOver(): boolean {
    return this.#over !== undefined
  }

  /** As `Provider.leaves`. NO_PROVIDERS where the lane breaks. */
  async *leaves({ file, leaves, into }: LeavesOrder, options: BulkOptions = {}): AsyncGenerator<CameLeaf> {
    const wishes = leaves.map(({ index, cid, size }) => ({ index, cid: cid.bytes, size }))
    const send = (order: number): ToThread => {
      const { lane } = this.#parts
      return { type: 'leaves', lane, order, file: file.bytes, leaves: wishes, into }
    }
    for await (const came of this.#run(send, options)) yield* came.leaves
  }

  /** As `Provider.small`. NO_PROVIDERS where the lane breaks. */
  async *small(wanted: readonly WantedSmall[], options: BulkOptions = {}): AsyncGenerator<CameSmall[]> {
    const wishes = packWishes(wanted)
    const send = (order: number): ToThread => {
      const { lane } = this.#parts
      return { type: 'small', lane, order, wanted: wishes }
    }
    for await (const { small, written } of this.#run(send, options)) {
      const handed = small.flatMap(({ at, bytes }) => handedOver(wanted[at], bytes))
      const came = written === undefined ? handed : [...handed, ...writtenIn(written, wanted)]
      if (came.length > 0) yield came
    }
  }

  /** What the thread says of an order. */
  take(message: OrderMessage): void {
    const { raw, leaves, small, written, end } = message
    const order = this.#orders.get(message.order)
    if (raw > 0) {
      this.#parts.onReceived(raw)
      order?.onBytes?.(raw)
    }
    if (leaves.length + small.length > 0 || written !== undefined) order?.push({ leaves, small, written })
    if (end !== undefined) order?.end(end.fault === undefined ? undefined : fromFault(end.fault))
  }

  /** It takes no more orders; those that it has are ended by its thread. */
  close(error: PathmeshError): void {
    this.#over ??= error
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** Its thread is gone, and whatever it was doing. */
  abandon(error: PathmeshError): void {
    this.close(error)
    for (const order of this.#orders.values()) order.end(error)
  }

  async *#run(send: (order: number) => ToThread, { signal, onBytes }: BulkOptions): AsyncGenerator<Came> {
    signal?.throwIfAborted()
    // One signal may serve as many orders as there are.
    if (signal !== undefined) setMaxListeners(0, signal)
    while (this.#orders.size >= REQUESTS_OPEN_MAX && this.#over === undefined) {
      await this.#turn(signal)
      signal?.throwIfAborted()
    }
    if (this.#over !== undefined) throw lost(this.peer, this.#over)
    const id = this.#next++
    const order = new Order(onBytes)
    this.#orders.set(id, order)
    const cancel = (): void => this.#parts.post({ type: 'cancel', lane: this.#parts.lane, order: id })
    const onAbort = (): void => {
      if (!order.isOver) cancel()
      order.interrupt(signal?.reason)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#parts.post(send(id))
    try {
      yield* order.came()
    } finally {
      signal?.removeEventListener('abort', onAbort)
      if (!order.isOver && !order.isInterrupted) cancel()
      await order.over
      this.#orders.delete(id)
      // All of them, since some may have given up: each looks again whether it is its turn.
      for (const wake of this.#waiting.splice(0)) wake()
    }
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const wake = (): void => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(wake), 1)
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(wake)
    })
  }
}

interface Came {
  readonly leaves: readonly LeafCame[]
  readonly small: readonly SmallCame[]
  readonly written: PackedWritten | undefined
}

/** What has come of one order and is not yet taken; no more than was asked for. */
class Order {
  readonly onBytes: ((bytes: number) => void) | undefined
  /** Resolves when its thread is done with it. */
  readonly over: Promise<void>
  isOver = false
  isInterrupted = false
  readonly #queue: Came[] = []
  #error: Error | undefined
  #wake: () => void = () => undefined
  #ended: () => void = () => undefined

  constructor(onBytes: ((bytes: number) => void) | undefined) {
    this.onBytes = onBytes
    this.over = new Promise(resolve => (this.#ended = resolve))
  }

  push(came: Came): void {
    this.#queue.push(came)
    this.#wake()
  }

  end(error: PathmeshError | undefined): void {
    if (this.isOver) return
    this.isOver = true
    this.#error ??= error
    this.#ended()
    this.#wake()
  }

  /** Nobody wants it any more: what came until it is over is the last. */
  interrupt(reason: unknown): void {
    this.isInterrupted = true
    this.#error = reason instanceof Error ? reason : new PathmeshError('ABORTED', 'cancelled', { cause: reason })
    this.#wake()
  }

  async *came(): AsyncGenerator<Came> {
    while (true) {
      const next = this.#queue.shift()
      if (next !== undefined) yield next
      else if (!this.isOver) await new Promise<void>(resolve => (this.#wake = resolve))
      else if (this.#error !== undefined) throw this.#error
      else return
    }
  }
}

function handedOver(wanted: WantedSmall | undefined, bytes: Uint8Array | undefined): CameSmall[] {
  if (wanted === undefined) return []
  return [{ cid: wanted.cid, bytes, is: bytes === undefined ? 'missing' : 'here', size: bytes?.length ?? 0 }]
}
