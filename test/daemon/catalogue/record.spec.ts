// Records: what was signed is what is opened, and nothing else opens.

import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import {
  type CatalogueRecord,
  isNewer,
  isSame,
  openRecord,
  type RetirementRecord,
  type Signed,
  signRecord,
  trustedRecord,
  type VersionRecord
} from '../../../daemon/catalogue/record.ts'
import { BLAKE3, cidOf, DAG_PB, digest, RAW } from '../../../daemon/content/multihash.ts'
import { bytesOf } from '../../../daemon/frames.ts'
import { ContentKind, Record, SignedRecord } from '../../../proto/generated/catalogue.ts'
import {
  FILE_BYTES_MAX,
  META_BYTES_MAX,
  NAME_BYTES_MAX,
  NODE_NAME_BYTES_MAX,
  NUMBER_STEP_MAX,
  PEER_ADDRESSES_MAX,
  RECORD_BYTES_MAX
} from '../../../proto/limits.ts'
import { MESH, rootOf, signatureOf, signed, signedVersion, signer, verify } from '../../helpers/signed-records.ts'
import { failsWith } from '../../helpers/trees.ts'

const LARGE = [2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER]
const TIME_MAX = 8_640_000_000_000_000
/** A key that would set a prototype is left out by whoever reads it. */
const isPlain = (meta: unknown) => !JSON.stringify(meta).includes('__proto__')

const root = cidOf(DAG_PB, 'blake3', Buffer.from('root'))
const version: VersionRecord = {
  type: 'version',
  origin: 'alice',
  number: 7,
  name: 'train/model.bin',
  seq: 3,
  time: 1_700_000_000_000,
  root,
  kind: 'directory',
  size: 12,
  meta: { epoch: 3 },
  of: null,
  encoding: null
}
const about = { origin: 'alice', name: 'train/x', time: 5 }
const retirement: RetirementRecord = { type: 'retirement', number: 8, seq: 4, ...about }
const open = (bytes: Uint8Array) => openRecord(bytes, MESH, verify)
/** Roots as text. */
const shown = ({ record }: Signed): unknown => JSON.parse(JSON.stringify(record))
const wanted = (record: CatalogueRecord) => shown({ record, bytes: Buffer.of(), hash: Buffer.of() })

/** This body, signed as `origin`. */
function signedBody(body: Uint8Array, origin = 'alice', domain = 'pathmesh record 1\n'): Uint8Array {
  const signature = signatureOf(origin, Buffer.concat([Buffer.from(domain), body]))
  return SignedRecord.encode({ body: bytesOf(body), signature })
}

/** The version with other fields, signed anew as whoever it says it is of. */
async function forged(change: Partial<Record>, append = Buffer.alloc(0)): Promise<Uint8Array> {
  const body = Record.decode(SignedRecord.decode((await signed(version)).bytes).body)
  return signedBody(Buffer.concat([Record.encode({ ...body, ...change }), append]), change.origin ?? body.origin)
}

/** Of another type: only this field of the four is there. */
async function forgedAs(change: Partial<Record>): Promise<Uint8Array> {
  const { version: _, ...rest } = Record.decode(SignedRecord.decode((await signed(version)).bytes).body)
  return signedBody(Record.encode({ ...rest, ...change }))
}

const name = fc.constantFrom('a/b', 'train/ckpt/last', 'wörk/ü x', `w/${'n'.repeat(NAME_BYTES_MAX - 2)}`)
const count = fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.constantFrom(...LARGE))
const base = fc
  .record({
    origin: fc.constantFrom('alice', 'bob'),
    counts: fc.tuple(count, count),
    time: fc.oneof(fc.nat(), fc.constantFrom(0, 2 ** 32, TIME_MAX))
  })
  .map(({ counts, ...rest }) => ({ ...rest, number: Math.max(...counts), seq: Math.min(...counts) }))
const meta = fc
  .dictionary(fc.string(), fc.jsonValue(), { maxKeys: 5 })
  .filter(isPlain)
  .map(value => JSON.parse(JSON.stringify(value)))
const place = { root: fc.constantFrom(root, rootOf('share')), path: fc.constantFrom('', 'a', 'a/b c') }
const named = { name, origin: fc.constantFrom('alice', 'carol'), seq: count }
const source = fc.record({ ...named, ...place }, { noNullPrototype: true })
const short = fc.string({ maxLength: 15, unit: 'grapheme' }).filter(text => !/[\p{Cc}/]/u.test(text))
const said = fc.oneof(
  fc.record({
    type: fc.constant('version' as const),
    name,
    root: fc.constantFrom(root, cidOf(RAW, 'sha2-256', Buffer.from('leaf'))),
    kind: fc.constantFrom('file' as const, 'directory' as const),
    size: fc.oneof(fc.nat(), fc.constantFrom(0, FILE_BYTES_MAX)),
    meta: fc.option(meta, { nil: null }),
    of: fc.option(source, { nil: null }),
    encoding: fc.constant(null)
  }),
  fc.record({ type: fc.constant('retirement' as const), name }),
  fc.record({
    type: fc.constant('claim' as const),
    name: fc.constantFrom('train', 'wörk', 'w w'),
    epoch: fc.oneof(fc.integer({ min: 1, max: 99 }), fc.constant(NUMBER_STEP_MAX))
  }),
  fc.record({
    type: fc.constant('node' as const),
    name: fc.constant(''),
    called: short,
    software: short,
    addresses: fc.array(fc.constantFrom('/ip4/10.0.0.1/tcp/4747', '/dns/a.example/tcp/1', ''), {
      maxLength: PEER_ADDRESSES_MAX
    })
  })
)

describe('a record', () => {
  it('opens to what was signed, of whatever type', async () => {
    await fc.assert(
      fc.asyncProperty(base, said, async (head, what) => {
        const record: CatalogueRecord = { ...what, ...head }
        const made = await signed(record)
        const opened = await open(made.bytes)
        assert.deepEqual(shown(opened), wanted(record))
        assert.deepEqual(shown(trustedRecord(made.bytes)), wanted(record))
        for (const one of [opened, trustedRecord(made.bytes)]) {
          assert.deepEqual(Buffer.from(one.hash), Buffer.from(made.hash))
          assert.deepEqual(Buffer.from(one.bytes), Buffer.from(made.bytes))
        }
      }),
      { numRuns: 300 }
    )
  })

  for (const value of [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40, 2 ** 48 - 1, 2 ** 53 - 1]) {
    it(`keeps ${value} as number and seq, and as a time and a size where it is one`, async () => {
      const [size, time] = [Math.min(value, FILE_BYTES_MAX), Math.min(value, TIME_MAX)]
      const record = { ...version, number: value, seq: value, time, size }
      assert.deepEqual(shown(await open((await signed(record)).bytes)), wanted(record))
    })
  }

  it('does not open with any of its bytes changed, left out or added', async () => {
    const { bytes } = await signed(version)
    const whole = await open(bytes)
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 0x80]) {
        const changed = Uint8Array.from(bytes)
        changed[at] = (changed[at] ?? 0) ^ bit
        // Of the envelope a bit may say nothing: then it is what it was.
        const opened = await open(changed).catch(failsWith('CORRUPT'))
        if (opened !== true) assert.deepEqual(opened, whole, `byte ${at}`)
      }
      await assert.rejects(open(bytes.subarray(0, at)), failsWith('CORRUPT'))
    }
    await assert.rejects(open(Buffer.concat([bytes, Buffer.of(0)])), failsWith('CORRUPT'))
  })

  it('does not open under the name of another, with another key, for another mesh or another purpose', async () => {
    const { body, signature } = SignedRecord.decode((await signed(version)).bytes)
    const asBob = Record.encode({ ...Record.decode(body), origin: 'bob' })
    await assert.rejects(open(SignedRecord.encode({ body: asBob, signature })), failsWith('CORRUPT', /signature/))
    const byBob = await signRecord(version, MESH, signer('bob'))
    await assert.rejects(open(byBob.bytes), failsWith('CORRUPT', /signature/))
    const elsewhere = await signRecord(version, Buffer.from('another mesh'), signer('alice'))
    await assert.rejects(open(elsewhere.bytes), failsWith('CORRUPT', /another mesh/))
    assert.ok(await open(signedBody(body)))
    for (const domain of ['', 'pathmesh certificate 1\n', 'pathmesh record 2\n'])
      await assert.rejects(open(signedBody(body, 'alice', domain)), failsWith('CORRUPT', /signature/))
  })

  for (const [what, change] of [
    ['the number 0', { number: 0 }],
    ['the seq 0', { seq: 0 }],
    ['a seq above its number', { seq: 8 }],
    ['a time that no calendar has', { time: TIME_MAX + 1 }],
    ['no name', { name: '' }],
    ['a name of one segment', { name: 'train' }],
    ['a name that climbs', { name: 'train/../x' }],
    ['a name that begins at the root', { name: '/train/x' }],
    ['an empty segment', { name: 'train//x' }],
    ['a NUL in its name', { name: 'train/a\0b' }],
    ['a line break in its name', { name: 'train/a\nb' }],
    ['an escape in its name', { name: 'train/\u001b[2J' }],
    ['a C1 control character in its name', { name: 'train/\u009b' }],
    ['a name in another normal form', { name: 'train/u\u0308' }],
    ['a name past its length', { name: `w/${'n'.repeat(NAME_BYTES_MAX - 1)}` }],
    ['a NUL in its origin', { origin: 'alice\0' }],
    ['no origin', { origin: '' }],
    ['an origin past its length', { origin: 'a'.repeat(129) }]
  ] as const satisfies [string, Partial<Record>][]) {
    it(`does not open with ${what}`, async () => {
      await assert.rejects(async () => open(await forged(change)), failsWith('CORRUPT'))
    })
  }

  it('does not open as nothing', async () => {
    await assert.rejects(open(await forgedAs({})), failsWith('CORRUPT', /neither/))
  })

  it('does not open with a number that JavaScript cannot tell from the next', async () => {
    // 2^53, 2^63 and 2^64 - 1 as varints, in the places of number, seq and time.
    const rest = { mesh: bytesOf(MESH), origin: 'alice', name: 'w/a', retirement: {} }
    for (const value of [2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
      for (const tag of [0x18, 0x28, 0x30]) {
        const counts = Buffer.from([0x18, 1, 0x28, 1, 0x30, 1])
        const at = counts.indexOf(tag)
        const changed = Buffer.concat([counts.subarray(0, at + 1), varint(value), counts.subarray(at + 2)])
        const whole = Buffer.from(Record.encode({ ...rest, number: 1, seq: 1, time: 1 }))
        // The fields in the order of the one encoding: mesh, origin, number, name, seq, time.
        const name = Buffer.from([0x22, 3, ...Buffer.from('w/a')])
        const written = Buffer.concat([counts.subarray(0, 2), name, counts.subarray(2)])
        assert.ok(whole.includes(written))
        const inserted = Buffer.concat([
          changed.subarray(0, tag === 0x18 ? varint(value).length + 1 : 2),
          name,
          changed.subarray(tag === 0x18 ? varint(value).length + 1 : 2)
        ])
        const start = whole.indexOf(written)
        const body = Buffer.concat([whole.subarray(0, start), inserted, whole.subarray(start + written.length)])
        await assert.rejects(open(signedBody(body)), failsWith('CORRUPT'), `${value} at ${tag}`)
      }
    }
  })

  it('does not open with a root that is no CID of ours, a size past the largest file, or meta that is no object', async () => {
    const good = { root: bytesOf(root.bytes), kind: ContentKind.FILE, size: 1, meta: '' }
    assert.ok(await open(await forged({ version: good })))
    const long = Buffer.concat([root.bytes.subarray(0, 1), Buffer.from([0x80 | DAG_PB, 0]), root.bytes.subarray(2)])
    for (const bad of [
      { ...good, root: bytesOf(Buffer.from([1, 2, 3])) },
      { ...good, root: bytesOf(Buffer.concat([root.bytes, Buffer.of(0)])) },
      { ...good, root: bytesOf(long) },
      { ...good, size: FILE_BYTES_MAX + 1 },
      { ...good, meta: '[1]' },
      { ...good, meta: 'null' },
      { ...good, meta: '{' }
    ])
      await assert.rejects(async () => open(await forged({ version: bad })), failsWith('CORRUPT'))
  })

  it('opens with 4 KiB of meta, and not with one byte more', async () => {
    const holding = (bytes: number) => JSON.stringify({ x: 'x'.repeat(bytes - 8) })
    const said = { root: bytesOf(root.bytes), kind: ContentKind.FILE, size: 1 }
    assert.equal(Buffer.byteLength(holding(META_BYTES_MAX)), META_BYTES_MAX)
    assert.ok(await open(await forged({ version: { ...said, meta: holding(META_BYTES_MAX) } })))
    const past = await forged({ version: { ...said, meta: holding(META_BYTES_MAX + 1) } })
    await assert.rejects(open(past), failsWith('CORRUPT', /meta/))
  })

  it('does not open with an alias of something that has no name, no origin or no number', async () => {
    const said = { root: bytesOf(root.bytes), kind: ContentKind.FILE, size: 1, meta: '' }
    const good = { name: 'w/a', origin: 'bob', seq: 1, root: bytesOf(root.bytes), path: 'a/b' }
    const content = { ...good, name: '', origin: '', seq: 0 }
    assert.ok(await open(await forged({ version: { ...said, of: content } })))
    assert.ok(await open(await forged({ version: { ...said, of: good } })))
    for (const bad of [
      { name: 'w' },
      { name: 'w/../a' },
      { origin: '' },
      { origin: 'b'.repeat(129) },
      { seq: 0 },
      { path: '../a' },
      { path: '/a' },
      { root: bytesOf(Buffer.from('x')) }
    ])
      await assert.rejects(
        async () => open(await forged({ version: { ...said, of: { ...good, ...bad } } })),
        failsWith('CORRUPT')
      )
  })

  it('does not open with fields that are not known, known twice, in another order or written longer', async () => {
    const { body } = SignedRecord.decode((await signed(version)).bytes)
    // Field 15, a string; field 4, the name, once more; field 8, a retirement: a second member of the oneof.
    for (const more of [
      [0x7a, 1, 65],
      [0x22, 3, 97, 47, 98],
      [0x42, 0]
    ])
      await assert.rejects(async () => open(await forged({}, Buffer.from(more))), failsWith('CORRUPT', /one encoding/))
    // A zero that need not be written; the first field behind the others; a number in two bytes that fits into one.
    const mesh = 2 + MESH.length
    const [first, rest] = [body.subarray(0, mesh), body.subarray(mesh)]
    const number = Buffer.from(body).indexOf(Buffer.from([0x18, 7]))
    for (const other of [
      Buffer.concat([body.subarray(0, number), Buffer.from([0x18, 0x87, 0]), body.subarray(number + 2)]),
      Buffer.concat([rest, first]),
      Buffer.concat([first, first, rest])
    ])
      await assert.rejects(open(signedBody(other)), failsWith('CORRUPT'))
  })

  it('is kept in its one envelope, whatever else it came in', async () => {
    const { bytes } = await signed(version)
    const opened = await open(Buffer.concat([bytes, Buffer.from([0x7a, 1, 65])]))
    assert.deepEqual(Buffer.from(opened.bytes), Buffer.from(bytes))
  })

  it('opens as a claim of one work with an epoch from 1 to the bound, and no other', async () => {
    const claim = (work: string, epoch: number) => forgedAs({ name: work, claim: { epoch } })
    for (const epoch of [1, NUMBER_STEP_MAX]) assert.ok(await open(await claim('train', epoch)))
    for (const epoch of [0, NUMBER_STEP_MAX + 1])
      await assert.rejects(async () => open(await claim('train', epoch)), failsWith('CORRUPT', /epoch/))
    for (const work of ['', 'a/b', '..', 'a\nb', 'u\u0308'])
      await assert.rejects(async () => open(await claim(work, 1)), failsWith('CORRUPT'))
  })

  it('opens as a node that speaks for itself, under a name and addresses that can be shown', async () => {
    const good = { name: 'n'.repeat(NODE_NAME_BYTES_MAX), version: '1.0.0', addresses: ['/ip4/10.0.0.1/tcp/1'] }
    const node = (more: Partial<typeof good>, name = '') => forgedAs({ name, node: { ...good, ...more } })
    const addresses = Array.from({ length: PEER_ADDRESSES_MAX }, (_, i) => `/ip4/10.0.0.${i}/tcp/1`)
    assert.ok(await open(await node({})))
    assert.ok(await open(await node({ addresses })))
    assert.ok(await open(await node({ addresses: ['a'.repeat(256)] })))
    for (const bad of [
      { name: `${good.name}n` },
      { name: 'a\nb' },
      { name: 'a/b' },
      { name: '\u009b' },
      { version: '\u001b[2J' },
      { version: 'v'.repeat(NODE_NAME_BYTES_MAX + 1) },
      { addresses: [...addresses, '/ip4/10.0.1.1/tcp/1'] },
      { addresses: ['a'.repeat(257)] },
      { addresses: ['/ip4/10.0.0.1\n/tcp/1'] }
    ])
      await assert.rejects(async () => open(await node(bad)), failsWith('CORRUPT'), JSON.stringify(bad))
    await assert.rejects(async () => open(await node({}, 'w/a')), failsWith('CORRUPT', /itself alone/))
    await assert.rejects(async () => open(await node({}, 'w')), failsWith('CORRUPT', /itself alone/))
  })

  it('is refused past its size, before anything is made of it', async () => {
    await assert.rejects(open(new Uint8Array(RECORD_BYTES_MAX + 257)), failsWith('CORRUPT', /has \d+ bytes/))
    const large = { ...version, name: `a/${'x'.repeat(1000)}`, meta: { x: 'x'.repeat(META_BYTES_MAX - 20) } }
    assert.deepEqual(shown(await open((await signed(large)).bytes)), wanted(large))
    // Addresses in three-byte characters fill a record to the byte.
    const node = (bytes: number): CatalogueRecord => {
      const addresses = Array.from({ length: 13 }, () => '€'.repeat(255))
      const { origin, number, seq, time } = version
      const made = { origin, number, seq, time, name: '', type: 'node' as const, called: '', software: '', addresses }
      const { body } = SignedRecord.decode(signedBody(encoded({ ...made, addresses: [...addresses, 'a'.repeat(130)] })))
      return { ...made, addresses: [...addresses, 'a'.repeat(130 + bytes - body.length)] }
    }
    assert.ok(await open((await signed(node(RECORD_BYTES_MAX))).bytes))
    await assert.rejects(signed(node(RECORD_BYTES_MAX + 1)), failsWith('TOO_LARGE'))
    const past = signedBody(encoded(node(RECORD_BYTES_MAX + 1)))
    await assert.rejects(open(past), failsWith('CORRUPT', new RegExp(`has ${RECORD_BYTES_MAX + 1} bytes`)))
  })

  it('is a retirement as well', async () => {
    assert.deepEqual((await open((await signed(retirement)).bytes)).record, retirement)
  })
})

describe('isNewer', () => {
  it('decides by seq, then by number, then by the smaller hash, the same both ways', async () => {
    const [old, later] = [
      await signedVersion('a', 'w/a', 9, { seq: 1 }),
      await signedVersion('a', 'w/a', 8, { seq: 2 })
    ]
    const renumbered = await signedVersion('a', 'w/a', 10, { seq: 2 })
    const twin = await signedVersion('a', 'w/a', 10, { seq: 2, size: 2 })
    const [small, large] = [renumbered, twin].sort((a, b) => Buffer.compare(a.hash, b.hash))
    assert.ok(small !== undefined && large !== undefined)
    for (const [newer, older] of [
      [later, old],
      [renumbered, later],
      [small, large]
    ] as const) {
      assert.equal(isNewer(newer, older), true)
      assert.equal(isNewer(older, newer), false)
      assert.equal(isSame(newer, older), false)
    }
    assert.equal(isNewer(small, small), false)
    assert.equal(isSame(small, trustedRecord(small.bytes)), true)
    assert.deepEqual(small.hash, digest(BLAKE3, SignedRecord.decode(small.bytes).body))
  })
})

/** The body of a node record, of whatever size. */
function encoded(record: CatalogueRecord): Uint8Array {
  if (record.type !== 'node') throw new TypeError('only of nodes')
  const { called, software, addresses, origin, number, seq, time, name } = record
  const node = { name: called, version: software, addresses: [...addresses] }
  return Record.encode({ mesh: bytesOf(MESH), origin, number, seq, time, name, node })
}

function varint(value: bigint): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest >>= 7n) {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0))
    if (rest <= 0x7fn) return Buffer.from(bytes)
  }
}
