// How lanes come to be, who is kept out, and what happens when an end stops.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import tls from 'node:tls'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, it } from 'mocha'
import { LaneFrame, type LaneFrameKind, laneFrame, putHeader } from '../../../../daemon/exchange/lanes/frame.ts'
import type { Lane } from '../../../../daemon/exchange/lanes/lane.ts'
import { cidOf, RAW } from '../../../../daemon/content/multihash.ts'
import { bytesOf } from '../../../../daemon/frames.ts'
import { LANE_SUITE } from '../../../../daemon/exchange/lanes/tls.ts'
import {
  LaneAnswer,
  type LaneOffer,
  LaneRequest,
  LeavesRequest,
  SmallRequest
} from '../../../../proto/generated/exchange.ts'
import { LANE_RESTART_MS, LANE_RETRY_MS, LANES_MAX, LANES_PEER, LEAF_BYTES } from '../../../../proto/limits.ts'
import { ManualClock } from '../../../helpers/manual-clock.ts'
import { collect, failsWith } from '../../../helpers/trees.ts'
import { until } from '../../../helpers/until.ts'
import {
  type LaneNode,
  type LaneNodes,
  LISTENING,
  laneNodes,
  never,
  serveFile,
  SILENT,
  targetFile,
  wantedOf
} from './lane-nodes.ts'

describe('opening a lane', () => {
  const cleanups: (() => unknown)[] = []
  afterEach(async () => {
    for (const clean of cleanups.splice(0).toReversed()) await clean()
  })

  async function make(...options: Parameters<typeof laneNodes>): Promise<LaneNodes> {
    const nodes = await laneNodes(...options)
    cleanups.push(nodes.remove)
    return nodes
  }

  /** A key as a node issues it to whoever asks over its stream. */
  async function offerOf({ lanes }: LaneNode): Promise<LaneOffer> {
    for await (const { body } of lanes.handler(LaneRequest.encode({}), { peer: 'asker', signal: never })) {
      const { offer } = LaneAnswer.decode(body)
      if (offer !== undefined) return offer
    }
    throw new Error('no key was issued')
  }

  type With = Partial<tls.ConnectionOptions>

  /** A connection by somebody who speaks TLS; rejects where it is refused. */
  async function handshake({ id, key, port }: LaneOffer, options: With = {}): Promise<tls.TLSSocket> {
    const socket = tls.connect({
      ...LANE_SUITE,
      host: '127.0.0.1',
      port,
      checkServerIdentity: () => undefined,
      pskCallback: () => ({ psk: Buffer.from(key), identity: Buffer.from(id).toString('hex') }),
      ...options
    })
    cleanups.push(() => socket.destroy())
    socket.on('error', () => undefined)
    await once(socket, 'secureConnect')
    return socket
  }

  /** Whether a request on it is answered by anything. */
  async function isServed(socket: tls.TLSSocket): Promise<boolean> {
    if (socket.destroyed) return false
    socket.write(laneFrame(LaneFrame.CANCEL, 1))
    socket.write(
      laneFrame(
        LaneFrame.SMALL,
        1,
        0,
        SmallRequest.encode({ cids: wantedOf(['x']).map(({ cid }) => bytesOf(cid.bytes)) })
      )
    )
    return new Promise(resolve => {
      socket.once('data', () => resolve(true))
      socket.once('close', () => resolve(false))
    })
  }

  async function works({ a, b, folder }: LaneNodes): Promise<void> {
    const { order } = await serveFile(b, folder, 10)
    const lane = await a.lanes.lane('b', never)
    assert.ok(lane, a.lanes.how('b').why ?? 'no reason')
    assert.equal((await collect(lane.leaves(order))).length, 1)
    assert.deepEqual(a.lanes.how('b'), { via: 'lane', why: null })
  }

  it('is done once for all that ask at a time', async () => {
    const nodes = await make()
    const lanes = await Promise.all(Array.from({ length: 5 }, () => nodes.a.lanes.lane('b', never)))
    assert.equal(new Set(lanes).size, 1)
    await works(nodes)
  })

  it('goes the other way round where the asker cannot connect', async () => {
    await works(await make({}, { listen: SILENT }))
    await works(await make({ hostOf: () => undefined }))
  })

  it('works where only the asked node can be reached', async () => {
    await works(await make({ listen: SILENT }, { hostOf: () => undefined }))
  })

  it('fails with both reasons where neither can be reached, and is not tried again for a while', async () => {
    const clock = new ManualClock()
    const nodes = await make({ clock, listen: SILENT }, { listen: SILENT })
    assert.equal(await nodes.a.lanes.lane('b', never), undefined)
    const { via, why } = nodes.a.lanes.how('b')
    assert.equal(via, 'stream')
    assert.match(why ?? '', /it does not listen for lanes; this node does not listen/)
    const opened: string[] = []
    const again = nodes.a.lanes.lane('b', never).then(() => opened.push('again'))
    await again
    assert.equal(nodes.a.lanes.how('b').why, why)
    await clock.advance(LANE_RETRY_MS + 1)
    const retried = nodes.a.lanes.lane('b', never)
    assert.equal(nodes.a.lanes.how('b').why, 'a lane is being opened')
    await retried
  })

  it('is not tried where lanes are turned off, here or there', async () => {
    const here = await make({ listen: null })
    assert.equal(await here.a.lanes.lane('b', never), undefined)
    assert.match(here.a.lanes.how('b').why ?? '', /turned off on this node/)
    const there = await make({}, { listen: null })
    assert.equal(await there.a.lanes.lane('b', never), undefined)
    assert.match(there.a.lanes.how('b').why ?? '', /turned off on that node/)
  })

  it('works over IPv6', async function () {
    const has = Object.values(networkInterfaces()).some(all => all?.some(({ address }) => address === '::1'))
    if (!has) this.skip()
    const listen = { ...LISTENING, hosts: ['127.0.0.1', '::1'] }
    await works(await make({ listen: SILENT, hostOf: () => '::1' }, { listen, hostOf: () => undefined }))
  })

  it('takes another port where the usual one is taken, and none where it is fixed', async () => {
    const taken = createServer()
    cleanups.push(() => taken.close())
    const port = await listen(taken)
    const nodes = await make({}, { listen: { ...LISTENING, port } })
    assert.notEqual(nodes.b.lanes.port, port)
    await works(nodes)
    await assert.rejects(make({ listen: { ...LISTENING, port, fixed: true } }), failsWith('IN_USE', /--lane-port/))
  })

  it('serves whoever has the key, once', async () => {
    const { b } = await make()
    const offer = await offerOf(b)
    assert.ok(await isServed(await handshake(offer)))
    // A second key, so that the port listens to strangers at all.
    await offerOf(b)
    await assert.rejects(handshake(offer))
  })

  it('refuses a wrong key, an unknown one, and certificates, before anything is asked of the store', async () => {
    const { b } = await make()
    const offer = await offerOf(b)
    await assert.rejects(handshake({ ...offer, key: new Uint8Array(32) }))
    await assert.rejects(handshake(await offerOf(b), { pskCallback: () => null, ciphers: 'TLS_AES_128_GCM_SHA256' }))
    await assert.rejects(handshake({ ...(await offerOf(b)), id: new Uint8Array(16) }))
    const tls12 = { ciphers: 'PSK-AES128-GCM-SHA256', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const
    await assert.rejects(handshake(await offerOf(b), tls12))
    assert.deepEqual(b.source.asked, [])
  })

  it('closes a connection at once while nobody is expected', async () => {
    const { b } = await make()
    const socket = connect(b.lanes.port ?? 0, '127.0.0.1')
    await once(socket.resume(), 'close')
  })

  it('takes no resumed session in place of a key', async () => {
    const { b } = await make()
    const sessions: Buffer[] = []
    const first = await handshake(await offerOf(b))
    first.on('session', session => sessions.push(session))
    assert.ok(await isServed(first))
    const [session] = sessions
    assert.ok(session, 'there is something to try with')
    // Somebody else is expected, so that it gets as far as a handshake.
    await offerOf(b)
    const offer = await offerOf(b)
    await assert.rejects(handshake(offer, { session, pskCallback: () => null }))
    await assert.rejects(handshake({ ...offer, key: new Uint8Array(32) }, { session }))
    assert.deepEqual(b.source.asked, ['small'])
  })

  it('believes no end that shows a certificate in place of the key', async () => {
    const { a } = await make({ hostOf: () => '127.0.0.1' })
    // Nothing that this end could show is asked for: without the key it has no suite in common.
    const server = tls.createServer({ ...LANE_SUITE, pskCallback: () => Buffer.alloc(32) })
    server.on('tlsClientError', () => undefined)
    cleanups.push(() => server.close())
    const port = await listen(server)
    const offer = { id: new Uint8Array(16), key: new Uint8Array(32).fill(7), port }
    const answered = a.lanes.handler(LaneRequest.encode({ offer }), { peer: 'b', signal: never })
    await assert.rejects(collect(answered), failsWith('NO_PROVIDERS'))
  })

  it('serves one peer on its newest lanes only', async () => {
    const { b } = await make()
    const sockets: tls.TLSSocket[] = []
    for (let i = 0; i <= LANES_PEER; i++) sockets.push(await handshake(await offerOf(b)))
    const [first, ...others] = sockets
    if (first !== undefined && !first.destroyed) await once(first.resume(), 'close')
    for (const socket of others) assert.ok(await isServed(socket))
  })

  it('forgets keys that were replaced, or whose peer is gone, so that there is always room for others', async () => {
    const { b } = await make()
    for (let i = 0; i < LANES_MAX + LANES_PEER; i++) await offerOf(b)
    for (let i = 0; i < LANES_MAX; i++) {
      await offerOf(b)
      b.lanes.drop('asker')
    }
    assert.ok(await isServed(await handshake(await offerOf(b))))
  })

  it('closes a lane that nobody uses, and opens it again', async () => {
    const nodes = await make({ waits: { idleMs: 60 } })
    const lane = await nodes.a.lanes.lane('b', never)
    await until('it is closed', () => lane?.isOver === true)
    assert.equal(nodes.a.lanes.how('b').via, 'stream')
    await works(nodes)
  })

  /** A lane to a peer that does with the connection what it likes. */
  async function laneTo(run: (socket: tls.TLSSocket) => void): Promise<{ lane: Lane; nodes: LaneNodes }> {
    const offer = { id: new Uint8Array(16).fill(1), key: new Uint8Array(32).fill(2) }
    const server = tls.createServer({ ...LANE_SUITE, pskCallback: () => Buffer.from(offer.key) }, socket => {
      cleanups.push(() => socket.destroy())
      socket.on('error', () => undefined)
      run(socket)
    })
    cleanups.push(() => server.close())
    const port = await listen(server)
    const nodes = await make({ waits: { frameMs: 80 } }, {}, async function* () {
      yield { body: LaneAnswer.encode({ offer: { ...offer, port } }), payload: new Uint8Array(0), last: true }
    })
    const lane = await nodes.a.lanes.lane('b', never)
    assert.ok(lane, nodes.a.lanes.how('b').why ?? '')
    return { lane, nodes }
  }

  function header(kind: LaneFrameKind, length: number, index = 0): Buffer {
    const bytes = Buffer.alloc(16)
    putHeader(bytes, 0, { kind, id: 1, index, length })
    return bytes
  }

  it('ends a lane whose other end stops in the middle of a leaf', async () => {
    const begun = Buffer.concat([header(LaneFrame.LEAF, LEAF_BYTES), Buffer.alloc(1000)])
    const { lane, nodes } = await laneTo(socket => socket.once('data', () => socket.write(begun)))
    const { order } = await serveFile(nodes.b, nodes.folder, LEAF_BYTES)
    await assert.rejects(collect(lane.leaves(order)), failsWith('NO_PROVIDERS', /stopped in the middle/))
    await until('it is closed', () => lane.isOver)
  })

  for (const [what, bytes] of [
    ['a frame over the limit', header(LaneFrame.LEAF, LEAF_BYTES + 1)],
    ['a leaf that was not asked for', header(LaneFrame.LEAF, 10, 3)],
    [
      'an answer to a request that was not made',
      Buffer.from('000000000700000000000002 00000000'.replace(' ', ''), 'hex')
    ],
    ['a frame of no known kind', Buffer.alloc(16, 99)],
    ['a request', header(LaneFrame.CANCEL, 0)],
    ['an end before everything came', header(LaneFrame.END, 0)]
  ] as const) {
    it(`is CORRUPT, and names the peer, where it sends ${what}`, async () => {
      const { lane, nodes } = await laneTo(socket => socket.once('data', () => socket.write(bytes)))
      const { order } = await serveFile(nodes.b, nodes.folder, LEAF_BYTES)
      await assert.rejects(collect(lane.leaves(order)), error => {
        assert.deepEqual(Object(error).details, { peerId: 'b' })
        return failsWith('CORRUPT')(error)
      })
    })
  }

  it('writes and tells a leaf soon, whether or not others follow it', async () => {
    for (const rest of [Buffer.of(), header(LaneFrame.LEAF, 10, 3)]) {
      let first = Buffer.of()
      const { lane, nodes } = await laneTo(socket => socket.once('data', () => socket.write(first)))
      const { order, bytes } = await serveFile(nodes.b, nodes.folder, 2 * LEAF_BYTES)
      const leaf = bytes.subarray(0, LEAF_BYTES)
      first = Buffer.concat([header(LaneFrame.LEAF, LEAF_BYTES), leaf, rest])
      const into = await targetFile(nodes.folder, bytes.length)
      const running = lane.leaves({ ...order, into })
      assert.deepEqual((await running.next()).value, { index: 0, bytes: undefined })
      assert.ok((await readFile(into)).subarray(0, LEAF_BYTES).equals(leaf))
      if (rest.length > 0) await assert.rejects(running.next(), failsWith('CORRUPT'))
      else await running.return(undefined)
    }
  })

  it('waits no longer for the end of a cancelled order than for the rest of a frame', async () => {
    const { lane, nodes } = await laneTo(socket => socket.resume())
    const { order } = await serveFile(nodes.b, nodes.folder, LEAF_BYTES)
    const stop = new AbortController()
    const running = collect(lane.leaves(order, { signal: stop.signal }))
    stop.abort(new Error('enough'))
    await assert.rejects(running, /enough/)
    await until('the lane is closed', () => lane.isOver)
  })

  it('cuts off an asker that takes nothing', async () => {
    const { b, folder } = await make({}, { waits: { writeMs: 80 } })
    const { order } = await serveFile(b, folder, 64 * LEAF_BYTES)
    const socket = await handshake(await offerOf(b))
    const file = Uint8Array.from(order.file.bytes)
    const request = LeavesRequest.encode({ file, ranges: [{ from: 0, to: 64 }] })
    socket.write(laneFrame(LaneFrame.LEAVES, 1, 0, request))
    await until('it is served', () => b.source.busy === 1)
    await until('it is cut off', () => b.source.busy === 0)
    assert.ok(b.served < 64 * LEAF_BYTES)
  })

  it('is opened again after its thread crashed, which fails what was under way', async () => {
    const nodes = await make()
    const lane = await nodes.a.lanes.lane('b', never)
    await crash(lane)
    assert.ok(lane?.isOver)
    await works(nodes)
  })

  it('listens again on the same port after the thread that owned it crashed', async () => {
    const clock = new ManualClock()
    const nodes = await make({ listen: SILENT }, { clock })
    const { port } = nodes.b.lanes
    // Its own lane, which the other end connected.
    await crash(await nodes.b.lanes.lane('a', never))
    await until('it is noticed', () => nodes.b.lanes.port === undefined)
    await clock.advance(LANE_RESTART_MS)
    await until('it listens again', () => nodes.b.lanes.port === port)
    await works(nodes)
  })
})

/** Gives a thread something that it cannot work with. */
async function crash(lane: Lane | undefined): Promise<void> {
  assert.ok(lane)
  const cid = cidOf(RAW, 'blake3', Buffer.of())
  Object.defineProperty(cid, 'bytes', { value: new Uint8Array(cid.bytes.length) })
  await assert.rejects(collect(lane.small([{ cid, size: 1, into: [] }])), failsWith('NO_PROVIDERS', /thread/))
}

async function listen(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
