// The branches of a root: all of them, only them, and never more than the limits allow.

import assert from 'node:assert/strict'
import type { CID } from 'multiformats/cid'
import { describe, it } from 'mocha'
import { checkTree } from '../../../daemon/content/check-tree.ts'
import { buildDirectory } from '../../../daemon/content/directory.ts'
import type { Branch } from '../../../daemon/content/file-dag.ts'
import { StructureFetch } from '../../../daemon/exchange/structure.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { buildTree, directory, failsWith, file } from '../../helpers/trees.ts'
import { Content, FakeProvider, MemoryDestination } from './fakes.ts'

const random = new Seeded('structure')
const never = new AbortController().signal

describe('StructureFetch', () => {
  const deep = directory({
    a: directory({ b: directory({ c: file('x'), d: directory({ e: file('y') }) }) }),
    f: file('z')
  })

  async function fetchAll(root: CID, provider: FakeProvider, destination = new MemoryDestination()) {
    const fetch = new StructureFetch(root, destination.branches)
    let steps = 0
    while (!(await fetch.isComplete(never))) {
      await fetch.step(provider, { signal: never })
      steps++
    }
    return { destination, steps }
  }

  it('fetches what is missing alone, in answers of any size', async () => {
    for (const size of [1, 2, 3, 100]) {
      const content = new Content()
      const provider = new FakeProvider('one', content)
      provider.treeBranches = size
      const root = await content.add(deep)
      const { destination, steps } = await fetchAll(root, provider)
      assert.ok((await checkTree(root, destination.branches)).entries > 0)
      assert.ok(steps <= 5)
      assert.equal((await fetchAll(root, provider, destination)).steps, 0)
    }
  })

  it('keeps no branch that nobody asked for, and is CORRUPT where only such come', async () => {
    const content = new Content()
    const provider = new FakeProvider('one', content)
    const root = await content.add(deep)
    const stranger = buildTree(directory({ stranger: file('stranger') }), 'blake3')
    const bytes = (await stranger.store.get(stranger.cid)) ?? Buffer.of()
    const tree = provider.tree.bind(provider)
    provider.tree = async cids => {
      const { blocks, missing } = await tree(cids)
      return { blocks: [{ cid: stranger.cid, bytes }, ...blocks, { cid: stranger.cid, bytes }], missing }
    }
    const { destination } = await fetchAll(root, provider)
    assert.equal(await destination.kept.get(stranger.cid), undefined)
    provider.tree = async () => ({ blocks: [{ cid: stranger.cid, bytes }], missing: [] })
    await assert.rejects(fetchAll(root, provider), failsWith('CORRUPT', /none of the branches/))
  })

  it('takes no branch before its parent, and none twice', async () => {
    const content = new Content()
    const provider = new FakeProvider('one', content)
    const root = await content.add(deep)
    const tree = provider.tree.bind(provider)
    provider.tree = async cids => {
      const { blocks, missing } = await tree(cids)
      return { blocks: [...blocks.toReversed(), ...blocks], missing }
    }
    const destination = new MemoryDestination()
    const kept: string[] = []
    const keep = destination.branches.keep
    destination.branches.keep = async (blocks: readonly Branch[]) => {
      kept.push(...blocks.map(({ cid }) => cid.toString()))
      await keep(blocks)
    }
    await fetchAll(root, provider, destination)
    assert.equal(kept.length, new Set(kept).size)
  })

  it('is NOT_FOUND where the provider lacks a branch', async () => {
    const content = new Content()
    const provider = new FakeProvider('one', new Content())
    await assert.rejects(fetchAll(await content.add(deep), provider), failsWith('NOT_FOUND'))
  })

  it('fetches each branch of a bomb once, and the check refuses what it stands for', async () => {
    const content = new Content()
    let { cid, tsize, branches: made } = buildDirectory([], 'blake3')
    content.branches.add(...made)
    for (let level = 0; level < 12; level++) {
      const entries = Array.from({ length: 4 }, (_, i) => ({ name: `${i}`, cid, tsize }))
      ;({ cid, tsize, branches: made } = buildDirectory(entries, 'blake3'))
      content.branches.add(...made)
    }
    const { destination, steps } = await fetchAll(cid, new FakeProvider('one', content))
    assert.ok(steps <= 13)
    await assert.rejects(checkTree(cid, destination.branches, { signal: never }), failsWith('TOO_LARGE'))
  })

  it('ends when it is cancelled', async () => {
    const content = new Content()
    const root = await content.add(directory({ large: file(random.bytes(10)) }))
    const gone = new AbortController()
    gone.abort(new Error('enough'))
    await assert.rejects(new StructureFetch(root, new MemoryDestination().branches).isComplete(gone.signal), /enough/)
  })
})
