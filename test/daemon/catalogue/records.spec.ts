// Records of all origins in their tables: what is newest stays newest, and what contradicts itself
// is kept as proof.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { EMPTY_HEAD, type OriginHead, toggled } from '../../../daemon/catalogue/head.ts'
import { isNewer, type Signed } from '../../../daemon/catalogue/record.ts'
import { Records } from '../../../daemon/catalogue/records.ts'
import type { ByteTable } from '../../../daemon/catalogue/tables.ts'
import { CONFLICTS_MAX, HISTORY_RECORDS, NUMBER_STEP_MAX, ORIGIN_NAMES_MAX } from '../../../proto/limits.ts'
import { MemoryTables, type MemoryWrite } from '../../helpers/memory-tables.ts'
import { signed, signedVersion } from '../../helpers/signed-records.ts'
import { collect, failsWith } from '../../helpers/trees.ts'

async function opened(tables = new MemoryTables()): Promise<Records<MemoryWrite>> {
  const records = new Records(tables)
  await records.open()
  return records
}

const retired = (name: string, number: number, seq: number) =>
  signed({ type: 'retirement', origin: 'alice', name, number, seq, time: 1 })
const seqOf = async (records: Records<MemoryWrite>, name: string) => (await records.get(name, 'alice'))?.record.seq
const seqs = async (records: AsyncIterable<Signed>) => (await collect(records)).map(({ record }) => record.seq)

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

describe('Records', () => {
  it('keep the newest of a name, and let none that is older or replayed take its place, also when opened again', async () => {
    const tables = new MemoryTables()
    let records = await opened(tables)
    const versions = await Promise.all([1, 2, 3].map(seq => signedVersion('alice', 'w/a', seq, { seq })))
    const [first, second, third] = versions
    assert.ok(first !== undefined && second !== undefined && third !== undefined)
    assert.deepEqual(await records.keep([second]), [second])
    for (const replayed of [first, second]) {
      assert.deepEqual(await records.keep([replayed]), [])
      records = await opened(tables)
      assert.deepEqual(await records.keep([replayed]), [])
      assert.equal(await seqOf(records, 'w/a'), 2)
    }
    assert.deepEqual(await records.keep([third]), [third])
    assert.deepEqual(await records.keep(versions), [])
    assert.equal(await seqOf(await opened(tables), 'w/a'), 3)
    assert.equal(records.head('alice').records, 1)
  })

  it('keep a name retired against every version before', async () => {
    const records = await opened()
    const version = await signedVersion('alice', 'w/a', 1)
    await records.keep([version, await retired('w/a', 2, 2)])
    assert.deepEqual(await records.keep([version]), [])
    assert.equal((await records.get('w/a', 'alice'))?.record.type, 'retirement')
    assert.deepEqual([records.head('alice').records, records.head('alice').names], [1, 0])
  })

  it('keep what two origins say of one name apart', async () => {
    const records = await opened()
    await records.keep([await signedVersion('alice', 'w/a', 1), await signedVersion('bob', 'w/a', 9, { seq: 7 })])
    assert.deepEqual(
      (await collect(records.named('w/a'))).map(({ record }) => [record.origin, record.seq]),
      [
        ['alice', 1],
        ['bob', 7]
      ]
    )
    // A name that begins alike is another one, and none of NUL, whatever its origin.
    await records.keep([await signedVersion('alice', 'w/ab', 2)])
    assert.equal((await collect(records.named('w/a'))).length, 2)
    assert.equal((await collect(records.list('w/a'))).length, 3)
  })

  it('choose between two records with one seq alike, in whatever order they come, and keep both as proof', async () => {
    const sameNumber = await Promise.all([1, 2, 3].map(size => signedVersion('alice', 'w/a', 5, { seq: 2, size })))
    const otherNumber = await Promise.all([5, 6, 4].map(number => signedVersion('alice', 'w/a', number, { seq: 2 })))
    for (const twins of [sameNumber, otherNumber]) {
      const best = twins.reduce((one, other) => (isNewer(other, one) ? other : one))
      for (const [a, b, c] of [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0]
      ] as const) {
        const records = await opened()
        for (const i of [a, b, c]) await records.keep(twins.slice(i, i + 1))
        const newest = await records.get('w/a', 'alice')
        assert.ok(newest !== undefined)
        assert.deepEqual(newest.hash, best.hash)
        assert.equal(await records.isContested(newest), true)
        assert.deepEqual(counted(records), await recounted(records))
        const proof = [...new Set((await rows(records.tables.conflicts)).map(([, value]) => value))]
        for (const twin of twins) assert.ok(proof.includes(Buffer.from(twin.bytes).toString('hex')))
      }
    }
  })

  it('are not contested before there is proof, nor once a higher seq has taken the place', async () => {
    const records = await opened()
    const [one, other] = [await signedVersion('alice', 'w/a', 1), await signedVersion('alice', 'w/a', 1, { size: 2 })]
    await records.keep([one, one])
    assert.equal(await records.isContested(one), false)
    await records.keep([other])
    assert.equal(await records.isContested(one), true)
    const next = await signedVersion('alice', 'w/a', 2, { seq: 2 })
    await records.keep([next])
    assert.equal(await records.isContested(next), false)
    assert.equal(await records.isContested(one), true)
  })

  it('keep two names with one number as proof against both, whether they come together or late', async () => {
    for (const isTogether of [true, false]) {
      const records = await opened()
      const [one, other] = [await signedVersion('alice', 'w/a', 3), await signedVersion('alice', 'w/b', 3)]
      const third = await signedVersion('alice', 'w/c', 4)
      if (isTogether) await records.keep([one, other], { origin: 'alice', number: 3 })
      else {
        await records.keep([one, third], { origin: 'alice', number: 4 })
        await records.keep([other])
      }
      await records.keep([third], { origin: 'alice', number: 4 })
      assert.deepEqual([await seqOf(records, 'w/a'), await seqOf(records, 'w/b')], [1, 1])
      assert.deepEqual(
        [await records.isContested(one), await records.isContested(other), await records.isContested(third)],
        [true, true, false],
        isTogether ? 'together' : 'late'
      )
      assert.deepEqual(await seqs(records.withNumbers('alice', [3])), [1, 1])
    }
  })

  it('keep a bounded number of proofs', async () => {
    const records = await opened()
    for (let size = 0; size < CONFLICTS_MAX; size++)
      await records.keep([await signedVersion('alice', 'w/a', 1, { size })])
    const more = Array.from({ length: 50 }, (_, i) => signedVersion('alice', 'w/a', 1, { size: 100 + i }))
    await records.keep(await Promise.all(more))
    await records.keep(await Promise.all(more.map(async made => ({ ...(await made) }))))
    const kept = (await rows(records.tables.conflicts)).length
    assert.ok(kept >= CONFLICTS_MAX && kept <= CONFLICTS_MAX + 2, `${kept}`)
  })

  it('take a number at the bound of a step, and none past it', async () => {
    const records = await opened()
    await records.keep([await signedVersion('alice', 'w/a', 1)], { origin: 'alice', number: 1 })
    const past = await signedVersion('alice', 'w/b', 2 + NUMBER_STEP_MAX)
    await assert.rejects(records.keep([past]), failsWith('CORRUPT', /jumps/))
    assert.equal(await records.get('w/b', 'alice'), undefined)
    const bound = await signedVersion('alice', 'w/b', 1 + NUMBER_STEP_MAX)
    assert.deepEqual(await records.keep([bound]), [bound])
    // What did not raise the head is no step to go on from.
    await assert.rejects(
      async () => records.keep([await signedVersion('alice', 'w/c', 2 + 2 * NUMBER_STEP_MAX)]),
      failsWith('CORRUPT')
    )
    const first = await signedVersion('new', 'w/a', 1 + NUMBER_STEP_MAX)
    await assert.rejects(records.keep([first]), failsWith('CORRUPT'))
  })

  it('are refused past the names of one origin, whose known names go on, and others are not concerned', async () => {
    const tables = new MemoryTables()
    let records = await opened(tables)
    await records.keep([await signedVersion('alice', 'w/a', 1)])
    // As after so many: counting them one by one would take minutes.
    await tables.commit([tables.heads.put('alice', { ...records.head('alice'), records: ORIGIN_NAMES_MAX - 1 })])
    records = await opened(tables)
    const [last, past] = [await signedVersion('alice', 'w/b', 2), await signedVersion('alice', 'w/c', 3)]
    await records.keep([last])
    await assert.rejects(records.keep([past]), failsWith('TOO_LARGE', /names/))
    const next = await signedVersion('alice', 'w/a', 4, { seq: 2 })
    assert.deepEqual(await records.keep([next]), [next])
    const others = await signedVersion('bob', 'w/c', 1)
    assert.deepEqual(await records.keep([others]), [others])
  })

  it('keep so many earlier records of a name, the latest, with gaps between them as well', async () => {
    for (const step of [1, 7]) {
      const records = await opened()
      const all = Array.from({ length: HISTORY_RECORDS + 5 }, (_, i) => 1 + i * step)
      for (const seq of all) await records.keep([await signedVersion('alice', 'w/a', seq, { seq })])
      await records.keep([await signedVersion('alice', 'w/b', 200)])
      const earlier = all.toReversed().slice(1, 1 + HISTORY_RECORDS)
      assert.deepEqual(await seqs(records.history('w/a', 'alice')), earlier)
      for (const seq of earlier) assert.equal((await records.version('w/a', 'alice', seq))?.record.seq, seq)
      assert.deepEqual(await collect(records.history('w/b', 'alice')), [])
    }
  })

  it('keep no more of them when many come at once', async () => {
    const records = await opened()
    const all = await Promise.all(
      Array.from({ length: 40 }, (_, i) => signedVersion('alice', 'w/a', i + 1, { seq: i + 1 }))
    )
    const earlier = (last: number) => Array.from({ length: HISTORY_RECORDS }, (_, i) => last - 1 - i)
    for (const [from, to] of [
      [0, 5],
      [5, 30],
      [30, 31],
      [31, 40]
    ] as const) {
      await records.keep(all.slice(from, to))
      assert.deepEqual(
        await seqs(records.history('w/a', 'alice')),
        earlier(to).filter(seq => seq > 0)
      )
    }
  })

  it('find the version that was asked for, and none in its place', async () => {
    const records = await opened()
    for (const seq of [3, 5]) await records.keep([await signedVersion('alice', 'w/a', seq, { seq })])
    assert.equal((await records.version('w/a', 'alice', 5))?.record.seq, 5)
    assert.equal((await records.version('w/a', 'alice', 3))?.record.seq, 3)
    for (const seq of [1, 4, 6]) assert.equal(await records.version('w/a', 'alice', seq), undefined)
  })

  it('change nothing where a commit fails, in memory either, and go on after it', async () => {
    const tables = new MemoryTables()
    const records = await opened(tables)
    await records.keep([await signedVersion('alice', 'w/a', 1)], { origin: 'alice', number: 1 })
    const before = [new Map(records.heads), records.position]
    const heard: Signed[] = []
    records.onChanges(changes => heard.push(...changes))
    const next = await signedVersion('alice', 'w/a', 2, { seq: 2 })
    tables.beforeCommit = () => Promise.reject(new Error('the disk'))
    await assert.rejects(records.keep([next], { origin: 'alice', number: 2 }), /the disk/)
    assert.deepEqual([new Map(records.heads), records.position], before)
    assert.equal(await seqOf(records, 'w/a'), 1)
    assert.deepEqual(heard, [])
    tables.beforeCommit = () => undefined
    tables.notes.length = 0
    assert.deepEqual(await records.keep([next], { origin: 'alice', number: 2 }), [next])
    assert.deepEqual(heard, [next])
    assert.equal(tables.notes.length, 1)
    const again = await opened(tables)
    assert.deepEqual([again.heads, again.position], [records.heads, records.position])
  })

  it('keep nothing of what comes with one that is refused', async () => {
    const records = await opened()
    const [good, bad] = [await signedVersion('alice', 'w/a', 1), await signedVersion('alice', 'w/b', 2 ** 41)]
    await assert.rejects(records.keep([good, bad], { origin: 'alice', number: 1 }), failsWith('CORRUPT'))
    assert.deepEqual(await collect(records.list('')), [])
    assert.equal(records.heads.size, 0)
  })

  it('take the newer of two that are written at the same time', async () => {
    for (const order of [
      [1, 2],
      [2, 1]
    ]) {
      const tables = new MemoryTables()
      const records = await opened(tables)
      tables.beforeCommit = () => new Promise(resolve => setImmediate(resolve))
      const versions = await Promise.all(order.map(seq => signedVersion('alice', 'w/a', seq, { seq })))
      await Promise.all(versions.map(version => records.keep([version])))
      assert.equal(await seqOf(records, 'w/a'), 2)
      assert.deepEqual(counted(records), await recounted(records))
    }
  })
})

async function rows(table: ByteTable<MemoryWrite>): Promise<[string, string][]> {
  const all = await collect(table.iterator({ gte: Buffer.alloc(0), lt: Buffer.alloc(2000, 0xff) }))
  return all.map(([key, value]) => [Buffer.from(key).toString('hex'), Buffer.from(value).toString('hex')])
}
