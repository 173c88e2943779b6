// Content that lies in the index: read as a block and as a holding, removed like any other, there after a start.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { cidOf, DAG_PB, RAW } from '../../../daemon/content/multihash.ts'
import { SMALL_PAYLOAD_BYTES } from '../../../proto/limits.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { openStore, type OpenStore } from '../../helpers/stores.ts'
import { failsWith } from '../../helpers/trees.ts'

describe('the index, as a place of small content,', () => {
  let opened: OpenStore
  const random = new Seeded('inline')
  beforeEach(async () => (opened = await openStore()))
  afterEach(() => opened.remove())

  const put = async (bytes: Uint8Array, hash: 'blake3' | 'sha2-256' = 'blake3'): ReturnType<typeof putting> =>
    await putting(opened, bytes, hash)

  for (const size of [0, 1, SMALL_PAYLOAD_BYTES]) {
    it(`gives ${size} bytes back, as a file that is held, and after a start`, async () => {
      const bytes = random.bytes(size)
      const root = await put(bytes)
      for (const open of [async () => opened.store, () => opened.reopen()]) {
        const store = await open()
        assert.deepEqual(Buffer.from((await store.inline.get(root)) ?? assert.fail()), Buffer.from(bytes))
        assert.deepEqual(Buffer.from((await store.reader.block(root)) ?? assert.fail()), Buffer.from(bytes))
        const holding = await store.findHolding(root)
        assert.deepEqual(holding, { root, kind: 'file', size, entries: 1, class: 'inline', path: '' })
        assert.deepEqual(await store.holdingsOf(root), [holding])
        assert.deepEqual(store.holdings.of(root), [])
      }
    })
  }

  it('has nothing else', async () => {
    const bytes = Buffer.from('bytes')
    const root = await put(bytes)
    const others = [
      cidOf(RAW, 'blake3', Buffer.from('other')),
      cidOf(RAW, 'sha2-256', bytes),
      cidOf(DAG_PB, 'blake3', bytes)
    ]
    for (const other of others) {
      assert.equal(await opened.store.inline.get(other), undefined)
      assert.equal(await opened.store.findHolding(other), undefined)
    }
    assert.ok((await opened.store.inline.get(root)) !== undefined)
  })

  it('keeps content of both hashes apart', async () => {
    const bytes = Buffer.from('bytes')
    const [one, other] = [await put(bytes), await put(bytes, 'sha2-256')]
    await opened.store.database.commit([opened.store.inline.delete(one)])
    assert.equal(await opened.store.inline.get(one), undefined)
    assert.ok((await opened.store.inline.get(other)) !== undefined)
  })

  it('is asked for a kind of holding like every place', async () => {
    const root = await put(Buffer.from('x'))
    assert.equal(await opened.store.findHolding(root, ({ class: kind }) => kind === 'managed'), undefined)
    assert.equal((await opened.store.findHolding(root, ({ class: kind }) => kind === 'inline'))?.class, 'inline')
  })

  it('lets go what is removed, and not while it is read', async () => {
    const { store } = opened
    const root = await put(Buffer.from('x'))
    const holding = (await store.findHolding(root)) ?? assert.fail()
    const session = store.leases.openSession()
    store.leases.take(root, session)
    assert.equal(await store.isWanted(holding), true)
    await assert.rejects(store.remove(holding), failsWith('IN_USE'))
    store.leases.closeSession(session)
    assert.equal(await store.isWanted(holding), false)
    await store.remove(holding)
    assert.equal(await store.findHolding(root), undefined)
    assert.equal(await (await opened.reopen()).inline.get(root), undefined)
  })
})

async function putting({ store }: OpenStore, bytes: Uint8Array, hash: 'blake3' | 'sha2-256') {
  const root = cidOf(RAW, hash, bytes)
  await store.database.commit([store.inline.put(root, bytes)])
  return root
}
