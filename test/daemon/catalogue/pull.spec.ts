// Getting records from a peer: all of them, going on where it was interrupted, and nothing from one that lies; what is
// withheld is noticed, and got from another.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { type Head, toggled } from '../../../daemon/catalogue/head.ts'
import { encodeList, encodeRecords, encodeSince } from '../../../daemon/catalogue/messages.ts'
import type { Signed, VersionRecord } from '../../../daemon/catalogue/record.ts'
import { bytesOf } from '../../../daemon/frames.ts'
import type { Handler } from '../../../daemon/rpc.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import { HistoryRequest } from '../../../proto/generated/catalogue.ts'
import {
  HISTORY_RECORDS,
  LIST_AFTER_MS,
  PAGE_MS,
  PULL_REST_MS,
  RECONCILE_MS,
  RECORDS_ANSWER_MAX,
  SINCE_RECORDS_MAX
} from '../../../proto/limits.ts'
import { JoinedCatalogues, type JoinedNode, tablesWith } from '../../helpers/joined-catalogues.ts'
import { signedVersion } from '../../helpers/signed-records.ts'
import { collect, failsWith } from '../../helpers/trees.ts'

const EMPTY = new Uint8Array(0)
const answering = (...bodies: Uint8Array[]): Handler =>
  async function* () {
    for (const body of bodies) yield { body: bytesOf(body), payload: EMPTY }
  }
const versions = (count: number, origin = 'a'): Promise<Signed<VersionRecord>[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => signedVersion(origin, `w/${i + 1}`, i + 1)))
const bytes = (all: readonly Signed[]) => all.map(signed => signed.bytes)
const headOf = (all: readonly Signed[]): Head => ({
  number: all.reduce((most, { record }) => Math.max(most, record.number), 0),
  digest: toggled(new Uint8Array(32), ...all.map(({ hash }) => hash))
})

describe('pulling records', () => {
  let mesh = new JoinedCatalogues()

  beforeEach(() => {
    mesh = new JoinedCatalogues()
  })
  afterEach(() => mesh.stop())

  const withRecords = async (id: string, all: readonly Signed[]) => mesh.add(id, { tables: await tablesWith(all) })
  const names = (node: JoinedNode) => node.catalogue.names

  it('goes on where one request ends, and keeps all that there is', async () => {
    const count = SINCE_RECORDS_MAX + RECORDS_ANSWER_MAX + 1
    const a = await withRecords('a', await versions(count))
    const b = await mesh.add('b')
    await mesh.connect(a, b)
    assert.equal(names(b), count)
    assert.deepEqual(a.questions('since'), [[0], [SINCE_RECORDS_MAX]])
    assert.deepEqual(a.questions('list'), [])
  })

  it('goes on after an interruption from where it was', async () => {
    const a = await withRecords('a', await versions(6 * RECORDS_ANSWER_MAX))
    const whole = a.catalogue.handlers()['since']
    assert.ok(whole !== undefined)
    a.instead['since'] = async function* (body, context) {
      let left = 3
      for await (const answer of whole(body, context)) {
        if (left-- === 0) throw new PathmeshError('ABORTED', 'interrupted')
        yield answer
      }
    }
    const b = await mesh.add('b')
    await mesh.connect(a, b)
    await mesh.clock.advance(RECONCILE_MS + PULL_REST_MS)
    assert.equal(names(b), 6 * RECORDS_ANSWER_MAX)
    // What was on its way when it failed may be lost with it; what was kept is not asked for again.
    const starts = a.questions('since').flat()
    assert.ok(starts.length > 1 && starts.length <= 6, starts.join(' '))
    for (const [i, start] of starts.entries()) assert.ok(start > (starts[i - 1] ?? -1), starts.join(' '))
  })

  it('goes on after the link was cut, in another process, with the peer that is there then', async () => {
    const all = await versions(4 * RECORDS_ANSWER_MAX)
    const [a, c, b] = [await withRecords('a', all), await withRecords('c', all), await mesh.add('b')]
    const whole = a.catalogue.handlers()['since']
    assert.ok(whole !== undefined)
    a.instead['since'] = async function* (body, context) {
      let left = 2
      for await (const answer of whole(body, context)) {
        if (left-- === 0) void mesh.disconnect(a, b)
        yield answer
      }
    }
    await mesh.connect(a, b)
    assert.equal(names(b), RECORDS_ANSWER_MAX)
    await mesh.remove(b)
    const again = await mesh.add('b', { tables: b.tables })
    assert.equal(names(again), RECORDS_ANSWER_MAX)
    await mesh.connect(c, again)
    await mesh.clock.advance(RECONCILE_MS)
    assert.equal(names(again), all.length)
    assert.deepEqual(c.questions('since', 'b'), [[RECORDS_ANSWER_MAX]])
  })

  it('fills a hole that lies below the number, and asks for nothing but that', async () => {
    const all = await versions(9)
    const a = await withRecords('a', all)
    const b = await withRecords(
      'b',
      all.filter(({ record }) => record.number !== 2 && record.number !== 7)
    )
    await mesh.connect(a, b)
    await mesh.clock.advance(LIST_AFTER_MS)
    assert.equal(names(b), 9)
    assert.deepEqual([a.questions('since'), a.questions('list'), a.questions('records')], [[], [[0]], [[2, 7]]])
    assert.equal(names(a), 9)
  })

  it('brings two that hold different records with one number to the same', async () => {
    const [all, twin] = [await versions(3), await signedVersion('x', 'w/2', 2, { size: 99 })]
    const mine = (await versions(3, 'x')).map(signed => (signed.record.number === 2 ? twin : signed))
    const [p, q] = [await withRecords('p', await versions(3, 'x')), await withRecords('q', mine)]
    assert.equal(all.length, 3)
    await mesh.connect(p, q)
    await mesh.clock.advance(RECONCILE_MS)
    const found = await Promise.all([p, q].map(async node => (await node.catalogue.known('w/2'))[0]))
    assert.ok(found[0] !== undefined && found[1] !== undefined)
    assert.deepEqual(found[0].root, found[1].root)
    for (const node of [p, q]) assert.equal(await node.catalogue.isContested(found[0]), true)
  })

  it('notices that a member withholds records, and gets them from another', async () => {
    const all = await versions(5)
    for (const kept of [[], all.slice(0, 3), all.filter(({ record }) => record.number !== 2)]) {
      const net = (mesh = new JoinedCatalogues())
      const [liar, honest, b] = [await withRecords('liar', all), await withRecords('honest', all), await net.add('b')]
      liar.instead['since'] = answering(encodeSince('a', headOf(all), bytes(kept), false))
      liar.instead['list'] = answering(
        encodeList(
          'a',
          headOf(all),
          kept.map(({ record, hash }) => ({ number: record.number, hash })),
          false
        )
      )
      await net.connect(liar, b)
      await net.clock.advance(2 * LIST_AFTER_MS)
      assert.equal(names(b), kept.length)
      await net.connect(honest, b)
      await net.clock.advance(RECONCILE_MS)
      assert.equal(names(b), all.length, `${kept.length} were told`)
      assert.ok(honest.asked.some(({ method }) => method === 'since' || method === 'records'))
      await net.stop()
    }
  })

  it('does not ask one that withholds records without end', async () => {
    const all = await versions(5)
    const [liar, b] = [await withRecords('liar', all), await mesh.add('b')]
    liar.instead['since'] = answering(encodeSince('a', headOf(all), [], false))
    liar.instead['list'] = answering(encodeList('a', headOf(all), [], false))
    await mesh.connect(liar, b)
    await mesh.clock.advance(10 * RECONCILE_MS)
    const asked = liar.questions('since').length
    assert.ok(asked > 0 && asked <= 20, `${asked} times`)
  })

  it('keeps nothing of a page with records of others, out of order, forged, or not of records', async () => {
    const all = await versions(4)
    const [one, two] = all
    assert.ok(one !== undefined && two !== undefined)
    const forged = Uint8Array.from(two.bytes)
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
    const page = (...records: Uint8Array[]) => encodeSince('a', headOf(all), records, false)
    for (const [what, ...pages] of [
      ['of others', page(one.bytes, (await signedVersion('bob', 'w/x', 9)).bytes)],
      ['out of order', page(two.bytes, one.bytes)],
      ['forged', page(one.bytes, forged)],
      ['no records', Buffer.from([1, 2, 3])],
      ['past its bound', page(...bytes(await versions(RECORDS_ANSWER_MAX + 1)))],
      ['past all counting', page(one.bytes, (await signedVersion('a', 'w/x', 2 ** 41)).bytes)]
    ] as const) {
      const net = (mesh = new JoinedCatalogues())
      const [liar, b] = [await withRecords('liar', all), await net.add('b')]
      liar.instead['since'] = answering(...pages)
      await net.connect(liar, b)
      await net.clock.advance(LIST_AFTER_MS)
      assert.equal(liar.questions('since').length, 1, what)
      assert.equal(b.tables.newest.size, 0, what)
      const honest = await withRecords('honest', all)
      await net.connect(honest, b)
      await net.clock.advance(RECONCILE_MS)
      assert.equal(names(b), 4, what)
      await net.stop()
    }
  })

  it('keeps no record that was not asked for, after a list', async () => {
    const all = await versions(4)
    const [liar, b] = [await withRecords('liar', all), await withRecords('b', all.slice(1))]
    liar.instead['records'] = answering(encodeRecords([(await signedVersion('a', 'w/9', 9)).bytes]))
    await mesh.connect(liar, b)
    await mesh.clock.advance(2 * LIST_AFTER_MS)
    assert.deepEqual(liar.questions('records'), [[1]])
    assert.equal(names(b), 3)
    assert.deepEqual(await b.known('w/9'), [])
  })

  it('refuses a list that does not ascend, or has no end', async () => {
    const all = await versions(4)
    const entry = (number: number) => ({ number, hash: new Uint8Array(32) })
    for (const entries of [[entry(2), entry(1)], [entry(0)]]) {
      const net = (mesh = new JoinedCatalogues())
      const [liar, b] = [await withRecords('liar', all), await withRecords('b', all.slice(1))]
      liar.instead['list'] = answering(encodeList('a', headOf(all), entries, true))
      await net.connect(liar, b)
      await net.clock.advance(2 * LIST_AFTER_MS)
      assert.deepEqual([liar.questions('list'), liar.questions('records')], [[[0]], []])
      await net.stop()
    }
  })

  it('does not believe a number that no record has', async () => {
    const all = await versions(2)
    const [liar, b] = [await withRecords('liar', all), await mesh.add('b')]
    liar.instead['since'] = answering(encodeSince('a', { ...headOf(all), number: 1_000_000 }, bytes(all), false))
    await mesh.connect(liar, b)
    assert.equal(names(b), 2)
    await mesh.remove(liar)
    // Or the next records of the origin would be passed over.
    const a = await withRecords('a', await versions(3))
    await mesh.connect(a, b)
    assert.equal(names(b), 3)
    assert.deepEqual(a.questions('since'), [[2]])
  })

  it('leaves a peer that begins and does not go on for another', async () => {
    const all = await versions(3)
    const [stuck, honest, b] = [await withRecords('stuck', all), await withRecords('honest', all), await mesh.add('b')]
    stuck.instead['since'] = async function* (_, { signal }) {
      await new Promise<void>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      yield { body: EMPTY, payload: EMPTY }
    }
    await mesh.connect(stuck, b)
    await mesh.connect(honest, b)
    await mesh.clock.advance(PAGE_MS + PULL_REST_MS)
    assert.equal(names(b), 3)
  })

  it('finds a version that is not remembered at a peer that does, and believes its origin alone', async () => {
    const [a, b] = [await mesh.add('a'), await mesh.add('b')]
    for (const text of ['1', '2', '3']) await a.publish('w/a', text)
    await mesh.connect(a, b)
    assert.equal((await b.catalogue.version('w/a', 'a', 3))?.seq, 3)
    assert.deepEqual(await collect(b.catalogue.history('w/a', 'a')).then(all => all.map(({ seq }) => seq)), [3])
    assert.equal((await b.catalogue.version('w/a', 'a', 1))?.seq, 1)
    assert.equal(await b.catalogue.version('w/a', 'a', 9), undefined)
    const [other, forged] = [
      await signedVersion('bob', 'w/a', 9, { seq: 9 }),
      await signedVersion('a', 'w/a', 9, { seq: 9 })
    ]
    for (const bad of [other.bytes, Uint8Array.from([...forged.bytes.subarray(0, -1), 0])]) {
      a.instead['history'] = answering(encodeRecords([bad]))
      assert.equal(await b.catalogue.version('w/a', 'a', 9), undefined)
    }
    a.instead['history'] = answering(encodeRecords([forged.bytes]))
    assert.equal((await b.catalogue.version('w/a', 'a', 9))?.seq, 9)
    const caller = b.callers.get('a')
    assert.ok(caller !== undefined)
    delete a.instead['history']
    const body = HistoryRequest.encode({ name: 'n'.repeat(2_000), origin: 'a' })
    await assert.rejects(
      collect(caller.call('history', body, { maxBytes: HISTORY_RECORDS })),
      failsWith('INVALID_ARGUMENT')
    )
  })
})
