// The identity and mesh files: made once, private, and refused when they are not.

import assert from 'node:assert/strict'
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadIdentity, verifyPeerSignature } from '../../../daemon/swarm/identity.ts'
import { createMesh, joinMesh, loadMesh } from '../../../daemon/swarm/mesh-file.ts'
import { hasCode } from '../../../proto/errors.ts'
import { cleanUp, newIdentity, otherSecret, temporaryFolder } from './nodes.ts'

describe('identity file', () => {
  afterEach(cleanUp)

  it('is made once, with mode 0600, and nothing else is left', async () => {
    const folder = join(await temporaryFolder(), 'deep', 'data')
    const first = await loadIdentity(folder)
    assert.equal((await loadIdentity(folder)).peerId, first.peerId)
    assert.equal((await stat(join(folder, 'identity.key'))).mode & 0o777, 0o600)
    assert.deepEqual(await readdir(folder), ['identity.key'])
    assert.equal(first.publicKey.byteLength, 32)
  })

  for (const mode of [0o640, 0o604, 0o620, 0o602]) {
    it(`mode ${mode.toString(8)} is DENIED, with the chmod to type`, async () => {
      const folder = await temporaryFolder()
      await loadIdentity(folder)
      const path = join(folder, 'identity.key')
      await chmod(path, mode)
      await assert.rejects(loadIdentity(folder), error => {
        return hasCode(error, 'DENIED') && error.message.includes(`chmod 600 '${path}'`)
      })
    })
  }

  it('a damaged, cut or empty key is CORRUPT and stays as it is', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'identity.key')
    await loadIdentity(folder)
    const key = await readFile(path)
    for (const bytes of [Buffer.alloc(0), key.subarray(0, 20), Buffer.alloc(68, 7), Buffer.alloc(100_000)]) {
      await writeFile(path, bytes)
      await assert.rejects(loadIdentity(folder), error => hasCode(error, 'CORRUPT'))
      assert(bytes.equals(await readFile(path)))
    }
  })

  it('a signature is verified by the peer id alone', async () => {
    const [a, b] = [await newIdentity(), await newIdentity()]
    const message = Buffer.from('message')
    const signature = await a.sign(message)
    assert.equal(await verifyPeerSignature(a.peerId, message, signature), true)
    assert.equal(await verifyPeerSignature(b.peerId, message, signature), false)
    assert.equal(await verifyPeerSignature(a.peerId, Buffer.from('massage'), signature), false)
    assert.equal(await verifyPeerSignature(a.peerId, message, signature.subarray(1)), false)
    assert.equal(await verifyPeerSignature('k51nonsense', message, signature), false)
    assert.equal(await verifyPeerSignature('', message, signature), false)
  })
})

describe('mesh file', () => {
  it('a folder has no mesh, then the one that was made, with mode 0600', async () => {
    const folder = await temporaryFolder()
    assert.equal(await loadMesh(folder), null)
    const mesh = await createMesh(folder)
    assert.deepEqual(await loadMesh(folder), mesh)
    assert.notEqual(mesh.rootKey, null)
    assert.equal((await stat(join(folder, 'mesh.json'))).mode & 0o777, 0o600)
    await assert.rejects(createMesh(folder), error => hasCode(error, 'ALREADY_EXISTS'))
  })

  it('joining keeps id and secret, without the root key; joining again changes nothing', async () => {
    const mesh = await createMesh(await temporaryFolder())
    const folder = await temporaryFolder()
    const invite = { meshId: mesh.id, secret: mesh.secret }
    assert.deepEqual(await joinMesh(folder, invite), { ...mesh, rootKey: null })
    assert.deepEqual(await joinMesh(folder, invite), { ...mesh, rootKey: null })
    assert.deepEqual(await loadMesh(folder), { ...mesh, rootKey: null })
  })

  it('joining another mesh, or the same with another secret, is DENIED and names --data', async () => {
    const folder = await temporaryFolder()
    const mesh = await createMesh(folder)
    const other = await createMesh(await temporaryFolder())
    for (const { id, secret } of [other, otherSecret(mesh)]) {
      await assert.rejects(joinMesh(folder, { meshId: id, secret }), error => {
        return hasCode(error, 'DENIED') && error.message.includes('--data')
      })
    }
    assert.deepEqual(await loadMesh(folder), mesh)
  })

  it('a damaged file is CORRUPT, a readable one DENIED', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'mesh.json')
    const { id } = await createMesh(folder)
    for (const text of ['', '{', '[]', '{"version":2}', JSON.stringify({ version: 1, id, secret: 'AAAA' })]) {
      await writeFile(path, text)
      await assert.rejects(loadMesh(folder), error => hasCode(error, 'CORRUPT'))
    }
    await chmod(path, 0o644)
    await assert.rejects(loadMesh(folder), error => hasCode(error, 'DENIED'))
  })
})
