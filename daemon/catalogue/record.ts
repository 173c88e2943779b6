// One record: what an origin says of one of its names, signed for one mesh. Opening one checks everything that can be
// checked without knowing others; what fails is CORRUPT and is not kept.

import { CID } from 'multiformats/cid'
import { checkCid } from '../content/verify.ts'
import { bytesOf } from '../frames.ts'
import { Meta } from '../../proto/api.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { ContentKind, Record, SignedRecord } from '../../proto/generated/catalogue.ts'
import { FILE_BYTES_MAX, META_BYTES_MAX, RECORD_BYTES_MAX } from '../../proto/limits.ts'
import { checkName } from '../../proto/ref.ts'

const DOMAIN = new TextEncoder().encode('pathmesh record 1\n')

export interface RecordBase {
  /** PeerId of the node that said it. */
  readonly origin: string
  /** Counts all records of the origin. */
  readonly number: number
  /** work/path */
  readonly name: string
  /** Counts the records of this name by this origin. */
  readonly seq: number
  /** Milliseconds since the epoch, by the origin's clock. */
  readonly time: number
}

export interface VersionRecord extends RecordBase {
  readonly type: 'version'
  readonly root: CID
  readonly kind: 'file' | 'directory'
  readonly size: number
  readonly meta: Meta | null
}

export interface RetirementRecord extends RecordBase {
  readonly type: 'retirement'
}

export type NameRecord = VersionRecord | RetirementRecord

/** Signs as the origin. */
export interface Signer {
  readonly peerId: string
  sign(message: Uint8Array): Promise<Uint8Array>
}

/** Whether `signature` over `message` was made with the key that a PeerId contains. */
export type VerifySignature = (peerId: string, message: Uint8Array, signature: Uint8Array) => Promise<boolean>

/** The encoded SignedRecord. */
export async function signRecord(record: NameRecord, mesh: Uint8Array, signer: Signer): Promise<Uint8Array> {
  const { origin, number, name, seq, time } = record
  const base = { mesh: bytesOf(mesh), origin, number, name, seq, time }
  const body =
    record.type === 'version'
      ? Record.encode({
          ...base,
          version: {
            root: bytesOf(record.root.bytes),
            kind: record.kind === 'file' ? ContentKind.FILE : ContentKind.DIRECTORY,
            size: record.size,
            meta: record.meta === null ? '' : JSON.stringify(record.meta)
          }
        })
      : Record.encode({ ...base, retirement: {} })
  if (body.length > RECORD_BYTES_MAX)
    throw new PathmeshError(
      'TOO_LARGE',
      `the record of ${name} has ${body.length} bytes, and ${RECORD_BYTES_MAX} are allowed`
    )
  return SignedRecord.encode({ body, signature: bytesOf(await signer.sign(signed(body))) })
}

/** The record in an encoded SignedRecord; CORRUPT unless form, mesh, limits and signature are right. */
export async function openRecord(bytes: Uint8Array, mesh: Uint8Array, verify: VerifySignature): Promise<NameRecord> {
  if (bytes.length > RECORD_BYTES_MAX + 256) throw refused(`it has ${bytes.length} bytes`)
  const { body, signature } = decode(() => SignedRecord.decode(bytes))
  const record = decode(() => Record.decode(body))
  // One record has one encoding: fields that we do not know, or know twice, would be signed and not seen.
  if (Buffer.compare(Record.encode(record), body) !== 0) throw refused('it is not in its one encoding')
  if (Buffer.compare(record.mesh, mesh) !== 0) throw refused('it is of another mesh')
  const opened = checked(record)
  if (!(await verify(opened.origin, signed(body), signature)))
    throw refused(`its signature is not that of ${opened.origin}`)
  return opened
}

/** What `openRecord` gave before, read back from our own table. */
export function trustedRecord(bytes: Uint8Array): NameRecord {
  return checked(Record.decode(SignedRecord.decode(bytes).body))
}

function checked(record: Record): NameRecord {
  const { origin, number, name, seq, time, version, retirement } = record
  decode(() => checkName(name))
  for (const count of [number, seq])
    if (!Number.isSafeInteger(count) || count < 1) throw refused(`${count} is no number of a record`)
  if (!Number.isSafeInteger(time) || time < 0) throw refused(`${time} is no time`)
  const base = { origin, number, name, seq, time }
  if (version !== undefined && retirement === undefined) {
    const root = decode(() => CID.decode(version.root))
    decode(() => checkCid(root))
    if (!Number.isSafeInteger(version.size) || version.size < 0 || version.size > FILE_BYTES_MAX)
      throw refused(`${version.size} is no size`)
    return {
      ...base,
      type: 'version',
      root,
      kind: version.kind === ContentKind.FILE ? 'file' : 'directory',
      size: version.size,
      meta: metaOf(version.meta)
    }
  }
  if (retirement !== undefined && version === undefined) return { ...base, type: 'retirement' }
  throw refused('it says neither one thing nor the other')
}

function metaOf(text: string): Meta | null {
  if (text === '') return null
  if (Buffer.byteLength(text) > META_BYTES_MAX) throw refused(`its meta has more than ${META_BYTES_MAX} bytes`)
  return decode(() => Meta.parse(JSON.parse(text)))
}

function signed(body: Uint8Array): Uint8Array {
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
