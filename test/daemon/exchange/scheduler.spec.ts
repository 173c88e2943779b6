// Which peer is asked for what: properties that hold after any course of events, and the order in which nodes that receive the
// same root ask for it.

import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { beforeEach, describe, it } from 'mocha'
import { Scheduler, type Unit } from '../../../daemon/exchange/scheduler.ts'
import { Ledger } from '../../../daemon/store/ledger.ts'
import {
  ENDGAME_MS,
  LEAF_BYTES,
  LEAVES_REQUEST,
  OTHERS_MS,
  WINDOW_FIRST_BYTES,
  WINDOW_STREAM_BYTES
} from '../../../proto/limits.ts'
import { Broadcast } from './broadcast.ts'
import { SchedulerModel } from './scheduler-model.ts'

const leafUnit = (ordinal: number, group: string | undefined): Unit => ({
  ordinals: [ordinal],
  bytes: LEAF_BYTES,
  group
})
const holding = (...ordinals: number[]): Ledger => {
  const ledger = new Ledger()
  for (const ordinal of ordinals) ledger.add(ordinal)
  return ledger
}

describe('Scheduler', () => {
  let scheduler: Scheduler
  beforeEach(() => (scheduler = new Scheduler('self')))
  const join = (name: string, holds?: Ledger): void => scheduler.join(name, holds, WINDOW_STREAM_BYTES, 0)
  const addLeaves = (count: number): Unit[] => {
    const units = Array.from({ length: count }, (_, n) => leafUnit(n, 'file'))
    for (const unit of units) scheduler.add(unit)
    return units
  }
  /** All that a peer is given now, as ordinals. */
  const takeAll = (name: string, now = 0, room = Infinity): number[] => {
    const taken: number[] = []
    for (let units = scheduler.take(name, room, now); units.length > 0; units = scheduler.take(name, room, now))
      taken.push(...units.flatMap(({ ordinals }) => ordinals))
    return taken
  }

  it('keeps its books through any course of events: at most two are asked, windows hold, nobody for what it lacks', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd')
    const event = fc.oneof(
      { weight: 3, arbitrary: fc.record({ type: fc.constant('add' as const), size: fc.integer({ min: 1, max: 3 }) }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constant('join' as const), name, isWhole: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('leave' as const), name }) },
      {
        weight: 6,
        arbitrary: fc.record({ type: fc.constant('take' as const), name, room: fc.integer({ min: 1, max: 64 }) })
      },
      { weight: 4, arbitrary: fc.record({ type: fc.constant('came' as const), name, at: fc.nat(9) }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constant('giveBack' as const), name, lacks: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constant('gets' as const), name, ordinal: fc.nat(30) }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('hurry' as const), ordinal: fc.nat(30) }) },
      {
        weight: 2,
        arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 2_000 }) })
      }
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 120 }), events => {
        const model = new SchedulerModel()
        for (const one of events) model.run(one)
      }),
      { numRuns: 150 }
    )
  })

  it('asks for leaves of one file in their order, several a request, and never more than a request may hold', () => {
    scheduler = new Scheduler('self', { isInOrder: true })
    addLeaves(40)
    join('one')
    const request = scheduler.take('one', Infinity, 0)
    assert.ok(request.length > 1 && request.length <= LEAVES_REQUEST)
    assert.deepEqual(
      request.flatMap(({ ordinals }) => ordinals),
      request.map((_, n) => n)
    )
    assert.equal(request.length + takeAll('one').length, WINDOW_FIRST_BYTES / LEAF_BYTES)
  })

  it('begins elsewhere on each node, as long as nobody else is known to receive, and comes round to all', () => {
    const firsts = new Set<number | undefined>()
    for (const self of ['a', 'b', 'c', 'd', 'e']) {
      scheduler = new Scheduler(self)
      join('one')
      assert.deepEqual(takeAll('one'), [])
      addLeaves(40)
      const asked: number[] = []
      for (
        let units = scheduler.take('one', Infinity, 0);
        units.length > 0;
        units = scheduler.take('one', Infinity, 0)
      ) {
        asked.push(...units.flatMap(({ ordinals }) => ordinals))
        for (const unit of units) scheduler.came('one', unit, 0)
      }
      firsts.add(asked[0])
      assert.deepEqual(
        asked.toSorted((a, b) => a - b),
        asked.map((_, n) => n)
      )
    }
    assert.ok(firsts.size > 1)
  })

  it('asks for units without a group one at a time, and for different groups apart', () => {
    for (const [n, group] of [undefined, undefined, 'x', 'y'].entries()) scheduler.add(leafUnit(n, group))
    join('one')
    for (let n = 0; n < 4; n++) assert.equal(scheduler.take('one', Infinity, 0).length, 1)
  })

  it('asks for one unit however little room there is, and for no second', () => {
    addLeaves(4)
    join('one')
    join('two')
    assert.equal(scheduler.take('one', 1, 0).length, 1)
    assert.equal(scheduler.take('one', 1, 0).length, 0)
    assert.equal(scheduler.take('two', 1, 0).length, 0)
  })

  it('asks for what is rarest first', () => {
    addLeaves(4)
    join('a', holding(0, 1, 2, 3))
    join('b', holding(0, 1, 3))
    join('c', holding(0, 3))
    const [first] = scheduler.take('a', 1, 0)
    assert.deepEqual(first?.ordinals, [2])
    const [second] = scheduler.take('b', 2 * LEAF_BYTES, 0)
    assert.deepEqual(second?.ordinals, [1])
  })

  it('leaves to receivers what they have, as long as the one that has all can send something else', () => {
    addLeaves(4)
    join('seed')
    join('receiver', holding(0, 1, 2))
    assert.deepEqual(
      scheduler.take('seed', 1, OTHERS_MS).map(({ ordinals }) => ordinals),
      [[3]]
    )
  })

  it('asks one that has all for what others answer for only when those have had the time to fetch it', () => {
    const units = addLeaves(40)
    join('seed')
    join('receiver', new Ledger())
    const own: number[] = []
    for (let now = 0; now < OTHERS_MS; now += 100) {
      for (const ordinal of takeAll('seed', 0)) {
        scheduler.came('seed', units[ordinal] ?? assert.fail(), 0)
        own.push(ordinal)
      }
    }
    assert.ok(own.length > 5 && own.length < 35, `${own.length} of 40`)
    assert.deepEqual(takeAll('seed', OTHERS_MS - 1), [])
    assert.ok(takeAll('seed', OTHERS_MS).length > 0)
  })

  it('asks for what somebody waits for before all else, and says whether it is on its way', () => {
    const units = addLeaves(20)
    join('one')
    assert.equal(scheduler.hurry(new Set([17])), true)
    assert.ok(scheduler.take('one', Infinity, 0).some(unit => unit === units[17]))
    assert.equal(scheduler.hurry(new Set([17])), true)
    scheduler.came('one', units[17] ?? assert.fail(), 1)
    assert.equal(scheduler.hurry(new Set([17])), false)
    assert.equal(scheduler.hurry(new Set([99])), false)
  })

  it('gives a fast peer more at a time, and a slow one less, down to one leaf', () => {
    const units = addLeaves(400)
    join('fast')
    join('slow')
    const queues = { fast: takeAll('fast'), slow: takeAll('slow') }
    const most = { fast: 0, slow: 0 }
    for (let ms = 50; ms <= 5_000; ms += 50) {
      for (const name of ['fast', 'slow'] as const) {
        const came = name === 'fast' || ms % 1_000 === 0 ? queues[name].splice(0, 1) : []
        for (const ordinal of came) scheduler.came(name, units[ordinal] ?? assert.fail(), ms)
        queues[name].push(...takeAll(name, ms))
        most[name] = queues[name].length
      }
    }
    assert.equal(most.fast, WINDOW_STREAM_BYTES / LEAF_BYTES)
    assert.equal(most.slow, 1)
  })

  it('has an idle peer send what another does not, and tells who was too late', () => {
    const [unit = assert.fail()] = addLeaves(1)
    join('silent')
    join('idle')
    join('third')
    assert.deepEqual(takeAll('silent'), [0])
    assert.deepEqual(takeAll('idle', ENDGAME_MS), [])
    assert.deepEqual(takeAll('idle', ENDGAME_MS + 1), [0])
    assert.deepEqual(takeAll('third', 10 * ENDGAME_MS), [], 'of two at most')
    assert.equal(scheduler.inFlight, 2 * LEAF_BYTES)
    assert.deepEqual(scheduler.came('idle', unit, 500), ['silent'])
    assert.deepEqual([scheduler.open, scheduler.inFlight], [0, 0])
  })

  it('has others send what one was asked for that left', () => {
    addLeaves(3)
    join('one')
    join('two')
    assert.deepEqual(takeAll('one'), [0, 1, 2])
    scheduler.leave('one')
    assert.deepEqual([scheduler.pending, scheduler.open, scheduler.inFlight], [3, 3, 0])
    assert.deepEqual(
      takeAll('two').toSorted((a, b) => a - b),
      [0, 1, 2]
    )
  })

  it('asks a receiver again for what it lacked once it has all', () => {
    const [unit = assert.fail()] = addLeaves(1)
    join('receiver', holding(0))
    assert.deepEqual(takeAll('receiver'), [0])
    scheduler.giveBack('receiver', [unit], true)
    assert.deepEqual(takeAll('receiver', 1_000), [])
    join('receiver')
    assert.deepEqual(takeAll('receiver', 1_000), [0])
  })

  for (const [nodes, leaves, copies] of [
    [2, 200, 1.05],
    [8, 400, 1.15]
  ] as const)
    it(`has a seed send each unit ${copies} times at most on average where ${nodes} nodes follow each other`, () => {
      const broadcast = new Broadcast(nodes, leaves)
      broadcast.run()
      assert.ok(broadcast.sentBySeed <= copies * leaves, `${broadcast.sentBySeed} units of ${leaves}`)
      for (const sent of broadcast.sentByNodes) assert.ok(sent > 0, 'a node sent nothing on')
    })
})
