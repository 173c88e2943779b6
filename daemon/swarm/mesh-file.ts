// Which mesh this node belongs to: `mesh.json`, with the mesh's id, its secret and, where it was made, its root key.
// Refuses to exchange one mesh for another: the records of both would mix.

import { randomBytes, timingSafeEqual } from 'node:crypto'
import { join } from 'node:path'
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { base32 } from 'multiformats/bases/base32'
import { rm } from 'node:fs/promises'
import { z } from 'zod'
import { PathmeshError } from '../../proto/errors.ts'
import { MESH_SECRET_BYTES } from '../../proto/invite.ts'
import type { Invite } from '../../proto/invite.ts'
import { readPrivateFile, writePrivateFile } from './private-file.ts'

export interface Mesh {
  /** The mesh's raw public key in base32 (`b…`). */
  readonly id: string
  /** What every member knows and nobody else. */
  readonly secret: Uint8Array
  /** The mesh's private key (protobuf); null but where the mesh was made. */
  readonly rootKey: Uint8Array | null
}

const base64 = z.base64url().transform(text => new Uint8Array(Buffer.from(text, 'base64url')))
const meshFile = z.object({
  version: z.literal(1),
  id: z.string().regex(/^b[a-z2-7]{52}$/),
  secret: base64.refine(bytes => bytes.byteLength === MESH_SECRET_BYTES),
  rootKey: base64.optional()
})

/** A new mesh, with its root key in `folder`. Durable once it returns. ALREADY_EXISTS if the folder has a mesh. */
export async function createMesh(folder: string): Promise<Mesh> {
  if ((await loadMesh(folder)) !== null) {
    throw new PathmeshError('ALREADY_EXISTS', `${meshPath(folder)} exists: this node belongs to a mesh already`)
  }
  const root = await generateKeyPair('Ed25519')
  const mesh: Mesh = {
    id: base32.encode(root.publicKey.raw),
    secret: new Uint8Array(randomBytes(MESH_SECRET_BYTES)),
    rootKey: privateKeyToProtobuf(root)
  }
  await write(folder, mesh)
  return mesh
}

/** Takes back a mesh that was just made or joined, and never used. */
export async function forgetMesh(folder: string): Promise<void> {
  await rm(meshPath(folder), { force: true })
}

/** The mesh of `folder`, null if it has none. DENIED if others can read the file, CORRUPT if it is damaged. */
export async function loadMesh(folder: string): Promise<Mesh | null> {
  const path = meshPath(folder)
  const bytes = await readPrivateFile(path)
  if (bytes === null) return null
  try {
    const { id, secret, rootKey } = meshFile.parse(JSON.parse(new TextDecoder().decode(bytes)))
    return { id, secret, rootKey: rootKey ?? null }
  } catch (cause) {
    throw new PathmeshError('CORRUPT', `${path} is damaged: restore it, or move it away and join again`, { cause })
  }
}

/** The mesh that `invite` names, durably. Joining it again changes nothing; joining another one is DENIED. */
export async function joinMesh(folder: string, invite: Pick<Invite, 'meshId' | 'secret'>): Promise<Mesh> {
  const own = await loadMesh(folder)
  if (own === null) {
    const mesh: Mesh = { id: invite.meshId, secret: invite.secret, rootKey: null }
    await write(folder, mesh)
    return mesh
  }
  const same = own.id === invite.meshId && sameBytes(own.secret, invite.secret)
  if (same) return own
  const which = own.id === invite.meshId ? 'has another secret for this mesh' : `belongs to mesh ${own.id}`
  throw new PathmeshError('DENIED', `${folder} ${which}: join ${invite.meshId} from another --data folder`)
}

async function write(folder: string, { id, secret, rootKey }: Mesh): Promise<void> {
  const root = rootKey === null ? {} : { rootKey: text(rootKey) }
  const json = JSON.stringify({ version: 1, id, secret: text(secret), ...root }, null, 2)
  await writePrivateFile(meshPath(folder), new TextEncoder().encode(`${json}\n`))
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b)
}

function meshPath(folder: string): string {
  return join(folder, 'mesh.json')
}
