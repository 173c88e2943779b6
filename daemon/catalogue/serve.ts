// What this node answers when a peer asks about names: what it knows, signed by whoever said it.

import type { Answer, Handler } from '../rpc.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { Hello, NamesRequest, ResolveRequest } from '../../proto/generated/catalogue.ts'
import { FRAME_HEADER_BYTES_MAX, NAME_BYTES_MAX, RECORDS_ANSWER_MAX, REF_BYTES_MAX } from '../../proto/limits.ts'
import { namesAbove } from './paths.ts'
import type { Kept, RecordTable } from './record-table.ts'
import { encodeRecords } from './signed-records.ts'

const EMPTY = new Uint8Array(0)

export interface CatalogueSource<Write> {
  readonly records: RecordTable<Write>
  readonly hello: Hello
  /** Hears what a peer says of itself. */
  onHello(peer: string, hello: Hello): Promise<void>
}

export function catalogueHandlers<Write>(source: CatalogueSource<Write>): Record<string, Handler> {
  const { records, hello } = source
  return {
    async *hello(body, { peer }) {
      await source.onHello(peer, Hello.decode(body))
      yield { body: Hello.encode(hello), payload: EMPTY }
    },

    async *resolve(body, { signal }) {
      const { path } = ResolveRequest.decode(body)
      if (Buffer.byteLength(path) > REF_BYTES_MAX) throw new PathmeshError('INVALID_ARGUMENT', 'a path is too long')
      yield* inAnswers(namedIn(path, records), signal)
    },

    async *names(body, { signal }) {
      const { prefix, afterName, afterOrigin } = NamesRequest.decode(body)
      if (Buffer.byteLength(prefix) > NAME_BYTES_MAX)
        throw new PathmeshError('INVALID_ARGUMENT', 'a prefix is too long')
      yield* inAnswers(records.list(prefix, { name: afterName, origin: afterOrigin }), signal)
    }
  }
}

/** Up to RECORDS_ANSWER_MAX records of the name that `path` is, or lies in. */
async function* namedIn<Write>(path: string, records: RecordTable<Write>): AsyncGenerator<Kept> {
  let left = RECORDS_ANSWER_MAX
  for (const name of [path, ...namesAbove(path)]) {
    for await (const kept of records.named(name)) if (left-- > 0) yield kept
  }
}

/** As many answers as it takes, one at least. */
async function* inAnswers(all: AsyncIterable<Kept>, signal: AbortSignal): AsyncGenerator<Answer> {
  let [some, bytes]: [Uint8Array[], number] = [[], 0]
  for await (const kept of all) {
    signal.throwIfAborted()
    if (some.length >= RECORDS_ANSWER_MAX || bytes + kept.bytes.length > FRAME_HEADER_BYTES_MAX / 2) {
      yield { body: encodeRecords(some), payload: EMPTY }
      ;[some, bytes] = [[], 0]
    }
    some.push(kept.bytes)
    bytes += kept.bytes.length
  }
  yield { body: encodeRecords(some), payload: EMPTY }
}
