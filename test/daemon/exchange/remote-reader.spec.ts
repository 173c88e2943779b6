// Reading without keeping: any range of a remote file is the slice of its bytes, and no more is fetched than its leaves.

import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { beforeEach, describe, it } from 'mocha'
import type { CID } from 'multiformats/cid'
import { cidOf, RAW } from '../../../daemon/content/multihash.ts'
import { resolvePath } from '../../../daemon/content/walk.ts'
import { RemoteReader } from '../../../daemon/exchange/remote-reader.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import { LEAF_BYTES, READ_STALL_MS } from '../../../proto/limits.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { collect, directory, failsWith, file } from '../../helpers/trees.ts'
import { Content, downloadParts, FakePeers, FakeProvider, forever } from './fakes.ts'

const random = new Seeded('remote reader')
const bytes = random.bytes(9 * LEAF_BYTES + 1234)
const small = random.bytes(1000)
const never = new AbortController().signal

describe('RemoteReader', () => {
  let clock: ManualClock
  let content: Content
  let provider: FakeProvider
  let peers: FakePeers
  let local: Content
  let root: CID

  beforeEach(async () => {
    clock = new ManualClock()
    content = new Content()
    local = new Content()
    provider = new FakeProvider('one', content)
    peers = new FakePeers(provider)
    root = await content.add(
      directory({ large: file(bytes), run: file(small, true), small: file(small), none: file() })
    )
  })

  const readerOf = (signal = never) =>
    new RemoteReader({ roots: [root], hints: [], signal }, { ...downloadParts(clock), local, peers })
  const entry = async (reader: RemoteReader, path: string) => {
    const found = await clock.drive(resolvePath(root, [path], reader))
    assert.ok(found !== undefined)
    return found
  }
  const read = async (reader: RemoteReader, path: string, start: number, end: number) =>
    Buffer.concat(await clock.drive(collect(reader.read(await entry(reader, path), start, end))))

  it('reads any range as the slice of the whole, at the boundaries of leaves too', async function () {
    this.timeout(30_000)
    const near = fc.tuple(fc.nat(9), fc.constantFrom(-1, 0, 1)).map(([leaf, by]) => Math.max(0, leaf * LEAF_BYTES + by))
    const position = fc.oneof(near, fc.nat(bytes.length), fc.constant(bytes.length))
    const reader = readerOf()
    await fc.assert(
      fc.asyncProperty(position, position, async (one, two) => {
        const [start, end] = [Math.min(one, two), Math.max(one, two)]
        assert.ok((await read(reader, 'large', start, end)).equals(bytes.subarray(start, end)))
      }),
      {
        numRuns: 60,
        examples: [
          [0, 0],
          [0, bytes.length],
          [LEAF_BYTES, 2 * LEAF_BYTES]
        ]
      }
    )
  })

  it('reads small, executable and empty files', async () => {
    const reader = readerOf()
    for (const path of ['small', 'run']) assert.ok((await read(reader, path, 10, 900)).equals(small.subarray(10, 900)))
    assert.equal((await read(reader, 'none', 0, 0)).length, 0)
  })

  it('asks for the leaves of a range and no others, and for branches once', async () => {
    const reader = readerOf()
    await read(reader, 'large', 3 * LEAF_BYTES + 5, 5 * LEAF_BYTES)
    assert.deepEqual(provider.asked.leaves, [3, 4])
    const { tree } = provider.asked
    await read(reader, 'large', 0, 1)
    assert.equal(provider.asked.tree, tree)
  })

  it('tells of the branches that came on the way, and of no others', async () => {
    const reader = readerOf()
    assert.equal(reader.came(root), undefined)
    const { cid } = await entry(reader, 'large')
    for (const branch of [root, cid]) assert.deepEqual(reader.came(branch), await content.block(branch))
    await local.add(file('elsewhere'))
    assert.equal(reader.came(cidOf(RAW, 'blake3', Buffer.from('elsewhere'))), undefined)
  })

  it('asks for nothing that lies here', async () => {
    await local.add(file(bytes))
    await read(readerOf(), 'large', 0, bytes.length)
    assert.deepEqual(provider.asked.leaves, [])
  })

  it('goes on with another provider when one lies or is lost, and hands out no wrong byte', async () => {
    const liar = new FakeProvider('liar', content)
    liar.leaf = (leaf, index) => ({ index, bytes: Buffer.alloc(leaf.length, 1) })
    const lost = new FakeProvider('lost', content)
    lost.before = () => Promise.reject(new PathmeshError('NO_PROVIDERS', 'the connection was lost'))
    peers = new FakePeers(liar, lost, provider)
    assert.ok((await read(readerOf(), 'large', 0, bytes.length)).equals(bytes))
  })

  it('is CORRUPT when all lie', async () => {
    provider.leaf = (leaf, index) => ({ index, bytes: leaf.subarray(1) })
    await assert.rejects(read(readerOf(), 'large', 0, 10), failsWith('CORRUPT'))
  })

  it('is TIMEOUT after the stall deadline of the handed-in clock', async () => {
    const reader = readerOf()
    await entry(reader, 'large')
    provider.before = forever
    const started = clock.now()
    await assert.rejects(read(reader, 'large', 0, 10), failsWith('TIMEOUT'))
    assert.ok(clock.now() - started <= READ_STALL_MS + 1000)
    assert.equal(clock.pending, 0)
  })

  it('finds out how long a leaf is that nothing states the size of', async () => {
    root = await content.add(file(small))
    assert.equal(await clock.drive(readerOf().leafSize(root)), small.length)
  })
})
