// Bulk bytes over lanes, on real sockets: what comes, what is refused, and what is left when it breaks.

import assert from 'node:assert/strict'
import { chmod, lstat, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'mocha'
import type { Lane } from '../../../../daemon/exchange/lanes/lane.ts'
import type { CameLeaf } from '../../../../daemon/exchange/provider.ts'
import { fingerprintOf } from '../../../../daemon/content/fingerprint.ts'
import { cidOf, RAW } from '../../../../daemon/content/multihash.ts'
import { LEAF_BYTES } from '../../../../proto/limits.ts'
import { collect, failsWith } from '../../../helpers/trees.ts'
import { until } from '../../../helpers/until.ts'
import { ASKER, type LaneNodes, laneNodes, never, serveFile, targetFile, textOf, wantedOf } from './lane-nodes.ts'

describe('a lane', () => {
  let nodes: LaneNodes
  let lane: Lane

  // Threads are dear: all tests share them, and a lane that one of them breaks is opened again.
  before(async () => {
    nodes = await laneNodes()
  })
  beforeEach(async () => {
    nodes.b.limits.upload.change(0)
    nodes.b.source.reset()
    nodes.a.received = nodes.b.served = 0
    await rm(join(nodes.folder, 'target'), { force: true })
    const opened = await nodes.a.lanes.lane('b', never)
    assert.ok(opened, nodes.a.lanes.how('b').why ?? '')
    lane = opened
  })
  after(() => nodes.remove())

  for (const size of [1, LEAF_BYTES - 1, LEAF_BYTES, LEAF_BYTES + 1, 5 * LEAF_BYTES + 7]) {
    it(`writes a file of ${size} bytes where it is to be, and counts them`, async () => {
      const { bytes, order } = await serveFile(nodes.b, nodes.folder, size)
      const into = await targetFile(nodes.folder, size)
      let came = 0
      const leaves = await collect(lane.leaves({ ...order, into }, { onBytes: n => (came += n) }))
      assert.deepEqual(new Set(leaves.map(leaf => leaf.index)), new Set(order.leaves.map(leaf => leaf.index)))
      assert.ok(leaves.every(leaf => leaf.bytes === undefined))
      assert.ok((await readFile(into)).equals(bytes))
      assert.deepEqual([came, nodes.a.received], [size, size])
      await until('it was counted', () => nodes.b.served >= size)
      assert.equal(nodes.b.source.busy, 0)
    })
  }

  it('hands leaves over where there is no file for them, some of a file as well as all', async () => {
    const { bytes, order } = await serveFile(nodes.b, nodes.folder, 3 * LEAF_BYTES + 5)
    const some = order.leaves.filter(({ index }) => index !== 1)
    const came = await collect(lane.leaves({ ...order, leaves: some }))
    assert.deepEqual(
      came.map(({ index }) => index),
      [0, 2, 3]
    )
    for (const { index, bytes: leaf } of came)
      assert.ok(bytes.subarray(index * LEAF_BYTES, (index + 1) * LEAF_BYTES).equals(leaf ?? Buffer.of()))
  })

  it('carries many orders at a time', async () => {
    const { bytes, order } = await serveFile(nodes.b, nodes.folder, 40 * LEAF_BYTES)
    const into = await targetFile(nodes.folder, bytes.length)
    const orders = Array.from({ length: 10 }, (_, i) => order.leaves.slice(4 * i, 4 * i + 4))
    const came = await Promise.all(orders.map(leaves => collect(lane.leaves({ ...order, leaves, into }))))
    assert.equal(came.flat().length, 40)
    assert.ok((await readFile(into)).equals(bytes))
  })

  it('brings small files, from a file or from memory, and says which are missing', async () => {
    const path = join(nodes.folder, 'small')
    await writeFile(path, 'from a file')
    const wanted = wantedOf(['in memory', 'from a file', 'nowhere', ''])
    nodes.b.source.blocks.set(String(wanted[0]?.cid), { bytes: Buffer.from('in memory') })
    nodes.b.source.blocks.set(String(wanted[1]?.cid), { path, size: 11, stamp: null })
    nodes.b.source.blocks.set(String(wanted[3]?.cid), { bytes: Buffer.of() })
    const came = (await collect(lane.small(wanted))).flat()
    assert.deepEqual(
      came.map(one => [one.is, textOf(one)]),
      [
        ['here', 'in memory'],
        ['here', 'from a file'],
        ['missing', ''],
        ['here', '']
      ]
    )
  })

  it('writes small files to every place that they have, with their mode', async () => {
    const targets = ['x', 'y'].map(name => ({ path: join(nodes.folder, name), mode: 0o444 }))
    await writeFile(join(nodes.folder, 'x'), 'left by an earlier attempt')
    const wanted = wantedOf(['small'], targets)
    nodes.b.source.blocks.set(String(wanted[0]?.cid), { bytes: Buffer.from('small') })
    const [came] = (await collect(lane.small(wanted))).flat()
    assert.deepEqual([came?.is, came?.bytes, came?.size], ['written', undefined, 5])
    const looks = await Promise.all(targets.map(async ({ path }) => fingerprintOf(await lstat(path, { bigint: true }))))
    assert.deepEqual(came?.looks, looks)
    for (const { path } of targets) {
      assert.equal(await readFile(path, 'utf8'), 'small')
      assert.equal((await lstat(path)).mode & 0o777, 0o444)
    }
  })

  it('brings thousands of small files in more than one block', async () => {
    const wanted = wantedOf(Array.from({ length: 1000 }, (_, i) => `${i} `.repeat(1000)))
    for (const [i, { cid }] of wanted.entries())
      nodes.b.source.blocks.set(cid.toString(), { bytes: Buffer.from(`${i} `.repeat(1000)) })
    const came = (await collect(lane.small(wanted))).flat()
    assert.deepEqual(
      came.map(one => Number.parseInt(textOf(one), 10)),
      wanted.map((_, i) => i)
    )
  })

  it('names the leaf and the peer where bytes are wrong, and writes none of them; the lane goes on', async () => {
    const { order, path, bytes } = await serveFile(nodes.b, nodes.folder, 3 * LEAF_BYTES)
    await writeFile(path, Buffer.from(bytes).fill(0, LEAF_BYTES, LEAF_BYTES + 1))
    const into = await targetFile(nodes.folder, bytes.length)
    await assert.rejects(collect(lane.leaves({ ...order, into })), error => {
      assert.ok(failsWith('CORRUPT')(error))
      assert.deepEqual(Object(error).details, { peerId: 'b', wrongLeaf: 1 })
      return true
    })
    assert.ok((await readFile(into)).subarray(LEAF_BYTES, 2 * LEAF_BYTES).equals(Buffer.alloc(LEAF_BYTES)))
    assert.equal((await collect(lane.leaves({ ...order, leaves: order.leaves.slice(0, 1) }))).length, 1)
  })

  it('names the block and the peer where a small file is wrong', async () => {
    const wanted = wantedOf(['right', 'other'])
    for (const { cid } of wanted) nodes.b.source.blocks.set(cid.toString(), { bytes: Buffer.from('right') })
    await assert.rejects(collect(lane.small(wanted)), error => {
      assert.deepEqual(Object(error).details, { peerId: 'b', wrong: String(wanted[1]?.cid) })
      return failsWith('CORRUPT')(error)
    })
  })

  it('is lost to a peer that sends another size than was stated, which is CORRUPT and names it', async () => {
    const wanted = wantedOf(['right'])
    nodes.b.source.blocks.set(String(wanted[0]?.cid), { bytes: Buffer.from('longer') })
    await assert.rejects(collect(lane.small(wanted)), error => {
      assert.equal(Object(error).details.peerId, 'b')
      return failsWith('CORRUPT')(error)
    })
    await until('it is closed', () => lane.isOver)
  })

  it('reads a file that changed since it was shared through the store, which hashes it again', async () => {
    const { order, path, bytes } = await serveFile(nodes.b, nodes.folder, 2 * LEAF_BYTES)
    const place = await nodes.b.source.leaves(order.file)
    nodes.b.source.place = { ...place, stamp: place.stamp && { ...place.stamp, mtimeNs: 1n } }
    assert.equal((await collect(lane.leaves(order))).length, 2)
    assert.deepEqual(nodes.b.source.asked.slice(-2), ['leaf 0', 'leaf 1'])
    nodes.b.source.place = { ...place, path: `${path} is gone` }
    const came = await collect(lane.leaves(order))
    assert.ok(Buffer.concat(came.map(leaf => leaf.bytes ?? Buffer.of())).equals(bytes))
  })

  it('says what the peer said where it cannot serve, with its name', async () => {
    const { order } = await serveFile(nodes.b, nodes.folder, 10)
    nodes.b.source.files.clear()
    await assert.rejects(collect(lane.leaves(order)), error => {
      assert.deepEqual(Object(error).details, { peerId: 'b' })
      return failsWith('NOT_FOUND', /no such file here/)(error)
    })
  })

  it('blames nobody else for a file that cannot be written here', async () => {
    const { order } = await serveFile(nodes.b, nodes.folder, 10)
    const target = await targetFile(nodes.folder, 10)
    await symlink(target, `${target}-link`)
    for (const [into, code] of [
      [`${target}-none`, 'NOT_FOUND'],
      [`${target}-link`, 'UNSAFE_NAME'],
      [nodes.folder, 'IO']
    ] as const)
      await assert.rejects(collect(lane.leaves({ ...order, into })), error => {
        assert.equal(Object(error).details, undefined)
        return failsWith(code)(error)
      })
    await chmod(target, 0o600)
    assert.equal((await collect(lane.leaves({ ...order, into: target }))).length, 1)
  })

  it('ends an order that is cancelled on both sides, and writes nothing of it any more', async () => {
    const { order } = await serveFile(nodes.b, nodes.folder, 64 * LEAF_BYTES)
    const into = await targetFile(nodes.folder, 64 * LEAF_BYTES)
    // Slow enough that there is something to cancel.
    nodes.b.limits.upload.change(32 * LEAF_BYTES)
    const running: AsyncGenerator<CameLeaf> = lane.leaves({ ...order, into })
    await running.next()
    await running.return(undefined)
    const { mtimeMs } = await lstat(into)
    await until('the turn is given back', () => nodes.b.source.busy === 0)
    nodes.b.limits.upload.change(0)
    const served = await until('what was sent is counted', () => nodes.b.served)
    assert.ok(served < 40 * LEAF_BYTES, `${served} bytes were sent after all`)
    assert.equal((await collect(lane.leaves({ ...order, leaves: order.leaves.slice(0, 1) }))).length, 1)
    assert.equal((await lstat(into)).mtimeMs, mtimeMs)
  })

  it('rejects with the reason of a signal, even while the peer lets it wait for its turn', async () => {
    const { order } = await serveFile(nodes.b, nodes.folder, 10)
    nodes.b.source.hold = new Promise(() => undefined)
    const stop = new AbortController()
    const running = collect(lane.leaves(order, { signal: stop.signal }))
    await until('it waits', () => nodes.b.source.busy === 1)
    stop.abort(new Error('enough'))
    await assert.rejects(running, /enough/)
    await until('it waits no more', () => nodes.b.source.busy === 0)
  })

  it('sends no faster than is allowed, from the next request on', async () => {
    const { order, bytes } = await serveFile(nodes.b, nodes.folder, 4 * LEAF_BYTES)
    assert.equal((await collect(lane.leaves(order))).length, 4)
    const start = performance.now()
    nodes.b.limits.upload.change(8 * LEAF_BYTES)
    await collect(lane.leaves(order))
    const seconds = (performance.now() - start) / 1000
    // What a rest saved up comes on top.
    assert.ok(bytes.length / seconds < 12 * LEAF_BYTES, `4 MiB took ${seconds} s`)
  })

  it('is NO_PROVIDERS when it breaks in the middle of an order', async () => {
    const { order } = await serveFile(nodes.b, nodes.folder, 10)
    nodes.b.source.hold = new Promise(() => undefined)
    const running = collect(lane.leaves(order))
    await until('it waits', () => nodes.b.source.busy === 1)
    nodes.b.lanes.drop(ASKER)
    await assert.rejects(running, failsWith('NO_PROVIDERS'))
    assert.deepEqual(nodes.a.lanes.how('b').via, 'stream')
    nodes.b.source.hold = undefined
    const again = await nodes.a.lanes.lane('b', never)
    assert.ok(again !== undefined && again !== lane)
    assert.equal((await collect(again.leaves(order))).length, 1)
  })

  it('takes small blocks that no size is stated of', async () => {
    const cid = cidOf(RAW, 'blake3', Buffer.from('any'))
    nodes.b.source.blocks.set(cid.toString(), { bytes: Buffer.from('any') })
    const [came] = (await collect(lane.small([{ cid, size: undefined, into: [] }]))).flat()
    assert.equal(came?.size, 3)
  })
})
