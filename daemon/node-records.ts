// What nodes say of themselves: this one tells the others what it is called and where it listens, and again when that changes;
// what the others tell is passed to the swarm, so that a node is dialled by those who never met it.

import type { Catalogue } from './catalogue/catalogue.ts'
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'
import type { Write } from './store/database.ts'
import type { Swarm } from './swarm/swarm.ts'
import { VERSION } from './version.ts'
import { NODE_RECORD_MS, PEER_ADDRESSES_MAX } from '../proto/limits.ts'

export interface NodeRecordsParts {
  readonly name: string
  readonly swarm: Swarm
  readonly catalogue: Catalogue<Write>
  readonly clock: Clock
  readonly log: Log
}

export class NodeRecords {
  readonly #parts: NodeRecordsParts
  #cancel = (): void => undefined
  #telling: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(parts: NodeRecordsParts) {
    this.#parts = parts
  }

  start(): void {
    const { swarm, catalogue } = this.#parts
    for (const { origin, addresses } of catalogue.nodes()) swarm.introduce(origin, addresses)
    catalogue.onNode(({ origin, addresses }) => swarm.introduce(origin, addresses))
    this.#tell()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel()
    await this.#telling
  }

  #tell(): void {
    const { name, swarm } = this.#parts
    const addresses = swarm.addresses().map(address => address.replace(/\/p2p\/[^/]+$/, ''))
    const node = { called: name, software: VERSION, addresses: addresses.slice(0, PEER_ADDRESSES_MAX) }
    this.#telling = this.#announce(node)
  }

  async #announce(node: Parameters<Catalogue<Write>['own']['announce']>[0]): Promise<void> {
    const { catalogue, clock, log } = this.#parts
    try {
      await catalogue.own.announce(node)
    } catch (error) {
      log.warn('this node has not told where it is; it is tried again', { error })
    }
    if (!this.#stopped) this.#cancel = clock.after(NODE_RECORD_MS, () => this.#tell())
  }
}
