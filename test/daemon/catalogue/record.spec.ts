// Records: what was signed is what is opened, and nothing else opens.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import {
  type NameRecord,
  type Signer,
  type VerifySignature,
  openRecord,
  signRecord,
  trustedRecord
} from '../../../daemon/catalogue/record.ts'
import { DAG_PB, RAW, cidOf } from '../../../daemon/content/multihash.ts'
import { bytesOf } from '../../../daemon/frames.ts'
import { ContentKind, Record, SignedRecord } from '../../../proto/generated/catalogue.ts'
import { FILE_BYTES_MAX, META_BYTES_MAX, RECORD_BYTES_MAX } from '../../../proto/limits.ts'
import { failsWith } from '../../helpers/trees.ts'

const LARGE = [2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER]
/** A key that would set a prototype is left out by whoever reads it. */
const isPlain = (meta: unknown) => !JSON.stringify(meta).includes('__proto__')
const MESH = new TextEncoder().encode('the mesh')

/** Stands for a key: whoever knows the origin's name can sign, which is all that these tests need. */
const signatureOf = (origin: string, message: Uint8Array) =>
  new Uint8Array(createHash('sha512').update(origin).update(message).digest())
const signer = (peerId: string): Signer => ({ peerId, sign: async message => signatureOf(peerId, message) })
const verify: VerifySignature = async (peerId, message, signature) =>
  Buffer.compare(signatureOf(peerId, message), signature) === 0

const root = cidOf(DAG_PB, 'blake3', Buffer.from('root'))
const version: NameRecord = {
  type: 'version',
  origin: 'alice',
  number: 7,
  name: 'train/model.bin',
  seq: 3,
  time: 1_700_000_000_000,
  root,
  kind: 'directory',
  size: 12,
  meta: { epoch: 3 }
}
const retirement: NameRecord = { type: 'retirement', origin: 'alice', number: 8, name: 'train/x', seq: 4, time: 5 }
const sign = (record: NameRecord) => signRecord(record, MESH, signer(record.origin))
const open = (bytes: Uint8Array) => openRecord(bytes, MESH, verify)
const shown = (record: NameRecord) => (record.type === 'version' ? { ...record, root: record.root.toString() } : record)

/** The record with other fields, signed anew as whoever it says it is of. */
async function forged(change: Partial<Record>, append = Buffer.alloc(0)): Promise<Uint8Array> {
  const body = Record.decode(bytesOf(SignedRecord.decode(await sign(version)).body))
  const changed = Buffer.concat([Record.encode({ ...body, ...change }), append])
  const message = Buffer.concat([Buffer.from('pathmesh record 1\n'), changed])
  return SignedRecord.encode({
    body: bytesOf(changed),
    signature: bytesOf(signatureOf(change.origin ?? body.origin, message))
  })
}

describe('a record', () => {
  it('opens to what was signed', async () => {
    const count = fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.constantFrom(...LARGE))
    const base = fc.record({
      origin: fc.constantFrom('alice', 'bob'),
      number: count,
      seq: count,
      time: fc.oneof(fc.constant(0), count),
      name: fc.constantFrom('a/b', 'train/ckpt/last', 'wörk/ü x')
    })
    const said = fc.record({
      root: fc.constantFrom(root, cidOf(RAW, 'sha2-256', Buffer.from('leaf'))),
      kind: fc.constantFrom('file' as const, 'directory' as const),
      size: fc.oneof(fc.nat(), fc.constantFrom(0, FILE_BYTES_MAX)),
      meta: fc.option(fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 5 }).filter(isPlain), { nil: null })
    })
    await fc.assert(
      fc.asyncProperty(base, fc.option(said, { nil: undefined }), async (head, what) => {
        const meta = what?.meta == null ? null : JSON.parse(JSON.stringify(what.meta))
        const record: NameRecord =
          what === undefined ? { ...head, type: 'retirement' } : { ...head, ...what, meta, type: 'version' }
        const bytes = await sign(record)
        assert.deepEqual(shown(await open(bytes)), shown(record))
        assert.deepEqual(shown(trustedRecord(bytes)), shown(record))
      }),
      { numRuns: 200 }
    )
  })

  for (const value of [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40, 2 ** 48 - 1, 2 ** 53 - 1]) {
    it(`keeps ${value} as number, seq and time, and as a size where it is one`, async () => {
      const size = Math.min(value, FILE_BYTES_MAX)
      const record: NameRecord = { ...version, number: value, seq: value, time: value, size }
      assert.deepEqual(shown(await open(await sign(record))), shown(record))
    })
  }

  it('does not open with any of its bytes changed, left out or added', async () => {
    const bytes = await sign(version)
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 0x80]) {
        const changed = Uint8Array.from(bytes)
        changed[at] = (changed[at] ?? 0) ^ bit
        const opened = await open(changed).catch(() => undefined)
        if (opened !== undefined) assert.deepEqual(shown(opened), shown(version), `byte ${at}`)
      }
      await assert.rejects(open(bytes.subarray(0, at)), failsWith('CORRUPT'))
    }
  })

  it('does not open under the name of another, with another key or for another mesh', async () => {
    const { body, signature } = SignedRecord.decode(await sign(version))
    const asBob = Record.encode({ ...Record.decode(body), origin: 'bob' })
    await assert.rejects(open(SignedRecord.encode({ body: asBob, signature })), failsWith('CORRUPT', /signature/))
    const byBob = await signRecord(version, MESH, signer('bob'))
    await assert.rejects(open(byBob), failsWith('CORRUPT', /signature/))
    const elsewhere = await signRecord(version, Buffer.from('another mesh'), signer('alice'))
    await assert.rejects(open(elsewhere), failsWith('CORRUPT', /another mesh/))
  })

  for (const [what, change] of [
    ['the number 0', { number: 0 }],
    ['the seq 0', { seq: 0 }],
    ['no name', { name: '' }],
    ['a name of one segment', { name: 'train' }],
    ['a name that climbs', { name: 'train/../x' }],
    ['a NUL in its name', { name: 'train/a\0b' }]
  ] as const satisfies [string, Partial<Record>][]) {
    it(`does not open with ${what}`, async () => {
      await assert.rejects(open(await forged(change)), failsWith('CORRUPT'))
    })
  }

  it('does not open with a root that is no CID of ours, a size past the largest file, or meta that is no object', async () => {
    const good = { root: bytesOf(root.bytes), kind: ContentKind.FILE, size: 1, meta: '' }
    assert.ok(await open(await forged({ version: good })))
    for (const bad of [
      { ...good, root: bytesOf(Buffer.from([1, 2, 3])) },
      { ...good, size: FILE_BYTES_MAX + 1 },
      { ...good, meta: '[1]' },
      { ...good, meta: '{' },
      { ...good, meta: JSON.stringify({ x: 'x'.repeat(META_BYTES_MAX) }) }
    ])
      await assert.rejects(open(await forged({ version: bad })), failsWith('CORRUPT'))
  })

  it('does not open with fields that are not known, or known twice, or a version that is a retirement as well', async () => {
    // Field 15, a string; field 4, the name, once more; field 8, a retirement.
    for (const more of [Buffer.from([0x7a, 1, 65]), Buffer.from([0x22, 3, 97, 47, 98]), Buffer.from([0x42, 0])])
      await assert.rejects(open(await forged({}, more)), failsWith('CORRUPT', /one encoding/))
  })

  it('is refused past its size, before anything is made of it', async () => {
    await assert.rejects(open(new Uint8Array(RECORD_BYTES_MAX + 257)), failsWith('CORRUPT', /bytes/))
    const name = `a/${'x'.repeat(1000)}`
    const large = { ...version, name, meta: { x: 'x'.repeat(META_BYTES_MAX - 20) } }
    assert.deepEqual(shown(await open(await sign(large))), shown(large))
    await assert.rejects(sign({ ...version, meta: { x: 'x'.repeat(RECORD_BYTES_MAX) } }), failsWith('TOO_LARGE'))
  })

  it('is a retirement as well', async () => {
    assert.deepEqual(await open(await sign(retirement)), retirement)
  })
})
