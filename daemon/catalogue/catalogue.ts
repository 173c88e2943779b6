// Names of this node and of the others: publishing own ones, and finding any by asking the connected peers. It never moves
// content; what it refuses is in its parts.

import type { Handler } from '../rpc.ts'
import type { Hello } from '../../proto/generated/catalogue.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { NODE_NAME_BYTES_MAX } from '../../proto/limits.ts'
import { OwnNames, type OwnNamesComponents } from './own-names.ts'
import { namesAbove } from './paths.ts'
import { Questions, type QuestionsComponents } from './questions.ts'
import type { VersionRecord } from './record.ts'
import { catalogueHandlers } from './serve.ts'

export interface CatalogueComponents<Write>
  extends Omit<OwnNamesComponents<Write>, 'nodeName'>, QuestionsComponents<Write> {
  readonly clock: QuestionsComponents<Write>['clock']
  /** This node's human name. */
  readonly nodeName: string
  readonly softwareVersion: string
  /** Names of nodes that were heard of. */
  readonly nodes: { list(): AsyncIterable<[peerId: string, name: string]>; put(peerId: string, name: string): Write }
}

export class Catalogue<Write> {
  readonly own: OwnNames<Write>
  readonly #parts: CatalogueComponents<Write>
  readonly #questions: Questions<Write>
  readonly #nodes = new Map<string, string>()

  constructor(parts: CatalogueComponents<Write>) {
    this.#parts = parts
    this.own = new OwnNames({ ...parts, nodeName: peerId => this.nodeName(peerId) })
    this.#questions = new Questions(parts)
  }

  async open(): Promise<void> {
    for await (const [peerId, name] of this.#parts.nodes.list()) this.#nodes.set(peerId, name)
    this.#nodes.set(this.#parts.signer.peerId, this.#parts.nodeName)
  }

  /** Whether some peer has answered, or there is none to ask. */
  get isSynced(): boolean {
    return this.#questions.hasHeard || this.#parts.connected().length === 0
  }

  /** A node's human name, if it was heard. */
  nodeName(peerId: string): string | undefined {
    return this.#nodes.get(peerId)
  }

  /** Origins that a node text means: a PeerId, or every node of that human name. */
  originsCalled(node: string): string[] {
    const named = [...this.#nodes].filter(([, name]) => name === node).map(([peerId]) => peerId)
    return [...new Set([node, ...named])]
  }

  /** Versions of the name that `path` is or lies in, one an origin, after asking the connected peers. NOT_SYNCED if none answers. */
  async resolve(path: string, signal?: AbortSignal): Promise<VersionRecord[]> {
    const { asked, answered } = await this.#questions.resolve(path, signal)
    const known = await this.known(path)
    if (known.length > 0 || asked === 0 || answered > 0) return known
    throw new PathmeshError(
      'NOT_SYNCED',
      `${path} is not known here, and none of ${asked} connected nodes answered: try again, or see \`pathmesh peers\``
    )
  }

  /** The same, without asking anybody. */
  async known(path: string): Promise<VersionRecord[]> {
    const found: VersionRecord[] = []
    for (const name of [path, ...namesAbove(path)]) {
      for await (const { record } of this.#parts.records.named(name)) if (record.type === 'version') found.push(record)
    }
    return found
  }

  /** Versions of names that begin with `prefix`, in order, as they are known here: `refresh` asks the peers. */
  async *list(prefix: string): AsyncGenerator<VersionRecord> {
    for await (const { record } of this.#parts.records.list(prefix)) if (record.type === 'version') yield record
  }

  /** Asks every connected peer for its names that begin with `prefix`. */
  refresh(prefix: string, signal?: AbortSignal): Promise<void> {
    return this.#questions.names(prefix, signal)
  }

  /** Tells a peer who we are and hears who it is. */
  async greet(peer: string): Promise<void> {
    const hello = await this.#questions.hello(peer, this.#hello())
    if (hello !== undefined) await this.#heardOf(peer, hello)
  }

  handlers(): Record<string, Handler> {
    const onHello = (peer: string, hello: Hello): Promise<void> => this.#heardOf(peer, hello)
    return catalogueHandlers({ records: this.#parts.records, hello: this.#hello(), onHello })
  }

  #hello(): Hello {
    return { name: this.#parts.nodeName, version: this.#parts.softwareVersion }
  }

  async #heardOf(peer: string, { name }: Hello): Promise<void> {
    if (name === '' || Buffer.byteLength(name) > NODE_NAME_BYTES_MAX || this.#nodes.get(peer) === name) return
    this.#nodes.set(peer, name)
    await this.#parts.commit([this.#parts.nodes.put(peer, name)])
  }
}
