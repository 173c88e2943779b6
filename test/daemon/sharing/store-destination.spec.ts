// Where a session's content goes: what came before it began is kept like what it asks for.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { buildDirectory } from '../../../daemon/content/directory.ts'
import { StoreDestination } from '../../../daemon/sharing/store-destination.ts'
import { openStore } from '../../helpers/stores.ts'

describe('StoreDestination', () => {
  it('has branches that came before, and keeps those that it was asked for', async () => {
    const opened = await openStore()
    const { cid, branches } = buildDirectory([], 'blake3')
    const unasked = buildDirectory([{ name: 'a', cid, tsize: 1 }], 'blake3')
    const known = new Map([...branches, ...unasked.branches].map(one => [one.cid.toString(), one.bytes]))
    const came = (one: typeof cid) => known.get(one.toString())
    const { store } = opened
    const destination = new StoreDestination(store, cid, { basename: 'x' }, came)
    assert.deepEqual(await destination.branches.getMany([cid]), [came(cid)])
    known.delete(cid.toString())
    assert.deepEqual(Buffer.from((await store.branches.get(cid)) ?? []), Buffer.from(branches[0]?.bytes ?? []))
    assert.equal(await store.branches.get(unasked.cid), undefined)
    const without = new StoreDestination(store, cid, { basename: 'x' })
    assert.deepEqual(await without.branches.getMany([unasked.cid]), [undefined])
    await opened.remove()
  })
})
