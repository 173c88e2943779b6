// Messages about records: what is written is read, at every bound; what is past one, torn or of another form is CORRUPT.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import {
  decodeHeads,
  decodeList,
  decodeNumbers,
  decodeRecords,
  decodeSince,
  encodeHeads,
  encodeList,
  encodeNumbers,
  encodeRecords,
  encodeSince,
  LISTED_HASH_BYTES
} from '../../../daemon/catalogue/messages.ts'
import { bytesOf } from '../../../daemon/frames.ts'
import { Heads, ListAnswer, SinceAnswer } from '../../../proto/generated/catalogue.ts'
import {
  HEADS_MAX,
  HEADS_RECORDS_MAX,
  LIST_ENTRIES_MAX,
  NUMBERS_REQUEST_MAX,
  RECORDS_ANSWER_MAX
} from '../../../proto/limits.ts'
import { signedVersion } from '../../helpers/signed-records.ts'
import { failsWith } from '../../helpers/trees.ts'

const head = (number: number, origin = 'alice') => ({ origin, number, digest: new Uint8Array(32).fill(number % 256) })
const hex = (all: readonly Uint8Array[]) => all.map(bytes => Buffer.from(bytes).toString('hex'))
const filled = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)
const corrupt = failsWith('CORRUPT')

describe('messages about records', () => {
  it('are read as they were written', async () => {
    const records = [(await signedVersion('alice', 'w/a', 1)).bytes, (await signedVersion('bob', 'w/b', 2)).bytes]
    for (const more of [true, false]) {
      const heads = decodeHeads(encodeHeads({ heads: [head(1), head(2 ** 53 - 1, 'bob')], records, more }))
      assert.deepEqual(
        heads.heads.map(({ origin, number }) => [origin, number]),
        [
          ['alice', 1],
          ['bob', 2 ** 53 - 1]
        ]
      )
      assert.deepEqual([hex(heads.records), heads.more], [hex(records), more])
      const since = decodeSince(encodeSince('alice', head(7), records, more))
      assert.deepEqual([since.head.number, hex(since.records), since.more], [7, hex(records), more])
      const entries = [
        { number: 1, hash: new Uint8Array(32).fill(1) },
        { number: 2 ** 53 - 1, hash: new Uint8Array(32) }
      ]
      const list = decodeList(encodeList('alice', head(7), entries, more))
      assert.deepEqual(
        list.entries.map(({ number }) => number),
        [1, 2 ** 53 - 1]
      )
      assert.deepEqual(
        hex(list.entries.map(({ hash }) => hash)),
        hex(entries.map(({ hash }) => hash.subarray(0, LISTED_HASH_BYTES)))
      )
      assert.equal(list.more, more)
    }
    assert.deepEqual(hex(decodeRecords(encodeRecords(records))), hex(records))
    assert.deepEqual(decodeNumbers(encodeNumbers([1, 2 ** 53 - 1]), 2), [1, 2 ** 53 - 1])
  })

  it('hold as many as their bounds, and none more', async () => {
    const { bytes } = await signedVersion('alice', 'w/a', 1)
    const heads = (count: number, records: number) =>
      decodeHeads(encodeHeads({ heads: filled(count, head(1)), records: filled(records, bytes), more: false }))
    assert.equal(heads(HEADS_MAX, HEADS_RECORDS_MAX).heads.length, HEADS_MAX)
    assert.throws(() => heads(HEADS_MAX + 1, 0), corrupt)
    assert.throws(() => heads(0, HEADS_RECORDS_MAX + 1), corrupt)
    for (const read of [
      (count: number) => decodeSince(encodeSince('alice', head(1), filled(count, bytes), false)).records,
      (count: number) => decodeRecords(encodeRecords(filled(count, bytes)))
    ]) {
      assert.equal(read(RECORDS_ANSWER_MAX).length, RECORDS_ANSWER_MAX)
      assert.throws(() => read(RECORDS_ANSWER_MAX + 1), corrupt)
    }
    const numbers = (count: number) => decodeNumbers(encodeNumbers(filled(count, 1)), NUMBERS_REQUEST_MAX)
    assert.equal(numbers(NUMBERS_REQUEST_MAX).length, NUMBERS_REQUEST_MAX)
    assert.throws(() => numbers(NUMBERS_REQUEST_MAX + 1), corrupt)
    const entry = { number: 1, hash: new Uint8Array(32) }
    const list = (count: number) => decodeList(encodeList('alice', head(1), filled(count, entry), false)).entries
    // Entries of one number are not torn apart, so a few come on top.
    assert.equal(list(LIST_ENTRIES_MAX + 64).length, LIST_ENTRIES_MAX + 64)
    assert.throws(() => list(LIST_ENTRIES_MAX + 65), corrupt)
  })

  it('are refused with a head that has no origin, no number or no digest, or without one', () => {
    const good = { origin: 'alice', number: 1, digest: new Uint8Array(32) }
    const read = (bad: typeof good) => decodeHeads(Heads.encode({ heads: [bad], records: [], more: false }))
    assert.equal(read(good).heads.length, 1)
    assert.equal(read({ ...good, number: 0 }).heads.length, 1)
    for (const bad of [
      { origin: '' },
      { origin: 'a\0b' },
      { origin: 'a'.repeat(129) },
      { digest: new Uint8Array(31) },
      { digest: new Uint8Array(33) },
      { digest: new Uint8Array(0) }
    ])
      assert.throws(() => read({ ...good, ...bad }), corrupt)
    // 2^53 as a varint, in the place of the number.
    const encoded = Buffer.from(Heads.encode({ heads: [good], records: [], more: false }))
    const at = encoded.indexOf(Buffer.from([0x10, 1]))
    const far = Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10])
    const body = Buffer.concat([encoded.subarray(0, at + 1), far, encoded.subarray(at + 2)])
    body[1] = (body[1] ?? 0) + far.length - 1
    assert.throws(() => decodeHeads(body), corrupt)
    assert.throws(() => decodeSince(SinceAnswer.encode({ records: [], more: false })), corrupt)
    assert.throws(() => decodeList(ListAnswer.encode({ entries: new Uint8Array(0), more: false })), corrupt)
  })

  it('are refused where they are torn, or hold numbers that are none', () => {
    const list = (bytes: Uint8Array) =>
      decodeList(ListAnswer.encode({ head: head(1), entries: bytesOf(bytes), more: false }))
    assert.equal(list(Buffer.alloc(48)).entries.length, 2)
    assert.throws(() => list(Buffer.alloc(47)), corrupt)
    assert.throws(() => list(Buffer.alloc(24, 0xff)), corrupt)
    assert.throws(() => decodeNumbers(Buffer.alloc(7), 10), corrupt)
    assert.throws(() => decodeNumbers(Buffer.alloc(8, 0xff), 10), corrupt)
    for (const decode of [decodeHeads, decodeSince, decodeList, decodeRecords])
      assert.throws(() => decode(Buffer.from([0x0a, 0x7f, 1])), corrupt)
  })
})
