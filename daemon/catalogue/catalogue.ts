// Names of this node and of the others: publishing own ones, and finding any by asking the connected peers. It decides
// which record is newest; it never moves content. Publishing is one at a time, so that no number is used twice.

import { bytesOf, type Caller, type Handler } from '../rpc.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Meta } from '../../proto/api.ts'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import { Hello, NamesRequest, Records, ResolveRequest, SignedRecord } from '../../proto/generated/catalogue.ts'
import {
  ASK_MS,
  FRAME_HEADER_BYTES_MAX,
  NAME_BYTES_MAX,
  NODE_NAME_BYTES_MAX,
  RECORDS_ANSWER_MAX,
  REF_BYTES_MAX,
  RESOLVE_SEGMENTS_MAX
} from '../../proto/limits.ts'
import {
  type NameRecord,
  openRecord,
  type Signer,
  signRecord,
  type VerifySignature,
  type VersionRecord
} from './record.ts'
import type { Kept, RecordTable } from './record-table.ts'

export interface CatalogueComponents<Write> {
  readonly records: RecordTable<Write>
  readonly signer: Signer
  readonly verify: VerifySignature
  /** The mesh's public key. */
  readonly mesh: Uint8Array
  readonly nodeName: string
  readonly softwareVersion: string
  readonly clock: Clock
  readonly log: Log
  /** The highest number this node has used; `put` keeps a new one. */
  readonly lastNumber: { get(): Promise<number>; put(value: number): Write }
  /** Names of nodes that were heard of. */
  readonly nodes: { list(): AsyncIterable<[peerId: string, name: string]>; put(peerId: string, name: string): Write }
  /** All of the writes or none, on the disk when it resolves. */
  commit(writes: readonly Write[]): Promise<void>
  connected(): readonly string[]
  caller(peer: string): Promise<Caller>
}

export interface NewVersion {
  readonly name: string
  readonly root: VersionRecord['root']
  readonly kind: 'file' | 'directory'
  readonly size: number
  readonly meta: Meta | null
}

export interface Published<Write> {
  readonly record: VersionRecord
  /** Nothing new: the newest version says the same. */
  readonly unchanged: boolean
  /** Names that lay inside a directory and are retired with this. */
  readonly retired: readonly NameRecord[]
  readonly writes: readonly Write[]
}

const EMPTY = new Uint8Array(0)

export class Catalogue<Write> {
  readonly #parts: CatalogueComponents<Write>
  readonly #nodes = new Map<string, string>()
  #publishing: Promise<unknown> = Promise.resolve()
  #heard = false

  constructor(parts: CatalogueComponents<Write>) {
    this.#parts = parts
  }

  async open(): Promise<void> {
    for await (const [peerId, name] of this.#parts.nodes.list()) this.#nodes.set(peerId, name)
    this.#nodes.set(this.#parts.signer.peerId, this.#parts.nodeName)
  }

  /** Whether some peer has answered, or there is none to ask. */
  get isSynced(): boolean {
    return this.#heard || this.#parts.connected().length === 0
  }

  /** A node's human name, if it was heard. */
  nodeName(peerId: string): string | undefined {
    return this.#nodes.get(peerId)
  }

  // --- own names ---------------------------------------------------------------------------------------------------

  /**
   * Makes the next version of an own name and hands its writes to `commit`, which puts them on the disk together with what
   * they speak of. NAME_CONFLICT if the name lies inside a published one, or is a file and contains one.
   */
  publish<T>(version: NewVersion, commit: (published: Published<Write>) => Promise<T>): Promise<T> {
    return this.#oneAtATime(async () => commit(await this.#nextVersion(version)))
  }

  /** Retires an own name. NOT_FOUND if it is not published, NOT_ORIGIN if only another node publishes it. */
  retire<T>(
    name: string,
    commit: (retirement: NameRecord, retired: VersionRecord, writes: readonly Write[]) => Promise<T>
  ): Promise<T> {
    return this.#oneAtATime(async () => {
      const known = await this.#parts.records.get(name, this.#parts.signer.peerId)
      if (known?.record.type !== 'version') {
        for await (const { record } of this.#parts.records.named(name)) {
          if (record.type === 'version')
            throw new PathmeshError(
              'NOT_ORIGIN',
              `${name} is published by ${this.nodeName(record.origin) ?? record.origin}: unshare it there`
            )
        }
        throw new PathmeshError('NOT_FOUND', `${name} is not shared by this node`)
      }
      const number = (await this.#parts.lastNumber.get()) + 1
      const kept = await this.#retirement(known.record, number)
      return commit(kept.record, known.record, [this.#parts.records.put(kept), this.#parts.lastNumber.put(number)])
    })
  }

  /** Versions of own names, for whoever needs to know which roots they stand for. */
  async *own(): AsyncGenerator<VersionRecord> {
    for await (const record of this.list('')) if (record.origin === this.#parts.signer.peerId) yield record
  }

  async #nextVersion({ name, root, kind, size, meta }: NewVersion): Promise<Published<Write>> {
    const { records, signer, mesh, clock } = this.#parts
    const origin = signer.peerId
    const before = await records.get(name, origin)
    if (
      before?.record.type === 'version' &&
      before.record.root.equals(root) &&
      before.record.kind === kind &&
      sameMeta(before.record.meta, meta)
    ) {
      return { record: before.record, unchanged: true, retired: [], writes: [] }
    }
    const inside = await this.#conflicts(name, kind)
    let number = await this.#parts.lastNumber.get()
    const writes: Write[] = []
    const retired: NameRecord[] = []
    for (const record of inside) {
      const kept = await this.#retirement(record, ++number)
      retired.push(record)
      writes.push(records.put(kept))
    }
    const record: VersionRecord = {
      type: 'version',
      origin,
      number: ++number,
      name,
      seq: (before?.record.seq ?? 0) + 1,
      time: clock.now(),
      root,
      kind,
      size,
      meta
    }
    writes.push(
      records.put({ record, bytes: await signRecord(record, mesh, signer) }),
      this.#parts.lastNumber.put(number)
    )
    return { record, unchanged: false, retired, writes }
  }

  /** Own names inside `name`; throws where `name` may not be. */
  async #conflicts(name: string, kind: 'file' | 'directory'): Promise<VersionRecord[]> {
    const { records, signer } = this.#parts
    for (const above of namesAbove(name)) {
      const outer = await records.get(above, signer.peerId)
      if (outer?.record.type === 'version')
        throw new PathmeshError(
          'NAME_CONFLICT',
          `${name} lies inside ${above}, which is published: write into that ${outer.record.kind} and publish it, or unshare it first`
        )
    }
    const inside: VersionRecord[] = []
    for await (const { record } of records.list(`${name}/`))
      if (record.origin === signer.peerId && record.type === 'version') inside.push(record)
    const [first] = inside
    if (first !== undefined && kind === 'file')
      throw new PathmeshError(
        'NAME_CONFLICT',
        `${name} is a file, and ${first.name} is published inside that name: unshare it first`
      )
    return inside
  }

  async #retirement({ name, seq, origin }: NameRecord, number: number): Promise<Kept> {
    const record: NameRecord = { type: 'retirement', origin, number, name, seq: seq + 1, time: this.#parts.clock.now() }
    return { record, bytes: await signRecord(record, this.#parts.mesh, this.#parts.signer) }
  }

  #oneAtATime<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#publishing.then(run, run)
    this.#publishing = turn.catch(() => undefined)
    return turn
  }

  // --- anybody's names ---------------------------------------------------------------------------------------------

  /** Versions of the name that `path` is or lies in, one an origin, after asking the connected peers. */
  async resolve(path: string, signal?: AbortSignal): Promise<VersionRecord[]> {
    await this.#askAll('resolve', ResolveRequest.encode({ path }), record => isPrefix(record.name, path), signal)
    return this.known(path)
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

  /** Asks every connected peer for its names. */
  async refresh(prefix: string, signal?: AbortSignal): Promise<void> {
    await Promise.all(this.#parts.connected().map(peer => this.#refreshFrom(peer, prefix, signal)))
  }

  /** Origins that a node text means: a PeerId, or every node of that human name. */
  originsCalled(node: string): string[] {
    const named = [...this.#nodes].filter(([, name]) => name === node).map(([peerId]) => peerId)
    return [...new Set([node, ...named])]
  }

  /** Tells a peer who we are and hears who it is. */
  async greet(peer: string): Promise<void> {
    for await (const { body } of this.#ask(peer, 'hello', Hello.encode(this.#hello())))
      await this.#heardOf(peer, Hello.decode(body))
  }

  handlers(): Record<string, Handler> {
    const hello = this.#hello()
    const records = this.#parts.records
    const heard = (peer: string, body: Uint8Array) => this.#heardOf(peer, Hello.decode(body))
    return {
      async *hello(body, { peer }) {
        await heard(peer, body)
        yield { body: Hello.encode(hello), payload: EMPTY }
      },
      async *resolve(body) {
        const { path } = ResolveRequest.decode(body)
        if (Buffer.byteLength(path) > REF_BYTES_MAX) throw new PathmeshError('INVALID_ARGUMENT', 'a path is too long')
        const found: Uint8Array[] = []
        for (const name of [path, ...namesAbove(path)])
          for await (const { bytes } of records.named(name)) if (found.length < RECORDS_ANSWER_MAX) found.push(bytes)
        yield { body: encodeRecords(found), payload: EMPTY }
      },
      async *names(body, { signal }) {
        const { prefix, afterName, afterOrigin } = NamesRequest.decode(body)
        if (Buffer.byteLength(prefix) > NAME_BYTES_MAX)
          throw new PathmeshError('INVALID_ARGUMENT', 'a prefix is too long')
        let [some, bytes]: [Uint8Array[], number] = [[], 0]
        for await (const kept of records.list(prefix, { name: afterName, origin: afterOrigin })) {
          signal.throwIfAborted()
          if (some.length >= RECORDS_ANSWER_MAX || bytes + kept.bytes.length > FRAME_HEADER_BYTES_MAX / 2) {
            yield { body: encodeRecords(some), payload: EMPTY }
            ;[some, bytes] = [[], 0]
          }
          some.push(kept.bytes)
          bytes += kept.bytes.length
        }
        yield { body: encodeRecords(some), payload: EMPTY }
      }
    }
  }

  async #refreshFrom(peer: string, prefix: string, signal?: AbortSignal): Promise<void> {
    try {
      for await (const { body } of this.#ask(
        peer,
        'names',
        NamesRequest.encode({ prefix, afterName: '', afterOrigin: '' }),
        signal
      )) {
        await this.#keep(peer, decodeRecords(body), record => record.name.startsWith(prefix))
      }
    } catch (error) {
      signal?.throwIfAborted()
      this.#parts.log.debug('a peer did not tell its names', { peer, error })
    }
  }

  async #askAll(
    method: string,
    request: ReturnType<typeof Hello.encode>,
    isAskedFor: (record: NameRecord) => boolean,
    signal?: AbortSignal
  ): Promise<void> {
    await Promise.all(
      this.#parts.connected().map(async peer => {
        try {
          for await (const { body } of this.#ask(peer, method, request, signal))
            await this.#keep(peer, decodeRecords(body), isAskedFor)
        } catch (error) {
          signal?.throwIfAborted()
          this.#parts.log.debug('a peer did not answer', { peer, method, error })
        }
      })
    )
  }

  async *#ask(peer: string, method: string, request: ReturnType<typeof Hello.encode>, signal?: AbortSignal) {
    const deadline = AbortSignal.timeout(ASK_MS)
    const both = signal === undefined ? deadline : AbortSignal.any([signal, deadline])
    const caller = await this.#parts.caller(peer)
    yield* caller.call(method, request, { signal: both, maxBytes: NAMES_ANSWER_BYTES })
    this.#heard = true
  }

  /** Keeps what is newer than what is known. A peer that sends what is wrong is believed in nothing of that answer. */
  async #keep(peer: string, signed: readonly Uint8Array[], isAskedFor: (record: NameRecord) => boolean): Promise<void> {
    const writes: Write[] = []
    for (const bytes of signed) {
      const record = await openRecord(bytes, this.#parts.mesh, this.#parts.verify)
      if (!isAskedFor(record)) throw new PathmeshError('CORRUPT', `${peer} sent a record that was not asked for`)
      const known = await this.#parts.records.get(record.name, record.origin)
      if (known === undefined || record.seq > known.record.seq) writes.push(this.#parts.records.put({ record, bytes }))
    }
    if (writes.length > 0) await this.#parts.commit(writes)
  }

  #hello(): Hello {
    return { name: this.#parts.nodeName, version: this.#parts.softwareVersion }
  }

  async #heardOf(peer: string, { name }: Hello): Promise<void> {
    this.#heard = true
    if (name === '' || Buffer.byteLength(name) > NODE_NAME_BYTES_MAX || this.#nodes.get(peer) === name) return
    this.#nodes.set(peer, name)
    await this.#parts.commit([this.#parts.nodes.put(peer, name)])
  }
}

/** Bytes of all names of one peer: a million of 100 bytes. */
const NAMES_ANSWER_BYTES = 128 * 1024 * 1024

/** `a/b/c` lies in `a/b`; a name has two segments at least. */
function namesAbove(path: string): string[] {
  const segments = path.split('/').slice(0, RESOLVE_SEGMENTS_MAX)
  const names: string[] = []
  for (let count = Math.min(segments.length, path.split('/').length - 1); count >= 2; count--)
    names.push(segments.slice(0, count).join('/'))
  return names.filter(name => Buffer.byteLength(name) <= NAME_BYTES_MAX)
}

const isPrefix = (name: string, path: string): boolean => path === name || path.startsWith(`${name}/`)
const sameMeta = (a: Meta | null, b: Meta | null): boolean => JSON.stringify(a) === JSON.stringify(b)

function encodeRecords(records: readonly Uint8Array[]): ReturnType<typeof Records.encode> {
  return Records.encode({ records: records.map(bytes => SignedRecord.decode(bytes)) })
}

function decodeRecords(body: Uint8Array): Uint8Array[] {
  try {
    return Records.decode(bytesOf(body), { limits: { records: RECORDS_ANSWER_MAX } }).records.map(record =>
      SignedRecord.encode(record)
    )
  } catch (cause) {
    if (hasCode(cause, 'CORRUPT')) throw cause
    throw new PathmeshError('CORRUPT', 'records that cannot be read', { cause })
  }
}
