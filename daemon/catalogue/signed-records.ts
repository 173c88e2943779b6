// Signed records in messages: many of them, each as it was signed.

import { type Bytes, bytesOf } from '../frames.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { Records, SignedRecord } from '../../proto/generated/catalogue.ts'
import { RECORDS_ANSWER_MAX } from '../../proto/limits.ts'

export function encodeRecords(records: readonly Uint8Array[]): Bytes {
  return Records.encode({ records: records.map(bytes => SignedRecord.decode(bytes)) })
}

/** CORRUPT where they cannot be read, or are more than one answer may hold. */
export function decodeRecords(body: Uint8Array): Uint8Array[] {
  try {
    const { records } = Records.decode(bytesOf(body), { limits: { records: RECORDS_ANSWER_MAX } })
    return records.map(record => SignedRecord.encode(record))
  } catch (cause) {
    throw new PathmeshError('CORRUPT', 'records that cannot be read', { cause })
  }
}
