// One that has all and some who receive it, each with a scheduler of its own and all of them as fast as each other; they hear of
// what the others have in turns.

import { Scheduler, type Unit } from '../../../daemon/exchange/scheduler.ts'
import { Ledger } from '../../../daemon/store/ledger.ts'
import { LEAF_BYTES, WINDOW_STREAM_BYTES } from '../../../proto/limits.ts'

/** A unit on its way between two of them. */
interface Sending {
  readonly from: string
  readonly to: Receiver
  readonly unit: Unit
}

interface Receiver {
  readonly name: string
  readonly scheduler: Scheduler
  readonly here: Ledger
  /** What it told the others it has. */
  readonly told: Ledger
}

/** What an uplink lets through in a turn, and how long a turn is. */
const TURN_MS = 40
const UNITS_A_TURN = 2
const TURNS_MAX = 20_000

export class Broadcast {
  sentBySeed = 0
  readonly #receivers: readonly Receiver[]
  readonly #queues = new Map<string, Sending[]>()
  readonly #sent = new Map<string, number>()

  constructor(nodes: number, leaves: number) {
    this.#receivers = Array.from({ length: nodes }, (_, n) => {
      const name = `node ${n}`
      return { name, scheduler: new Scheduler(name), here: new Ledger(), told: new Ledger() }
    })
    for (const receiver of this.#receivers) {
      for (let n = 0; n < leaves; n++) receiver.scheduler.add({ ordinals: [n], bytes: LEAF_BYTES, group: 'file' })
      receiver.scheduler.join('seed', undefined, WINDOW_STREAM_BYTES, 0)
      for (const other of this.#receivers)
        if (other !== receiver) receiver.scheduler.join(other.name, other.told, WINDOW_STREAM_BYTES, 0)
    }
  }

  get sentByNodes(): readonly number[] {
    return this.#receivers.map(({ name }) => this.#sent.get(name) ?? 0)
  }

  run(): void {
    for (let turn = 0; this.#receivers.some(({ scheduler }) => scheduler.open > 0); turn++) {
      if (turn > TURNS_MAX) throw new Error('it does not end')
      const now = turn * TURN_MS
      for (const receiver of this.#receivers) this.#ask(receiver, now)
      for (const [from, queue] of this.#queues) {
        if (from === 'seed') this.sentBySeed += Math.min(UNITS_A_TURN, queue.length)
        for (const sending of queue.splice(0, UNITS_A_TURN)) this.#deliver(sending, now)
      }
      for (const { here, told, name } of this.#receivers) if ((turn + name.length) % 2 === 0) copy(here, told)
    }
  }

  #ask(receiver: Receiver, now: number): void {
    for (const from of receiver.scheduler.peers) {
      const queue = this.#queues.get(from) ?? []
      this.#queues.set(from, queue)
      for (
        let units = receiver.scheduler.take(from, Infinity, now);
        units.length > 0;
        units = receiver.scheduler.take(from, Infinity, now)
      )
        queue.push(...units.map(unit => ({ from, to: receiver, unit })))
    }
  }

  #deliver({ from, to, unit }: Sending, now: number): void {
    this.#sent.set(from, (this.#sent.get(from) ?? 0) + 1)
    to.scheduler.came(from, unit, now)
    for (const ordinal of unit.ordinals) to.here.add(ordinal)
  }
}

function copy(from: Ledger, to: Ledger): void {
  for (let ordinal = 0; ordinal < 8 * from.toBytes().length; ordinal++) if (from.has(ordinal)) to.add(ordinal)
}
