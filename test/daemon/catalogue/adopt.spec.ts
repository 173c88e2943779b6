// A node that is shown records of its own which it lacks: it was restored from a backup, or its key is used twice. It takes
// them, counts on from the highest, and says again what would be lost otherwise.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Signed } from '../../../daemon/catalogue/record.ts'
import { MemoryTables } from '../../helpers/memory-tables.ts'
import { OwnNode } from '../../helpers/own-records.ts'
import { newVersion, rootOf, signed, signedVersion } from '../../helpers/signed-records.ts'
import { failsWith } from '../../helpers/trees.ts'

/** Name, seq and number of everything that a node says; of versions whether they are of this content. */
const said = (all: readonly Signed[]) =>
  all.map(({ record: { name, seq, number, ...what } }) => ({ name, seq, number, type: what.type }))

const holds = async (node: OwnNode, name: string, text: string) => {
  const record = (await node.records.get(name, 'alice'))?.record
  return record?.type === 'version' && record.root.equals(rootOf(text))
}
const counts = async (node: OwnNode, name: string) => {
  const record = (await node.records.get(name, 'alice'))?.record
  return [record?.seq, record?.number]
}

/** A record that wins against one with the same counts, or loses. */
async function twin(of: Signed, wins: boolean, name = of.record.name): Promise<Signed> {
  for (let size = 1; ; size++) {
    const made = await signedVersion('alice', name, of.record.number, { seq: of.record.seq, size })
    if (Buffer.compare(made.hash, of.hash) < 0 === wins) return made
  }
}

async function newest(node: OwnNode, name: string): Promise<Signed> {
  const found = await node.records.get(name, 'alice')
  assert.ok(found !== undefined)
  return found
}

/** Shows each to the other until neither has anything new; how often that took. */
async function converge(a: OwnNode, b: OwnNode): Promise<number> {
  for (let rounds = 1; rounds <= 40; rounds++) {
    await b.own.adopt(await a.all())
    await a.own.adopt(await b.all())
    const [one, other] = [a.records.head('alice'), b.records.head('alice')]
    if (Buffer.compare(one.digest, other.digest) === 0) return rounds
  }
  throw new Error('they do not agree')
}

describe('adopt()', () => {
  it('takes own records that were lost, and counts on from the highest', async () => {
    let time = 1_700_000_000_000
    const before = await OwnNode.open(new MemoryTables(), 'alice', { clock: { now: () => time++ } })
    await before.publish(newVersion('w/a', '1'))
    const backup = before.tables.copy()
    await before.publish(newVersion('w/a', '2'))
    await before.publish(newVersion('w/b', '1'))
    await before.retire('w/b')
    await before.own.claim('w', 3)
    const restored = await OwnNode.open(backup)
    assert.equal((await restored.own.adopt(await before.all())).length, 3)
    assert.deepEqual(said(await restored.all()), said(await before.all()))
    assert.deepEqual(restored.records.head('alice'), before.records.head('alice'))
    const next = await restored.publish(newVersion('w/a', '3'))
    assert.deepEqual([next.number, next.seq], [6, 3])
    const again = await restored.publish(newVersion('w/b', '1'))
    assert.deepEqual([again.number, again.seq], [7, 3])
  })

  it('does so in whatever order they are shown, and is the same after it was opened again', async () => {
    const before = await OwnNode.open()
    for (const [name, text] of [
      ['w/a', '1'],
      ['w/b', '1'],
      ['w/a', '2']
    ] as const)
      await before.publish(newVersion(name, text))
    const restored = await OwnNode.open()
    for (const one of (await before.all()).toReversed()) await restored.own.adopt([one])
    const again = await OwnNode.open(restored.tables)
    assert.deepEqual(said(await again.all()), said(await before.all()))
    assert.equal((await again.publish(newVersion('w/c', '1'))).number, 4)
  })

  it('changes nothing where nothing is new', async () => {
    const node = await OwnNode.open()
    await node.publish(newVersion('w/a', '1'))
    const before = said(await node.all())
    assert.deepEqual(await node.own.adopt(await node.all()), [])
    assert.deepEqual(said(await node.all()), before)
  })

  it('says again what was said since and loses its place', async () => {
    const node = await OwnNode.open()
    await node.publish(
      newVersion('w/a', 'mine', {
        meta: { epoch: 7 },
        of: { name: 'w/x', origin: 'bob', seq: 2, root: rootOf('x'), path: '' }
      })
    )
    await node.own.adopt([await signedVersion('alice', 'w/a', 9, { seq: 4 })])
    assert.equal(await holds(node, 'w/a', 'mine'), true)
    assert.deepEqual(await counts(node, 'w/a'), [5, 10])
    const record = (await newest(node, 'w/a')).record
    assert.ok(record.type === 'version')
    assert.deepEqual(
      [record.meta, record.of === null ? null : { ...record.of, root: String(record.of.root) }],
      [{ epoch: 7 }, { name: 'w/x', origin: 'bob', seq: 2, root: String(rootOf('x')), path: '' }]
    )
    assert.equal(node.records.head('alice').number, 10)
  })

  it('says again what has the same counts and the larger hash, and not what has the smaller', async () => {
    for (const wins of [true, false]) {
      const node = await OwnNode.open()
      await node.publish(newVersion('w/a', 'mine'))
      const rival = await twin(await newest(node, 'w/a'), wins)
      await node.own.adopt([rival])
      assert.equal(await holds(node, 'w/a', 'mine'), true)
      assert.deepEqual(await counts(node, 'w/a'), wins ? [2, 2] : [1, 1])
    }
  })

  it('gives another number to one of two names that have the same', async () => {
    for (const wins of [true, false]) {
      const node = await OwnNode.open()
      await node.publish(newVersion('w/a', 'mine'))
      await node.own.adopt([await twin(await newest(node, 'w/a'), wins, 'w/b')])
      assert.deepEqual([await counts(node, 'w/a'), await counts(node, 'w/b')], [wins ? [2, 2] : [1, 1], [1, 1]])
      assert.equal(await holds(node, 'w/a', 'mine'), true)
    }
  })

  it('retires again what it retired since', async () => {
    const node = await OwnNode.open()
    await node.publish(newVersion('w/a', '1'))
    await node.retire('w/a')
    await node.own.adopt([await signedVersion('alice', 'w/a', 8, { seq: 6 })])
    assert.equal((await newest(node, 'w/a')).record.type, 'retirement')
    assert.deepEqual(await counts(node, 'w/a'), [7, 9])
  })

  it('does not say again what others have confirmed before this life, and does what nobody heard of', async () => {
    const first = await OwnNode.open()
    await first.publish(newVersion('w/a', 'heard'))
    first.own.confirm(1)
    await first.publish(newVersion('w/b', 'unheard'))
    const node = await OwnNode.open(first.tables)
    await node.own.adopt([
      await signedVersion('alice', 'w/a', 8, { seq: 5, time: 1 }),
      await signedVersion('alice', 'w/b', 9, { seq: 5, time: 1 })
    ])
    assert.deepEqual([await holds(node, 'w/a', 'heard'), await holds(node, 'w/b', 'unheard')], [false, true])
    assert.deepEqual(
      [await counts(node, 'w/a'), await counts(node, 'w/b')],
      [
        [5, 8],
        [6, 10]
      ]
    )
  })

  it('does not say again what an earlier life said before the one that replaced it', async () => {
    let time = 1_700_000_000_000
    const clock = { now: () => time++ }
    const before = await OwnNode.open(new MemoryTables(), 'alice', { clock })
    await before.publish(newVersion('w/a', 'old'))
    const backup = before.tables.copy()
    await before.publish(newVersion('w/a', 'new'))
    // Nobody had told before the backup that it was heard; then a life that nobody heard of, and another one.
    await (await OwnNode.open(backup, 'alice', { clock })).publish(newVersion('w/b', 'unheard'))
    const restored = await OwnNode.open(backup, 'alice', { clock })
    await restored.own.adopt(await before.all())
    assert.deepEqual([await holds(restored, 'w/a', 'new'), await holds(restored, 'w/b', 'unheard')], [true, true])
    assert.deepEqual(await counts(restored, 'w/a'), [2, 2])
    await restored.own.adopt([await signedVersion('alice', 'w/b', 3, { seq: 2, time: 1 })])
    assert.equal(await holds(restored, 'w/b', 'unheard'), true)
  })

  it('says again what was made in this life, though others have confirmed it', async () => {
    const node = await OwnNode.open()
    await node.publish(newVersion('w/a', 'mine'))
    node.own.confirm(1)
    await node.own.adopt([await signedVersion('alice', 'w/a', 8, { seq: 5 })])
    assert.equal(await holds(node, 'w/a', 'mine'), true)
  })

  it('says nothing again when it is shown the same once more', async () => {
    const node = await OwnNode.open()
    await node.publish(newVersion('w/a', 'mine'))
    const shown = [await signedVersion('alice', 'w/a', 8, { seq: 5 }), await signedVersion('alice', 'w/b', 1)]
    await node.own.adopt(shown)
    const before = said(await node.all())
    for (const again of [shown, shown.toReversed(), await node.all()]) assert.deepEqual(await node.own.adopt(again), [])
    assert.deepEqual(said(await node.all()), before)
    const reopened = await OwnNode.open(node.tables)
    assert.deepEqual(await reopened.own.adopt(shown), [])
    assert.deepEqual(said(await reopened.all()), before)
  })

  it('changes nothing where its commit fails, and is done when it is shown again', async () => {
    const node = await OwnNode.open()
    await node.publish(newVersion('w/a', 'mine'))
    const before = [said(await node.all()), node.records.head('alice')]
    const shown = [await signedVersion('alice', 'w/a', 8, { seq: 5 })]
    node.tables.beforeCommit = () => Promise.reject(new Error('the disk'))
    await assert.rejects(node.own.adopt(shown), /the disk/)
    assert.deepEqual([said(await node.all()), node.records.head('alice')], before)
    node.tables.beforeCommit = () => undefined
    assert.equal((await node.own.adopt(shown)).length, 2)
    assert.deepEqual(await counts(node, 'w/a'), [6, 9])
  })

  it('lets no number be used that is past all counting', async () => {
    const node = await OwnNode.open()
    const tables = new MemoryTables(node.tables)
    const last = Number.MAX_SAFE_INTEGER - 1
    await tables.commit([tables.heads.put('alice', { ...node.records.head('alice'), number: last })])
    const used = await OwnNode.open(tables)
    await assert.rejects(used.publish(newVersion('w/a', '1')), failsWith('CORRUPT', /used up/))
    const far = await signedVersion('alice', 'w/a', 2 ** 41, { seq: 1 })
    await assert.rejects(node.own.adopt([far]), failsWith('CORRUPT', /jumps/))
    assert.equal((await node.publish(newVersion('w/a', '1'))).number, 1)
  })

  it('brings two that use one key to the same, with all names of both', async () => {
    const first = await OwnNode.open()
    await first.publish(newVersion('w/a', '0'))
    const second = await OwnNode.open(first.tables.copy())
    for (const [node, mine] of [
      [first, 'one'],
      [second, 'two']
    ] as const) {
      await node.publish(newVersion('w/a', mine))
      await node.publish(newVersion(`w/${mine}`, mine))
      await node.publish(newVersion('w/b', mine))
    }
    await converge(first, second)
    assert.deepEqual(said(await first.all()), said(await second.all()))
    const { names } = first.records.head('alice')
    assert.equal(names, 4)
    for (const [name, text] of [
      ['w/one', 'one'],
      ['w/two', 'two']
    ] as const)
      assert.equal((await holds(first, name, text)) && (await holds(second, name, text)), true)
    // They go on, and agree again.
    await first.publish(newVersion('w/a', 'later'))
    await converge(first, second)
    assert.equal(await holds(second, 'w/a', 'later'), true)
    assert.equal(second.records.head('alice').names, 4)
  })

  it('leaves records of the node itself and of works to be said when there is need', async () => {
    const node = await OwnNode.open()
    await node.own.announce({ called: 'a', software: '1', addresses: [] })
    await node.own.claim('w', 1)
    const base = { origin: 'alice', seq: 4, time: 1 }
    await node.own.adopt([
      await signed({ ...base, type: 'node', name: '', number: 8, called: 'b', software: '1', addresses: [] }),
      await signed({ ...base, type: 'claim', name: 'w', number: 9, epoch: 7 })
    ])
    assert.deepEqual(
      [await counts(node, ''), await counts(node, 'w')],
      [
        [4, 8],
        [4, 9]
      ]
    )
    await node.own.announce({ called: 'a', software: '1', addresses: [] })
    assert.deepEqual(await counts(node, ''), [5, 10])
  })
})
