// A provider asked over the long-lived libp2p stream. It checks the form of answers and the hash of every block.

import { CID } from 'multiformats/cid'
import type { Branch } from '../content/file-dag.ts'
import { checkCid, verify } from '../content/verify.ts'
import { type Bytes, bytesOf } from '../frames.ts'
import type { Caller, CallOptions } from '../rpc.ts'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import {
  Blocks,
  HaveAnswer,
  HaveRequest,
  Leaf,
  LeavesRequest,
  SmallRequest,
  TreeRequest,
  WrongAnswer,
  WrongRequest
} from '../../proto/generated/exchange.ts'
import {
  BLOCK_BYTES_MAX,
  BLOCKS_ANSWER_MAX,
  FRAME_HEADER_BYTES_MAX,
  FRAME_PAYLOAD_BYTES_MAX,
  LEAF_BYTES,
  REQUEST_CIDS_MAX
} from '../../proto/limits.ts'
import type { Held, LeafRange, Provider, SentLeaf, SmallBlock, TreeAnswer, WaitOptions } from './provider.ts'

export class StreamProvider implements Provider {
  readonly peer: string
  readonly #caller: Caller

  constructor(caller: Caller) {
    this.peer = caller.peer
    this.#caller = caller
  }

  async tree(cids: readonly CID[], options: WaitOptions = {}): Promise<TreeAnswer> {
    const maxBytes = FRAME_HEADER_BYTES_MAX + FRAME_PAYLOAD_BYTES_MAX
    for await (const { body, payload } of this.#caller.call('tree', TreeRequest.encode({ cids: binary(cids) }), {
      ...options,
      maxBytes
    })) {
      return this.#blocks(body, payload)
    }
    throw this.#broken('no answer to a request for branches')
  }

  async *small(cids: readonly CID[], options: WaitOptions = {}): AsyncGenerator<readonly SmallBlock[]> {
    const maxBytes = cids.length * (BLOCK_BYTES_MAX + 256)
    const left = new Map(cids.map(cid => [cid.toString(), cid]))
    for await (const { body, payload } of this.#caller.call('small', SmallRequest.encode({ cids: binary(cids) }), {
      ...options,
      maxBytes
    })) {
      const { blocks, missing } = this.#blocks(body, payload)
      const answered: SmallBlock[] = [...blocks, ...missing.map(cid => ({ cid, bytes: undefined }))]
      for (const { cid } of answered)
        if (!left.delete(cid.toString())) throw this.#broken(`${cid.toString()} was not asked for`)
      yield answered
    }
    if (left.size > 0) throw this.#broken('an answer leaves out what was asked for')
  }

  async *leaves(file: CID, ranges: readonly LeafRange[], options: WaitOptions = {}): AsyncGenerator<SentLeaf> {
    const wanted = ranges.reduce((sum, { from, to }) => sum + to - from, 0)
    const request = LeavesRequest.encode({
      file: bytesOf(file.bytes),
      ranges: ranges.map(({ from, to }) => ({ from, to }))
    })
    const left = new Set(ranges.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i)))
    for await (const { body, payload } of this.#caller.call('leaves', request, {
      ...options,
      maxBytes: wanted * (LEAF_BYTES + 64)
    })) {
      const { index } = this.#decode(() => Leaf.decode(body))
      if (!left.delete(index)) throw this.#broken(`leaf ${index} was not asked for`)
      yield { index, bytes: payload }
    }
    if (left.size > 0) throw this.#broken('an answer leaves out what was asked for')
  }

  async have(cids: readonly CID[], options: WaitOptions = {}): Promise<boolean[]> {
    return (await this.held(cids, options)).map(({ complete }) => complete)
  }

  async held(cids: readonly CID[], options: WaitOptions = {}): Promise<Held[]> {
    const body = await this.#one('have', HaveRequest.encode({ cids: binary(cids) }), {
      ...options,
      maxBytes: FRAME_HEADER_BYTES_MAX
    })
    const { held } = this.#decode(() => HaveAnswer.decode(body, { limits: { held: REQUEST_CIDS_MAX } }))
    const told = new Map(held.map(({ cid, complete, bytes }) => [this.#cid(cid).toString(), { complete, bytes }]))
    return cids.map(cid => told.get(cid.toString()) ?? { complete: false, bytes: 0 })
  }

  async wrong(file: CID, index: number, options: WaitOptions = {}): Promise<boolean> {
    const request = WrongRequest.encode({ file: bytesOf(file.bytes), index })
    const body = await this.#one('wrong', request, { ...options, maxBytes: 1024 })
    return this.#decode(() => WrongAnswer.decode(body)).withdrawn
  }

  /** The answer to a question that has one. It is waited out: leaving it early would be one more message, to cancel it. */
  async #one(method: string, request: Bytes, options: CallOptions): Promise<Bytes> {
    let answer: Bytes | undefined
    for await (const { body } of this.#caller.call(method, request, options)) answer ??= body
    if (answer === undefined) throw this.#broken(`no answer to ${method}`)
    return answer
  }

  #blocks(body: Bytes, payload: Uint8Array): { blocks: Branch[]; missing: CID[] } {
    const answer = this.#decode(() =>
      Blocks.decode(body, { limits: { blocks: BLOCKS_ANSWER_MAX, missing: REQUEST_CIDS_MAX } })
    )
    let at = 0
    const blocks = answer.blocks.map(({ cid: bytes, size }) => {
      const cid = this.#cid(bytes)
      if (at + size > payload.length) throw this.#broken('an answer is shorter than it says')
      const block = payload.subarray(at, (at += size))
      this.#verify(cid, block)
      return { cid, bytes: block }
    })
    if (at !== payload.length) throw this.#broken('an answer is longer than it says')
    return { blocks, missing: answer.missing.map(bytes => this.#cid(bytes)) }
  }

  /** CORRUPT, with the CID in `details.wrong`, for whoever complains. */
  #verify(cid: CID, block: Uint8Array): void {
    try {
      verify(cid, block)
    } catch (cause) {
      if (!hasCode(cause, 'CORRUPT')) throw cause
      const details = { peerId: this.peer, wrong: cid.toString() }
      throw new PathmeshError('CORRUPT', `${this.peer}: ${cause.message}`, { cause, details })
    }
  }

  #cid(bytes: Uint8Array): CID {
    return this.#decode(() => {
      const cid = CID.decode(bytes)
      checkCid(cid)
      return cid
    })
  }

  #decode<T>(decode: () => T): T {
    try {
      return decode()
    } catch (cause) {
      throw this.#broken('an answer cannot be read', cause)
    }
  }

  #broken(what: string, cause?: unknown): PathmeshError {
    return new PathmeshError('CORRUPT', `${this.peer}: ${what}`, { cause, details: { peerId: this.peer } })
  }
}

const binary = (cids: readonly CID[]): Bytes[] => cids.map(cid => bytesOf(cid.bytes))
