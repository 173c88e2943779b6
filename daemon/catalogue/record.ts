// One record: what an origin says of itself, a work or a name, signed for one mesh. Opening one checks everything that can
// be checked without knowing others; what fails is CORRUPT and is not kept.

import { CID } from 'multiformats/cid'
import { BLAKE3, digest } from '../content/multihash.ts'
import { checkCid } from '../content/verify.ts'
import { bytesOf } from '../frames.ts'
import { Meta } from '../../proto/api.ts'
import { checkEncoding, type Encoding } from '../../proto/codec.ts'
import { PathmeshError } from '../../proto/errors.ts'
import {
  ContentKind,
  type Node,
  Record,
  SignedRecord,
  type Source as SourceMessage,
  type Version
} from '../../proto/generated/catalogue.ts'
import {
  FILE_BYTES_MAX,
  META_BYTES_MAX,
  NODE_NAME_BYTES_MAX,
  NUMBER_STEP_MAX,
  PEER_ADDRESSES_MAX,
  RECORD_BYTES_MAX
} from '../../proto/limits.ts'
import { checkName, checkRef, checkWork } from '../../proto/ref.ts'

const DOMAIN = new TextEncoder().encode('pathmesh record 1\n')
/** A signature and the lengths around it and the body. */
const ENVELOPE_BYTES_MAX = 256
/** A PeerId as a base36 CID has 62; a multiaddr of an IPv6 address with a zone some 80. */
const ORIGIN_CHARS_MAX = 128
const ADDRESS_CHARS_MAX = 256
/** The last moment that a Date can tell. */
const TIME_MAX = 8_640_000_000_000_000

export interface RecordBase {
  /** PeerId of the node that said it. */
  readonly origin: string
  /** Counts all records of the origin. */
  readonly number: number
  /** `work/path`; of a claim `work`; of a node ''. */
  readonly name: string
  /** Counts the records of this name by this origin; the highest is the newest. */
  readonly seq: number
  /** Milliseconds since the epoch, by the origin's clock. */
  readonly time: number
}

/** What an alias is another name for: a version, or, with an empty name, content; and where that lies. */
export interface Source {
  readonly name: string
  readonly origin: string
  readonly seq: number
  /** The root that it lies in, and the path in it: '' for the root itself. */
  readonly root: CID
  readonly path: string
}

export interface VersionRecord extends RecordBase {
  readonly type: 'version'
  readonly root: CID
  readonly kind: 'file' | 'directory'
  readonly size: number
  readonly meta: Meta | null
  /** Of an alias. */
  readonly of: Source | null
  /** Of a Payload. */
  readonly encoding: Encoding | null
}

export interface RetirementRecord extends RecordBase {
  readonly type: 'retirement'
}

/** The origin is the home of the work, until somebody claims it with a higher epoch. */
export interface ClaimRecord extends RecordBase {
  readonly type: 'claim'
  readonly epoch: number
}

/** The origin itself: how people call it, its software, and where it listens (multiaddrs without `/p2p/`). */
export interface NodeRecord extends RecordBase {
  readonly type: 'node'
  readonly called: string
  readonly software: string
  readonly addresses: readonly string[]
}

/** What became of a name. */
export type NameRecord = VersionRecord | RetirementRecord
export type CatalogueRecord = NameRecord | ClaimRecord | NodeRecord

/** A record as it is kept and sent. */
export interface Signed<R extends CatalogueRecord = CatalogueRecord> {
  readonly record: R
  /** The encoded SignedRecord. */
  readonly bytes: Uint8Array
  /** BLAKE3 of its body, by which records are compared. */
  readonly hash: Uint8Array
}

/** Signs as the origin. */
export interface Signer {
  readonly peerId: string
  sign(message: Uint8Array): Promise<Uint8Array>
}

/** Whether `signature` over `message` was made with the key that a PeerId contains. */
export type VerifySignature = (peerId: string, message: Uint8Array, signature: Uint8Array) => Promise<boolean>

/** The record, signed by its origin. TOO_LARGE past RECORD_BYTES_MAX. */
export async function signRecord<R extends CatalogueRecord>(
  record: R,
  mesh: Uint8Array,
  signer: Signer
): Promise<Signed<R>> {
  const body = Record.encode(encodable(record, mesh))
  if (body.length > RECORD_BYTES_MAX)
    throw new PathmeshError(
      'TOO_LARGE',
      `the record of ${record.name} has ${body.length} bytes, and ${RECORD_BYTES_MAX} are allowed`
    )
  const signature = bytesOf(await signer.sign(toSign(body)))
  return { record, bytes: SignedRecord.encode({ body, signature }), hash: digest(BLAKE3, body) }
}

/** The record in an encoded SignedRecord; CORRUPT unless form, mesh, limits and signature are right. */
export async function openRecord(bytes: Uint8Array, mesh: Uint8Array, verify: VerifySignature): Promise<Signed> {
  if (bytes.length > RECORD_BYTES_MAX + ENVELOPE_BYTES_MAX) throw refused(`it has ${bytes.length} bytes`)
  const { body, signature } = decode(() => SignedRecord.decode(bytes))
  if (body.length > RECORD_BYTES_MAX) throw refused(`it has ${body.length} bytes`)
  const message = decode(() => Record.decode(body))
  // One record has one encoding: fields that we do not know, or know twice, would be signed and not seen.
  if (Buffer.compare(Record.encode(message), body) !== 0) throw refused('it is not in its one encoding')
  if (Buffer.compare(message.mesh, mesh) !== 0) throw refused('it is of another mesh')
  const record = checked(message)
  if (!(await verify(record.origin, toSign(body), signature)))
    throw refused(`its signature is not that of ${record.origin}`)
  return { record, bytes: SignedRecord.encode({ body, signature }), hash: digest(BLAKE3, body) }
}

/** What `openRecord` or `signRecord` gave before, read back from our own table. */
export function trustedRecord(bytes: Uint8Array): Signed {
  const { body } = SignedRecord.decode(bytes)
  return { record: checked(Record.decode(body)), bytes, hash: digest(BLAKE3, body) }
}

/** Whether `a` takes the place of `b`, of the same origin and name: the higher seq; of two with one seq, which only a key
 * that is used twice makes, the higher number, then the smaller hash, so that all nodes choose alike. */
export function isNewer(a: Signed, b: Signed): boolean {
  if (a.record.seq !== b.record.seq) return a.record.seq > b.record.seq
  if (a.record.number !== b.record.number) return a.record.number > b.record.number
  return Buffer.compare(a.hash, b.hash) < 0
}

export const isSame = (a: Signed, b: Signed): boolean => Buffer.compare(a.hash, b.hash) === 0

function encodable(record: CatalogueRecord, mesh: Uint8Array): Record {
  const { origin, number, name, seq, time } = record
  const base = { mesh: bytesOf(mesh), origin, number, name, seq, time }
  if (record.type === 'retirement') return { ...base, retirement: {} }
  if (record.type === 'claim') return { ...base, claim: { epoch: record.epoch } }
  if (record.type === 'node') {
    const { called, software, addresses } = record
    return { ...base, node: { name: called, version: software, addresses: [...addresses] } }
  }
  const { root, kind, size, meta, of, encoding } = record
  return {
    ...base,
    version: {
      root: bytesOf(root.bytes),
      kind: kind === 'file' ? ContentKind.FILE : ContentKind.DIRECTORY,
      size,
      meta: meta === null ? '' : JSON.stringify(meta),
      ...(of === null ? {} : { of: { ...of, root: bytesOf(of.root.bytes) } }),
      ...(encoding === null ? {} : { encoding: { ...encoding } })
    }
  }
}

function checked(message: Record): CatalogueRecord {
  const { origin, number, name, seq, time, version, retirement, claim, node } = message
  if ([version, retirement, claim, node].filter(what => what !== undefined).length !== 1)
    throw refused('it says neither one thing nor the other')
  checkOrigin(origin)
  checkCounts(message)
  const base = { origin, number, name, seq, time }
  if (node !== undefined) return { ...base, type: 'node', ...checkedNode(name, node) }
  if (claim !== undefined) {
    decode(() => checkWork(name))
    if (!Number.isSafeInteger(claim.epoch) || claim.epoch < 1 || claim.epoch > NUMBER_STEP_MAX)
      throw refused(`${claim.epoch} is no epoch`)
    return { ...base, type: 'claim', epoch: claim.epoch }
  }
  decode(() => checkName(name))
  return version === undefined
    ? { ...base, type: 'retirement' }
    : { ...base, type: 'version', ...checkedVersion(version) }
}

/** Whether it is a PeerId, and of whom, shows with the signature. */
function checkOrigin(origin: string): void {
  if (origin === '' || origin.length > ORIGIN_CHARS_MAX || /[\p{Cc}/]/u.test(origin)) throw refused('it has no origin')
}

/** A name cannot have been changed more often than there are records. */
function checkCounts({ number, seq, time }: Record): void {
  for (const count of [number, seq])
    if (!Number.isSafeInteger(count) || count < 1) throw refused(`${count} is no number of a record`)
  if (seq > number) throw refused(`it is number ${number}, and cannot be the ${seq}th of its name`)
  if (!Number.isSafeInteger(time) || time < 0 || time > TIME_MAX) throw refused(`${time} is no time`)
}

function checkedVersion({
  root: bytes,
  kind,
  size,
  meta,
  of,
  encoding
}: Version): Omit<VersionRecord, keyof RecordBase | 'type'> {
  const root = decode(() => CID.decode(bytes))
  decode(() => checkCid(root))
  if (!Number.isSafeInteger(size) || size < 0 || size > FILE_BYTES_MAX) throw refused(`${size} is no size`)
  return {
    root,
    kind: kind === ContentKind.FILE ? 'file' : 'directory',
    size,
    meta: metaOf(meta),
    of: of === undefined ? null : checkedSource(of),
    encoding: encoding === undefined ? null : checkedEncoding(encoding, kind)
  }
}

function checkedEncoding({ codec, mediaType }: Encoding, kind: ContentKind): Encoding {
  if (kind !== ContentKind.FILE) throw refused('a directory is no Payload')
  decode(() => checkEncoding({ codec, mediaType }))
  return { codec, mediaType }
}

function checkedSource({ name, origin, seq, root: bytes, path }: SourceMessage): Source {
  const root = decode(() => CID.decode(bytes))
  decode(() => checkCid(root))
  decode(() => checkRef({ type: 'content', cid: root.toString(), path }))
  if (name === '' && origin === '' && seq === 0) return { name, origin, seq, root, path }
  decode(() => checkName(name))
  if (!Number.isSafeInteger(seq) || seq < 1) throw refused(`${seq} is no version`)
  checkOrigin(origin)
  return { name, origin, seq, root, path }
}

function checkedNode(name: string, node: Node): Omit<NodeRecord, keyof RecordBase | 'type'> {
  if (name !== '') throw refused('a node speaks for itself alone')
  const { name: called, version: software, addresses } = node
  for (const text of [called, software])
    if (Buffer.byteLength(text) > NODE_NAME_BYTES_MAX || /[\p{Cc}/]/u.test(text) || !text.isWellFormed())
      throw refused('a node is not called so')
  if (addresses.length > PEER_ADDRESSES_MAX || addresses.some(address => address.length > ADDRESS_CHARS_MAX))
    throw refused('a node has too many addresses, or too long ones')
  if (addresses.some(address => /\p{Cc}/u.test(address))) throw refused('a node has no such address')
  return { called, software, addresses }
}

function metaOf(text: string): Meta | null {
  if (text === '') return null
  if (Buffer.byteLength(text) > META_BYTES_MAX) throw refused(`its meta has more than ${META_BYTES_MAX} bytes`)
  return decode(() => Meta.parse(JSON.parse(text)))
}

function toSign(body: Uint8Array): Uint8Array {
  return Buffer.concat([DOMAIN, body])
}

function decode<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw refused('it cannot be read', cause)
  }
}

function refused(why: string, cause?: unknown): PathmeshError {
  return new PathmeshError('CORRUPT', `a record was refused: ${why}`, { cause })
}
