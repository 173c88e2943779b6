// Owns the tests of writing UnixFS nodes: the same bytes as the library, and right ones where the library's are wrong.
// Refuses to compare sizes of 2 to 4 GiB with the library: it leaves bytes of them unwritten.

import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { UnixFS } from 'ipfs-unixfs'
import { describe, it } from 'mocha'
import { checkTree } from '../../../daemon/content/check-tree.ts'
import { buildFile, fileData, leafCount } from '../../../daemon/content/file-dag.ts'
import { FILE_BYTES_MAX, LEAF_BYTES } from '../../../proto/limits.ts'
import { MemoryBranches } from '../../helpers/trees.ts'

const garbled = (size: number): boolean => size >= 2 ** 31 && size < 2 ** 32

describe('encodeUnixfs', () => {
  it('writes files as ipfs-unixfs does, where that is right', () => {
    const sizes = fc.array(
      fc.integer({ min: 0, max: FILE_BYTES_MAX }).filter(size => !garbled(size)),
      { maxLength: 5 }
    )
    fc.assert(
      fc.property(sizes, fc.boolean(), fc.uint8Array({ maxLength: 300 }), (blockSizes, executable, inline) => {
        const bytes = blockSizes.length === 0 ? inline : undefined
        const total = blockSizes.reduce((sum, size) => sum + size, 0)
        fc.pre(!garbled(total) && total <= FILE_BYTES_MAX)
        const options = {
          type: 'file' as const,
          blockSizes: blockSizes.map(BigInt),
          ...(executable ? { mode: 0o755 } : {})
        }
        const theirs = new UnixFS(bytes === undefined ? options : { ...options, data: bytes }).marshal()
        assert.deepEqual(Buffer.from(fileData(blockSizes, executable, bytes)), Buffer.from(theirs))
      })
    )
  })

  it('writes any size so that the library reads it back', () => {
    const edges = [31, 32, 33, 47].flatMap(bits => [2 ** bits - 1, 2 ** bits, 2 ** bits + 1])
    for (const size of [...edges, 2 ** 31 + 2 ** 32, FILE_BYTES_MAX]) {
      const read = UnixFS.unmarshal(fileData([size], false))
      assert.deepEqual(read.blockSizes, [BigInt(size)])
      assert.equal(read.fileSize(), BigInt(size))
    }
    assert.equal(Buffer.from(fileData([2 ** 31 + 5], false)).toString('hex'), '0802188580808008208580808008')
  })

  it('gives one CID, time and again, to a file of 2 GiB and 5 bytes', async () => {
    const size = 2048 * LEAF_BYTES + 5
    const leaves = new Uint8Array(leafCount(size) * 32)
    const first = buildFile({ leaves, size, executable: false, hash: 'sha2-256' })
    for (let i = 0; i < 20; i++) {
      assert.ok(buildFile({ leaves, size, executable: false, hash: 'sha2-256' }).cid.equals(first.cid))
    }
    assert.equal((await checkTree(first.cid, new MemoryBranches().add(...first.branches))).size, size)
  })
})
