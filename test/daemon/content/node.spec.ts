// Owns the tests of reading one branch: each rule has a block that breaks it alone. Refuses to test rules between blocks.

import assert from 'node:assert/strict'
import { encode } from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { describe, it } from 'mocha'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import { buildDirectory, buildSymlink, directoryData, shardData } from '../../../daemon/content/directory.ts'
import { type Branch, wrapLeaf } from '../../../daemon/content/file-dag.ts'
import { hashPath, slotPrefix } from '../../../daemon/content/hamt.ts'
import { DAG_PB, RAW, cidOf } from '../../../daemon/content/multihash.ts'
import { decodeNode } from '../../../daemon/content/node.ts'
import {
  BLOCK_BYTES_MAX,
  BRANCH_LINKS,
  ENTRY_NAME_BYTES_MAX,
  FILE_BYTES_MAX,
  LEAF_BYTES
} from '../../../proto/limits.ts'
import { blockOf, failsWith } from '../../helpers/trees.ts'

const leaf = cidOf(RAW, 'blake3', Buffer.from('x'))
const named = (Name: string, Tsize = 1) => ({ Hash: leaf, Name, Tsize })
const home = (name: string): string => slotPrefix(hashPath(name)[0] ?? 0) + name
const shardOptions = { type: 'hamt-sharded-directory' as const, fanout: 256n, hashType: 0x22n }
const raw = (bytes: Uint8Array): Branch => ({ cid: cidOf(DAG_PB, 'blake3', bytes), bytes })
const bitsOf = (...slots: number[]): Uint8Array => UnixFS.unmarshal(shardData(slots)).data ?? new Uint8Array()

/** Replaces bytes of the same length in a block, to write what no encoder would. */
function patched(branch: Branch, from: string | Uint8Array, to: string | Uint8Array): Branch {
  const bytes = Buffer.from(branch.bytes)
  const at = bytes.indexOf(from)
  assert.notEqual(at, -1)
  Buffer.from(to).copy(bytes, at)
  return raw(bytes)
}

const entry = (name: string): Branch => raw(encode({ Data: directoryData(), Links: [named(name)] }))

describe('decodeNode', () => {
  it('reads what the builders write', () => {
    const listed = buildDirectory(
      [
        { name: 'b', cid: leaf, tsize: 1 },
        { name: 'a', cid: leaf, tsize: 1 }
      ],
      'blake3'
    ).branches[0]
    assert.ok(listed)
    const node = decodeNode(listed.cid, listed.bytes)
    assert.ok(node.kind === 'directory')
    assert.deepEqual(
      node.entries.map(({ name }) => name),
      ['a', 'b']
    )
    const [link] = buildSymlink('../x', 'blake3').branches
    assert.ok(link)
    assert.deepEqual(decodeNode(link.cid, link.bytes), { kind: 'symlink', target: '../x' })
    const { cid, block } = wrapLeaf(Buffer.from('run'), 'blake3')
    const file = decodeNode(cid, block)
    assert.ok(file.kind === 'file' && file.executable)
    assert.equal(Buffer.from(file.inline ?? []).toString(), 'run')
  })

  it('is a TypeError for a leaf', () => {
    assert.throws(() => decodeNode(leaf, Buffer.from('x')), TypeError)
  })

  it('takes a name of the longest length', () => {
    const { cid, bytes } = entry('n'.repeat(ENTRY_NAME_BYTES_MAX))
    assert.equal(decodeNode(cid, bytes).kind, 'directory')
  })

  const wideFile = (count: number) => ({
    data: { type: 'file' as const, blockSizes: Array.from({ length: count }, () => 1n) },
    links: Array.from({ length: count }, () => named(''))
  })
  const foreign = CID.createV1(0x71, create(0x1e, new Uint8Array(32)))
  const rules: [string, Branch, RegExp][] = [
    ['garbage', raw(Buffer.from('garbage')), /not a UnixFS node/],
    ['an empty block', raw(new Uint8Array()), /encoding|type|wraps/],
    ['a block over the cap', raw(new Uint8Array(BLOCK_BYTES_MAX + 1)), /is over/],
    [
      'a link to another codec',
      blockOf({ type: 'directory' }, [{ Hash: foreign, Name: 'a', Tsize: 1 }]),
      /no branch may/
    ],
    ['a time', blockOf({ type: 'directory', mtime: { secs: 5n } }), /carries a time/],
    ['the mode of a directory', blockOf({ type: 'directory', mode: 0o700 }), /encoding/],
    [
      'another mode of a file',
      blockOf({ type: 'file', mode: 0o4755, data: Buffer.from('x') }),
      /without being executable/
    ],
    ['a raw node', blockOf({ type: 'raw', data: Buffer.from('x') }), /type raw/],
    ['a metadata node', blockOf({ type: 'metadata' }), /type metadata/],
    ['an unknown type', blockOf(Uint8Array.from([8, 9])), /not a UnixFS node/],
    ['an unknown field', blockOf(Uint8Array.from([8, 1, 0x78, 1])), /encoding/],
    [
      'a deep group',
      blockOf(Buffer.concat([Buffer.from([8, 1]), Buffer.alloc(100_000, 0x7b)])),
      /not a UnixFS node|encoding/
    ],
    ['a wrapped leaf without a mode', blockOf({ type: 'file', data: Buffer.from('x') }), /without being executable/],
    [
      'a wrapped leaf too long',
      blockOf({ type: 'file', mode: 0o755, data: new Uint8Array(LEAF_BYTES + 1) }),
      /wraps a leaf of/
    ],
    [
      'bytes and links',
      blockOf({ type: 'file', data: Buffer.from('x'), blockSizes: [1n] }, [named('')]),
      /both bytes and links/
    ],
    ['more sizes than links', blockOf({ type: 'file', blockSizes: [1n, 1n] }, [named('')]), /2 sizes for 1 links/],
    [
      'fewer sizes than links',
      blockOf({ type: 'file', blockSizes: [1n] }, [named(''), named('')]),
      /1 sizes for 2 links/
    ],
    [
      'a named link of a file',
      blockOf({ type: 'file', blockSizes: [1n] }, [named('a')]),
      /a link of a file has a name/
    ],
    [
      'a nameless link of a file',
      blockOf({ type: 'file', blockSizes: [1n] }, [{ Hash: leaf, Tsize: 1 }]),
      /a link of a file has a name/
    ],
    ['a link without a size', blockOf({ type: 'directory' }, [{ Hash: leaf, Name: 'a' }]), /states no size/],
    ['too many links', blockOf(wideFile(BRANCH_LINKS + 1).data, wideFile(BRANCH_LINKS + 1).links), /1025 links/],
    [
      'a file size that lies',
      patched(blockOf({ type: 'file', blockSizes: [7n] }, [named('')]), Uint8Array.of(0x18, 7), Uint8Array.of(0x18, 8)),
      /encoding/
    ],
    ['a file without its size', blockOf(Uint8Array.of(8, 2, 0x20, 1), [named('')]), /encoding/],
    ['the same name twice', blockOf({ type: 'directory' }, [named('a'), named('a')]), /stands twice/],
    ['names out of order', patched(blockOf({ type: 'directory' }, [named('aa'), named('bb')]), 'aa', 'cc'), /encoding/],
    ['bytes in a directory', blockOf({ type: 'directory', data: Buffer.from('x') }), /encoding/],
    ['invalid UTF-8 in a name', patched(entry('abc'), 'abc', Uint8Array.of(0x61, 0xff, 0x62)), /encoding/],
    ['a lone surrogate in a name', patched(entry('abc'), 'abc', Uint8Array.of(0xed, 0xa0, 0x80)), /encoding/],
    ['an overlong slash in a name', patched(entry('ab'), 'ab', Uint8Array.of(0xc0, 0xaf)), /encoding/],
    ['a byte order mark', entry('\uFEFFab'), /encoding|byte order/],
    ...['', '.', '..', 'a/b', 'a\0b', 'n'.repeat(ENTRY_NAME_BYTES_MAX + 1), 'ä'.repeat(128)].map(
      (name): [string, Branch, RegExp] => [
        `the name ${JSON.stringify(name.slice(0, 9))}`,
        entry(name),
        /the name .*(is|holds|stands)/
      ]
    ),
    ['a shard of fan-out 0', blockOf({ ...shardOptions, fanout: 0n, data: bitsOf(1) }, [named('01')]), /fan-out is 0/],
    ['a shard of fan-out 3', blockOf({ ...shardOptions, fanout: 3n, data: bitsOf(1) }, [named('01')]), /fan-out is 3/],
    [
      'a shard of fan-out 2^63',
      blockOf({ ...shardOptions, fanout: 1n << 63n, data: bitsOf(1) }, [named('01')]),
      /fan-out is/
    ],
    [
      'a shard without fan-out',
      blockOf({ type: 'hamt-sharded-directory', hashType: 0x22n, data: bitsOf(1) }, [named('01')]),
      /fan-out is missing/
    ],
    [
      'a shard of another hash',
      blockOf({ ...shardOptions, hashType: 0x12n, data: bitsOf(1) }, [named('01')]),
      /encoding/
    ],
    ['an empty shard', blockOf({ ...shardOptions }), /without entries/],
    [
      'a bit field with a bit less',
      blockOf({ ...shardOptions, data: bitsOf(1) }, [named('01'), named('02')]),
      /bit field/
    ],
    ['a bit field with a bit more', blockOf({ ...shardOptions, data: bitsOf(1, 2) }, [named('01')]), /bit field/],
    [
      'a bit field with leading zeros',
      blockOf({ ...shardOptions, data: Uint8Array.of(0, 2) }, [named('01')]),
      /bit field/
    ],
    [
      'a short link name in a shard',
      blockOf({ ...shardOptions, data: bitsOf(1) }, [named('1')]),
      /begins with no slot/
    ],
    ['a lower-case slot', blockOf({ ...shardOptions, data: bitsOf(10) }, [named('0a')]), /begins with no slot/],
    ['one slot twice', blockOf({ ...shardOptions, data: bitsOf(1) }, [named('01a'), named('01b')]), /share slot 1/],
    [
      'a hostile name in a shard',
      blockOf({ ...shardOptions, data: bitsOf(1) }, [named('01..')]),
      /stands for a directory/
    ],
    [
      'a link with links',
      blockOf({ type: 'symlink', data: Buffer.from('x') }, [named('a')]),
      /symbolic link has links/
    ],
    ['an empty target', blockOf({ type: 'symlink' }), /target of a symbolic link is empty/],
    ['an absolute target', blockOf({ type: 'symlink', data: Buffer.from('/etc') }), /is absolute/],
    ['a target that climbs behind a name', blockOf({ type: 'symlink', data: Buffer.from('a/../b') }), /behind a name/],
    ['a target of 5,000 bytes', blockOf({ type: 'symlink', data: Buffer.alloc(5000, 'a') }), /longer than/],
    ['a target with a NUL', blockOf({ type: 'symlink', data: Buffer.from('a\0') }), /holds a NUL/],
    ['a target that is not UTF-8', blockOf({ type: 'symlink', data: Uint8Array.of(0xff) }), /not UTF-8/]
  ]
  for (const [what, { cid, bytes }, message] of rules) {
    it(`refuses ${what}`, () => {
      assert.throws(() => decodeNode(cid, bytes), failsWith('CORRUPT', message))
      assert.throws(() => decodeNode(cid, bytes), new RegExp(cid.toString()))
    })
  }

  it('refuses every block with one byte more', () => {
    const { bytes } = entry('a')
    const longer = raw(Buffer.concat([bytes, Buffer.of(0x0a, 0)]))
    assert.throws(() => decodeNode(longer.cid, longer.bytes), failsWith('CORRUPT'))
  })

  it('refuses a file that states more than can be', () => {
    for (const size of [BigInt(FILE_BYTES_MAX) + 1n, (1n << 64n) - 1n]) {
      const { cid, bytes } = blockOf({ type: 'file', blockSizes: [size] }, [named('')])
      assert.throws(() => decodeNode(cid, bytes), failsWith('TOO_LARGE'))
    }
  })

  it('leaves it to the tree to see where a name of a shard belongs', () => {
    const { cid, bytes } = blockOf(shardData([hashPath('a')[0] ?? 0]), [named(home('a'))])
    assert.equal(decodeNode(cid, bytes).kind, 'shard')
  })
})
