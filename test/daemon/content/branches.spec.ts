// Branches that stay opened while a tree is gone through several times.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { OpenedBranches, openBranch, openBlock } from '../../../daemon/content/branches.ts'
import { buildDirectory } from '../../../daemon/content/directory.ts'
import { cidOf, DAG_PB } from '../../../daemon/content/multihash.ts'
import { OPENED_BYTES_MAX } from '../../../proto/limits.ts'
import { failsWith } from '../../helpers/trees.ts'

const { cid, branches } = buildDirectory([], 'blake3')
const bytes = branches[0]?.bytes ?? Buffer.of()
const node = { kind: 'directory', entries: [] } as const

describe('OpenedBranches', () => {
  it('are read once, however often they are opened', async () => {
    let gets = 0
    const store = { opened: new OpenedBranches(), get: async () => (gets++, bytes) }
    for (let i = 0; i < 3; i++) assert.deepEqual(await openBranch(cid, store), { node, length: bytes.length })
    assert.equal(gets, 1)
    const came = { opened: new OpenedBranches(), get: async () => undefined }
    await assert.rejects(openBranch(cid, came), failsWith('NOT_FOUND'))
    openBlock(cid, bytes, came)
    assert.deepEqual((await openBranch(cid, came)).node, node)
  })

  it('are as many as OPENED_BYTES_MAX of blocks, the first ones', () => {
    const opened = new OpenedBranches()
    const other = (name: string) => cidOf(DAG_PB, 'blake3', Buffer.from(name))
    opened.put(cid, { node, length: OPENED_BYTES_MAX - 10 })
    opened.put(other('too large'), { node, length: 11 })
    opened.put(other('fits'), { node, length: 10 })
    opened.put(other('one more'), { node, length: 1 })
    assert.deepEqual(
      [cid, other('too large'), other('fits'), other('one more')].map(one => opened.get(one) !== undefined),
      [true, false, true, false]
    )
  })
})
