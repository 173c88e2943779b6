// Getting the records of one origin from one peer, until both know the same:
//
//   they are further ──> since(our number), again while there are more ──> digests agree: done
//                                                   │ they differ, also a moment later
//                                                   └──> list ──> records that we lack ──> done, or they know no more than we
//
// Records are kept as they come, and the head is raised as far as they reach, so that what is interrupted goes on from there.
// Refuses what is not of that origin, not asked for, or out of order.

import type { Bytes } from '../frames.ts'
import type { Clock } from '../clock.ts'
import { orAborted, withDeadline } from '../deadline.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { ListRequest, RecordsRequest, SinceRequest } from '../../proto/generated/catalogue.ts'
import { ASK_MS, LIST_AFTER_MS, NUMBERS_REQUEST_MAX, PAGE_MS, RECORDS_ANSWER_BYTES_MAX } from '../../proto/limits.ts'
import { agrees, type Head } from './head.ts'
import { decodeList, decodeRecords, decodeSince, encodeNumbers, type Entry, LISTED_HASH_BYTES } from './messages.ts'
import { openRecord, type Signed, type VerifySignature } from './record.ts'
import type { Raise, Records } from './records.ts'

/** Asks one peer; rpc.ts has it. */
export interface Asking {
  call(
    method: string,
    body: Bytes,
    options: { signal: AbortSignal; maxBytes: number }
  ): AsyncIterable<{ readonly body: Bytes }>
}

export interface PullParts<Write> {
  readonly records: Records<Write>
  readonly verify: VerifySignature
  readonly mesh: Uint8Array
  readonly clock: Clock
  caller(peer: string): Promise<Asking>
  /** Keeps what is newer; own records that were lost are adopted. */
  keep(origin: string, incoming: readonly Signed[], raise?: Raise): Promise<void>
}

export class Pull<Write> {
  readonly #parts: PullParts<Write>
  readonly #origin: string
  readonly #peer: string
  readonly #signal: AbortSignal
  readonly #onHead: (head: Head) => void
  /** How far the peer is, as it said last. */
  theirs: Head

  /** `onHead` hears how far the peer is, as it answers. */
  constructor(
    parts: PullParts<Write>,
    { origin, peer, theirs }: { origin: string; peer: string; theirs: Head },
    onHead: (head: Head) => void,
    signal: AbortSignal
  ) {
    this.#parts = parts
    this.#origin = origin
    this.#peer = peer
    this.#signal = signal
    this.#onHead = onHead
    this.theirs = theirs
  }

  /** Resolves when all that the peer knows is known here too; to whether both know the same. */
  async run(): Promise<boolean> {
    while (!this.#isDone() && this.theirs.number > this.#ours().number) {
      const before = this.#ours().number
      const more = await this.#since(before)
      if (!more || this.#ours().number === before) break
    }
    if (this.#isDone()) return true
    // What differs may just be on its way.
    await this.#pause(LIST_AFTER_MS)
    if (!this.#isDone()) await this.#list()
    return this.#isDone()
  }

  #ours(): Head {
    return this.#parts.records.head(this.#origin)
  }

  #isDone(): boolean {
    return agrees(this.#ours(), this.theirs)
  }

  #hear(head: Head): void {
    this.theirs = head
    this.#onHead(head)
  }

  /** Whether the peer has more above the last of these. */
  async #since(number: number): Promise<boolean> {
    let above = number
    let held: { signed: Signed[]; above: number } | undefined
    let hasMore = false
    const body = SinceRequest.encode({ origin: this.#origin, number })
    for await (const answer of this.#ask('since', body)) {
      const { head, records, more } = decodeSince(answer)
      this.#hear(head)
      if (held !== undefined) await this.#keep(held.signed, held.above)
      const signed = await this.#open(records)
      for (const { record } of signed) {
        if (record.number < above) throw this.#wrong('its records are out of order')
        above = record.number
      }
      held = { signed, above }
      hasMore = more && records.length > 0
      if (records.length === 0) break
    }
    // Whoever has all of them is as far as the peer.
    if (held !== undefined) await this.#keep(held.signed, hasMore ? held.above : this.theirs.number)
    return hasMore
  }

  /** Compares all numbers, and gets what is here in another form or not at all. */
  async #list(): Promise<void> {
    for (let above = 0, more = true; more;) {
      const body = ListRequest.encode({ origin: this.#origin, above })
      let page: ReturnType<typeof decodeList> | undefined
      for await (const answer of this.#ask('list', body)) page = decodeList(answer)
      if (page === undefined) throw this.#wrong('it answers with nothing')
      this.#hear(page.head)
      const last = page.entries.at(-1)?.number ?? above
      if (page.entries.some(({ number }, i) => number <= above || number < (page.entries[i - 1]?.number ?? 0)))
        throw this.#wrong('its list is out of order')
      const wanted = await this.#lacking(page.entries, above)
      for (let at = 0; at < wanted.length; at += NUMBERS_REQUEST_MAX)
        await this.#fetch(wanted.slice(at, at + NUMBERS_REQUEST_MAX))
      more = page.more && last > above
      above = last
    }
    const { number, digest } = this.theirs
    await this.#parts.keep(this.#origin, [], { origin: this.#origin, number, digest })
  }

  /** Numbers of entries that are not here. */
  async #lacking(entries: readonly Entry[], above: number): Promise<number[]> {
    const last = entries.at(-1)?.number ?? above
    const lacking = new Map(
      entries.map(({ number, hash }) => [`${number} ${Buffer.from(hash).toString('hex')}`, number])
    )
    for await (const { number, hash } of this.#parts.records.entries(this.#origin, above)) {
      if (number > last) break
      lacking.delete(`${number} ${Buffer.from(hash.subarray(0, LISTED_HASH_BYTES)).toString('hex')}`)
    }
    return [...new Set(lacking.values())]
  }

  async #fetch(numbers: readonly number[]): Promise<void> {
    const asked = new Set(numbers)
    const body = RecordsRequest.encode({ origin: this.#origin, numbers: encodeNumbers(numbers) })
    for await (const answer of this.#ask('records', body)) {
      const signed = await this.#open(decodeRecords(answer))
      if (signed.some(({ record }) => !asked.has(record.number))) throw this.#wrong('it sends what was not asked for')
      await this.#parts.keep(this.#origin, signed)
    }
  }

  #keep(signed: readonly Signed[], number: number): Promise<void> {
    return this.#parts.keep(this.#origin, signed, { origin: this.#origin, number })
  }

  async #open(records: readonly Uint8Array[]): Promise<Signed[]> {
    const { mesh, verify } = this.#parts
    const signed = await Promise.all(records.map(bytes => openRecord(bytes, mesh, verify)))
    if (signed.some(({ record }) => record.origin !== this.#origin)) throw this.#wrong('it sends records of others')
    return signed
  }

  /** Bodies of answers, each within a deadline. */
  async *#ask(method: string, request: Bytes): AsyncGenerator<Bytes> {
    const { clock } = this.#parts
    const [signal, doing] = [this.#signal, `asking ${this.#peer} for records`]
    const caller = await withDeadline(clock, ASK_MS, doing, signal, until =>
      orAborted(this.#parts.caller(this.#peer), until)
    )
    const cancel = new AbortController()
    const options = { signal: cancel.signal, maxBytes: RECORDS_ANSWER_BYTES_MAX }
    const answers = caller.call(method, request, options)[Symbol.asyncIterator]()
    try {
      while (true) {
        const next = await withDeadline(clock, PAGE_MS, doing, signal, async until => {
          const onAbort = (): void => cancel.abort(until.reason)
          until.addEventListener('abort', onAbort, { once: true })
          return answers.next()
        })
        if (next.done === true) return
        yield next.value.body
      }
    } finally {
      cancel.abort(new PathmeshError('ABORTED', 'no more is wanted'))
      await answers.return?.()
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        cancel()
        reject(this.#signal.reason)
      }
      const cancel = this.#parts.clock.after(ms, () => {
        this.#signal.removeEventListener('abort', onAbort)
        resolve()
      })
      this.#signal.addEventListener('abort', onAbort, { once: true })
      if (this.#signal.aborted) onAbort()
    })
  }

  #wrong(what: string): PathmeshError {
    return new PathmeshError('CORRUPT', `${this.#peer} answers wrongly about ${this.#origin}: ${what}`)
  }
}
