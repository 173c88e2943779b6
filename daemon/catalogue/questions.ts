// What this node asks others about names, under a deadline each; and what of their answers is kept. One peer that is slow,
// wrong or gone does not keep the others from being heard.

import type { Bytes } from '../frames.ts'
import type { Caller } from '../rpc.ts'
import type { Clock } from '../clock.ts'
import { withDeadline } from '../deadline.ts'
import type { Log } from '../log.ts'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import { Hello, NamesRequest, ResolveRequest } from '../../proto/generated/catalogue.ts'
import { ASK_MS, NAMES_ANSWER_BYTES_MAX } from '../../proto/limits.ts'
import { isAtOrIn } from './paths.ts'
import { type NameRecord, openRecord, type VerifySignature } from './record.ts'
import type { Kept, RecordTable } from './record-table.ts'
import { decodeRecords } from './signed-records.ts'

export interface QuestionsComponents<Write> {
  readonly records: RecordTable<Write>
  readonly verify: VerifySignature
  /** The mesh's public key. */
  readonly mesh: Uint8Array
  readonly clock: Clock
  readonly log: Log
  /** All of the writes or none, on the disk when it resolves. */
  commit(writes: readonly Write[]): Promise<void>
  connected(): readonly string[]
  caller(peer: string): Promise<Caller>
}

/** How many peers were asked, and how many answered. */
export interface Asked {
  readonly asked: number
  readonly answered: number
}

type IsAskedFor = (record: NameRecord) => boolean

export class Questions<Write> {
  readonly #parts: QuestionsComponents<Write>
  #heard = false
  #keeping: Promise<void> = Promise.resolve()

  constructor(parts: QuestionsComponents<Write>) {
    this.#parts = parts
  }

  /** Whether some peer has answered anything. */
  get hasHeard(): boolean {
    return this.#heard
  }

  /** Asks all connected peers for records of the name that `path` is or lies in. */
  async resolve(path: string, signal?: AbortSignal): Promise<Asked> {
    return this.#askAll('resolve', ResolveRequest.encode({ path }), record => isAtOrIn(path, record.name), signal)
  }

  /** Asks all connected peers for records of names that begin with `prefix`. */
  async names(prefix: string, signal?: AbortSignal): Promise<void> {
    const request = NamesRequest.encode({ prefix, afterName: '', afterOrigin: '' })
    await this.#askAll('names', request, record => record.name.startsWith(prefix), signal)
  }

  /** Tells a peer who we are and hears who it is. */
  async hello(peer: string, own: Hello): Promise<Hello | undefined> {
    let answer: Hello | undefined
    await this.#ask(peer, 'hello', Hello.encode(own), async body => void (answer = Hello.decode(body)))
    return answer
  }

  async #askAll(method: string, request: Bytes, isAskedFor: IsAskedFor, signal?: AbortSignal): Promise<Asked> {
    const { log } = this.#parts
    const answered = await Promise.all(
      this.#parts.connected().map(async peer => {
        try {
          await this.#ask(peer, method, request, body => this.#keep(peer, decodeRecords(body), isAskedFor), signal)
          return true
        } catch (error) {
          signal?.throwIfAborted()
          log.debug('a peer did not answer', { peer, method, error })
          // A wrong answer is one as well: somebody is there.
          return !hasCode(error, 'TIMEOUT', 'NO_PROVIDERS')
        }
      })
    )
    return { asked: answered.length, answered: answered.filter(Boolean).length }
  }

  async #ask(
    peer: string,
    method: string,
    request: Bytes,
    take: (body: Bytes) => Promise<void>,
    signal?: AbortSignal
  ): Promise<void> {
    const { clock } = this.#parts
    await withDeadline(clock, ASK_MS, `asking ${peer}`, signal, async until => {
      const caller = await this.#parts.caller(peer)
      const options = { signal: until, maxBytes: NAMES_ANSWER_BYTES_MAX }
      for await (const { body } of caller.call(method, request, options)) await take(body)
    })
    this.#heard = true
  }

  /** Keeps what is newer than what is known. A peer that sends what is wrong is believed in nothing of that answer. */
  async #keep(peer: string, signed: readonly Uint8Array[], isAskedFor: IsAskedFor): Promise<void> {
    const { mesh, verify } = this.#parts
    const newest = new Map<string, Kept>()
    for (const bytes of signed) {
      const record = await openRecord(bytes, mesh, verify)
      if (!isAskedFor(record)) throw new PathmeshError('CORRUPT', `${peer} sent a record that was not asked for`)
      const key = `${record.name}\0${record.origin}`
      if (record.seq > (newest.get(key)?.record.seq ?? 0)) newest.set(key, { record, bytes })
    }
    // One answer after the other: between looking at what is known and writing, nothing newer may come in.
    const turn = this.#keeping.then(() => this.#keepNewer([...newest.values()]))
    this.#keeping = turn.catch(() => undefined)
    await turn
  }

  async #keepNewer(all: readonly Kept[]): Promise<void> {
    const { records } = this.#parts
    const writes: Write[] = []
    for (const kept of all) {
      const known = await records.get(kept.record.name, kept.record.origin)
      if (known === undefined || kept.record.seq > known.record.seq) writes.push(records.put(kept))
    }
    if (writes.length > 0) await this.#parts.commit(writes)
  }
}
