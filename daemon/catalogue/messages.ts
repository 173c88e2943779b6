// Messages of /pathmesh/catalogue/1.0.0, checked as they come in: what is too long, too many or of another form is CORRUPT.

import { DIGEST_BYTES } from '../content/multihash.ts'
import { type Bytes, bytesOf } from '../frames.ts'
import { PathmeshError } from '../../proto/errors.ts'
import {
  type Head as HeadMessage,
  Heads,
  ListAnswer,
  Records,
  SignedRecord,
  SinceAnswer
} from '../../proto/generated/catalogue.ts'
import { HEADS_MAX, HEADS_RECORDS_MAX, LIST_ENTRIES_MAX, RECORDS_ANSWER_MAX } from '../../proto/limits.ts'
import type { Head } from './head.ts'
import { uint64 } from './keys.ts'

/** Bytes of a hash in a list: enough to tell records apart. */
export const LISTED_HASH_BYTES = 16
const ENTRY_BYTES = 8 + LISTED_HASH_BYTES
const ORIGIN_CHARS_MAX = 128
/** Entries of one number that a list does not tear apart. */
const ENTRIES_OVER = 64

export type NamedHead = Head & { readonly origin: string }

export interface HeardHeads {
  readonly heads: readonly NamedHead[]
  readonly records: readonly Uint8Array[]
  readonly more: boolean
  /** Small content that some of the records name. */
  readonly contents?: readonly Uint8Array[]
}

export interface Entry {
  readonly number: number
  /** The first LISTED_HASH_BYTES of it. */
  readonly hash: Uint8Array
}

export const headMessage = (origin: string, { number, digest }: Head): HeadMessage => ({
  origin,
  number,
  digest: bytesOf(digest)
})

export function encodeHeads({ heads, records, more, contents = [] }: HeardHeads): Bytes {
  return Heads.encode({
    heads: heads.map(head => headMessage(head.origin, head)),
    records: signed(records),
    more,
    contents: contents.map(bytesOf)
  })
}

export function decodeHeads(body: Uint8Array): HeardHeads {
  const limits = { heads: HEADS_MAX, records: HEADS_RECORDS_MAX, contents: HEADS_RECORDS_MAX }
  const { heads, records, more, contents } = read(() => Heads.decode(bytesOf(body), { limits }))
  return { heads: heads.map(head => checkedHead(head)), records: records.map(encoded), more, contents }
}

export function encodeSince(origin: string, head: Head, records: readonly Uint8Array[], more: boolean): Bytes {
  return SinceAnswer.encode({ head: headMessage(origin, head), records: signed(records), more })
}

export function decodeSince(body: Uint8Array): { head: NamedHead; records: Uint8Array[]; more: boolean } {
  const limits = { records: RECORDS_ANSWER_MAX }
  const { head, records, more } = read(() => SinceAnswer.decode(bytesOf(body), { limits }))
  return { head: checkedHead(head), records: records.map(encoded), more }
}

export function encodeList(origin: string, head: Head, entries: readonly Entry[], more: boolean): Bytes {
  const bytes = Buffer.concat(
    entries.flatMap(({ number, hash }) => [uint64(number), hash.subarray(0, LISTED_HASH_BYTES)])
  )
  return ListAnswer.encode({ head: headMessage(origin, head), entries: bytesOf(bytes), more })
}

export function decodeList(body: Uint8Array): { head: NamedHead; entries: Entry[]; more: boolean } {
  const { head, entries: bytes, more } = read(() => ListAnswer.decode(bytesOf(body)))
  if (bytes.length % ENTRY_BYTES !== 0 || bytes.length > (LIST_ENTRIES_MAX + ENTRIES_OVER) * ENTRY_BYTES)
    throw corrupt('a list is not of whole entries, or too long')
  const entries: Entry[] = []
  for (let at = 0; at < bytes.length; at += ENTRY_BYTES)
    entries.push({ number: numberAt(bytes, at), hash: bytes.subarray(at + 8, at + ENTRY_BYTES) })
  return { head: checkedHead(head), entries, more }
}

export const encodeNumbers = (numbers: readonly number[]): Bytes => bytesOf(Buffer.concat(numbers.map(uint64)))

export function decodeNumbers(bytes: Uint8Array, most: number): number[] {
  if (bytes.length % 8 !== 0 || bytes.length > 8 * most) throw corrupt('these are not numbers of records, or too many')
  return Array.from({ length: bytes.length / 8 }, (_, i) => numberAt(bytes, 8 * i))
}

export const encodeRecords = (records: readonly Uint8Array[]): Bytes => Records.encode({ records: signed(records) })

export function decodeRecords(body: Uint8Array): Uint8Array[] {
  const limits = { records: RECORDS_ANSWER_MAX }
  return read(() => Records.decode(bytesOf(body), { limits })).records.map(encoded)
}

function checkedHead(head: HeadMessage | undefined): NamedHead {
  if (head === undefined) throw corrupt('a head is missing')
  const { origin, number, digest } = head
  if (origin === '' || origin.length > ORIGIN_CHARS_MAX || origin.includes('\0')) throw corrupt('a head has no origin')
  if (!Number.isSafeInteger(number) || number < 0) throw corrupt(`${number} is no number of a head`)
  if (digest.length !== DIGEST_BYTES) throw corrupt(`a digest has ${DIGEST_BYTES} bytes, not ${digest.length}`)
  return { origin, number, digest }
}

function numberAt(bytes: Uint8Array, at: number): number {
  const number = Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(at))
  if (!Number.isSafeInteger(number)) throw corrupt(`${number} is no number of a record`)
  return number
}

const signed = (records: readonly Uint8Array[]): SignedRecord[] => records.map(bytes => SignedRecord.decode(bytes))
const encoded = (record: SignedRecord): Uint8Array => SignedRecord.encode(record)

function read<T>(decode: () => T): T {
  try {
    return decode()
  } catch (cause) {
    throw corrupt('a message about records cannot be read', cause)
  }
}

const corrupt = (what: string, cause?: unknown): PathmeshError => new PathmeshError('CORRUPT', what, { cause })
