// What a node answers about records: pages of bounded size that go on where the last ended, and nothing for what is no question.

import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'mocha'
import { numberKey } from '../../../daemon/catalogue/keys.ts'
import {
  decodeList,
  decodeRecords,
  decodeSince,
  encodeNumbers,
  type HeardHeads
} from '../../../daemon/catalogue/messages.ts'
import { Records } from '../../../daemon/catalogue/records.ts'
import { catalogueHandlers } from '../../../daemon/catalogue/serve.ts'
import type { Bytes } from '../../../daemon/frames.ts'
import { HistoryRequest, ListRequest, RecordsRequest, SinceRequest } from '../../../proto/generated/catalogue.ts'
import { FRAME_HEADER_BYTES_MAX, LIST_ENTRIES_MAX, META_BYTES_MAX, NUMBERS_REQUEST_MAX } from '../../../proto/limits.ts'
import { MemoryTables, type MemoryWrite } from '../../helpers/memory-tables.ts'
import { signedVersion } from '../../helpers/signed-records.ts'
import { collect, failsWith } from '../../helpers/trees.ts'

describe('answers about records', () => {
  let tables = new MemoryTables()
  let records: Records<MemoryWrite> = new Records(tables)
  let heard: HeardHeads[] = []
  let stop = new AbortController()

  beforeEach(async () => {
    tables = new MemoryTables()
    records = new Records(tables)
    heard = []
    stop = new AbortController()
    await records.open()
  })

  async function ask(method: string, body: Bytes): Promise<Bytes[]> {
    const source = { records, onHeads: async (_: string, heads: HeardHeads) => void heard.push(heads) }
    const handler = catalogueHandlers(source)[method]
    assert.ok(handler !== undefined)
    return (await collect(handler(body, { peer: 'bob', signal: stop.signal }))).map(answer => answer.body)
  }

  /** Rows of the index alone, which is all that a list is made of. */
  const index = (numbers: readonly number[]) =>
    tables.commit(
      numbers.map((number, i) => tables.numbers.put(numberKey('alice', number, `w/${i}`), new Uint8Array(32)))
    )
  const listed = async (above: number) => {
    const [page, ...others] = await ask('list', ListRequest.encode({ origin: 'alice', above }))
    assert.ok(page !== undefined && others.length === 0)
    const { entries, more } = decodeList(page)
    return { numbers: entries.map(({ number }) => number), more }
  }

  it('list so many entries at a time, and go on above the last', async () => {
    await index(Array.from({ length: LIST_ENTRIES_MAX + 1 }, (_, i) => i + 1))
    const first = await listed(0)
    assert.deepEqual(
      [first.numbers.length, first.numbers.at(-1), first.more],
      [LIST_ENTRIES_MAX, LIST_ENTRIES_MAX, true]
    )
    assert.deepEqual(await listed(LIST_ENTRIES_MAX), { numbers: [LIST_ENTRIES_MAX + 1], more: false })
    assert.equal((await listed(1)).more, false)
    assert.deepEqual(await listed(LIST_ENTRIES_MAX + 1), { numbers: [], more: false })
  })

  it('list all entries of one number together', async () => {
    const numbers = Array.from({ length: LIST_ENTRIES_MAX + 4 }, (_, i) => Math.min(i + 1, LIST_ENTRIES_MAX))
    await index([...numbers, LIST_ENTRIES_MAX + 1])
    const first = await listed(0)
    assert.deepEqual([first.numbers.length, first.more], [LIST_ENTRIES_MAX + 4, true])
    assert.deepEqual(await listed(LIST_ENTRIES_MAX), { numbers: [LIST_ENTRIES_MAX + 1], more: false })
  })

  it('hold no more bytes than a frame, whatever the records', async () => {
    const meta = { x: 'x'.repeat(META_BYTES_MAX - 20) }
    await records.keep(
      await Promise.all(Array.from({ length: 100 }, (_, i) => signedVersion('alice', `w/${i}`, i + 1, { meta })))
    )
    const all = encodeNumbers(Array.from({ length: 100 }, (_, i) => i + 1))
    for (const [method, body, read] of [
      ['since', SinceRequest.encode({ origin: 'alice', number: 0 }), (page: Bytes) => decodeSince(page).records],
      ['records', RecordsRequest.encode({ origin: 'alice', numbers: all }), decodeRecords]
    ] as const) {
      const pages = await ask(method, body)
      assert.ok(pages.length > 2 && pages.every(page => page.length < FRAME_HEADER_BYTES_MAX - 1_000))
      assert.equal(pages.flatMap(page => read(page)).length, 100)
    }
  })

  it('are one, empty, with the head, where there is nothing', async () => {
    for (const origin of ['alice', 'nobody']) {
      const [page, ...others] = await ask('since', SinceRequest.encode({ origin, number: 0 }))
      assert.ok(page !== undefined && others.length === 0)
      const { head, records: sent, more } = decodeSince(page)
      assert.deepEqual([head.origin, head.number, sent.length, more], [origin, 0, 0, false])
    }
    assert.deepEqual(await ask('records', RecordsRequest.encode({ origin: 'alice', numbers: encodeNumbers([1]) })), [])
    assert.deepEqual(await ask('history', HistoryRequest.encode({ name: 'w/a', origin: 'alice' })), [])
  })

  it('are refused for numbers that are none, or too many, and names that are too long', async () => {
    const none = failsWith('INVALID_ARGUMENT')
    const last = Number.MAX_SAFE_INTEGER
    await assert.rejects(ask('since', SinceRequest.encode({ origin: 'alice', number: last })), none)
    await assert.rejects(ask('list', ListRequest.encode({ origin: 'alice', above: last })), none)
    await assert.rejects(ask('history', HistoryRequest.encode({ name: 'n'.repeat(1_025), origin: 'alice' })), none)
    const many = encodeNumbers(Array.from({ length: NUMBERS_REQUEST_MAX + 1 }, () => 1))
    await assert.rejects(
      ask('records', RecordsRequest.encode({ origin: 'alice', numbers: many })),
      failsWith('CORRUPT')
    )
    await assert.rejects(ask('heads', Buffer.from([0x0a, 0x7f])), failsWith('CORRUPT'))
    assert.deepEqual(heard, [])
  })

  it('end when the asker is gone', async () => {
    await records.keep([await signedVersion('alice', 'w/a', 1)])
    stop.abort(new Error('gone'))
    await assert.rejects(ask('since', SinceRequest.encode({ origin: 'alice', number: 0 })), /gone/)
    await assert.rejects(ask('list', ListRequest.encode({ origin: 'alice', above: 0 })), /gone/)
  })

  it('refuse a name or an origin with a NUL, which would be another key', async () => {
    await records.keep([await signedVersion('alice', 'w/a', 1)])
    for (const [method, body] of [
      ['since', SinceRequest.encode({ origin: 'alice\0', number: 0 })],
      ['list', ListRequest.encode({ origin: 'alice\0', above: 0 })],
      ['records', RecordsRequest.encode({ origin: 'alice\0', numbers: encodeNumbers([1]) })],
      ['history', HistoryRequest.encode({ name: 'w\0a', origin: 'alice' })]
    ] as const)
      await assert.rejects(ask(method, body), failsWith('INVALID_ARGUMENT'), method)
  })
})
