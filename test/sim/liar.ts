// What a member may do that lies: it runs the real catalogue, and what it tells and answers is changed on the way out. It
// cannot sign as others; all else it may say.

import { decodeHeads, decodeList, decodeRecords, decodeSince } from '../../daemon/catalogue/messages.ts'
import { encodeHeads, encodeList, encodeRecords, encodeSince, type NamedHead } from '../../daemon/catalogue/messages.ts'
import type { Asking } from '../../daemon/catalogue/pull.ts'
import { signRecord } from '../../daemon/catalogue/record.ts'
import { type Bytes, bytesOf } from '../../daemon/frames.ts'
import type { Answer } from '../../daemon/rpc.ts'
import { SinceRequest } from '../../proto/generated/catalogue.ts'
import type { Seeded } from '../helpers/seeded.ts'
import type { Keys } from './keys.ts'
import type { Life } from './node.ts'
import type { Schedule } from './schedule.ts'

const KINDS = [
  'withholds',
  'misnumbers',
  'misdigests',
  'garbles',
  'forges',
  'swaps',
  'dawdles',
  'forgets',
  'twice'
] as const
type Kind = (typeof KINDS)[number]

/** Just below what is waited for from one page to the next. */
const DAWDLE_MS = 14_000

export class Lies {
  /** How it lies; each time with some chance. */
  readonly kinds: ReadonlySet<Kind>
  readonly #random: Seeded
  readonly #schedule: Schedule
  readonly #keys: Keys
  readonly #origins: readonly string[]
  #chance: number
  #forged = 0

  constructor(random: Seeded, schedule: Schedule, keys: Keys, origins: readonly string[]) {
    this.#random = random
    this.#schedule = schedule
    this.#keys = keys
    this.#origins = origins
    this.kinds = new Set(KINDS.filter(() => random.chance(0.4)))
    this.#chance = 0.1 + 0.7 * random.next()
  }

  /** Tells as it likes. */
  asking(life: Life, peer: string, honest: Asking): Asking {
    const change = (body: Bytes): Promise<Bytes> => this.#heads(life, peer, body)
    return {
      async *call(method, body, options) {
        yield* honest.call(method, method === 'heads' ? await change(body) : body, options)
      }
    }
  }

  /** Answers as it likes. */
  async *answers(
    life: Life,
    from: string,
    method: string,
    body: Bytes,
    honest: AsyncIterable<Answer>
  ): AsyncGenerator<Answer> {
    if (method !== 'heads' && this.#does('dawdles')) {
      const { origin } = SinceRequest.decode(body)
      const page = encodeSince(origin, this.#head({ origin, number: 1_000, digest: this.#random.bytes(32) }), [], true)
      while (life.isAlive) {
        await this.#schedule.sleep(DAWDLE_MS)
        yield { body: page, payload: new Uint8Array(0) }
      }
    }
    for await (const answer of honest) yield { ...answer, body: await this.#changed(life, from, method, answer.body) }
  }

  async #changed(life: Life, from: string, method: string, body: Bytes): Promise<Bytes> {
    if (this.#does('garbles')) return bytesOf(this.#random.bytes(this.#random.between(0, 200)))
    if (method === 'since') {
      const { head, records, more } = decodeSince(body)
      const told = await this.#records(life, from, records)
      return encodeSince(head.origin, this.#head(head), told, this.#does('misnumbers') || more)
    }
    if (method === 'list') {
      const { head, entries, more } = decodeList(body)
      const told = entries.flatMap(entry => {
        if (this.#does('withholds')) return []
        return [this.#does('misdigests') ? { ...entry, hash: this.#random.bytes(16) } : entry]
      })
      return encodeList(head.origin, this.#head(head), told, this.#does('misnumbers') || more)
    }
    return method === 'records' ? encodeRecords(await this.#records(life, from, decodeRecords(body))) : body
  }

  async #heads(life: Life, peer: string, body: Bytes): Promise<Bytes> {
    if (this.#does('garbles')) return bytesOf(this.#random.bytes(this.#random.between(0, 200)))
    const { heads, records, more } = decodeHeads(body)
    const told = heads.flatMap(head => (this.#does('withholds') ? [] : [this.#head(head)]))
    if (this.#does('misdigests'))
      told.push(this.#head({ origin: this.#random.pick(this.#origins), number: 50, digest: this.#random.bytes(32) }))
    return encodeHeads({ heads: told, records: await this.#records(life, peer, records), more })
  }

  #head(head: NamedHead): NamedHead {
    const { origin, number, digest } = head
    if (this.#does('forgets')) return { origin, number: Math.floor(number / 2), digest: new Uint8Array(32) }
    return {
      origin,
      number: this.#does('misnumbers') ? number + this.#random.pick([1, 10, 2 ** 20, 2 ** 45]) : number,
      digest: this.#does('misdigests') ? this.#random.bytes(32) : digest
    }
  }

  async #records(life: Life, to: string, honest: readonly Uint8Array[]): Promise<Uint8Array[]> {
    const told = honest.filter(() => !this.#does('withholds'))
    if (this.#does('swaps')) told.reverse()
    if (this.#does('forges')) told.push(await this.#forge(this.#random.pick(this.#origins), false))
    if (this.#does('twice')) told.push(await this.#forge(life.id, true, to))
    return told
  }

  /** A record in the name of another, or two of its own in one place: what differs is who is told. */
  async #forge(origin: string, isOwn: boolean, to = ''): Promise<Uint8Array> {
    const number = isOwn ? 1_000 + (this.#forged++ % 5) : this.#random.between(1, 60)
    const base = {
      type: 'retirement' as const,
      origin,
      number,
      seq: 1 + (number % 3),
      time: isOwn ? to.length + Number(to.slice(-1)) : 1
    }
    const signer = isOwn ? this.#keys.signer(origin) : { peerId: origin, sign: async () => this.#random.bytes(64) }
    return (await signRecord({ ...base, name: `forged/${number % 2}` }, this.#keys.mesh, signer)).bytes
  }

  #does(kind: Kind): boolean {
    return this.kinds.has(kind) && this.#random.chance(this.#chance)
  }
}
