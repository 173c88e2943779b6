// Two and more nodes over TCP: meeting, streams, restarts.

import assert from 'node:assert/strict'
import { hasCode } from '../../../proto/errors.ts'
import { cleanUp, newIdentity, newMesh, otherSecret, PROTOCOL, startNode, streamPair, until } from './nodes.ts'

describe('swarm', () => {
  afterEach(cleanUp)

  it('two members connect and exchange bytes both ways', async () => {
    const { here, there, a, b } = await streamPair()
    assert.equal(here.peer, b.peerId)
    assert.equal(there.peer, a.peerId)
    await here.write(Buffer.from('question'))
    assert.equal(Buffer.from((await there.read(8)) ?? []).toString(), 'question')
    await there.write(Buffer.from('answer'))
    assert.equal(Buffer.from((await here.read(6)) ?? []).toString(), 'answer')
    assert.deepEqual([a.connected(), b.connected()], [[b.peerId], [a.peerId]])
  })

  it('peer ids are base36 and addresses end in the peer', async () => {
    const a = await startNode(await newMesh())
    assert.match(a.peerId, /^k51/)
    assert.equal(a.addresses().length, 1)
    assert.match(a.addresses()[0] ?? '', /^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3/)
  })

  it('a peer is known with its address, latency and time after it connected', async () => {
    const { a, b } = await streamPair()
    await until('a knows the latency of b', () => a.peers()[0]?.latencyMs != null)
    await until('b has learnt where a listens', () => (b.peers()[0]?.addresses.length ?? 0) > 0)
    const [seen] = a.peers()
    assert.equal(seen?.peerId, b.peerId)
    assert.equal(seen?.connected, true)
    assert.deepEqual(seen?.addresses, [b.addresses()[0]?.split('/p2p/')[0]])
    assert(Math.abs((seen?.lastSeen ?? 0) - Date.now()) < 60_000)
    await until('a member is in the store', () => a.store.members.has(b.peerId))
  })

  for (const what of ['secret', 'id'] as const) {
    it(`a node of another mesh (another ${what}) is NOT_A_MEMBER and never connected`, async () => {
      const mesh = await newMesh()
      const other = what === 'id' ? { ...mesh, id: (await newMesh()).id } : otherSecret(mesh)
      const [a, b] = [await startNode(mesh), await startNode(other)]
      await assert.rejects(a.dial(b.addresses()), error => hasCode(error, 'NOT_A_MEMBER'))
      await assert.rejects(b.dial(a.addresses()), error => hasCode(error, 'NOT_A_MEMBER'))
      assert.deepEqual([...a.connects, ...b.connects], [])
      assert.deepEqual([a.connected(), b.connected(), a.peers(), b.peers()], [[], [], [], []])
    })
  }

  it('a responder that does not accept the credentials is NOT_A_MEMBER to the dialer, and neither connects', async () => {
    const mesh = await newMesh()
    const seen: Uint8Array[] = []
    const accept = (_: string, certificate: Uint8Array) => {
      seen.push(Uint8Array.from(certificate))
      return false
    }
    const a = await startNode(mesh, { admission: { credentials: () => new Uint8Array([1, 2, 3]), accept: () => true } })
    const b = await startNode(mesh, { admission: { credentials: () => new Uint8Array(0), accept } })
    await assert.rejects(a.dial(b.addresses()), error => hasCode(error, 'NOT_A_MEMBER'))
    assert.deepEqual(seen, [Uint8Array.of(1, 2, 3)])
    assert.deepEqual([...a.connects, ...b.connects], [])
  })

  it('a dialer that does not accept the credentials refuses, and neither connects', async () => {
    const mesh = await newMesh()
    const a = await startNode(mesh, { admission: { credentials: () => new Uint8Array(0), accept: async () => false } })
    const b = await startNode(mesh)
    await assert.rejects(a.dial(b.addresses()), error => hasCode(error, 'NOT_A_MEMBER'))
    assert.deepEqual([...a.connects, ...b.connects], [])
  })

  it('credentials beyond their limit are refused', async () => {
    const mesh = await newMesh()
    const a = await startNode(mesh, { admission: { credentials: () => new Uint8Array(5000), accept: () => true } })
    const b = await startNode(mesh)
    await assert.rejects(a.dial(b.addresses()))
    assert.deepEqual([...a.connects, ...b.connects], [])
  })

  it('both sides dialling at the same time stay connected', async () => {
    const mesh = await newMesh()
    const [a, b] = [await startNode(mesh), await startNode(mesh)]
    b.handle(PROTOCOL, async stream => await stream.write(Buffer.from('x')))
    await Promise.all([a.dial(b.addresses()), b.dial(a.addresses())])
    const stream = await a.open(b.peerId, PROTOCOL)
    assert.equal((await stream.read(1))?.byteLength, 1)
    // Each connection is told: there may be two.
    assert.deepEqual([new Set(a.connects), new Set(b.connects)], [new Set([b.peerId]), new Set([a.peerId])])
    assert.deepEqual([a.connected(), b.connected()], [[b.peerId], [a.peerId]])
    assert.deepEqual([a.disconnects, b.disconnects], [[], []])
  })

  it('a protocol that the peer does not speak is INCOMPATIBLE, and the peer stays connected', async () => {
    const { a, b } = await streamPair()
    await assert.rejects(a.open(b.peerId, '/nobody/1'), error => hasCode(error, 'INCOMPATIBLE'))
    assert.deepEqual(a.connected(), [b.peerId])
  })

  it('a peer that nobody knows is NO_PROVIDERS, an id that is none INVALID_ARGUMENT', async () => {
    const a = await startNode(await newMesh())
    const { peerId } = await newIdentity()
    await assert.rejects(a.open(peerId, PROTOCOL), error => hasCode(error, 'NO_PROVIDERS'))
    await assert.rejects(a.open('k51nonsense', PROTOCOL), error => hasCode(error, 'INVALID_ARGUMENT'))
    await assert.rejects(a.open(a.peerId, PROTOCOL), error => hasCode(error, 'INVALID_ARGUMENT'))
  })

  it('dial() says that nobody listens, that the address names another node, and that it is no address', async () => {
    const mesh = await newMesh()
    const [a, b] = [await startNode(mesh), await startNode(mesh)]
    const { peerId } = await newIdentity()
    await assert.rejects(a.dial([`/ip4/127.0.0.1/tcp/1/p2p/${peerId}`]), error => hasCode(error, 'NO_PROVIDERS'))
    const wrong = `${b.addresses()[0]?.split('/p2p/')[0]}/p2p/${peerId}`
    await assert.rejects(a.dial([wrong]), error => hasCode(error, 'NO_PROVIDERS'))
    await assert.rejects(a.dial(['/ip4/127.0.0.1/tcp/1']), error => hasCode(error, 'INVALID_ARGUMENT'))
    await assert.rejects(a.dial([]), error => hasCode(error, 'INVALID_ARGUMENT'))
    await assert.rejects(a.dial(a.addresses()), error => hasCode(error, 'INVALID_ARGUMENT'))
  })

  it('an aborted open() and dial() rethrow the reason', async () => {
    const { a, b } = await streamPair()
    const reason = new Error('mine')
    const signal = AbortSignal.abort(reason)
    await assert.rejects(a.open(b.peerId, PROTOCOL, { signal }), error => error === reason)
    await assert.rejects(a.dial(b.addresses(), { signal }), error => error === reason)
  })

  it('a handler that fails aborts its stream and nothing else', async () => {
    const { a, b } = await streamPair()
    b.handle('/fails/1', async () => await Promise.reject(new Error('handler')))
    b.handle('/throws/1', () => {
      throw new Error('handler')
    })
    for (const protocol of ['/fails/1', '/throws/1']) {
      const stream = await a.open(b.peerId, protocol)
      await assert.rejects(stream.read(1), error => hasCode(error, 'NO_PROVIDERS'))
      await stream.closed
    }
    assert.deepEqual(a.connected(), [b.peerId])
  })

  it('a taken port is IN_USE and names the port and --listen', async () => {
    const mesh = await newMesh()
    const a = await startNode(mesh)
    const listen = a.addresses().map(address => address.split('/p2p/')[0] ?? '')
    const port = listen[0]?.split('/').at(-1) ?? '?'
    await assert.rejects(startNode(mesh, { listen }), error => {
      return hasCode(error, 'IN_USE') && error.message.includes(port) && error.message.includes('--listen')
    })
  })

  it('loopback is not announced where there is another address', async () => {
    const a = await startNode(await newMesh(), { listen: ['/ip4/0.0.0.0/tcp/0'] })
    const loopback = a.addresses().filter(address => address.startsWith('/ip4/127.'))
    assert(loopback.length === 0 || loopback.length === a.addresses().length)
    assert(a.addresses().length > 0)
  })

  it('a listen address that is none is INVALID_ARGUMENT', async () => {
    const mesh = await newMesh()
    for (const listen of ['0.0.0.0:4747', '/ip4/127.0.0.1/udp/1', '/dns4/localhost/tcp/1']) {
      await assert.rejects(startNode(mesh, { listen: [listen] }), error => hasCode(error, 'INVALID_ARGUMENT'))
    }
  })

  it('a node that restarts on its port with its key is connected again, by its member alone', async () => {
    const mesh = await newMesh()
    const identity = await newIdentity()
    const [a, b] = [await startNode(mesh), await startNode(mesh, { identity })]
    const listen = b.addresses().map(address => address.split('/p2p/')[0] ?? '')
    await a.dial(b.addresses())
    await b.stop()
    await until('a notices', () => a.disconnects.length === 1)
    assert.notEqual(a.peers()[0]?.nextDialAt, undefined)
    const again = await startNode(mesh, { identity, listen })
    await until('a is connected again', () => a.connects.length === 2)
    assert.deepEqual(a.connected(), [again.peerId])
    assert.equal(a.peers()[0]?.nextDialAt, undefined)
  })

  it('an aborted open() leaves the link; a stopped peer is NO_PROVIDERS', async () => {
    const mesh = await newMesh()
    const [a, b] = [await startNode(mesh), await startNode(mesh)]
    b.handle(PROTOCOL, async stream => await stream.write(Buffer.from('x')))
    await a.dial(b.addresses())
    const controller = new AbortController()
    const reason = new Error('mine')
    const opening = a.open(b.peerId, PROTOCOL, { signal: controller.signal })
    controller.abort(reason)
    await assert.rejects(opening, error => error === reason)
    assert.deepEqual(a.disconnects, [])
    await b.stop()
    await assert.rejects(a.open(b.peerId, PROTOCOL), error => hasCode(error, 'NO_PROVIDERS', 'TIMEOUT'))
  })

  it('remembered members are dialled at start', async () => {
    const mesh = await newMesh()
    const identity = await newIdentity()
    const [a, b] = [await startNode(mesh, { identity }), await startNode(mesh)]
    await a.dial(b.addresses())
    await a.stop()
    const again = await startNode(mesh, { identity, store: a.store })
    await until('connected without being told', () => again.connects.length === 1)
    assert.deepEqual(again.connected(), [b.peerId])
  })

  it('stop() ends all connections and refuses further dials', async () => {
    const { a, b } = await streamPair()
    await a.stop()
    await until('b notices', () => b.disconnects.length === 1)
    await assert.rejects(a.open(b.peerId, PROTOCOL))
  })
})
