// What is remembered of files of which a version was kept: only those that cannot have changed unseen are known again.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { Fingerprint } from '../../../daemon/content/fingerprint.ts'
import { RAW, cidOf } from '../../../daemon/content/multihash.ts'
import { Database } from '../../../daemon/store/database.ts'
import { FileTable } from '../../../daemon/store/file-table.ts'
import { SourceTable } from '../../../daemon/store/source-table.ts'
import { temporaryFolder } from '../../helpers/trees.ts'

const NOW = 1_700_000_000_000
const cid = cidOf(RAW, 'blake3', Buffer.from('bytes'))

const print = (more: Partial<Fingerprint> = {}): Fingerprint => {
  const ns = BigInt(NOW - 1_000) * 1_000_000n
  return { dev: 1n, ino: 2n, size: 5n, mtimeNs: ns, ctimeNs: ns, ...more }
}

describe('SourceTable', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let database: Database
  let files: FileTable
  let sources: SourceTable
  let twin: number

  beforeEach(async () => {
    folder = await temporaryFolder()
    database = await Database.open(folder.path)
    files = new FileTable(database)
    await files.open()
    sources = new SourceTable(database, files)
    twin = files.nextId
    const known = { fingerprint: print(), cid, tsize: 5, executable: false }
    await database.commit([
      ...files.add({ ...known, path: '/kept/x', stampedAt: 0, class: 'kept' }, cid.multihash.digest, false).writes,
      sources.put({ ...known, path: '/srv/x', stampedAt: NOW, twin })
    ])
  })

  afterEach(async () => {
    await database.close()
    await folder.remove()
  })

  const find = async (fingerprint: Fingerprint, absolute = '/srv/x') => {
    const [found] = await sources.findUnchanged([{ absolute, fingerprint }])
    return found
  }

  it('knows a file that looks as it did, and what is kept of it', async () => {
    const found = await find(print({ ctimeNs: 1n }))
    assert.equal(found?.source.cid.toString(), cid.toString())
    assert.equal(found?.twin?.path, '/kept/x')
  })

  it('does not know one that was written, replaced, or is elsewhere', async () => {
    for (const other of [{ mtimeNs: 1n }, { ino: 3n }, { size: 6n }]) assert.equal(await find(print(other)), undefined)
    assert.equal(await find(print(), '/srv/y'), undefined)
  })

  it('does not know one that may have been written within the tick of the clock in which it was kept', async () => {
    const fresh = print({ mtimeNs: BigInt(NOW - 10) * 1_000_000n })
    await database.commit([
      sources.put({ path: '/srv/x', fingerprint: fresh, cid, tsize: 5, executable: false, stampedAt: NOW, twin })
    ])
    assert.equal(await find(fresh), undefined)
  })

  it('has no kept file where that went', async () => {
    await database.commit([files.remove(twin)])
    const found = await find(print())
    assert.ok(found !== undefined)
    assert.equal(found.twin, undefined)
  })

  it('keeps several apart, in the order asked', async () => {
    const found = await sources.findUnchanged([
      { absolute: '/none', fingerprint: print() },
      { absolute: '/srv/x', fingerprint: print() },
      { absolute: '/none', fingerprint: print() }
    ])
    assert.deepEqual(
      found.map(one => one?.twin?.path),
      [undefined, '/kept/x', undefined]
    )
  })

  it('forget() takes out those whose kept file goes, and no other', async () => {
    await database.commit(await sources.forget(['/srv/x', '/none'], new Set([twin + 1])))
    assert.ok((await find(print())) !== undefined)
    await database.commit(await sources.forget(['/srv/x', '/none'], new Set([twin])))
    assert.equal(await find(print()), undefined)
  })
})
