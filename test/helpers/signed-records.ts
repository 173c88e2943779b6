// Records for tests, signed with a stand-in for a key: whoever knows an origin's name can sign as it, which is all that most
// tests need.

import { createHash } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import type { NewVersion } from '../../daemon/catalogue/own-publications.ts'
import {
  type CatalogueRecord,
  type Signed,
  type Signer,
  signRecord,
  type VerifySignature,
  type VersionRecord
} from '../../daemon/catalogue/record.ts'
import { cidOf, RAW } from '../../daemon/content/multihash.ts'

export const MESH = new TextEncoder().encode('the mesh')

export const signatureOf = (origin: string, message: Uint8Array): Uint8Array<ArrayBuffer> =>
  new Uint8Array(createHash('sha512').update(origin).update(message).digest())

export const signer = (peerId: string): Signer => ({ peerId, sign: async message => signatureOf(peerId, message) })

export const verify: VerifySignature = async (peerId, message, signature) =>
  Buffer.compare(signatureOf(peerId, message), signature) === 0

/** The root of a content that is called so. */
export const rootOf = (text: string): CID => cidOf(RAW, 'blake3', Buffer.from(text))

/** What is to be published. */
export const newVersion = (name: string, text: string, more: Partial<NewVersion> = {}): NewVersion => ({
  name,
  root: rootOf(text),
  kind: 'file',
  size: text.length,
  meta: null,
  ...more
})

export const versionRecord = (
  origin: string,
  name: string,
  number: number,
  more: Partial<VersionRecord> = {}
): VersionRecord => ({
  type: 'version',
  origin,
  name,
  number,
  seq: 1,
  time: 1_700_000_000_000,
  root: rootOf(`${name} ${number}`),
  kind: 'file',
  size: 1,
  meta: null,
  of: null,
  encoding: null,
  ...more
})

/** A record, signed by its origin. */
export const signed = <R extends CatalogueRecord>(record: R): Promise<Signed<R>> =>
  signRecord(record, MESH, signer(record.origin))

/** A version, signed: `seq` is 1 unless told. */
export const signedVersion = (
  origin: string,
  name: string,
  number: number,
  more: Partial<VersionRecord> = {}
): Promise<Signed<VersionRecord>> => signed(versionRecord(origin, name, number, more))
