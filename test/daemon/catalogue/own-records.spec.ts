// What a node says of its own names: numbers go up by one and are never used twice, names do not lie in each other, and what no
// name keeps any more is told.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { MemoryTables } from '../../helpers/memory-tables.ts'
import { OwnNode } from '../../helpers/own-records.ts'
import { newVersion, rootOf, signedVersion } from '../../helpers/signed-records.ts'
import { collect, failsWith } from '../../helpers/trees.ts'

const roots = (...texts: string[]) => texts.map(text => rootOf(text).toString())
const names = async (node: OwnNode) =>
  (await collect(node.records.list('')))
    .map(({ record }) => record)
    .filter(({ type, origin }) => type === 'version' && origin === 'alice')
    .map(({ name, seq }) => `${name} ${seq}`)

describe('OwnRecords', () => {
  it('count all records of the node by one, and those of a name, also when opened again', async () => {
    let node = await OwnNode.open()
    const said = []
    for (const [name, text] of [
      ['w/a', '1'],
      ['w/b', '1'],
      ['w/a', '2']
    ] as const) {
      said.push(await node.publish(newVersion(name, text)))
      node = await OwnNode.open(node.tables)
    }
    await node.own.claim('w', 1)
    said.push(await node.publish(newVersion('w/b', '2')))
    assert.deepEqual(
      said.map(({ number, seq }) => [number, seq]),
      [
        [1, 1],
        [2, 1],
        [3, 2],
        [5, 2]
      ]
    )
    assert.deepEqual([node.records.head('alice').number, node.records.head('alice').names], [5, 2])
  })

  it('give no number twice to what is said at the same time', async () => {
    const node = await OwnNode.open()
    node.tables.beforeCommit = () => new Promise(resolve => setImmediate(resolve))
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => node.publish(newVersion(`w/${i % 4}`, `${i}`))))
    assert.deepEqual(
      all.map(({ number, seq }) => [number, seq]),
      Array.from({ length: 20 }, (_, i) => [i + 1, 1 + Math.floor(i / 4)])
    )
  })

  it('go on after writes that failed, with the number that was not used', async () => {
    const node = await OwnNode.open()
    await node.publish(newVersion('w/a', '1'))
    node.tables.beforeCommit = () => Promise.reject(new Error('the disk'))
    await assert.rejects(node.publish(newVersion('w/a', '2')), /the disk/)
    await assert.rejects(node.retire('w/a'), /the disk/)
    await assert.rejects(node.own.claim('w', 1), /the disk/)
    node.tables.beforeCommit = () => undefined
    assert.deepEqual(await names(node), ['w/a 1'])
    const { number, seq } = await node.publish(newVersion('w/a', '2'))
    assert.deepEqual([number, seq], [2, 2])
  })

  it('wait until they may count on, before they look at anything', async () => {
    let open: () => void = () => undefined
    const gate = new Promise<void>(resolve => (open = resolve))
    const node = await OwnNode.open(new MemoryTables(), 'alice', { mayNumber: () => gate })
    const publishing = node.publish(newVersion('w/a', 'mine'))
    await node.own.adopt([await signedVersion('alice', 'w/a', 7, { seq: 3 })])
    open()
    const { number, seq } = await publishing
    assert.deepEqual([number, seq], [8, 4])
  })

  it('say nothing where root, kind, meta and source are the same, and something where one differs', async () => {
    const node = await OwnNode.open()
    const of = { name: 'w/b', origin: 'bob', seq: 2, root: rootOf('b'), path: '' }
    await node.publish(newVersion('w/a', '1', { meta: { epoch: 1 } }))
    const commits = node.tables.commits.length
    const again = await node.publish(newVersion('w/a', '1', { meta: { epoch: 1 } }))
    assert.deepEqual(again, { seq: 1, number: 1, unchanged: true, retired: [], released: [] })
    assert.equal(node.tables.commits.length, commits)
    assert.equal((await node.publish(newVersion('w/a', '1', { meta: { epoch: 2 } }))).seq, 2)
    assert.equal((await node.publish(newVersion('w/a', '1', { kind: 'directory', meta: { epoch: 2 } }))).seq, 3)
    assert.equal((await node.publish(newVersion('w/a', '1', { kind: 'directory', meta: { epoch: 2 }, of }))).seq, 4)
    const same = await node.publish(newVersion('w/a', '1', { kind: 'directory', meta: { epoch: 2 }, of: { ...of } }))
    assert.deepEqual([same.seq, same.unchanged], [4, true])
    const record = (await node.records.get('w/a', 'alice'))?.record
    assert.ok(record?.type === 'version')
    assert.deepEqual({ ...record.of, root: String(record.of?.root) }, { ...of, root: String(of.root) })
    assert.equal((await node.publish(newVersion('w/a', '2', { kind: 'directory', meta: { epoch: 2 }, of }))).seq, 5)
  })

  it('refuse a name inside a published one, and a file around one', async () => {
    const node = await OwnNode.open()
    await node.publish(newVersion('w/dir', '1', { kind: 'directory' }))
    for (const name of ['w/dir/a', 'w/dir/a/b'])
      await assert.rejects(node.publish(newVersion(name, '2')), failsWith('NAME_CONFLICT', /lies inside w\/dir/))
    assert.equal((await node.publish(newVersion('w/dirt', '2'))).seq, 1)
    await node.publish(newVersion('w/x/y', '3'))
    await assert.rejects(
      node.publish(newVersion('w/x', '4')),
      failsWith('NAME_CONFLICT', /w\/x\/y is published inside/)
    )
    assert.deepEqual(await names(node), ['w/dir 1', 'w/dirt 1', 'w/x/y 1'])
    await node.retire('w/dir')
    assert.equal((await node.publish(newVersion('w/dir/a', '2'))).seq, 1)
    assert.equal(node.records.head('alice').number, 5)
  })

  it('are refused before much is done for them as they would be when they are published', async () => {
    const node = await OwnNode.open()
    await node.publish(newVersion('w/dir', '1', { kind: 'directory' }))
    await node.publish(newVersion('w/x/y', '2'))
    for (const name of ['w/dir/a', 'w/dir/a/b', 'w/x'])
      await assert.rejects(node.own.admit(name, 'file'), failsWith('NAME_CONFLICT'))
    await node.own.admit('w/dir', 'file')
    await node.own.admit('w/dirt', 'file')
    await node.own.admit('w/x', 'directory')
    assert.deepEqual(await names(node), ['w/dir 1', 'w/x/y 1'])
  })

  it('are not concerned with names of others', async () => {
    const node = await OwnNode.open()
    await node.records.keep([await signedVersion('bob', 'w/d', 1), await signedVersion('bob', 'w/e/f', 2)])
    assert.deepEqual((await node.publish(newVersion('w/d/a', '1'))).retired, [])
    assert.deepEqual((await node.publish(newVersion('w/e', '2', { kind: 'directory' }))).retired, [])
    assert.deepEqual(await names(node), ['w/d/a 1', 'w/e 1'])
  })

  it('retire the names inside a directory together with publishing it, or neither', async () => {
    const node = await OwnNode.open()
    for (const name of ['w/d/a', 'w/d/b/c', 'w/da']) await node.publish(newVersion(name, name))
    const before = [await names(node), node.records.head('alice')]
    node.tables.beforeCommit = () => Promise.reject(new Error('the disk'))
    await assert.rejects(node.publish(newVersion('w/d', 'all', { kind: 'directory' })), /the disk/)
    assert.deepEqual([await names(node), node.records.head('alice')], before)
    node.tables.beforeCommit = () => undefined
    const commits = node.tables.commits.length
    const said = await node.publish(newVersion('w/d', 'all', { kind: 'directory' }))
    assert.deepEqual(said.retired, ['w/d/a', 'w/d/b/c'])
    assert.deepEqual(said.released, roots('w/d/a', 'w/d/b/c'))
    assert.equal(node.tables.commits.length, commits + 1)
    assert.deepEqual(await names(node), ['w/d 1', 'w/da 1'])
    assert.equal((await node.records.get('w/d/a', 'alice'))?.record.type, 'retirement')
    assert.equal(said.number, 6)
  })

  it('go on counting when a retired name comes back', async () => {
    const node = await OwnNode.open()
    await node.publish(newVersion('w/a', '1'))
    await node.retire('w/a')
    assert.deepEqual(await names(node), [])
    const { seq, unchanged } = await node.publish(newVersion('w/a', '1'))
    assert.deepEqual([seq, unchanged], [3, false])
  })

  it('retire own names alone: NOT_FOUND for what nobody publishes, NOT_ORIGIN, with who it is, for what others do', async () => {
    const node = await OwnNode.open(new MemoryTables(), 'alice', { nodeName: peer => `${peer}'s` })
    await node.records.keep([await signedVersion('bob', 'w/b', 1)])
    await node.publish(newVersion('w/a', '1'))
    await node.retire('w/a')
    for (const name of ['w/a', 'w/none']) await assert.rejects(node.retire(name), failsWith('NOT_FOUND'))
    await assert.rejects(node.retire('w/b'), failsWith('NOT_ORIGIN', /published by bob's/))
    await node.publish(newVersion('w/b', '1'))
    await node.retire('w/b')
    assert.equal((await node.records.get('w/b', 'bob'))?.record.type, 'version')
  })

  it('claim a work by an epoch, which is no name', async () => {
    const node = await OwnNode.open()
    await node.own.claim('train', 1)
    await node.own.claim('train', 5)
    const claim = (await node.records.get('train', 'alice'))?.record
    assert.deepEqual(claim?.type === 'claim' ? [claim.epoch, claim.seq, claim.number] : claim, [5, 2, 2])
    assert.deepEqual(await names(node), [])
    assert.equal(node.records.head('alice').names, 0)
  })

  it('tell of the node where something changed, whatever the order of its addresses', async () => {
    let node = await OwnNode.open()
    const told = { called: 'gpu-1', software: '1.0.0', addresses: ['/ip4/10.0.0.1/tcp/1', '/ip4/10.0.0.2/tcp/1'] }
    await node.own.announce(told)
    node = await OwnNode.open(node.tables)
    await node.own.announce({ ...told, addresses: told.addresses.toReversed() })
    assert.equal(node.records.head('alice').number, 1)
    let seq = 1
    for (const change of [
      { called: 'gpu-2' },
      { software: '1.0.1' },
      { addresses: told.addresses.slice(1) },
      { addresses: ['/ip4/10.0.0.1/tcp/1', '/ip4/10.0.0.3/tcp/1'] }
    ]) {
      await node.own.announce({ ...told, ...change })
      assert.equal((await node.records.get('', 'alice'))?.record.seq, ++seq, JSON.stringify(change))
      await node.own.announce(told)
      assert.equal((await node.records.get('', 'alice'))?.record.seq, ++seq)
    }
  })
})
