// Own names that are published at the same time: one write for many, each as if it were alone.

import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'mocha'
import { PathmeshError } from '../../../proto/errors.ts'
import { HEADS_RECORDS_MAX } from '../../../proto/limits.ts'
import { OwnNode } from '../../helpers/own-records.ts'
import { newVersion, rootOf } from '../../helpers/signed-records.ts'
import { failsWith } from '../../helpers/trees.ts'

describe('own names that are published at once', () => {
  let node: OwnNode
  let commits: number

  beforeEach(async () => {
    node = await OwnNode.open()
    const commit = node.tables.commit.bind(node.tables)
    commits = 0
    node.tables.commit = writes => {
      commits++
      return commit(writes)
    }
  })

  const publishAll = (...names: string[]) => Promise.all(names.map(name => node.publish(newVersion(name, name))))

  it('are one write, with numbers in the order in which they came', async () => {
    const said = await publishAll('w/a', 'w/b', 'v/a')
    assert.deepEqual(
      said.map(({ seq, number }) => [seq, number]),
      [
        [1, 1],
        [1, 2],
        [1, 3]
      ]
    )
    assert.equal(commits, 1)
  })

  for (const count of [HEADS_RECORDS_MAX, HEADS_RECORDS_MAX + 1])
    it(`are ${Math.ceil(count / HEADS_RECORDS_MAX)} writes where they are ${count}`, async () => {
      await publishAll(...Array.from({ length: count }, (_, i) => `w/${i}`))
      assert.equal(commits, Math.ceil(count / HEADS_RECORDS_MAX))
      assert.equal((await node.all()).length, count)
    })

  it('of one name are one version after the other, and none is lost', async () => {
    const said = await Promise.all(['1', '2', '3'].map(text => node.publish(newVersion('w/a', text))))
    assert.deepEqual(
      said.map(({ seq }) => seq),
      [1, 2, 3]
    )
    assert.equal(commits, 3)
  })

  it('and lie in each other conflict as they would one after the other', async () => {
    const [outer, inner, beside] = await Promise.allSettled([
      node.publish(newVersion('w/d', 'whole', { kind: 'directory' })),
      node.publish(newVersion('w/d/a', 'part')),
      node.publish(newVersion('w/da', 'other'))
    ])
    assert.deepEqual([outer.status, inner.status, beside.status], ['fulfilled', 'rejected', 'fulfilled'])
    assert.ok(inner.status === 'rejected')
    assert.ok(failsWith('NAME_CONFLICT')(inner.reason))
  })

  it('keep the order of those of one name where another one stands between them', async () => {
    const names = ['w/a/b', 'w/a', 'w/a/b']
    const done = await Promise.allSettled(names.map(name => node.publish(newVersion(name, name))))
    assert.deepEqual(
      done.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled']
    )
  })

  it('fail alone where what goes along with one of them does', async () => {
    const bad = node.own.publish(newVersion('w/bad', 'bad'), () => Promise.reject(new PathmeshError('IN_USE', 'gone')))
    const [failed, good] = await Promise.allSettled([bad, node.publish(newVersion('w/good', 'good'))])
    assert.deepEqual([failed.status, good.status], ['rejected', 'fulfilled'])
    assert.deepEqual(
      (await node.all()).map(({ record }) => [record.name, record.number]),
      [['w/good', 1]]
    )
  })

  it('fail together where the write does, and those after them go on', async () => {
    let isFull = true
    node.tables.beforeCommit = async () => {
      if (!isFull) return
      isFull = false
      throw new PathmeshError('NO_SPACE', 'full')
    }
    const done = await Promise.allSettled([
      node.publish(newVersion('w/a', '1')),
      node.publish(newVersion('w/b', '1')),
      node.publish(newVersion('w/a', '2'))
    ])
    assert.deepEqual(
      done.map(({ status }) => status),
      ['rejected', 'rejected', 'fulfilled']
    )
    assert.deepEqual(
      (await node.all()).map(({ record }) => [record.name, record.seq]),
      [['w/a', 1]]
    )
  })

  it('tell once of a root that the last two of them let go', async () => {
    for (const name of ['w/a', 'w/b']) await node.publish(newVersion(name, 'shared', { keep: 1 }))
    const said = await Promise.all(
      ['w/a', 'w/b'].map(name => node.publish(newVersion(name, `new ${name}`, { keep: 1 })))
    )
    assert.deepEqual(
      said.flatMap(({ released }) => released),
      [rootOf('shared').toString()]
    )
  })

  it('write what goes along, and say so, once it is on the disk', async () => {
    const seen: string[] = []
    const roots = node.tables.roots
    await node.own.publish(newVersion('w/a', '1'), async ({ unchanged, released }) => {
      seen.push(`along ${unchanged} ${released.length} ${commits}`)
      return { writes: [roots.put(Buffer.from('along'), Buffer.from('1'))], apply: () => seen.push(`apply ${commits}`) }
    })
    assert.deepEqual(seen, ['along false 0 0', 'apply 1'])
    assert.equal(Buffer.from((await roots.get(Buffer.from('along'))) ?? []).toString(), '1')
  })
})
