// Small content that travels with an answer: from here, or from one that is likely to have it; and as a file, made once.

import assert from 'node:assert/strict'
import { chmod, readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { cidOf, DAG_PB, RAW } from '../../../daemon/content/multihash.ts'
import type { CameSmall, Provider } from '../../../daemon/exchange/provider.ts'
import { InlineFiles, smallFile, type SmallParts } from '../../../daemon/sharing/inline.ts'
import type { Resolved } from '../../../daemon/sharing/resolve.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import { HEDGE_MS, SMALL_PAYLOAD_BYTES } from '../../../proto/limits.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { openStore, type OpenStore } from '../../helpers/stores.ts'
import { failsWith } from '../../helpers/trees.ts'

const never = new AbortController().signal
/** A peer that does not answer: whoever asks it gives up. */
const silent = (_: CID, signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))

describe('small content', () => {
  let opened: OpenStore
  const clock = new ManualClock()
  const random = new Seeded('small')
  /** What each peer does when it is asked; those that are named here are connected. */
  let peers: Map<string, (cid: CID, signal: AbortSignal) => Promise<Uint8Array | undefined>>
  let asked: string[]

  beforeEach(async () => {
    opened = await openStore()
    peers = new Map()
    asked = []
  })
  afterEach(() => opened.remove())

  const parts = (): SmallParts => ({
    self: 'self',
    store: opened.store,
    clock,
    peers: { connected: () => [...peers.keys()], provider: async peer => provider(peer) }
  })

  const provider = (peer: string): Provider => ({
    peer,
    via: 'stream',
    held: () => assert.fail(),
    follow: () => assert.fail(),
    tree: () => assert.fail(),
    leaves: () => assert.fail(),
    wrong: () => assert.fail(),
    have: () => assert.fail(),
    async *small([{ cid } = assert.fail()], { signal = never } = {}): AsyncGenerator<readonly CameSmall[]> {
      asked.push(peer)
      const bytes = await (peers.get(peer) ?? assert.fail())(cid, signal)
      yield [{ cid, bytes, is: bytes === undefined ? 'missing' : 'here', size: bytes?.length ?? 0 }]
    }
  })

  const resolved = (cid: CID, size: number, hints: string[], kind: 'file' | 'directory' = 'file'): Resolved => ({
    ref: { type: 'content', cid: cid.toString(), path: '' },
    record: null,
    newest: null,
    isFixed: true,
    root: cid,
    sub: '',
    beyond: '',
    rootSize: size,
    hints,
    entry: kind === 'file' ? { kind, cid, size, executable: false } : { kind, cid, size, executable: false }
  })
  const rootOf = (bytes: Uint8Array): CID => cidOf(RAW, 'blake3', bytes)
  const hold = async (bytes: Uint8Array): Promise<CID> => {
    const root = rootOf(bytes)
    await opened.store.database.commit([opened.store.inline.put(root, bytes)])
    return root
  }
  const holdEager = (bytes: Uint8Array, from: string): SmallParts => ({
    ...parts(),
    eager: { take: cid => (cid.equals(rootOf(bytes)) ? { bytes, from } : undefined) }
  })
  const get = async (bytes: Uint8Array, hints: string[], named: string[] = [], signal = never) =>
    await smallFile(resolved(rootOf(bytes), bytes.length, hints), named, parts(), signal)

  it('that came with its record is kept when it is read, and nobody is asked for it', async () => {
    peers.set('maker', () => assert.fail('it was asked for'))
    const bytes = Buffer.from('came')
    const came = await smallFile(resolved(rootOf(bytes), bytes.length, []), [], holdEager(bytes, 'maker'), never)
    assert.deepEqual(came, { bytes, from: 'maker' })
    assert.deepEqual((await get(bytes, []))?.from, null)
  })

  for (const size of [0, 1, SMALL_PAYLOAD_BYTES]) {
    it(`of ${size} bytes is read where it is here, and nobody is asked`, async () => {
      const bytes = random.bytes(size)
      await hold(bytes)
      peers.set('a', () => assert.fail())
      const small = (await get(bytes, ['a'])) ?? assert.fail()
      assert.ok(Buffer.from(bytes).equals(small.bytes))
      assert.equal(small.from, null)
    })

    it(`of ${size} bytes is asked of who is named, then of who is likely to have it, and is here from then on`, async () => {
      const bytes = random.bytes(size)
      for (const peer of ['hint', 'named', 'stranger']) peers.set(peer, async () => undefined)
      peers.set('hint', async () => bytes)
      const small = (await get(bytes, ['self', 'hint', 'later'], ['named', 'away'])) ?? assert.fail()
      assert.ok(Buffer.from(bytes).equals(small.bytes))
      assert.deepEqual([small.from, asked], ['hint', ['named', 'hint']])
      assert.equal((await get(bytes, []))?.from, null)
    })
  }

  it('is what is small, a file, and one raw leaf: all else is fetched as others are', async () => {
    peers.set('a', () => assert.fail())
    const bytes = random.bytes(SMALL_PAYLOAD_BYTES + 1)
    await hold(bytes)
    assert.equal(await get(bytes, ['a']), undefined)
    const other = resolved(cidOf(DAG_PB, 'blake3', Buffer.from('x')), 1, ['a'])
    assert.equal(await smallFile(other, [], parts(), never), undefined)
    assert.equal(await smallFile(resolved(rootOf(bytes), 1, ['a'], 'directory'), [], parts(), never), undefined)
  })

  it('that one has not, lies about, or cannot send, is asked of the next', async () => {
    const bytes = Buffer.from('bytes')
    peers.set('without', async () => undefined)
    peers.set('liar', async () => Promise.reject(new PathmeshError('CORRUPT', 'wrong')))
    peers.set('gone', async () => Promise.reject(new PathmeshError('NO_PROVIDERS', 'gone')))
    peers.set('good', async () => bytes)
    assert.equal((await get(bytes, ['without', 'liar', 'gone', 'good']))?.from, 'good')
    peers.delete('good')
    assert.equal(await get(Buffer.from('other'), ['without', 'liar', 'gone']), undefined)
  })

  it('of one that does not answer is asked of the next in time', async () => {
    const bytes = Buffer.from('bytes')
    peers.set('silent', silent)
    peers.set('good', async () => bytes)
    const small = await clock.drive(get(bytes, ['silent', 'good']), HEDGE_MS + 1)
    assert.equal(small?.from, 'good')
  })

  it('ends with what ends the call, and with a fault of this node', async () => {
    const controller = new AbortController()
    peers.set('silent', silent)
    const waiting = get(Buffer.from('x'), ['silent'], [], controller.signal)
    controller.abort(new RangeError('enough'))
    await assert.rejects(waiting, RangeError)
    peers.set('broken', async () => Promise.reject(new TypeError('a bug')))
    await assert.rejects(get(Buffer.from('y'), ['broken']), TypeError)
  })

  describe('as a file', () => {
    const make = (root: CID, basename = 'x.json') => new InlineFiles(opened.store, () => false).file(root, basename)

    for (const size of [0, 1, SMALL_PAYLOAD_BYTES]) {
      it(`of ${size} bytes has the name that was asked for, and those bytes, closed to writing`, async () => {
        const bytes = random.bytes(size)
        const holding = (await make(await hold(bytes))) ?? assert.fail()
        assert.deepEqual([holding.class, holding.size, holding.path.split('/').at(-1)], ['managed', size, 'x.json'])
        assert.ok((await readFile(holding.path)).equals(bytes))
        assert.equal((await stat(holding.path)).mode & 0o222, 0)
        await opened.reopen()
        assert.ok((await opened.store.findHolding(holding.root, ({ class: kind }) => kind === 'managed')) !== undefined)
      })
    }

    it('is not made while it is being fetched: two would write the same file', async () => {
      const root = await hold(Buffer.from('being fetched'))
      const asked: string[] = []
      const files = new InlineFiles(opened.store, running => asked.push(running) > 0)
      assert.equal(await files.file(root, 'x'), undefined)
      assert.deepEqual(asked, [root.toString()])
    })

    it('is not made of what does not lie in the index', async () => {
      assert.equal(await make(rootOf(Buffer.from('nothing'))), undefined)
      assert.equal(await make(cidOf(DAG_PB, 'blake3', Buffer.from('x'))), undefined)
    })

    it('is made once for all who want it at once, and for who wants it later', async () => {
      const root = await hold(Buffer.from('once'))
      const files = new InlineFiles(opened.store, () => false)
      const all = await Promise.all(Array.from({ length: 10 }, () => files.file(root, 'x')))
      assert.equal(new Set(all.map(holding => holding?.path)).size, 1)
      assert.equal(opened.store.holdings.of(root).length, 1)
      assert.equal((await files.file(root, 'x'))?.path, all[0]?.path)
    })

    it('is made of two contents at once', async () => {
      const roots = await Promise.all(['one', 'two'].map(text => hold(Buffer.from(text))))
      const files = new InlineFiles(opened.store, () => false)
      const made = await Promise.all(roots.map(root => files.file(root, 'x')))
      assert.deepEqual(await Promise.all(made.map(one => readFile(one?.path ?? '', 'utf8'))), ['one', 'two'])
    })

    it('that could not be made is tried again', async () => {
      const root = await hold(Buffer.from('later'))
      const files = new InlineFiles(opened.store, () => false)
      const enough = opened.store.needSpace.bind(opened.store)
      opened.store.needSpace = async () => Promise.reject(new PathmeshError('NO_SPACE', 'full'))
      await assert.rejects(files.file(root, 'x'), failsWith('NO_SPACE'))
      opened.store.needSpace = enough
      const holding = (await files.file(root, 'x')) ?? assert.fail()
      assert.equal(await readFile(holding.path, 'utf8'), 'later')
      await chmod(dirname(holding.path), 0o755)
    })
  })
})
