// Signatures of records, with real keys: one rule for what is one, so that nobody makes a second of another's, and one text
// for each origin.

import assert from 'node:assert/strict'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { base58btc } from 'multiformats/bases/base58'
import { describe, it } from 'mocha'
import { openRecord, signRecord } from '../../../daemon/catalogue/record.ts'
import { loadIdentity, type NodeIdentity, verifyPeerSignature } from '../../../daemon/swarm/identity.ts'
import { parsePeerId, peerIdText } from '../../../daemon/swarm/peer-id.ts'
import { SignedRecord } from '../../../proto/generated/catalogue.ts'
import { bytesOf } from '../../../daemon/frames.ts'
import { MESH, versionRecord } from '../../helpers/signed-records.ts'
import { failsWith, temporaryFolder } from '../../helpers/trees.ts'

/** The order of the group. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n
const P = 2n ** 255n - 19n
/** Points whose order divides 8, in every encoding that a lenient reader takes. */
const SMALL = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  '0100000000000000000000000000000000000000000000000000000000000080',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'
].map(hex => Buffer.from(hex, 'hex'))

const MESSAGE = Buffer.from('a message')
const accepted = (peerId: string, signature: Uint8Array) => verifyPeerSignature(peerId, MESSAGE, signature)

async function identity(): Promise<NodeIdentity> {
  const folder = await temporaryFolder()
  try {
    return await loadIdentity(folder.path)
  } finally {
    await folder.remove()
  }
}

const fromLittle = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`)
const toLittle = (value: bigint): Buffer =>
  Buffer.from(Buffer.from(value.toString(16).padStart(64, '0'), 'hex').toReversed())

describe('a signature', () => {
  it('is that of the key, and does not become another one', async () => {
    const node = await identity()
    const { peerId } = node
    const signature = await node.sign(MESSAGE)
    assert.equal(await accepted(peerId, signature), true)
    const [r, s] = [signature.subarray(0, 32), fromLittle(signature.subarray(32))]
    // The same S again, once around the group, and as often as 32 bytes hold.
    for (let other = s + L; other < 2n ** 256n; other += L)
      assert.equal(await accepted(peerId, Buffer.concat([r, toLittle(other)])), false)
    for (const short of [signature.subarray(0, 63), Buffer.concat([signature, Buffer.of(0)]), Buffer.of()])
      assert.equal(await accepted(peerId, short), false)
    assert.equal(await accepted((await identity()).peerId, signature), false)
  })

  it('has no R in a second encoding', async () => {
    const node = await identity()
    const { peerId } = node
    const signature = await node.sign(MESSAGE)
    const r = fromLittle(signature.subarray(0, 32))
    for (const other of [r + P, r ^ (1n << 255n)])
      if (other < 2n ** 256n)
        assert.equal(await accepted(peerId, Buffer.concat([toLittle(other), signature.subarray(32)])), false)
    for (const point of SMALL)
      assert.equal(await accepted(peerId, Buffer.concat([point, signature.subarray(32)])), false)
  })

  it('is none by a key of small order, which would hold for every message', async () => {
    for (const key of SMALL) {
      let peerId: string
      try {
        peerId = peerIdText(peerIdFromPublicKey(publicKeyFromRaw(key)))
      } catch {
        continue
      }
      for (const r of SMALL)
        for (let i = 0; i < 8; i++) {
          const signature = Buffer.concat([r, Buffer.alloc(32)])
          assert.equal(
            await verifyPeerSignature(peerId, Buffer.from(`message ${i}`), signature),
            false,
            `key ${key.toString('hex')}, R ${r.toString('hex')}`
          )
        }
    }
  })

  it('opens a record under one text of its origin alone', async () => {
    const node = await identity()
    const made = await signRecord(versionRecord(node.peerId, 'w/a', 1), MESH, node)
    assert.equal((await openRecord(made.bytes, MESH, verifyPeerSignature)).record.origin, node.peerId)
    const parsed = parsePeerId(node.peerId)
    for (const text of [parsed.toString(), parsed.toCID().toString(base58btc)]) {
      const other = await signRecord(versionRecord(text, 'w/a', 1), MESH, node)
      await assert.rejects(openRecord(other.bytes, MESH, verifyPeerSignature), failsWith('CORRUPT'), text)
    }
  })

  it('of another record opens none', async () => {
    const node = await identity()
    const [one, other] = await Promise.all(
      [1, 2].map(number => signRecord(versionRecord(node.peerId, 'w/a', number), MESH, node))
    )
    assert.ok(one !== undefined && other !== undefined)
    const { body } = SignedRecord.decode(one.bytes)
    const { signature } = SignedRecord.decode(other.bytes)
    const mixed = SignedRecord.encode({ body: bytesOf(body), signature })
    await assert.rejects(openRecord(mixed, MESH, verifyPeerSignature), failsWith('CORRUPT', /signature/))
  })
})
