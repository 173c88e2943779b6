// Owns the tests of hashes and CIDs, and of the one door. Refuses to trust our own hashing: vectors are BLAKE3's own.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import {
  RAW,
  DAG_PB,
  cidFromDigest,
  cidOf,
  digest,
  hashCode,
  hashNameOf,
  readCid
} from '../../../daemon/content/multihash.ts'
import { checkCid, decodeCid, parseCid, verify } from '../../../daemon/content/verify.ts'
import { isZeroLeaf } from '../../../daemon/content/zero.ts'
import { BLOCK_BYTES_MAX, LEAF_BYTES } from '../../../proto/limits.ts'
import { failsWith } from '../../helpers/trees.ts'

const bytes = Buffer.from('pathmesh')

/** The input of the official BLAKE3 test vectors. */
const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i % 251)

describe('multihash', () => {
  const vectors: [number, string][] = [
    [0, 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'],
    [1, '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213'],
    [1024, '42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7']
  ]
  for (const [length, expected] of vectors) {
    it(`blake3 of ${length} bytes is the official vector`, () => {
      assert.equal(Buffer.from(digest(hashCode('blake3'), pattern(length))).toString('hex'), expected)
    })
  }

  it('sha2-256 of nothing is the well-known digest', () => {
    const found = Buffer.from(digest(hashCode('sha2-256'), new Uint8Array())).toString('hex')
    assert.equal(found, 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  })

  it('readCid() reads as multiformats does what it takes, and leaves all else', () => {
    for (const codec of [RAW, DAG_PB])
      for (const hash of ['blake3', 'sha2-256'] as const) {
        const cid = cidOf(codec, hash, bytes)
        assert.deepEqual(CID.decode(cid.bytes).toJSON(), cid.toJSON())
        const read = readCid(cid.bytes)
        assert.ok(read?.equals(CID.decode(cid.bytes)) === true && read.toString() === cid.toString())
        assert.deepEqual(Buffer.from(read.multihash.bytes), Buffer.from(CID.decode(cid.bytes).multihash.bytes))
        for (const at of [0, 1, 2, 3]) {
          const other = Uint8Array.from(cid.bytes)
          other[at] = 0x13
          assert.equal(readCid(other), undefined)
        }
        assert.equal(readCid(cid.bytes.subarray(1)), undefined)
        assert.equal(readCid(Buffer.concat([cid.bytes, Buffer.of(0)])), undefined)
      }
    assert.throws(
      () => decodeCid(CID.createV1(RAW, create(0x13, new Uint8Array(32))).bytes),
      failsWith('INVALID_ARGUMENT')
    )
  })

  it('a CID knows its hash, and a foreign one is a TypeError', () => {
    assert.equal(hashNameOf(cidOf(RAW, 'sha2-256', bytes)), 'sha2-256')
    assert.equal(hashNameOf(cidOf(DAG_PB, 'blake3', bytes)), 'blake3')
    assert.throws(() => hashNameOf(CID.createV1(RAW, create(0x13, new Uint8Array(64)))), TypeError)
    assert.throws(() => digest(0x13, bytes), TypeError)
  })

  it('a digest of another length is a RangeError', () => {
    assert.throws(() => cidFromDigest(RAW, 'blake3', new Uint8Array(31)), RangeError)
  })
})

describe('verify', () => {
  it('takes bytes that match, and refuses one flipped bit', () => {
    for (const hash of ['blake3', 'sha2-256'] as const) {
      const cid = cidOf(RAW, hash, bytes)
      verify(cid, bytes)
      const flipped = Buffer.from(bytes)
      flipped[0] = (flipped[0] ?? 0) ^ 1
      assert.throws(() => verify(cid, flipped), failsWith('CORRUPT', /do not match/))
    }
  })

  it('takes a block at the cap, and refuses one past it', () => {
    const largest = new Uint8Array(BLOCK_BYTES_MAX)
    verify(cidOf(DAG_PB, 'blake3', largest), largest)
    const larger = new Uint8Array(BLOCK_BYTES_MAX + 1)
    assert.throws(() => verify(cidOf(DAG_PB, 'blake3', larger), larger), failsWith('CORRUPT', /is over/))
  })

  it('reads back the text of a CID', () => {
    const cid = cidOf(RAW, 'blake3', bytes)
    assert.ok(parseCid(cid.toString()).equals(cid))
  })

  it('refuses text that is no CID, and text that is too long', () => {
    assert.throws(() => parseCid('not a cid'), failsWith('INVALID_ARGUMENT', /is not a CID/))
    assert.throws(() => parseCid(`b${'a'.repeat(200)}`), failsWith('INVALID_ARGUMENT', /too long/))
  })

  const sha = create(0x12, digest(0x12, bytes))
  const hostile: [string, CID][] = [
    ['version 0', CID.createV0(sha)],
    ['the codec dag-cbor', CID.createV1(0x71, sha)],
    ['the identity hash', CID.createV1(RAW, create(0, bytes))],
    ['sha1', CID.createV1(RAW, create(0x11, new Uint8Array(20)))],
    ['sha2-512', CID.createV1(RAW, create(0x13, new Uint8Array(64)))],
    ['a truncated digest', CID.createV1(RAW, create(0x1e, new Uint8Array(20)))],
    ['a longer digest', CID.createV1(RAW, create(0x1e, new Uint8Array(64)))]
  ]
  for (const [what, cid] of hostile) {
    it(`refuses a CID with ${what}`, () => {
      assert.throws(() => checkCid(cid), failsWith('INVALID_ARGUMENT'))
      assert.throws(() => parseCid(cid.toString()), failsWith('INVALID_ARGUMENT'))
      assert.throws(() => verify(cid, bytes), failsWith('INVALID_ARGUMENT'))
    })
  }
})

describe('isZeroLeaf', () => {
  it('knows leaves of zeros by their CID, of either hash and any size', () => {
    for (const hash of ['blake3', 'sha2-256'] as const) {
      for (const size of [1, 4096, LEAF_BYTES, LEAF_BYTES]) {
        assert.equal(isZeroLeaf(cidOf(RAW, hash, new Uint8Array(size)), size), true)
      }
    }
  })

  it('says no to other bytes, another size, a branch, and an empty leaf', () => {
    assert.equal(isZeroLeaf(cidOf(RAW, 'blake3', bytes), bytes.length), false)
    assert.equal(isZeroLeaf(cidOf(RAW, 'blake3', new Uint8Array(5)), 6), false)
    assert.equal(isZeroLeaf(cidOf(DAG_PB, 'blake3', new Uint8Array(5)), 5), false)
    assert.equal(isZeroLeaf(cidOf(RAW, 'blake3', new Uint8Array()), 0), false)
  })
})
