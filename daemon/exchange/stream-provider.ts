// A provider asked over the long-lived libp2p stream. It checks the form of answers and the hash of every block.

import { CID } from 'multiformats/cid'
import type { Branch } from '../content/file-dag.ts'
import { cidKey } from '../content/multihash.ts'
import { checkCid, verify } from '../content/verify.ts'
import { type Bytes, bytesOf } from '../frames.ts'
import type { Caller, CallOptions } from '../rpc.ts'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import {
  Blocks,
  FollowAnswer,
  FollowRequest,
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
  FOLLOW_BYTES_MAX,
  FOLLOW_SPANS_MAX,
  FRAME_HEADER_BYTES_MAX,
  FRAME_PAYLOAD_BYTES_MAX,
  LEAF_BYTES,
  REQUEST_CIDS_MAX
} from '../../proto/limits.ts'
import { spansOf } from './held-log.ts'
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
  WantedLeaf,
  WantedSmall
} from './provider.ts'

export class StreamProvider implements Provider {
  readonly peer: string
  readonly via = 'stream'
  readonly #caller: Caller

  constructor(caller: Caller) {
    this.peer = caller.peer
    this.#caller = caller
  }

  async tree(cids: readonly CID[], options: BulkOptions = {}): Promise<TreeAnswer> {
    const maxBytes = FRAME_HEADER_BYTES_MAX + FRAME_PAYLOAD_BYTES_MAX
    for await (const { body, payload } of this.#caller.call('tree', TreeRequest.encode({ cids: binary(cids) }), {
      ...options,
      maxBytes
    })) {
      return this.#blocks(body, payload)
    }
    throw this.#broken('no answer to a request for branches')
  }

  async *small(wanted: readonly WantedSmall[], options: BulkOptions = {}): AsyncGenerator<CameSmall[]> {
    const left = new Map(wanted.map(one => [cidKey(one.cid), one]))
    const cids = [...left.values()].map(({ cid }) => cid)
    const maxBytes = cids.length * (BLOCK_BYTES_MAX + 256)
    const request = SmallRequest.encode({ cids: binary(cids) })
    for await (const { body, payload } of this.#caller.call('small', request, { ...options, maxBytes })) {
      const { blocks, missing } = this.#blocks(body, payload)
      const came: CameSmall[] = [
        ...blocks.map(({ cid, bytes }) => ({ cid, bytes, is: 'here' as const, size: bytes.length })),
        ...missing.map(cid => ({ cid, bytes: undefined, is: 'missing' as const, size: 0 }))
      ]
      for (const { cid, is, size } of came) {
        const asked = left.get(cidKey(cid))
        if (!left.delete(cidKey(cid))) throw this.#broken(`${cid.toString()} was not asked for`)
        if (is === 'here' && asked?.size !== undefined && asked.size !== size)
          throw this.#wrongSize(cid, size, asked.size)
      }
      yield came
    }
    if (left.size > 0) throw this.#broken('an answer leaves out what was asked for')
  }

  async *leaves({ file, leaves }: LeavesOrder, options: BulkOptions = {}): AsyncGenerator<CameLeaf> {
    const request = LeavesRequest.encode({
      file: bytesOf(file.bytes),
      ranges: spansOf(leaves.map(({ index }) => index))
    })
    const left = new Map(leaves.map(leaf => [leaf.index, leaf]))
    const maxBytes = leaves.length * (LEAF_BYTES + 64)
    for await (const { body, payload } of this.#caller.call('leaves', request, { ...options, maxBytes })) {
      const { index } = this.#decode(() => Leaf.decode(body))
      const asked = left.get(index)
      if (asked === undefined) throw this.#broken(`leaf ${index} was not asked for`)
      left.delete(index)
      this.#verifyLeaf(asked, payload)
      yield { index, bytes: payload }
    }
    if (left.size > 0) throw this.#broken('an answer leaves out what was asked for')
  }

  async *follow(root: CID, { signal }: WaitOptions = {}): AsyncGenerator<HeldMore> {
    const request = FollowRequest.encode({ root: bytesOf(root.bytes) })
    const options = { maxBytes: FOLLOW_BYTES_MAX, ...(signal === undefined ? {} : { signal }) }
    for await (const { body } of this.#caller.call('follow', request, options)) {
      const { complete, bytes, spans } = this.#decode(() =>
        FollowAnswer.decode(body, { limits: { spans: FOLLOW_SPANS_MAX } })
      )
      yield { complete, bytes, spans }
    }
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

  /** CORRUPT, with its index in `details.wrongLeaf`, for whoever complains. */
  #verifyLeaf({ index, cid, size }: WantedLeaf, bytes: Uint8Array): void {
    const details = { peerId: this.peer, wrongLeaf: index }
    if (bytes.length !== size)
      throw new PathmeshError(
        'CORRUPT',
        `${this.peer} sent ${bytes.length} bytes as leaf ${index}, which has ${size}`,
        {
          details
        }
      )
    try {
      verify(cid, bytes)
    } catch (cause) {
      if (!hasCode(cause, 'CORRUPT')) throw cause
      throw new PathmeshError('CORRUPT', `${this.peer}: ${cause.message}`, { cause, details })
    }
  }

  #wrongSize(cid: CID, size: number, expected: number): PathmeshError {
    const details = { peerId: this.peer, wrong: cid.toString() }
    return new PathmeshError('CORRUPT', `${cid.toString()} has ${size} bytes, and its directory says ${expected}`, {
      details
    })
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
