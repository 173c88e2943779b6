// A node that takes Payloads in, for tests: one that keeps versions, and what a program would send to it.

import { putPayload, type Sent } from '../../../daemon/sharing/put.ts'
import { unshare } from '../../../daemon/sharing/own.ts'
import type { Progress, Put, PutQuery } from '../../../proto/api.ts'
import { KeepingNode, never } from './keeping-node.ts'

export interface Sending {
  readonly query?: Partial<PutQuery>
  /** Bytes that it is said to be; by default nothing is said. */
  readonly size?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: Progress) => void
}

/** Pieces of at most so many bytes. */
export async function* inPieces(bytes: Uint8Array, most = 300_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += most) yield bytes.subarray(at, at + most)
}

export class PuttingNode {
  readonly node: KeepingNode

  private constructor(node: KeepingNode) {
    this.node = node
  }

  static async make(): Promise<PuttingNode> {
    return new PuttingNode(await KeepingNode.make())
  }

  /** Puts what is sent, and lets go what may go then. */
  async put(
    as: string,
    sent: Uint8Array | Sent['bytes'],
    { query, size, signal, onProgress }: Sending = {}
  ): Promise<Put> {
    const { node } = this
    const bytes = sent instanceof Uint8Array ? inPieces(sent) : sent
    const parts = { ...this.#parts(), clock: node.clock }
    const done = await putPayload(
      { as, ...query },
      { bytes, size },
      parts,
      signal ?? never,
      onProgress ?? (() => undefined)
    )
    await node.retention.sweep()
    return done
  }

  async unshare(name: string): Promise<void> {
    await unshare(name, this.#parts())
    await this.node.retention.sweep()
  }

  #parts() {
    const { hasher, names: catalogue, store, retention } = this.node
    return { self: 'self', nodeName: 'node', store, hasher, catalogue, retention }
  }
}
