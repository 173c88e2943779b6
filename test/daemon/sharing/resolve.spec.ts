// From a reference to one record: no guess where several nodes publish, and a version that is not there is said to be gone
// or not yet known.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { VersionRecord } from '../../../daemon/catalogue/record.ts'
import { RAW, cidOf } from '../../../daemon/content/multihash.ts'
import { find, namesMeant, type ResolveParts, settle } from '../../../daemon/sharing/resolve.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import { MemoryBranches, buildTree, directory, failsWith, file } from '../../helpers/trees.ts'

const store = new MemoryBranches()
const { cid: root } = buildTree(directory({ a: directory({ b: file('content') }) }), 'blake3', store)
const reader = { get: (cid: typeof root) => store.get(cid), leafSize: async () => 7 }

interface Known {
  readonly peers?: number
  /** Versions that are remembered. */
  readonly earlier?: readonly VersionRecord[]
  /** The home of the work. */
  readonly holder?: string
  /** The name, if it was retired. */
  readonly retired?: string
}

const record = (origin: string, more: Partial<VersionRecord> = {}): VersionRecord => ({
  type: 'version',
  origin,
  number: 1,
  name: 'train/run',
  seq: 3,
  time: 1,
  root,
  kind: 'directory',
  size: 7,
  meta: null,
  of: null,
  encoding: null,
  ...more
})
const parts = (
  records: readonly VersionRecord[],
  { peers = 1, earlier = [], holder, retired }: Known = {}
): ResolveParts => ({
  names: {
    resolve: async () => [...records],
    newestOf: async (name, origin) => records.find(one => one.name === name && one.origin === origin),
    retired: async () => (retired === undefined ? [] : [{ name: retired, origin: 'alice' }]),
    history: async function* (name, origin) {
      yield* [...records, ...earlier].filter(old => old.name === name && old.origin === origin)
    },
    version: async (name, origin, seq) =>
      earlier.find(old => old.name === name && old.origin === origin && old.seq === seq),
    holder: async () => (holder === undefined ? undefined : { origin: holder }),
    originsCalled: (node: string) => (node === 'gpu-1' ? [node, 'alice'] : [node]),
    nodeName: (peerId: string) => (peerId === 'alice' ? 'gpu-1' : undefined)
  },
  self: 'bob',
  peers: () => peers
})

describe('settle()', () => {
  it('fixes a name to the newest version, and says where the path goes on inside it', async () => {
    const settled = await settle('train/run/a/b', undefined, parts([record('alice')]))
    assert.deepEqual([settled.root.toString(), settled.sub, settled.hints], [root.toString(), 'a/b', ['alice']])
    const { entry } = await find(settled, reader)
    assert.deepEqual([entry.kind, entry.size], ['file', 7])
  })

  it('takes a version by its number or its root', async () => {
    for (const version of ['3', root.toString()])
      assert.equal((await settle('train/run', version, parts([record('alice')]))).record?.seq, 3)
  })

  it('is VERSION_GONE for an earlier number, naming the newest, and NOT_FOUND for a later one', async () => {
    await assert.rejects(settle('train/run', '2', parts([record('alice')])), (error: unknown) => {
      assert.ok(failsWith('VERSION_GONE', /the newest is 3/)(error) && error instanceof PathmeshError)
      assert.deepEqual(error.details, { newest: 3, cid: root.toString() })
      return true
    })
    await assert.rejects(settle('train/run', '4', parts([record('alice')])), failsWith('NOT_FOUND', /newest is 3/))
  })

  it('takes an earlier version that somebody remembers, by its number or its root, with its own root and facts', async () => {
    const other = cidOf(RAW, 'blake3', Buffer.from('older'))
    const earlier = [record('alice', { seq: 2, root: other, kind: 'file', size: 5, meta: { epoch: 2 } })]
    for (const version of ['2', other.toString()]) {
      const settled = await settle('train/run', version, parts([record('alice')], { earlier }))
      assert.deepEqual([settled.root.toString(), settled.rootSize], [other.toString(), 5])
      assert.deepEqual([settled.record?.meta, settled.newest?.seq, settled.isFixed], [{ epoch: 2 }, 3, true])
    }
  })

  it('follows a name unless a version is named', async () => {
    assert.equal((await settle('train/run', undefined, parts([record('alice')]))).isFixed, false)
    assert.equal((await settle('train/run', '3', parts([record('alice')]))).isFixed, true)
  })

  it('takes a root of a name that is retired as content, and of one that nobody knows not: where would it end?', async () => {
    const retired = await settle('train/run/a/b', root.toString(), parts([], { retired: 'train/run' }))
    assert.deepEqual([retired.root.toString(), retired.sub, retired.newest], [root.toString(), 'a/b', null])
    await assert.rejects(settle('train/run/a', root.toString(), parts([])), failsWith('NOT_FOUND'))
  })

  it('hints at the origin of an alias, and at that of what it is an alias of', async () => {
    const alias = record('bob', { of: { name: 'train/run', origin: 'alice', seq: 3, root, path: '' } })
    assert.deepEqual((await settle('train/run', undefined, parts([alias]))).hints, ['bob', 'alice'])
  })

  it('finds an alias of a part where that lies, and what lies beyond it', async () => {
    const alias = record('bob', { name: 'good/a', of: { name: 'train/run', origin: 'alice', seq: 3, root, path: 'a' } })
    const settled = await settle('good/a/b', undefined, parts([alias]))
    assert.deepEqual([settled.root.toString(), settled.sub, settled.beyond], [root.toString(), 'a/b', 'b'])
    assert.equal((await find(settled, reader)).entry.kind, 'file')
  })

  it('takes a version of a name that was retired, by its number too', async () => {
    const earlier = [record('alice', { seq: 2 })]
    const settled = await settle('train/run/a', '2', parts([], { retired: 'train/run', earlier }))
    assert.deepEqual([settled.record?.seq, settled.sub, settled.newest], [2, 'a', null])
    await assert.rejects(settle('train/run', '1', parts([], { retired: 'train/run' })), failsWith('NOT_FOUND'))
  })

  it('refuses the number of a version where several nodes have, or had, the name', async () => {
    const moved = parts([record('bob')], { retired: 'train/run', holder: 'bob' })
    await assert.rejects(settle('train/run', '3', moved), failsWith('AMBIGUOUS_WORK', /of its own/))
    const both = parts([record('alice'), record('bob')], { holder: 'bob' })
    await assert.rejects(settle('train/run', '3', both), failsWith('AMBIGUOUS_WORK'))
    assert.equal((await settle('train@bob/run', '3', both)).record?.origin, 'bob')
  })

  it('takes the home of the work where several nodes publish the name', async () => {
    const both = [record('alice'), record('bob', { seq: 9 })]
    assert.equal((await settle('train/run', undefined, parts(both, { holder: 'bob' }))).record?.seq, 9)
    assert.equal((await settle('train@alice/run', undefined, parts(both, { holder: 'bob' }))).record?.seq, 3)
    await assert.rejects(settle('train/run', undefined, parts(both, { holder: 'carol' })), failsWith('AMBIGUOUS_WORK'))
  })

  it('takes another root of the name as content, with the origin as a hint', async () => {
    const other = cidOf(RAW, 'blake3', Buffer.from('older'))
    const settled = await settle('train/run', other.toString(), parts([record('alice')]))
    assert.deepEqual([settled.root.toString(), settled.record, settled.hints], [other.toString(), null, ['alice']])
  })

  it('is AMBIGUOUS_WORK where several nodes publish the name, lists them, and takes the one that is named', async () => {
    const both = parts([record('alice'), record('bob', { seq: 9 })])
    await assert.rejects(settle('train/run', undefined, both), (error: unknown) => {
      assert.ok(failsWith('AMBIGUOUS_WORK', /train@gpu-1.*this node/)(error) && error instanceof PathmeshError)
      assert.deepEqual(error.details, { origins: ['alice', 'bob'] })
      return true
    })
    assert.equal((await settle('train@gpu-1/run', undefined, both)).record?.seq, 3)
    assert.equal((await settle('train@bob/run', undefined, both)).record?.seq, 9)
  })

  it('is NOT_FOUND where nobody publishes it, and says whether anybody is there', async () => {
    await assert.rejects(settle('train/x', undefined, parts([], { peers: 0 })), failsWith('NOT_FOUND', /no other node/))
    await assert.rejects(settle('train/x', undefined, parts([])), failsWith('NOT_FOUND', /nobody in this mesh/))
    await assert.rejects(
      settle('train@carol/run', undefined, parts([record('alice')])),
      failsWith('NOT_FOUND', /but alice does/)
    )
  })

  it('takes content by its CID, and refuses what is none', async () => {
    const settled = await settle(`ipfs://${root.toString()}/a`, undefined, parts([]))
    assert.deepEqual([settled.root.toString(), settled.sub, settled.record], [root.toString(), 'a', null])
    await assert.rejects(settle('ipfs://nonsense', undefined, parts([])), failsWith('INVALID_ARGUMENT'))
  })
})

describe('namesMeant()', () => {
  it('is the name that is published, or those that were retired, or nothing', async () => {
    assert.deepEqual(
      (await namesMeant('train/run/a', parts([record('alice')], { retired: 'train/run' }))).map(
        ({ seq }: Partial<VersionRecord>) => seq
      ),
      [3]
    )
    const retired = [{ name: 'train/run', origin: 'alice' }]
    assert.deepEqual(await namesMeant('train/run', parts([], { retired: 'train/run' })), retired)
    assert.deepEqual(await namesMeant('train@gpu-1/run', parts([], { retired: 'train/run' })), retired)
    await assert.rejects(namesMeant('train@bob/run', parts([], { retired: 'train/run' })), failsWith('NOT_FOUND'))
    await assert.rejects(namesMeant('train/run', parts([])), failsWith('NOT_FOUND'))
  })
})

describe('find()', () => {
  it('is NOT_FOUND for what does not lie in the share, and names both', async () => {
    for (const path of ['a/c', 'a/b/c', 'x']) {
      const settled = await settle(`train/run/${path}`, undefined, parts([record('alice')]))
      await assert.rejects(find(settled, reader), failsWith('NOT_FOUND', new RegExp(`${path}.*train/run`)))
    }
  })
})
