// The end of a lane that asks: it sends orders, verifies what comes, and writes it or hands it over. An order that fails, or is
// cancelled, is done only when nothing of it is written any more. A peer that sends what was not asked for loses the lane.
//
//   open ── all came, or the peer failed it ─────────────> its file is closed: told
//     └──── cancelled, or wrong bytes: CANCEL is sent ────> its file is closed: told ── what still comes is dropped ──> END

import { decodeCid, verify } from '../../content/verify.ts'
import { bytesOf } from '../../frames.ts'
import { hasCode, PathmeshError, toPathmeshError } from '../../../proto/errors.ts'
import { LeavesRequest, SmallRequest } from '../../../proto/generated/exchange.ts'
import { BLOCK_BYTES_MAX, LANE_TELL_MS, LANE_WRITE_BLOCKS, LEAF_BYTES } from '../../../proto/limits.ts'
import { spansOf } from '../held-log.ts'
import type { Holder } from './blocks.ts'
import { LaneFrame, type LaneHeader, laneFrame, readFailure } from './frame.ts'
import type { FrameSink } from './frame-reader.ts'
import { Link } from './link.ts'
import { buffersOf, type Fault, lost, toFault, type ToThread } from './messages.ts'
import type { LaneParts } from './lane-parts.ts'
import { newOrder, type Order } from './order.ts'
import { wishesIn } from './small-files.ts'
import { type TargetFile, writeSmallFile } from './target-files.ts'

export class AskingLane implements FrameSink {
  readonly link: Link
  readonly #parts: LaneParts
  readonly #orders = new Map<number, Order>()
  readonly #holder: Holder = { held: 0 }
  #slab: Buffer | undefined
  #sending: Promise<void> = Promise.resolve()
  /** Orders of which the main thread waits for the end. */
  #untold = 0
  readonly #onEnd: (error: PathmeshError) => void

  constructor(parts: LaneParts, onEnd: (error: PathmeshError) => void) {
    this.#parts = parts
    this.#onEnd = onEnd
    this.link = new Link({
      peer: parts.facts.peer,
      clock: parts.clock,
      ...parts.waits,
      sink: this,
      // What was cancelled must end; what was not, its session has patience with.
      isOwed: () => [...this.#orders.values()].some(order => order.isCancelled && !order.isAnswered),
      isIdle: () => this.#orders.size === 0,
      onEnd: error => this.#ended(error)
    })
  }

  leaves({ order: id, file, leaves, into }: Extract<ToThread, { type: 'leaves' }>): void {
    const order = this.#begin(id, into)
    for (const leaf of leaves) order.leaves.set(leaf.index, leaf)
    const ranges = spansOf(leaves.map(({ index }) => index))
    this.#send(laneFrame(LaneFrame.LEAVES, id, 0, LeavesRequest.encode({ file: bytesOf(file), ranges })))
  }

  small({ order: id, wanted }: Extract<ToThread, { type: 'small' }>): void {
    const order = this.#begin(id, undefined)
    const wishes = [...wishesIn(wanted)]
    for (const [at, wish] of wishes.entries()) order.small.set(at, wish)
    const request = SmallRequest.encode({ cids: wishes.map(({ cid }) => bytesOf(cid.bytes)) })
    this.#send(laneFrame(LaneFrame.SMALL, id, 0, request))
  }

  cancel(id: number): void {
    const order = this.#orders.get(id)
    if (order !== undefined) this.#failOrder(order, new PathmeshError('ABORTED', 'cancelled'))
  }

  room(header: LaneHeader): Uint8Array | Promise<Uint8Array> {
    const order = this.#orders.get(header.id)
    if (order === undefined || order.isAnswered) throw this.#unasked(`an answer to request ${header.id}`)
    switch (header.kind) {
      case LaneFrame.LEAF: {
        const asked = order.leaves.get(header.index)
        if (asked === undefined) throw this.#unasked(`leaf ${header.index}`)
        if (asked.size !== header.length)
          throw this.#corrupt(`sent ${header.length} bytes as leaf ${header.index}, which has ${asked.size}`, {
            wrongLeaf: header.index
          })
        const block = this.#parts.blocks.take(this.#holder)
        return block instanceof Promise ? block.then(taken => cut(taken, header.length)) : cut(block, header.length)
      }
      case LaneFrame.BLOCK: {
        const asked = order.small.get(header.index)
        if (asked === undefined) throw this.#unasked(`block ${header.index}`)
        if (asked.size !== undefined && asked.size !== header.length) {
          const wrong = asked.cid.toString()
          throw this.#corrupt(`sent ${header.length} bytes as ${wrong}, which has ${asked.size}`, { wrong })
        }
        // Each is used up before the next one comes.
        this.#slab ??= Buffer.allocUnsafeSlow(BLOCK_BYTES_MAX)
        return this.#slab.subarray(0, header.length)
      }
      case LaneFrame.FAILURE:
        return new Uint8Array(header.length)
      default:
        throw this.#unasked('a request')
    }
  }

  progress({ id }: LaneHeader, bytes: number): void {
    const order = this.#orders.get(id)
    if (order === undefined) return
    order.raw += bytes
    this.#tellSoon(order)
  }

  frame({ kind, id, index }: LaneHeader, payload: Uint8Array): void {
    const order = this.#orders.get(id)
    if (order === undefined || order.isAnswered) throw this.#unasked(`an answer to request ${id}`)
    switch (kind) {
      case LaneFrame.LEAF:
        this.#leaf(order, index, payload)
        return
      case LaneFrame.BLOCK:
        this.#block(order, index, payload)
        return
      case LaneFrame.MISSING: {
        if (!order.small.delete(index)) throw this.#unasked(`block ${index}`)
        order.cameSmall.push({ at: index, bytes: undefined })
        this.#tellSoon(order)
        return
      }
      case LaneFrame.END:
        order.isAnswered = true
        if (order.leaves.size + order.small.size > 0) order.fault ??= this.#corrupt('left out what was asked for')
        this.#settle(order)
        return
      case LaneFrame.FAILURE:
        order.isAnswered = true
        order.fault ??= readFailure(payload, this.#parts.facts.peer)
        this.#settle(order)
        return
      default:
        throw this.#unasked('a request')
    }
  }

  unused(room: Uint8Array): void {
    this.#give(room)
  }

  #begin(id: number, into: string | undefined): Order {
    this.link.touch()
    const order = newOrder(id, into)
    this.#orders.set(id, order)
    this.#untold++
    if (this.link.isOver) this.#failOrder(order, lost(this.#parts.facts.peer, this.link.reason))
    else if (into !== undefined) this.#openFile(order, into)
    return order
  }

  #openFile(order: Order, into: string): void {
    try {
      order.file = this.#parts.files.acquire(into)
    } catch (error) {
      // A file that cannot be opened is asked for in vain.
      this.#failOrder(order, toPathmeshError(error, `writing ${into}`))
    }
  }

  #leaf(order: Order, index: number, payload: Uint8Array): void {
    const asked = order.leaves.get(index)
    if (asked === undefined) throw this.#unasked(`leaf ${index}`)
    order.leaves.delete(index)
    if (order.fault !== undefined) {
      this.#give(payload)
      return
    }
    try {
      verify(decodeCid(asked.cid), payload)
    } catch (error) {
      this.#give(payload)
      if (!hasCode(error, 'CORRUPT')) throw error
      this.#failOrder(order, this.#corrupt(`sent a wrong leaf ${index}: ${error.message}`, { wrongLeaf: index }))
      return
    }
    if (order.into === undefined || order.file === undefined) {
      // A whole block is given away; of a short leaf, a copy.
      const isWhole = payload.length === LEAF_BYTES
      const bytes = isWhole ? payload : Uint8Array.prototype.slice.call(payload)
      if (isWhole) this.#parts.blocks.lose(this.#holder)
      else this.#give(payload)
      order.cameLeaves.push({ index, bytes })
      this.#tell(order)
      return
    }
    if (order.run !== undefined && order.run.first + order.run.blocks.length !== index)
      this.#writeRun(order, order.file)
    order.run ??= { first: index, blocks: [] }
    order.run.blocks.push(payload)
    if (order.run.blocks.length === LANE_WRITE_BLOCKS || order.leaves.size === 0) this.#writeRun(order, order.file)
    // A slow peer's leaves wait no longer than that for those that follow them.
    else this.#tellSoon(order)
  }

  /** Writes what has come and follows each other. */
  #writeRun(order: Order, file: TargetFile): void {
    const { run } = order
    if (run === undefined) return
    order.run = undefined
    order.writing++
    this.#parts.files
      .write(file, run.blocks, run.first * LEAF_BYTES)
      .then(
        () => this.#written(order, run.first, run.blocks.length),
        (error: unknown) => {
          order.isUnwritable = true
          this.#failOrder(order, toPathmeshError(error, `writing ${order.into}`))
        }
      )
      .finally(() => {
        for (const block of run.blocks) this.#give(block)
        order.writing--
        this.#settle(order)
      })
  }

  #written(order: Order, first: number, count: number): void {
    for (let index = first; index < first + count; index++) order.cameLeaves.push({ index, bytes: undefined })
    this.#tellSoon(order)
  }

  #block(order: Order, index: number, payload: Uint8Array): void {
    const asked = order.small.get(index)
    if (asked === undefined) throw this.#unasked(`block ${index}`)
    order.small.delete(index)
    if (order.fault !== undefined) return
    try {
      verify(asked.cid, payload)
    } catch (error) {
      if (!hasCode(error, 'CORRUPT')) throw error
      this.#failOrder(order, this.#corrupt(`sent a wrong block: ${error.message}`, { wrong: asked.cid.toString() }))
      return
    }
    if (asked.into.length === 0) {
      order.cameSmall.push({ at: index, bytes: Uint8Array.prototype.slice.call(payload) })
    } else {
      try {
        for (const target of asked.into) order.written.add(writeSmallFile(target, payload))
        order.written.end(index)
      } catch (error) {
        this.#failOrder(order, toPathmeshError(error, 'writing'))
        return
      }
    }
    this.#tellSoon(order)
  }

  /** What of it still comes is dropped. */
  #failOrder(order: Order, fault: PathmeshError): void {
    order.fault ??= fault
    if (!order.isAnswered && !order.isCancelled) {
      order.isCancelled = true
      this.#send(laneFrame(LaneFrame.CANCEL, order.id))
    }
    this.#settle(order)
  }

  /** Tells how an order ended, once nothing of it is under way here; it is forgotten when the peer has ended it too. */
  #settle(order: Order): void {
    if (order.isAnswered || this.link.isOver) this.#orders.delete(order.id)
    if (order.run !== undefined && (order.isAnswered || order.fault !== undefined)) this.#endRun(order)
    if (order.isTold || order.writing > 0 || (!order.isAnswered && order.fault === undefined)) return
    order.isTold = true
    this.link.touch()
    this.#finish(order)
      .catch((error: unknown) => (order.fault ??= toPathmeshError(error, 'writing')))
      .finally(() => this.#tellDone(order))
  }

  /** What was verified of an order that ends is written, too, however it ends: it need not be asked for again. */
  #endRun(order: Order): void {
    if (!order.isUnwritable && order.file !== undefined) {
      this.#writeRun(order, order.file)
      return
    }
    for (const block of order.run?.blocks ?? []) this.#give(block)
    order.run = undefined
  }

  async #finish(order: Order): Promise<void> {
    if (order.file !== undefined) await this.#parts.files.release(order.file)
  }

  #tellDone(order: Order): void {
    const { fault } = order
    this.#tell(order, { fault: fault === undefined ? undefined : toFault(fault, 'receiving') })
    // The end of the lane is the last that is heard of it.
    if (--this.#untold === 0 && this.link.isOver) this.#onEnd(this.link.reason)
  }

  #tellSoon(order: Order): void {
    order.cancelTell ??= this.#parts.clock.after(LANE_TELL_MS, () => {
      this.#tell(order)
      if (order.file !== undefined) this.#writeRun(order, order.file)
    })
  }

  /** All that is new of an order, in one message: each wakes the main thread. */
  #tell(order: Order, end?: { readonly fault: Fault | undefined }): void {
    order.cancelTell?.()
    order.cancelTell = undefined
    const { raw, cameLeaves: leaves, cameSmall: small } = order
    const written = order.written.take()
    const told = {
      type: 'came',
      lane: this.#parts.facts.lane,
      order: order.id,
      raw,
      leaves,
      small,
      written,
      end
    } as const
    this.#parts.post(told, [...buffersOf(leaves), ...buffersOf(small)])
    order.raw = 0
    order.cameLeaves = []
    order.cameSmall = []
  }

  #give(room: Uint8Array): void {
    if (room.buffer.byteLength !== LEAF_BYTES || !(room.buffer instanceof ArrayBuffer)) return
    this.#parts.blocks.give(this.#holder, Buffer.from(room.buffer))
  }

  #send(bytes: Uint8Array): void {
    // One after the other; a failure ends the lane, and with it all of its orders.
    this.#sending = this.#sending
      .then(() => this.link.write(bytes))
      .catch((error: unknown) => this.link.end(toPathmeshError(error, `asking ${this.#parts.facts.peer}`)))
  }

  #ended(error: PathmeshError): void {
    const fault = lost(this.#parts.facts.peer, error)
    this.#parts.post({ type: 'closing', lane: this.#parts.facts.lane, fault: toFault(fault, 'a lane') })
    for (const order of this.#orders.values()) {
      order.fault ??= fault
      this.#settle(order)
    }
    this.#slab = undefined
    if (this.#untold === 0) this.#onEnd(error)
  }

  #unasked(what: string): PathmeshError {
    return this.#corrupt(`sent ${what}, which was not asked for`)
  }

  #corrupt(what: string, details: Readonly<Record<string, unknown>> = {}): PathmeshError {
    const { peer } = this.#parts.facts
    return new PathmeshError('CORRUPT', `${peer} ${what}`, { details: { peerId: peer, ...details } })
  }
}

const cut = (block: Buffer, length: number): Buffer => block.subarray(0, length)
