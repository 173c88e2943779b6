// What became of names, for whoever watches: in order, from any place on, bounded however slow the watcher is.

import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { afterEach, describe, it } from 'mocha'
import { Feed, type FeedChange, type FeedGap } from '../../../daemon/catalogue/feed.ts'
import { Records } from '../../../daemon/catalogue/records.ts'
import { FEED_ROWS, HISTORY_RECORDS } from '../../../proto/limits.ts'
import { settled } from '../../helpers/manual-clock.ts'
import { MemoryTables, type MemoryWrite } from '../../helpers/memory-tables.ts'
import { signed, signedVersion } from '../../helpers/signed-records.ts'

/** Records that count who listens. */
class Watched extends Records<MemoryWrite> {
  listeners = 0

  override onChanges(listener: Parameters<Records<MemoryWrite>['onChanges']>[0]): () => void {
    const stop = super.onChanges(listener)
    this.listeners++
    return () => {
      this.listeners--
      stop()
    }
  }
}

interface Opened {
  readonly tables: MemoryTables
  readonly records: Watched
  readonly feed: Feed<MemoryWrite>
}

async function opened(tables = new MemoryTables()): Promise<Opened> {
  const records = new Watched(tables)
  await records.open()
  return { tables, records, feed: new Feed(records) }
}

const shown = (event: FeedChange | FeedGap) =>
  event.type === 'gap'
    ? `gap ${event.missed}${event.name === undefined ? '' : ` of ${event.name}`} at ${event.position}`
    : `${event.signed.record.name} ${event.signed.record.seq} at ${event.position}`

const say = async ({ records }: Opened, name: string, seq: number, origin = 'alice') =>
  records.keep([await signedVersion(origin, name, seq, { seq })])

describe('the feed', () => {
  let stop = new AbortController()

  afterEach(() => {
    stop.abort()
    stop = new AbortController()
  })

  /** So many events, then it is left. */
  async function take({ feed }: Opened, after: number, count: number): Promise<string[]> {
    const events: string[] = []
    if (count === 0) return events
    for await (const event of feed.after(after, stop.signal)) if (events.push(shown(event)) === count) break
    return events
  }

  /** All until it waits. */
  async function rest(node: Opened, after: number): Promise<string[]> {
    const leaving = new AbortController()
    const events: string[] = []
    const reading = (async () => {
      for await (const event of node.feed.after(after, leaving.signal)) events.push(shown(event))
    })()
    do await settled()
    while (node.records.listeners === 0)
    leaving.abort()
    await reading
    return events
  }

  it('tells versions and retirements of all origins, in the order in which they were heard, with rising positions', async () => {
    const node = await opened()
    await say(node, 'w/b', 1)
    await node.records.keep([
      await signedVersion('bob', 'w/a', 9),
      await signed({ type: 'retirement', origin: 'alice', name: 'w/b', number: 2, seq: 2, time: 1 })
    ])
    await say(node, 'w/b', 3)
    assert.deepEqual(await rest(node, 0), ['w/b 1 at 1', 'w/a 1 at 2', 'w/b 2 at 3', 'w/b 3 at 4'])
    assert.equal(node.feed.position, 4)
  })

  it('tells nothing of claims and nodes, and of nothing that is not new', async () => {
    const node = await opened()
    await say(node, 'w/a', 2)
    await say(node, 'w/a', 2)
    await say(node, 'w/a', 1)
    const base = { origin: 'alice', seq: 1, time: 1 }
    await node.records.keep([
      await signed({ ...base, type: 'claim', name: 'w', number: 3, epoch: 1 }),
      await signed({ ...base, type: 'node', name: '', number: 4, called: 'a', software: '1', addresses: [] })
    ])
    assert.equal(node.feed.position, 1)
    assert.deepEqual(await rest(node, 0), ['w/a 2 at 1'])
  })

  it('goes on from a position, also in another process', async () => {
    const node = await opened()
    for (let seq = 1; seq <= 5; seq++) await say(node, 'w/a', seq)
    assert.deepEqual(await take(node, 0, 2), ['w/a 1 at 1', 'w/a 2 at 2'])
    const again = await opened(node.tables)
    assert.equal(again.feed.position, 5)
    assert.deepEqual(await take(again, 2, 2), ['w/a 3 at 3', 'w/a 4 at 4'])
    await say(again, 'w/a', 6)
    assert.deepEqual(await rest(again, 4), ['w/a 5 at 5', 'w/a 6 at 6'])
    assert.deepEqual(await rest(again, 6), [])
  })

  it('tells what comes while somebody waits, once', async () => {
    const node = await opened()
    const events: string[] = []
    const reading = (async () => {
      for await (const event of node.feed.after(0, stop.signal)) events.push(shown(event))
    })()
    for (let seq = 1; seq <= 3; seq++) {
      await say(node, 'w/a', seq)
      await settled()
      assert.equal(events.length, seq)
      assert.equal(getEventListeners(stop.signal, 'abort').length, 1)
    }
    stop.abort()
    await reading
    assert.deepEqual(events, ['w/a 1 at 1', 'w/a 2 at 2', 'w/a 3 at 3'])
  })

  it('tells the same to each who watches', async () => {
    const node = await opened()
    await say(node, 'w/a', 1)
    const watching = Promise.all([take(node, 0, 2), take(node, 1, 1), take(node, 0, 2)])
    await settled()
    await say(node, 'w/a', 2)
    const both = ['w/a 1 at 1', 'w/a 2 at 2']
    assert.deepEqual(await watching, [both, both.slice(1), both])
  })

  it('ends with the signal, while it waits, before it begins and between two changes, and leaves nobody listening', async () => {
    const node = await opened()
    const waiting = rest(node, 0)
    await settled()
    assert.deepEqual(await waiting, [])
    assert.equal(node.records.listeners, 0)
    for (let seq = 1; seq <= 3; seq++) await say(node, 'w/a', seq)
    const events: string[] = []
    for await (const event of node.feed.after(0, stop.signal)) {
      events.push(shown(event))
      stop.abort()
    }
    assert.deepEqual(events, ['w/a 1 at 1'])
    assert.deepEqual(await take(node, 0, 1), [])
    assert.equal(node.records.listeners, 0)
  })

  it('tells of a gap where a version is not remembered any more, of which name, and of the later ones', async () => {
    const node = await opened()
    const last = HISTORY_RECORDS + 5
    for (let seq = 1; seq <= last; seq++) await say(node, 'w/a', seq)
    await say(node, 'w/b', 1)
    const events = await rest(node, 0)
    assert.deepEqual(events.slice(-3), [
      `w/a ${last - 1} at ${last - 1}`,
      `w/a ${last} at ${last}`,
      `w/b 1 at ${last + 1}`
    ])
    assert.deepEqual(
      events.slice(0, last - HISTORY_RECORDS - 1),
      Array.from({ length: last - HISTORY_RECORDS - 1 }, (_, i) => `gap 1 of w/a at ${i + 1}`)
    )
    assert.equal(events.length, last + 1)
  })

  it('says that there is a gap to one that was in another life of the folder, and goes on with what is new', async () => {
    const node = await opened()
    await say(node, 'w/a', 1)
    const backup = await opened(node.tables.copy())
    for (let seq = 2; seq <= 4; seq++) await say(node, 'w/a', seq)
    const watching = take(backup, node.feed.position, 2)
    await settled()
    await say(backup, 'w/a', 2)
    assert.deepEqual(await watching, ['gap null at 1', 'w/a 2 at 2'])
  })

  it(`remembers ${FEED_ROWS} changes, says how many one missed who is further behind, and tells the others all`, async () => {
    const node = await opened()
    const many = async (from: number, count: number) => {
      const made = Array.from({ length: count }, (_, i) => signedVersion('alice', `w/${from + i}`, from + i))
      await node.records.keep(await Promise.all(made))
    }
    await many(1, 3)
    // One that reads slowly: it has taken one change, and holds no place in any queue while others come.
    const slow = node.feed.after(0, stop.signal)
    assert.deepEqual(await next(slow), 'w/1 1 at 1')
    assert.equal(node.records.listeners, 0)
    for (let from = 4; from <= FEED_ROWS; from += 2_500) await many(from, Math.min(2_500, FEED_ROWS + 1 - from))
    assert.deepEqual(await take(node, 0, 1), ['w/1 1 at 1'])
    assert.equal(node.tables.feed.size, FEED_ROWS)
    await many(FEED_ROWS + 1, 5)
    assert.equal(node.tables.feed.size, FEED_ROWS)
    assert.deepEqual(await take(node, 5, 1), ['w/6 1 at 6'])
    for (const [at, missed] of [
      [4, 1],
      [0, 5]
    ] as const) {
      assert.deepEqual(await take(node, at, 2), [`gap ${missed} at 5`, 'w/6 1 at 6'])
    }
    assert.equal((await rest(node, 4)).length, 1 + FEED_ROWS)
    // What it had read ahead is told; then how many it missed.
    assert.deepEqual([await next(slow), await next(slow)], ['w/2 1 at 2', 'w/3 1 at 3'])
    assert.deepEqual([await next(slow), await next(slow)], ['gap 2 at 5', 'w/6 1 at 6'])
    const again = await opened(node.tables)
    assert.deepEqual(await take(again, 3, 2), ['gap 2 at 5', 'w/6 1 at 6'])
  })

  async function next(events: AsyncGenerator<FeedChange | FeedGap>): Promise<string> {
    const { value, done } = await events.next()
    assert.ok(done !== true && value !== undefined)
    return shown(value)
  }
})
