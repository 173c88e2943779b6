// What this node answers when a peer asks about records: what it knows, signed by whoever said it.

import type { Answer, Handler } from '../rpc.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { HistoryRequest, ListRequest, RecordsRequest, SinceRequest } from '../../proto/generated/catalogue.ts'
import {
  FRAME_HEADER_BYTES_MAX,
  LIST_ENTRIES_MAX,
  NAME_BYTES_MAX,
  NUMBERS_REQUEST_MAX,
  RECORDS_ANSWER_MAX,
  SINCE_RECORDS_MAX
} from '../../proto/limits.ts'
import {
  type HeardHeads,
  decodeHeads,
  decodeNumbers,
  encodeList,
  encodeRecords,
  encodeSince,
  type Entry
} from './messages.ts'
import type { Signed } from './record.ts'
import type { Records } from './records.ts'

const EMPTY = new Uint8Array(0)
const ANSWER_BYTES = FRAME_HEADER_BYTES_MAX / 2

export interface CatalogueSource<Write> {
  readonly records: Records<Write>
  /** Hears how far a peer is. Settles once what it sent along is kept. */
  readonly onHeads: (peer: string, heard: HeardHeads) => Promise<void>
}

export function catalogueHandlers<Write>({ records, onHeads }: CatalogueSource<Write>): Record<string, Handler> {
  return {
    async *heads(body, { peer }) {
      await onHeads(peer, decodeHeads(body))
      yield { ...answer(EMPTY), last: true }
    },

    async *since(body, { signal }) {
      const { origin, number } = SinceRequest.decode(body)
      checkNumber(number)
      const head = records.head(origin)
      let sent = 0
      let pending: Uint8Array[] | undefined
      for await (const page of inAnswers(flat(records.since(origin, number)), signal)) {
        if (pending !== undefined) yield answer(encodeSince(origin, head, pending, sent >= SINCE_RECORDS_MAX))
        if (sent >= SINCE_RECORDS_MAX) return
        pending = page
        sent += page.length
      }
      yield answer(encodeSince(origin, head, pending ?? [], false))
    },

    async *list(body, { signal }) {
      const { origin, above } = ListRequest.decode(body)
      checkNumber(above)
      const head = records.head(origin)
      const entries: Entry[] = []
      for await (const entry of records.entries(origin, above)) {
        signal.throwIfAborted()
        if (entries.length >= LIST_ENTRIES_MAX && entries.at(-1)?.number !== entry.number) {
          yield answer(encodeList(origin, head, entries, true))
          return
        }
        entries.push(entry)
      }
      yield answer(encodeList(origin, head, entries, false))
    },

    async *records(body, { signal }) {
      const { origin, numbers } = RecordsRequest.decode(body)
      const asked = decodeNumbers(numbers, NUMBERS_REQUEST_MAX)
      for await (const page of inAnswers(records.withNumbers(origin, asked), signal)) yield answer(encodeRecords(page))
    },

    async *history(body, { signal }) {
      const { name, origin } = HistoryRequest.decode(body)
      if (Buffer.byteLength(name) > NAME_BYTES_MAX) throw new PathmeshError('INVALID_ARGUMENT', 'a name is too long')
      for await (const page of inAnswers(records.history(name, origin), signal)) yield answer(encodeRecords(page))
    }
  }
}

/** Pages that fit into an answer each. */
async function* inAnswers(all: AsyncIterable<Signed>, signal: AbortSignal): AsyncGenerator<Uint8Array[]> {
  let [some, size]: [Uint8Array[], number] = [[], 0]
  for await (const { bytes } of all) {
    signal.throwIfAborted()
    if (some.length >= RECORDS_ANSWER_MAX || size + bytes.length > ANSWER_BYTES) {
      yield some
      ;[some, size] = [[], 0]
    }
    some.push(bytes)
    size += bytes.length
  }
  if (some.length > 0) yield some
}

async function* flat<T>(pages: AsyncIterable<readonly T[]>): AsyncGenerator<T> {
  for await (const page of pages) yield* page
}

function checkNumber(number: number): void {
  if (!Number.isSafeInteger(number) || number < 0 || number === Number.MAX_SAFE_INTEGER)
    throw new PathmeshError('INVALID_ARGUMENT', `${number} is no number of a record`)
}

const answer = (body: Answer['body']): Answer => ({ body, payload: EMPTY })
