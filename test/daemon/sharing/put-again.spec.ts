// Putting large Payloads whose bytes are here already, or seem to be: what was sent is there when it is acknowledged, once.

import assert from 'node:assert/strict'
import { chmod, readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { Holding } from '../../../daemon/store/holding-table.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import { LEAF_BYTES, SMALL_PAYLOAD_BYTES } from '../../../proto/limits.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { failsWith } from '../../helpers/trees.ts'
import { until } from '../../helpers/until.ts'
import { never } from './keeping-node.ts'
import { inPieces, PuttingNode } from './putting-node.ts'

const LARGE = SMALL_PAYLOAD_BYTES + 10

describe('putPayload() of large ones', () => {
  let putting: PuttingNode
  const random = new Seeded('put again')
  beforeEach(async () => (putting = await PuttingNode.make()))
  afterEach(() => putting.node.remove())

  const read = async (cid: string): Promise<Buffer> => {
    const leaves = []
    const all = [{ from: 0, to: Math.ceil(putting.node.only(cid).size / LEAF_BYTES) }]
    for await (const leaf of putting.node.store.reader.leaves(CID.parse(cid), all, never)) leaves.push(leaf.bytes)
    return Buffer.concat(leaves)
  }
  const overwrite = async ({ path, size }: Holding): Promise<void> => {
    await chmod(path, 0o644)
    await writeFile(path, Buffer.alloc(size))
  }
  const folders = (count: number) =>
    until(`${count} folders are left`, async () => (await putting.node.folders()) === count)
  /** Runs once between what was made for the next publish and its record. */
  const beforeRecord = (run: () => Promise<unknown>): void => {
    const { names } = putting.node
    const publishNow = names.publish.bind(names)
    names.publish = async (version, along) => {
      names.publish = publishNow
      await run()
      return names.publish(version, along)
    }
  }

  describe('takes for the same no holding whose file', () => {
    const damages: [string, (holding: Holding) => Promise<void>][] = [
      [
        'was withdrawn',
        async holding => {
          await overwrite(holding)
          assert.equal(await putting.node.store.reader.recheck(holding.root, 0), true)
        }
      ],
      ['was overwritten, and not read since', overwrite],
      ['is gone', ({ path }) => unlink(path)]
    ]
    for (const [what, damage] of damages) {
      for (const name of ['train/x', 'train/y']) {
        it(`${what}: ${name} can be read`, async () => {
          const bytes = random.bytes(2 * LEAF_BYTES + 1)
          const { cid } = await putting.put('train/x', bytes)
          await damage(putting.node.only(cid))
          await putting.put(name, bytes)
          const [newest = assert.fail()] = putting.node.holdings(cid).slice(-1)
          assert.ok((await readFile(newest.path)).equals(bytes))
          if (what !== 'is gone') assert.ok((await read(cid)).equals(bytes))
        })
      }
    }

    it('was fetched, and withdrawn', async () => {
      const { store } = putting.node
      const bytes = random.bytes(LARGE)
      const { cid } = await putting.put('train/x', bytes)
      const root = CID.parse(cid)
      const partial = await store.startPartial(root, { basename: 'fetched' })
      await partial.writeSmall([{ ordinal: 0, path: '', executable: false, bytes }])
      await partial.checkpoint()
      await partial.close()
      const fetched = await store.finish(partial, bytes.length)
      await putting.unshare('train/x')
      assert.equal(putting.node.only(cid).class, 'managed')
      await overwrite(fetched)
      await store.reader.recheck(root, 0)
      await putting.put('train/x', bytes)
      assert.equal(putting.node.only(cid).class, 'kept')
      assert.ok((await read(cid)).equals(bytes))
    })

    it('was withdrawn, though a program reads it: that one stays beside the other, and no third is made', async () => {
      const { store, retention } = putting.node
      const bytes = random.bytes(LARGE)
      const { cid } = await putting.put('train/x', bytes)
      const session = store.leases.openSession()
      store.leases.take(CID.parse(cid), session)
      await overwrite(putting.node.only(cid))
      for (const name of ['train/x', 'train/y', 'train/z']) await putting.put(name, bytes)
      assert.equal(putting.node.holdings(cid).length, 2)
      await folders(2)
      store.leases.closeSession(session)
      for (const name of ['train/x', 'train/y', 'train/z']) await putting.unshare(name)
      await retention.sweep()
      await folders(0)
    })
  })

  describe('whose bytes are held already, when that goes away before it is recorded,', () => {
    it('falls back to what was sent, which is asked for once', async () => {
      const bytes = random.bytes(LARGE)
      const { cid } = await putting.put('train/x', bytes)
      let asked = 0
      async function* once(): AsyncGenerator<Uint8Array> {
        asked++
        yield* inPieces(bytes)
      }
      beforeRecord(() => putting.put('train/x', random.bytes(LARGE), { query: { keep: '1' } }))
      const done = await putting.put('train/y', once())
      assert.deepEqual([done.cid, done.seq, asked], [cid, 1, 1])
      assert.ok((await read(cid)).equals(bytes))
      await putting.node.stop()
      await putting.node.start()
      assert.ok((await read(cid)).equals(bytes))
      await folders(2)
    })

    it('leaves nothing where that fails too', async () => {
      const { names } = putting.node
      const bytes = random.bytes(LARGE)
      const { cid } = await putting.put('train/x', bytes)
      beforeRecord(async () => {
        await putting.unshare('train/x')
        const publishNow = names.publish.bind(names)
        names.publish = (version, along) => {
          names.publish = () => Promise.reject(new PathmeshError('IO', 'the disk is gone'))
          return publishNow(version, along)
        }
      })
      await assert.rejects(putting.put('train/y', bytes), failsWith('IO'))
      await folders(0)
      assert.deepEqual(putting.node.holdings(cid), [])
    })
  })

  it('leaves nothing of one that is refused when it is recorded, held already or not', async () => {
    const bytes = random.bytes(LARGE)
    for (const expected of [0, 1]) {
      beforeRecord(() => Promise.reject(new PathmeshError('NAME_CONFLICT', 'since then')))
      await assert.rejects(putting.put('train/x', bytes), failsWith('NAME_CONFLICT'))
      await folders(expected)
      await putting.put('train/y', bytes)
    }
  })

  it('keeps every one of those that take turns under names which keep one version', async () => {
    const values = Array.from({ length: 3 }, () => random.bytes(LARGE))
    const names = ['train/a', 'train/b', 'train/c']
    for (let round = 0; round < 6; round++) {
      const puts = names.map((name, i) =>
        putting.put(name, values[(round + i) % 3] ?? assert.fail(), { query: { keep: '1' } })
      )
      for (const { cid } of await Promise.all(puts)) assert.ok(putting.node.holdings(cid).length > 0)
    }
    await folders(3)
  })

  it('keeps the same bytes once, however many names get them at once', async () => {
    const bytes = random.bytes(LARGE)
    const names = Array.from({ length: 6 }, (_, i) => `train/${i}`)
    const [first = assert.fail()] = await Promise.all(names.map(name => putting.put(name, bytes)))
    await folders(1)
    assert.ok((await read(first.cid)).equals(bytes))
    for (const name of names.slice(1)) await putting.unshare(name)
    assert.ok((await read(first.cid)).equals(bytes))
  })

  it('takes a name whose last part is longer than that of a file may be', async () => {
    for (const [part, basename] of [
      ['x'.repeat(255), 'x'.repeat(255)],
      ['x'.repeat(256), 'payload'],
      ['é'.repeat(128), 'payload']
    ] as const) {
      const bytes = random.bytes(LARGE)
      const { cid, path } = await putting.put(`train/${part}`, bytes)
      assert.deepEqual([path, putting.node.only(cid).path.split('/').at(-1)], [part, basename])
      assert.ok((await read(cid)).equals(bytes))
    }
  })

  it('refuses a name that is in conflict before it asks for the rest', async () => {
    putting.node.names.refuse = new PathmeshError('NAME_CONFLICT', 'it lies in a directory')
    let isAsked = false
    async function* sent(): AsyncGenerator<Uint8Array> {
      yield random.bytes(LARGE)
      isAsked = true
    }
    putting.node.store.kept.begin = () => assert.fail('staged')
    await assert.rejects(putting.put('train/x', sent()), failsWith('NAME_CONFLICT'))
    assert.equal(isAsked, false)
  })

  it('is published though its sender goes away, once its record is being written', async () => {
    const controller = new AbortController()
    const bytes = random.bytes(LARGE)
    beforeRecord(() => Promise.resolve(controller.abort(new PathmeshError('ABORTED', 'the client is gone'))))
    const { cid } = await putting.put('train/x', bytes, { signal: controller.signal })
    assert.ok((await read(cid)).equals(bytes))
    const file = join(putting.node.folder, 'file')
    await writeFile(file, bytes)
    assert.equal((await putting.node.publish(file, { as: 'train/x' })).unchanged, true)
  })
})
