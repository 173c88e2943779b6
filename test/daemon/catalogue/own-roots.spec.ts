// Which roots own names keep: those of the newest versions of each, as many as were asked for; what nothing keeps any more is
// released, once.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { HISTORY_RECORDS, KEPT_VERSIONS, KEPT_VERSIONS_MAX } from '../../../proto/limits.ts'
import { OwnNode } from '../../helpers/own-records.ts'
import { newVersion, rootOf, signedVersion } from '../../helpers/signed-records.ts'

const roots = (...texts: string[]) => texts.map(text => rootOf(text).toString())

/** Published one after the other under one name: what each releases. */
async function released(node: OwnNode, keep: number | undefined, ...texts: string[]): Promise<string[][]> {
  const all: string[][] = []
  for (const text of texts) {
    const said = await node.publish(newVersion('w/a', text, keep === undefined ? {} : { keep }))
    all.push(texts.filter(other => said.released.includes(rootOf(other).toString())))
    assert.equal(said.released.length, all.at(-1)?.length, `after ${text}: ${said.released.join(' ')}`)
  }
  return all
}

describe('roots of own names', () => {
  for (const [keep, expected] of [
    [0, [[], ['1'], ['2'], ['3'], ['4']]],
    [1, [[], ['1'], ['2'], ['3'], ['4']]],
    [2, [[], [], ['1'], ['2'], ['3']]],
    [3, [[], [], [], ['1'], ['2']]]
  ] as const) {
    it(`are released one by one where ${keep} versions are kept`, async () => {
      const node = await OwnNode.open()
      assert.deepEqual(await released(node, keep, '1', '2', '3', '4', '5'), expected)
      for (const text of ['1', '2', '3', '4', '5'])
        assert.deepEqual(
          await node.own.namesOf(rootOf(text)),
          expected.flat().some(gone => gone === text) ? [] : ['w/a'],
          text
        )
    })
  }

  it(`are ${KEPT_VERSIONS} unless told otherwise`, async () => {
    const texts = Array.from({ length: KEPT_VERSIONS + 1 }, (_, i) => `${i}`)
    assert.deepEqual((await released(await OwnNode.open(), undefined, ...texts)).at(-1), ['0'])
  })

  it('are released at the bound of what can be kept, which history remembers', async () => {
    assert.ok(KEPT_VERSIONS_MAX <= HISTORY_RECORDS)
    const texts = Array.from({ length: KEPT_VERSIONS_MAX + 3 }, (_, i) => `${i}`)
    const all = await released(await OwnNode.open(), KEPT_VERSIONS_MAX, ...texts)
    assert.deepEqual(all.flat(), ['0', '1', '2'])
  })

  it('are released together where fewer are kept than before, and kept on where more are', async () => {
    const node = await OwnNode.open()
    await released(node, 3, '1', '2', '3')
    assert.deepEqual((await node.publish(newVersion('w/a', '4', { keep: 1 }))).released, roots('3', '2', '1'))
    assert.deepEqual((await node.publish(newVersion('w/a', '5', { keep: 3 }))).released, [])
    assert.deepEqual((await node.publish(newVersion('w/a', '6', { keep: 3 }))).released, [])
    assert.deepEqual((await node.publish(newVersion('w/a', '7', { keep: 3 }))).released, roots('4'))
  })

  it('are kept with a part of them that has a name of its own, and go with the last name', async () => {
    const node = await OwnNode.open()
    await node.publish(newVersion('w/dir', 'whole', { keep: 1 }))
    await node.publish(newVersion('w/part', 'part', { keep: 1, within: rootOf('whole') }))
    assert.deepEqual((await node.publish(newVersion('w/dir', 'next', { keep: 1 }))).released, [])
    assert.deepEqual(await node.own.namesOf(rootOf('whole')), ['w/part'])
    assert.deepEqual((await node.publish(newVersion('w/part', 'other', { keep: 1 }))).released, roots('part', 'whole'))
    assert.deepEqual(await node.own.namesOf(rootOf('whole')), [])
  })

  it('are kept while another name keeps them', async () => {
    const node = await OwnNode.open()
    await node.publish(newVersion('w/a', 'shared', { keep: 1 }))
    await node.publish(newVersion('w/b', 'shared', { keep: 1 }))
    assert.deepEqual(await node.own.namesOf(rootOf('shared')), ['w/a', 'w/b'])
    assert.deepEqual((await node.publish(newVersion('w/a', 'new', { keep: 1 }))).released, [])
    assert.deepEqual(await node.own.namesOf(rootOf('shared')), ['w/b'])
    assert.deepEqual(await node.retire('w/b'), roots('shared'))
    assert.deepEqual(await node.own.namesOf(rootOf('shared')), [])
  })

  it('are kept while another version of the name has them, or the new one', async () => {
    const node = await OwnNode.open()
    const said = []
    for (const text of ['a', 'b', 'a', 'c', 'd']) said.push((await node.publish(newVersion('w/a', text))).released)
    assert.deepEqual(said, [[], [], [], roots('b'), roots('a')])
    const other = await OwnNode.open()
    for (const [text, expected] of [
      ['a', []],
      ['b', roots('a')],
      ['a', roots('b')]
    ] as const)
      assert.deepEqual((await other.publish(newVersion('w/a', text, { keep: 1 }))).released, expected)
    // The same bytes with other facts.
    const again = await other.publish(newVersion('w/a', 'a', { keep: 1, meta: { epoch: 2 } }))
    assert.deepEqual([again.seq, again.released], [4, []])
    assert.deepEqual(await other.own.namesOf(rootOf('a')), ['w/a'])
  })

  it('are released all when a name is retired, and not once more when it comes back', async () => {
    const node = await OwnNode.open()
    await released(node, 3, '1', '2', '3')
    assert.deepEqual(await node.retire('w/a'), roots('3', '2', '1'))
    for (const text of ['4', '5', '6'])
      assert.deepEqual((await node.publish(newVersion('w/a', text, { keep: 3 }))).released, [])
    assert.deepEqual(await node.retire('w/a'), roots('6', '5', '4'))
  })

  it('are released when a directory takes the names inside', async () => {
    const node = await OwnNode.open()
    await node.publish(newVersion('w/d/a', '1'))
    await node.publish(newVersion('w/d/a', '2'))
    await node.publish(newVersion('w/b', '2'))
    const said = await node.publish(newVersion('w/d', 'all', { kind: 'directory' }))
    assert.deepEqual(said.released, roots('1'))
    assert.deepEqual(await node.own.namesOf(rootOf('2')), ['w/b'])
  })

  it('are kept together with what they lie within, and for as long', async () => {
    const node = await OwnNode.open()
    const publish = async (text: string, within?: string) =>
      (await node.publish(newVersion('w/a', text, within === undefined ? {} : { within: rootOf(within) }))).released
    assert.deepEqual(await publish('part', 'tree'), [])
    for (const text of ['part', 'tree']) assert.deepEqual(await node.own.namesOf(rootOf(text)), ['w/a'])
    assert.deepEqual(await publish('other', 'tree'), [])
    assert.deepEqual(await publish('alone'), roots('part'))
    assert.deepEqual(await node.own.namesOf(rootOf('tree')), ['w/a'])
    assert.deepEqual(await publish('last'), roots('other', 'tree'))
    for (const text of ['part', 'other', 'tree']) assert.deepEqual(await node.own.namesOf(rootOf(text)), [])
    await node.publish(newVersion('w/b', 'inner', { within: rootOf('outer') }))
    assert.deepEqual(await node.retire('w/b'), roots('inner', 'outer'))
  })

  it('stay as they are where a commit fails', async () => {
    const node = await OwnNode.open()
    await node.publish(newVersion('w/a', '1', { keep: 1 }))
    node.tables.beforeCommit = () => Promise.reject(new Error('the disk'))
    await assert.rejects(node.publish(newVersion('w/a', '2', { keep: 1 })), /the disk/)
    await assert.rejects(node.retire('w/a'), /the disk/)
    node.tables.beforeCommit = () => undefined
    assert.deepEqual(await node.own.namesOf(rootOf('1')), ['w/a'])
    assert.deepEqual(await node.own.namesOf(rootOf('2')), [])
    const again = await OwnNode.open(node.tables)
    assert.deepEqual((await again.publish(newVersion('w/a', '2', { keep: 1 }))).released, roots('1'))
  })

  it('stay kept by a version that was said again with another number', async () => {
    for (const [seq, number] of [
      [1, 1],
      [3, 9]
    ] as const) {
      const node = await OwnNode.open()
      await node.publish(newVersion('w/a', 'mine', { within: rootOf('tree') }))
      await node.own.adopt([await theirs(node, seq, number)])
      const own = (await node.records.get('w/a', 'alice'))?.record
      assert.equal(own?.type === 'version' ? own.root.toString() : '', rootOf('mine').toString())
      for (const text of ['mine', 'tree']) assert.deepEqual(await node.own.namesOf(rootOf(text)), ['w/a'])
      assert.deepEqual((await node.publish(newVersion('w/a', 'next'))).released, [])
      assert.deepEqual((await node.publish(newVersion('w/a', 'last'))).released, roots('mine', 'tree'))
    }
  })

  /** A record of the same node that takes the place of its own. */
  async function theirs(node: OwnNode, seq: number, number: number) {
    const own = await node.records.get('w/a', 'alice')
    for (let size = 1; ; size++) {
      const made = await signedVersion('alice', 'w/a', number, { seq, size })
      if (seq > 1 || (own !== undefined && Buffer.compare(made.hash, own.hash) < 0)) return made
    }
  }
})
