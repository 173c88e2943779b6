// A scheduler beside a plain account of who was asked for what, which is compared after each event.

import assert from 'node:assert/strict'
import { Scheduler, type Unit } from '../../../daemon/exchange/scheduler.ts'
import { Ledger } from '../../../daemon/store/ledger.ts'
import { LEAF_BYTES, LEAVES_REQUEST, WINDOW_STREAM_BYTES } from '../../../proto/limits.ts'

export type SchedulerEvent =
  | { readonly type: 'add'; readonly size: number }
  | { readonly type: 'join'; readonly name: string; readonly isWhole: boolean }
  | { readonly type: 'leave'; readonly name: string }
  | { readonly type: 'take'; readonly name: string; readonly room: number }
  | { readonly type: 'came'; readonly name: string; readonly at: number }
  | { readonly type: 'giveBack'; readonly name: string; readonly lacks: boolean }
  | { readonly type: 'gets'; readonly name: string; readonly ordinal: number }
  | { readonly type: 'hurry'; readonly ordinal: number }
  | { readonly type: 'wait'; readonly ms: number }

interface Account {
  holds: Ledger | undefined
  readonly lacks: Set<Unit>
  readonly asked: Set<Unit>
}

export class SchedulerModel {
  readonly #scheduler = new Scheduler('self')
  readonly #peers = new Map<string, Account>()
  readonly #open = new Set<Unit>()
  #now = 0
  #ordinal = 0

  run(event: SchedulerEvent): void {
    const account = 'name' in event ? this.#peers.get(event.name) : undefined
    if (event.type === 'add') this.#add(event.size)
    if (event.type === 'join') this.#join(event.name, event.isWhole)
    if (event.type === 'leave') {
      this.#scheduler.leave(event.name)
      this.#peers.delete(event.name)
    }
    if (event.type === 'take') this.#take(event.name, event.room * LEAF_BYTES)
    if (event.type === 'came' && account !== undefined) this.#came(event.name, account, event.at)
    if (event.type === 'giveBack' && account !== undefined) {
      const units = [...account.asked].slice(0, 3)
      this.#scheduler.giveBack(event.name, units, event.lacks)
      for (const unit of units) account.asked.delete(unit)
      if (event.lacks) for (const unit of units) account.lacks.add(unit)
    }
    if (event.type === 'gets') account?.holds?.add(event.ordinal)
    if (event.type === 'hurry')
      assert.equal(
        this.#scheduler.hurry(new Set([event.ordinal])),
        [...this.#open].some(({ ordinals }) => ordinals.includes(event.ordinal))
      )
    if (event.type === 'wait') this.#now += event.ms
    this.#compare()
  }

  #add(size: number): void {
    const ordinals = Array.from({ length: size }, () => this.#ordinal++)
    const unit = { ordinals, bytes: size * LEAF_BYTES, group: size === 1 ? `file ${this.#ordinal % 2}` : undefined }
    this.#open.add(unit)
    this.#scheduler.add(unit)
  }

  #join(name: string, isWhole: boolean): void {
    const known = this.#peers.get(name)
    const holds = isWhole ? undefined : (known?.holds ?? new Ledger())
    if (known === undefined) this.#peers.set(name, { holds, lacks: new Set(), asked: new Set() })
    else {
      if (known.holds !== holds) known.lacks.clear()
      known.holds = holds
    }
    this.#scheduler.join(name, holds, WINDOW_STREAM_BYTES, this.#now)
  }

  #take(name: string, room: number): void {
    const before = this.#scheduler.inFlight
    const account = this.#peers.get(name)
    const units = this.#scheduler.take(name, room, this.#now)
    if (units.length === 0) return
    assert.ok(account !== undefined, 'one that left is asked')
    const own = [...account.asked].reduce((sum, { bytes }) => sum + bytes, 0)
    const bytes = units.reduce((sum, unit) => sum + unit.bytes, 0)
    const free = Math.min(WINDOW_STREAM_BYTES - own, room - before)
    assert.ok(free > 0 || before === 0, 'there was no room')
    assert.ok(units.length === 1 || bytes <= free, `${bytes} bytes where ${free} are free`)
    assert.ok(units.length <= LEAVES_REQUEST && new Set(units.map(({ group }) => group)).size === 1)
    for (const unit of units) {
      assert.ok(this.#open.has(unit), 'what is here is asked for')
      assert.ok(!account.asked.has(unit) && !account.lacks.has(unit))
      assert.ok(account.holds === undefined || unit.ordinals.every(ordinal => account.holds?.has(ordinal)))
      account.asked.add(unit)
      assert.ok(this.#askersOf(unit).length <= 2, 'three are asked')
    }
  }

  #came(name: string, account: Account, at: number): void {
    const unit = [...account.asked][at]
    if (unit === undefined) return
    const others = this.#askersOf(unit).filter(other => other !== name)
    assert.deepEqual([...this.#scheduler.came(name, unit, this.#now)].toSorted(), others.toSorted())
    for (const { asked } of this.#peers.values()) asked.delete(unit)
    this.#open.delete(unit)
    assert.ok(!this.#scheduler.isOpen(unit))
  }

  #askersOf(unit: Unit): string[] {
    return [...this.#peers].flatMap(([name, { asked }]) => (asked.has(unit) ? [name] : []))
  }

  #compare(): void {
    const asked = [...this.#peers.values()].flatMap(account => [...account.asked])
    assert.equal(this.#scheduler.open, this.#open.size)
    assert.equal(this.#scheduler.pending, this.#open.size - new Set(asked).size)
    assert.equal(
      this.#scheduler.inFlight,
      asked.reduce((sum, { bytes }) => sum + bytes, 0)
    )
  }
}
