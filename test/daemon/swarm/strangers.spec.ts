// Strangers: nodes of other meshes, refused members, and garbage on the port.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { PENDING_CONNECTIONS_MAX } from '../../../proto/limits.ts'
import { cleanUp, newMesh, startNode, until } from './nodes.ts'
import type { TestNode } from './nodes.ts'

describe('strangers on the port', () => {
  afterEach(cleanUp)

  const multistream = Buffer.from('\x13/multistream/1.0.0\n')
  const inputs: Record<string, () => Buffer> = {
    'random bytes': () => randomBytes(100_000),
    'an HTTP request': () => Buffer.from('GET / HTTP/1.1\r\nHost: example.org\r\n\r\n'),
    'endless protocol names': () => Buffer.concat([multistream, Buffer.alloc(200_000, '\x09/nothing\n')]),
    'a length of 2^63': () => Buffer.concat([multistream, Buffer.from('ffffffffffffffff7f', 'hex')]),
    'noise with garbage': () =>
      Buffer.concat([multistream, Buffer.from('\x16/pathmesh-noise/1.0.0\n'), Buffer.from([0, 64]), randomBytes(64)]),
    nothing: () => Buffer.alloc(0)
  }

  for (const [name, bytes] of Object.entries(inputs)) {
    it(`${name}: the node goes on, and logs no error`, async () => {
      const mesh = await newMesh()
      const node = await startNode(mesh)
      const sockets = await Promise.all(Array.from({ length: 5 }, async () => await send(node, bytes())))
      for (const socket of sockets) if (name !== 'nothing') socket.end()
      await assertWorks(node, await startNode(mesh))
      for (const socket of sockets) socket.destroy()
      assert.deepEqual(
        node.entries.filter(entry => entry.level === 'error' || entry.level === 'warn'),
        []
      )
    })
  }

  it('a TLS hello is not answered with TLS, and the node goes on', async () => {
    const mesh = await newMesh()
    const node = await startNode(mesh)
    const socket = connectTls({ ...target(node), rejectUnauthorized: false })
    const failed = once(socket, 'error')
    setTimeout(() => socket.destroy(new Error('no answer')), 300)
    await failed
    await assertWorks(node, await startNode(mesh))
  })

  it('half-open connections beyond the cap are dropped at once, and a member still gets in afterwards', async () => {
    const mesh = await newMesh()
    const node = await startNode(mesh)
    const extra = 20
    const sockets = await Promise.all(
      Array.from({ length: PENDING_CONNECTIONS_MAX + extra }, async () => await send(node, Buffer.alloc(0)))
    )
    await until('those beyond the cap are dropped', () => sockets.filter(socket => socket.destroyed).length >= extra)
    assert.equal(sockets.filter(socket => !socket.destroyed).length, PENDING_CONNECTIONS_MAX)
    for (const socket of sockets) socket.destroy()
    const member = await startNode(mesh)
    await until('the places are free again', () => member.connected().length > 0 || (void retry(member, node), false))
  })

  async function retry(from: TestNode, to: TestNode): Promise<void> {
    await from.dial(to.addresses()).catch(() => undefined)
  }

  function target(node: TestNode): { host: string; port: number } {
    const [, , host, , port] = node.addresses()[0]?.split('/') ?? []
    return { host: host ?? '', port: Number(port) }
  }

  async function send(node: TestNode, bytes: Buffer): Promise<Socket> {
    const socket = connect(target(node))
    socket.on('error', () => socket.destroy())
    await once(socket, 'connect')
    socket.resume()
    if (bytes.byteLength > 0) socket.write(bytes)
    return socket
  }

  async function assertWorks(node: TestNode, member: TestNode): Promise<void> {
    node.handle('/works/1', async stream => await stream.write(Buffer.from('yes')))
    await member.dial(node.addresses())
    const stream = await member.open(node.peerId, '/works/1')
    assert.equal(Buffer.from((await stream.read(3)) ?? []).toString(), 'yes')
    assert.deepEqual(node.connected(), [member.peerId])
  }
})
