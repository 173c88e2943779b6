// The catalogue in the database of a data folder: what was said and heard is there when it is opened again, and nothing older
// takes its place then.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { Catalogue } from '../../../daemon/catalogue/catalogue.ts'
import { encodeHeads } from '../../../daemon/catalogue/messages.ts'
import type { Signed } from '../../../daemon/catalogue/record.ts'
import { silentLog } from '../../../daemon/log.ts'
import type { Write } from '../../../daemon/store/database.ts'
import { openCatalogue } from '../../../daemon/wiring.ts'
import { HISTORY_RECORDS } from '../../../proto/limits.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { MESH, newVersion, rootOf, signed, signedVersion, signer, verify } from '../../helpers/signed-records.ts'
import { openStore, type OpenStore } from '../../helpers/stores.ts'
import { collect } from '../../helpers/trees.ts'

describe('the catalogue of a data folder', () => {
  let opened: OpenStore
  let catalogue: Catalogue<Write>

  const open = () =>
    openCatalogue(opened.store, {
      signer: signer('alice'),
      verify,
      mesh: MESH,
      clock: new ManualClock(),
      random: () => 0.5,
      log: silentLog,
      knowsOthers: () => false,
      connected: () => [],
      caller: peer => Promise.reject(new Error(`${peer} is not connected`))
    })

  beforeEach(async () => {
    opened = await openStore()
    catalogue = await open()
  })
  afterEach(async () => {
    await catalogue.stop()
    await opened.remove()
  })

  async function reopen(): Promise<void> {
    await catalogue.stop()
    await opened.reopen()
    catalogue = await open()
  }

  const publish = async (name: string, text: string) => {
    const { record } = await catalogue.own.publish(newVersion(name, text))
    return [record.seq, record.number]
  }

  /** As its news. */
  async function hear(...records: Signed[]): Promise<void> {
    const handler = catalogue.handlers()['heads']
    assert.ok(handler !== undefined)
    const body = encodeHeads({ heads: [], records: records.map(({ bytes }) => bytes), more: false })
    await collect(handler(body, { peer: records[0]?.record.origin ?? '', signal: new AbortController().signal }))
  }

  const known = async (name: string) => (await catalogue.known(name)).map(({ origin, seq }) => [origin, seq])

  it('is as it was when it is opened again: names, numbers, history, nodes, claims, and the place in the feed', async () => {
    for (const text of ['1', '2', '3']) await publish('w/a', text)
    await catalogue.own.claim('w', 4)
    await hear(
      await signedVersion('bob', 'w/a', 1),
      await signed({
        type: 'node',
        origin: 'bob',
        name: '',
        number: 2,
        seq: 1,
        time: 1,
        called: 'gpu-1',
        software: '1',
        addresses: ['/ip4/10.0.0.1/tcp/1']
      })
    )
    const { position } = catalogue.feed
    await reopen()
    assert.deepEqual(await known('w/a'), [
      ['alice', 3],
      ['bob', 1]
    ])
    assert.deepEqual(
      (await collect(catalogue.history('w/a', 'alice'))).map(({ seq }) => seq),
      [3, 2, 1]
    )
    assert.deepEqual(await catalogue.own.namesOf(rootOf('2')), ['w/a'])
    assert.equal(catalogue.nodeName('bob'), 'gpu-1')
    assert.equal((await catalogue.holder('w'))?.epoch, 4)
    assert.deepEqual([catalogue.names, catalogue.feed.position], [2, position])
    assert.deepEqual(await publish('w/a', '4'), [4, 5])
  })

  it('lets nothing older take the place of the newest, then either', async () => {
    const versions = await Promise.all([1, 2, 3].map(seq => signedVersion('bob', 'w/a', seq, { seq })))
    await hear(...versions.slice(1))
    for (let i = 0; i < 2; i++) {
      for (const version of versions) await hear(version)
      assert.deepEqual(await known('w/a'), [['bob', 3]])
      await reopen()
    }
    assert.equal(catalogue.feed.position, 2)
  })

  it('keeps contradictions as proof, and a bounded history', async () => {
    const twins = await Promise.all([1, 2].map(size => signedVersion('bob', 'w/a', 1, { size })))
    for (const twin of twins) await hear(twin)
    for (let seq = 1; seq <= HISTORY_RECORDS + 3; seq++) await publish('w/b', `${seq}`)
    await reopen()
    const [found] = await catalogue.known('w/a')
    assert.ok(found !== undefined)
    assert.equal(await catalogue.isContested(found), true)
    assert.equal((await collect(catalogue.history('w/b', 'alice'))).length, HISTORY_RECORDS + 1)
  })
})
