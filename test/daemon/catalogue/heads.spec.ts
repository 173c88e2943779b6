// Heads and pages of records: heads agree with what is kept, whatever came in whatever order, and are not raised by hearsay;
// pages are ascending and whole.

import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { EMPTY_HEAD, type OriginHead, toggled } from '../../../daemon/catalogue/head.ts'
import { isNewer, type Signed } from '../../../daemon/catalogue/record.ts'
import { Records } from '../../../daemon/catalogue/records.ts'
import { RECORDS_ANSWER_MAX } from '../../../proto/limits.ts'
import { MemoryTables, type MemoryWrite } from '../../helpers/memory-tables.ts'
import { signed, signedVersion } from '../../helpers/signed-records.ts'
import { collect } from '../../helpers/trees.ts'

async function opened(tables = new MemoryTables()): Promise<Records<MemoryWrite>> {
  const records = new Records(tables)
  await records.open()
  return records
}

const numbersOf = (all: readonly Signed[]) => all.map(({ record }) => record.number)

/** What heads must be, counted anew from the records. */
async function recounted(records: Records<MemoryWrite>): Promise<Map<string, Omit<OriginHead, 'number'>>> {
  const heads = new Map<string, Omit<OriginHead, 'number'>>()
  for await (const { record, hash } of records.list('')) {
    const head = heads.get(record.origin) ?? EMPTY_HEAD
    heads.set(record.origin, {
      digest: toggled(head.digest, hash),
      records: head.records + 1,
      names: head.names + Number(record.type === 'version')
    })
  }
  return heads
}

const counted = (records: Records<MemoryWrite>) =>
  new Map(
    [...records.heads].map(([origin, { digest, records: all, names }]) => [origin, { digest, records: all, names }])
  )

describe('heads', () => {
  it('are what the records make them, after whatever was kept in whatever order', async () => {
    const one = fc.record({
      origin: fc.constantFrom('alice', 'bob'),
      name: fc.constantFrom('w/a', 'w/b', 'w/b/c', 'x/y'),
      number: fc.integer({ min: 1, max: 12 }),
      seq: fc.integer({ min: 1, max: 4 }),
      size: fc.integer({ min: 0, max: 1 }),
      isRetired: fc.boolean()
    })
    const batch = fc.record({
      records: fc.array(one, { maxLength: 4 }),
      raise: fc.option(fc.integer({ min: 0, max: 15 }), { nil: undefined }),
      isReopened: fc.boolean(),
      fails: fc.boolean()
    })
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { maxLength: 12 }), async batches => {
        const tables = new MemoryTables()
        let records = await opened(tables)
        const best = new Map<string, Signed>()
        for (const { records: made, raise, isReopened, fails } of batches) {
          const all = await Promise.all(
            made.map(({ isRetired, size, ...rest }) => {
              const counts = { ...rest, number: Math.max(rest.number, rest.seq) }
              if (isRetired) return signed({ ...counts, type: 'retirement', time: 1 })
              return signedVersion(rest.origin, rest.name, counts.number, { seq: rest.seq, size })
            })
          )
          tables.beforeCommit = () => (fails ? Promise.reject(new Error('the disk')) : undefined)
          const keeping = records.keep(all, raise === undefined ? undefined : { origin: 'alice', number: raise })
          if (fails) await keeping.catch(() => undefined)
          else await keeping
          if (!fails)
            for (const next of all) {
              const key = `${next.record.name} ${next.record.origin}`
              const known = best.get(key)
              if (known === undefined || isNewer(next, known)) best.set(key, next)
            }
          if (isReopened) records = await opened(tables)
          assert.deepEqual(counted(records), await recounted(records))
        }
        const kept = await collect(records.list(''))
        assert.deepEqual(
          new Map(kept.map(({ record, hash }) => [`${record.name} ${record.origin}`, hash])),
          new Map([...best].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, { hash }]) => [key, hash]))
        )
        for (const origin of ['alice', 'bob']) {
          const numbers = numbersOf((await collect(records.since(origin, 0))).flat())
          assert.deepEqual(
            numbers,
            numbers.toSorted((a, b) => a - b)
          )
          assert.equal(numbers.length, records.head(origin).records)
        }
      }),
      { numRuns: 150 }
    )
  })

  it('are raised as far as a signed record reaches, never lowered, and stay so when opened again', async () => {
    const tables = new MemoryTables()
    const records = await opened(tables)
    await records.keep([await signedVersion('alice', 'w/a', 5)], { origin: 'alice', number: 1_000_000 })
    assert.equal(records.head('alice').number, 5)
    await records.keep([], { origin: 'alice', number: 4 })
    assert.equal(records.head('alice').number, 5)
    await records.keep([], { origin: 'nobody', number: 7 })
    assert.equal(records.head('nobody').number, 0)
    await records.keep([await signedVersion('alice', 'w/b', 9)])
    assert.equal(records.head('alice').number, 5)
    await records.keep([], { origin: 'alice', number: 8 })
    assert.equal((await opened(tables)).head('alice').number, 8)
  })

  it('are raised, where a digest is given, only if it is that of the records then', async () => {
    const records = await opened()
    const made = await signedVersion('alice', 'w/a', 5)
    const [right, wrong] = [toggled(EMPTY_HEAD.digest, made.hash), toggled(EMPTY_HEAD.digest)]
    await records.keep([made], { origin: 'alice', number: 5, digest: wrong })
    assert.equal(records.head('alice').number, 0)
    await records.keep([], { origin: 'alice', number: 5, digest: right })
    assert.equal(records.head('alice').number, 5)
    const next = await signedVersion('alice', 'w/b', 6)
    await records.keep([next], { origin: 'alice', number: 6, digest: toggled(right, next.hash) })
    assert.equal(records.head('alice').number, 6)
  })
})

describe('pages', () => {
  const many = 2 * RECORDS_ANSWER_MAX + 1

  it('of records above a number are ascending, of bounded size, and each record is in one', async () => {
    const records = await opened()
    const all = await Promise.all(Array.from({ length: many }, (_, i) => signedVersion('alice', `w/${i}`, i + 1)))
    await records.keep(all.toReversed())
    for (const [above, left] of [
      [0, many],
      [1, many - 1],
      [RECORDS_ANSWER_MAX + 1, RECORDS_ANSWER_MAX],
      [many, 0]
    ] as const) {
      const pages = await collect(records.since('alice', above))
      assert.deepEqual(
        numbersOf(pages.flat()),
        Array.from({ length: left }, (_, i) => above + 1 + i)
      )
      assert.ok(pages.every(page => page.length > 0 && page.length <= RECORDS_ANSWER_MAX))
      assert.equal((await collect(records.entries('alice', above))).length, left)
    }
    assert.deepEqual(await collect(records.since('bob', 0)), [])
  })

  it('are as they were when they began, less what is not newest any more', async () => {
    const records = await opened()
    await records.keep(
      await Promise.all(Array.from({ length: many }, (_, i) => signedVersion('alice', `w/${i}`, i + 1)))
    )
    const pages: Signed[][] = []
    for await (const page of records.since('alice', 0)) {
      if (pages.length === 0)
        await records.keep([
          await signedVersion('alice', `w/${many - 1}`, many + 1, { seq: 2 }),
          await signedVersion('alice', 'w/new', many + 2)
        ])
      pages.push(page)
    }
    assert.deepEqual(
      numbersOf(pages.flat()),
      Array.from({ length: many - 1 }, (_, i) => i + 1)
    )
  })

  it('hold the newest record of each number that was asked for, and no other', async () => {
    const records = await opened()
    const [old, other, next] = [
      await signedVersion('alice', 'w/a', 1),
      await signedVersion('alice', 'w/b', 2),
      await signedVersion('alice', 'w/a', 3, { seq: 2 })
    ]
    await records.keep([old, other, next])
    assert.deepEqual(numbersOf(await collect(records.withNumbers('alice', [3, 1, 2, 99]))), [3, 2])
    assert.deepEqual(await collect(records.withNumbers('bob', [1, 2, 3])), [])
    const entries = await collect(records.entries('alice', 0))
    assert.deepEqual(
      entries.map(({ number, hash }) => [number, Buffer.from(hash)]),
      [other, next].map(({ record, hash }) => [record.number, Buffer.from(hash)])
    )
  })
})
