// Catalogues that tell each other: what one says is known at the others when it says so, and goes on being known without it.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { decodeHeads, encodeHeads } from '../../../daemon/catalogue/messages.ts'
import type { Signed } from '../../../daemon/catalogue/record.ts'
import type { Handler } from '../../../daemon/rpc.ts'
import {
  ANNOUNCE_MS,
  CATCH_UP_MS,
  HEADS_MAX,
  NOT_SYNCED_MS,
  OWN_HEAD_MS,
  RECONCILE_MS,
  RECORDS_SYNC_MS,
  RELAY_MS
} from '../../../proto/limits.ts'
import { JoinedCatalogues, type JoinedNode, tablesWith } from '../../helpers/joined-catalogues.ts'
import { signedVersion } from '../../helpers/signed-records.ts'
import { collect, failsWith } from '../../helpers/trees.ts'

const never: Handler = async function* (_, { signal }) {
  await new Promise<void>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  yield { body: new Uint8Array(0), payload: new Uint8Array(0) }
}

describe('joined catalogues', () => {
  let mesh = new JoinedCatalogues()

  beforeEach(() => {
    mesh = new JoinedCatalogues()
  })
  afterEach(() => mesh.stop())

  /** What has become of a promise, without time going on. */
  async function stateOf(promise: Promise<unknown>): Promise<string> {
    let state = 'pending'
    promise.then(
      () => (state = 'resolved'),
      () => (state = 'rejected')
    )
    await mesh.settle()
    return state
  }

  async function pair(): Promise<[JoinedNode, JoinedNode]> {
    const [a, b] = [await mesh.add('a'), await mesh.add('b')]
    await mesh.connect(a, b)
    return [a, b]
  }

  it('know a name before it is on their disk, where it is soon, with all that came meanwhile', async () => {
    const [a, b] = await pair()
    await mesh.clock.advance(RECORDS_SYNC_MS)
    b.tables.commits.length = b.tables.notes.length = 0
    for (const name of ['w/a', 'w/b']) {
      await a.publish(name, '1')
      await mesh.clock.drive(a.catalogue.announced(), RECORDS_SYNC_MS / 2 - 1)
      assert.equal((await b.known(name)).length, 1)
    }
    assert.deepEqual([b.tables.commits.length, b.tables.notes.length], [0, 2])
    await mesh.clock.advance(RECORDS_SYNC_MS)
    assert.deepEqual(b.tables.commits, [1])
    await mesh.clock.advance(2 * RECORDS_SYNC_MS)
    assert.deepEqual(b.tables.commits, [1])
  })

  it('write what is not on the disk yet when they stop', async () => {
    const [a, b] = await pair()
    await a.publish('w/a', '1')
    await mesh.clock.drive(a.catalogue.announced(), RECORDS_SYNC_MS / 2)
    b.tables.commits.length = 0
    await mesh.remove(b)
    assert.deepEqual(b.tables.commits, [1])
  })

  it('know a name when its origin says that it is announced, without asking for it', async () => {
    const [a, b] = await pair()
    for (const text of ['1', '2', '3']) {
      await a.publish('w/a', text)
      await mesh.clock.drive(a.catalogue.announced(), ANNOUNCE_MS - 1)
      assert.deepEqual(await b.known('w/a'), [['w/a', 'a', Number(text)]])
    }
    await a.retire('w/a')
    await mesh.clock.drive(a.catalogue.announced(), ANNOUNCE_MS - 1)
    assert.deepEqual(await b.known('w/a'), [])
    assert.deepEqual(a.questions('since'), [])
  })

  it('wait until they know what another did, for a moment, and without it where that does not come', async () => {
    const [a, b] = await pair()
    await a.publish('w/a', '1')
    await mesh.clock.drive(a.catalogue.announced())
    const { reach } = a.catalogue
    assert.deepEqual(Object.keys(reach).toSorted(), ['a', 'b'])
    assert.equal(await stateOf(b.catalogue.reached(reach)), 'resolved')
    const ahead = b.catalogue.reached({ ...reach, a: (reach['a'] ?? 0) + 1 })
    assert.equal(await stateOf(ahead), 'pending')
    await a.publish('w/a', '2')
    await mesh.clock.drive(ahead, CATCH_UP_MS - 1)
    assert.deepEqual(await b.known('w/a'), [['w/a', 'a', 2]])
    const never = b.catalogue.reached({ nobody: 1 })
    await mesh.clock.drive(never, CATCH_UP_MS)
    await assert.rejects(b.catalogue.reached({ nobody: 1 }, AbortSignal.abort(new Error('enough'))), /enough/)
  })

  it('know what was said before they met, and each what the other said', async () => {
    const [a, b] = [await mesh.add('a'), await mesh.add('b')]
    for (let i = 0; i < 5; i++) {
      await a.publish(`w/a${i}`, 'a')
      await b.publish(`w/b${i}`, 'b')
    }
    await mesh.connect(a, b)
    for (const node of [a, b]) assert.equal(node.catalogue.names, 10)
    assert.deepEqual(await b.known('w/a4/inside/it'), [['w/a4', 'a', 1]])
  })

  it('resolve with the origin gone, and tell others who never met it', async () => {
    const [a, b] = await pair()
    await a.publish('w/a', '1')
    await mesh.clock.drive(a.catalogue.announced())
    await mesh.remove(a)
    const found = await b.catalogue.resolve('w/a')
    assert.deepEqual(
      found.map(({ origin, seq }) => [origin, seq]),
      [['a', 1]]
    )
    const c = await mesh.add('c')
    await mesh.connect(b, c)
    assert.deepEqual(await c.known('w/a'), [['w/a', 'a', 1]])
  })

  it('hear through another one from whom they are not connected to, soon', async () => {
    const [a, b] = await pair()
    const c = await mesh.add('c')
    await mesh.connect(b, c)
    await a.publish('w/a', '1')
    await a.publish('w/b', '1')
    await mesh.clock.advance(RELAY_MS)
    assert.deepEqual(await c.known('w/a'), [['w/a', 'a', 1]])
    await a.retire('w/a')
    await mesh.clock.advance(2 * RELAY_MS)
    assert.deepEqual([await c.known('w/a'), await c.known('w/b')], [[], [['w/b', 'a', 1]]])
  })

  it('know everything again after a time apart', async () => {
    const [a, b] = await pair()
    await a.publish('w/a', '1')
    await mesh.disconnect(a, b)
    await a.publish('w/a', '2')
    await a.publish('w/new', '1')
    await b.publish('w/b', '1')
    await mesh.connect(a, b)
    await mesh.clock.advance(RECONCILE_MS)
    assert.deepEqual(await b.known('w/a'), [['w/a', 'a', 2]])
    assert.deepEqual(await b.known('w/new'), [['w/new', 'a', 1]])
    assert.deepEqual(await a.known('w/b'), [['w/b', 'b', 1]])
  })

  it('announce at once where nobody is connected', async () => {
    const a = await mesh.add('a')
    await a.publish('w/a', '1')
    assert.equal(await stateOf(a.catalogue.announced()), 'resolved')
  })

  it('wait for a peer that does not answer for a moment, once, and for it again when it answers', async () => {
    const [a, b] = await pair()
    b.instead['heads'] = never
    await a.publish('w/a', '1')
    const announced = a.catalogue.announced()
    assert.equal(await stateOf(announced), 'pending')
    await mesh.clock.advance(ANNOUNCE_MS - 1)
    assert.equal(await stateOf(announced), 'pending')
    await mesh.clock.advance(1)
    assert.equal(await stateOf(announced), 'resolved')
    await a.publish('w/a', '2')
    assert.equal(await stateOf(a.catalogue.announced()), 'resolved')
    assert.deepEqual(await b.known('w/a'), [])
    delete b.instead['heads']
    await mesh.clock.advance(3 * RECONCILE_MS)
    assert.deepEqual(await b.known('w/a'), [['w/a', 'a', 2]])
    b.instead['heads'] = never
    await a.publish('w/a', '3')
    assert.equal(await stateOf(a.catalogue.announced()), 'pending')
  })

  it('do not let a peer that does not answer delay what others hear', async () => {
    const [a, b] = await pair()
    const c = await mesh.add('c')
    await mesh.connect(a, c)
    b.instead['heads'] = never
    await a.publish('w/a', '1')
    await mesh.clock.advance(1)
    assert.deepEqual(await c.known('w/a'), [['w/a', 'a', 1]])
  })

  it('say NOT_SYNCED after a while, and not before, where a node knows others and has heard none', async () => {
    const b = await mesh.add('b', { knowsOthers: true })
    assert.equal(b.catalogue.isSynced, false)
    const resolving = b.catalogue.resolve('w/a')
    assert.equal(await stateOf(resolving), 'pending')
    await mesh.clock.advance(NOT_SYNCED_MS - 1)
    assert.equal(await stateOf(resolving), 'pending')
    await mesh.clock.advance(1)
    await assert.rejects(resolving, failsWith('NOT_SYNCED', /w\/a/))
  })

  it('resolve at once what is known, and where a node is alone', async () => {
    const tables = await tablesWith([await signedVersion('a', 'w/a', 1)])
    const b = await mesh.add('b', { tables, knowsOthers: true })
    assert.equal((await b.catalogue.resolve('w/a/inside')).length, 1)
    const alone = await mesh.add('alone')
    assert.equal(alone.catalogue.isSynced, true)
    assert.deepEqual(await alone.catalogue.resolve('w/a'), [])
  })

  it('resolve as soon as somebody was heard, whether or not the name is there', async () => {
    const [a, b] = [await mesh.add('a'), await mesh.add('b', { knowsOthers: true })]
    await a.publish('w/a', '1')
    const [there, missing] = [b.catalogue.resolve('w/a'), b.catalogue.resolve('w/none')]
    await mesh.clock.advance(NOT_SYNCED_MS / 2)
    assert.equal(await stateOf(Promise.race([there, missing])), 'pending')
    await mesh.connect(a, b)
    assert.deepEqual(
      (await there).map(({ name }) => name),
      ['w/a']
    )
    assert.deepEqual(await missing, [])
    assert.equal(b.catalogue.isSynced, true)
  })

  it('wait no longer than the signal', async () => {
    const b = await mesh.add('b', { knowsOthers: true })
    const stop = new AbortController()
    const resolving = b.catalogue.resolve('w/a', stop.signal)
    assert.equal(await stateOf(resolving), 'pending')
    stop.abort(new Error('enough'))
    await assert.rejects(resolving, /enough/)
    await assert.rejects(b.catalogue.resolve('w/a', stop.signal), /enough/)
  })

  it('let a node say nothing before it was shown what it lost, so that no number is used twice', async () => {
    const [a, b] = await pair()
    await a.publish('w/a', '1')
    const backup = a.tables.copy()
    for (const text of ['2', '3']) await a.publish('w/a', text)
    await mesh.clock.drive(a.catalogue.announced())
    await mesh.remove(a)
    const restored = await mesh.add('a', { tables: backup, knowsOthers: true })
    const publishing = restored.publish('w/b', 'new')
    await mesh.clock.advance(OWN_HEAD_MS / 2)
    assert.equal(await stateOf(publishing), 'pending')
    await mesh.connect(restored, b)
    const { number } = await mesh.clock.drive(publishing, OWN_HEAD_MS / 2 - 1)
    assert.equal(number, 4)
    await mesh.clock.drive(restored.catalogue.announced(), ANNOUNCE_MS - 1)
    assert.deepEqual(await restored.known('w/a'), [['w/a', 'a', 3]])
    assert.deepEqual(await b.known('w/b'), [['w/b', 'a', 1]])
    assert.deepEqual(await b.known('w/a'), [['w/a', 'a', 3]])
  })

  it('let it wait no longer than a moment where nobody is there', async () => {
    const a = await mesh.add('a', { knowsOthers: true })
    const publishing = a.publish('w/a', '1')
    await mesh.clock.advance(OWN_HEAD_MS - 1)
    assert.equal(await stateOf(publishing), 'pending')
    await mesh.clock.advance(1)
    assert.equal(await stateOf(publishing), 'resolved')
    assert.equal(await stateOf(a.publish('w/a', '2')), 'resolved')
  })

  it('tell of more origins than one message holds, and are synced with the last of them', async () => {
    const origins = Array.from({ length: HEADS_MAX + 3 }, (_, i) => `origin${i}`)
    const all = await Promise.all(origins.map(origin => signedVersion(origin, 'w/a', 1)))
    const [a, b] = [await mesh.add('a', { tables: await tablesWith(all) }), await mesh.add('b', { knowsOthers: true })]
    const [whole, greetings] = [b.catalogue.handlers()['heads'], new Array<[boolean, boolean]>()]
    assert.ok(whole !== undefined)
    b.instead['heads'] = (body, context) => {
      greetings.push([decodeHeads(body).more, b.catalogue.isSynced])
      return whole(body, context)
    }
    await mesh.connect(a, b)
    await mesh.clock.drive(b.catalogue.resolve('w/none'), RECONCILE_MS)
    assert.equal(b.catalogue.names, origins.length)
    assert.deepEqual(greetings.slice(0, 2), [
      [true, false],
      [false, false]
    ])
    const sizes = b.asked.filter(({ method }) => method === 'heads').map(({ numbers }) => numbers.length)
    assert.ok(sizes.length >= 2 && sizes.every(size => size <= HEADS_MAX), sizes.join(' '))
  })

  it('refuse, whole, news that speak for others or are forged', async () => {
    const [a, b] = await pair()
    const [own, others] = [await signedVersion('a', 'w/a', 1), await signedVersion('bob', 'w/b', 1)]
    const forged = { ...own, bytes: Uint8Array.from(own.bytes) }
    forged.bytes[forged.bytes.length - 1] = (forged.bytes.at(-1) ?? 0) ^ 1
    const tell = (records: readonly Signed[]) => {
      const body = encodeHeads({ heads: [], records: records.map(({ bytes }) => bytes), more: false })
      const caller = a.callers.get('b')
      assert.ok(caller !== undefined)
      return collect(caller.call('heads', body, { maxBytes: 1_000 }))
    }
    for (const bad of [[own, others], [forged], [own, forged]]) {
      await assert.rejects(tell(bad), failsWith('CORRUPT'))
      assert.equal(b.catalogue.names, 0)
    }
    await tell([own])
    assert.deepEqual(await b.known('w/a'), [['w/a', 'a', 1]])
  })

  it('follow what nodes are called and where they listen, also through others', async () => {
    const [a, b] = await pair()
    const heard: string[] = []
    b.catalogue.onNode(({ called, addresses }) => heard.push(`${called} ${addresses.join(' ')}`))
    const announce = (called: string, address: string) =>
      a.catalogue.own.announce({ called, software: '1', addresses: [address] })
    await announce('gpu-1', '/ip4/10.0.0.1/tcp/1')
    await mesh.clock.advance(RELAY_MS)
    await announce('gpu-2', '/ip4/10.0.0.2/tcp/1')
    await mesh.clock.advance(RELAY_MS)
    await mesh.remove(a)
    const c = await mesh.add('c')
    await mesh.connect(b, c)
    assert.deepEqual(heard, ['gpu-1 /ip4/10.0.0.1/tcp/1', 'gpu-2 /ip4/10.0.0.2/tcp/1'])
    for (const node of [b, c]) {
      assert.equal(node.catalogue.nodeName('a'), 'gpu-2')
      assert.deepEqual(node.catalogue.originsCalled('gpu-2'), ['gpu-2', 'a'])
      assert.deepEqual(node.catalogue.originsCalled('gpu-1'), ['gpu-1'])
    }
    const again = await mesh.add('d', { tables: c.tables.copy() })
    assert.deepEqual(
      [...again.catalogue.nodes()].map(({ addresses }) => addresses),
      [['/ip4/10.0.0.2/tcp/1']]
    )
  })

  it('agree on who holds a work: the highest epoch, then the smaller origin', async () => {
    const [a, b] = await pair()
    await b.catalogue.own.claim('train', 1)
    await a.catalogue.own.claim('train', 1)
    await mesh.clock.advance(RELAY_MS)
    for (const node of [a, b]) assert.equal((await node.catalogue.holder('train'))?.origin, 'a')
    await b.catalogue.own.claim('train', 2)
    await mesh.clock.advance(RELAY_MS)
    for (const node of [a, b]) assert.equal((await node.catalogue.holder('train'))?.origin, 'b')
    assert.equal(await a.catalogue.holder('other'), undefined)
    assert.equal(a.catalogue.names, 0)
  })
})
