// Publishing a value: encoded by its codec, and sent as it is encoded. A small one is sent at once; of a large one, no more is in
// memory than a piece beside the value itself.

import type { Meta, Put } from '../proto/api.ts'
import { checkEncoding } from '../proto/codec.ts'
import { PathmeshError } from '../proto/errors.ts'
import { META_BYTES_MAX, SMALL_PAYLOAD_BYTES } from '../proto/limits.ts'
import { checkName, parseRef } from '../proto/ref.ts'
import type { Calls, WaitOptions } from './calls.ts'
import { isStream } from './codecs/bytes.ts'
import type { Codec, Pieces } from './codecs/codec.ts'
import { checkId, codecFor, codecNamed, isBuiltIn } from './codecs/registry.ts'
import { orAborted } from './or-aborted.ts'
import { Payload } from './payload.ts'
import { behind } from './pieces.ts'
import { versionOfPut } from './version.ts'

export interface PutOptions extends WaitOptions {
  /** How to encode it: the id of a codec, or one itself. By default the value decides. */
  readonly codec?: string | Codec | undefined
  /** Plain JSON that goes with this version, to every node. */
  readonly meta?: Meta | undefined
  /** Versions of this name to keep, the newest included; 2 by default. */
  readonly keep?: number | undefined
}

/** Encodes and publishes a value under `name`, `work/path`. INVALID_ARGUMENT for what is no name. */
export async function put<T>(
  calls: Calls,
  name: string,
  value: T | Payload<T>,
  options: PutOptions
): Promise<Payload<T>> {
  checkName(name)
  checkMeta(options.meta)
  const payload = value instanceof Payload ? value : new Payload<T>(value)
  const codec = codecToPut(payload, options.codec)
  await codec.ready?.()
  options.signal?.throwIfAborted()
  const { id, mediaType } = codec
  checkEncoding({ codec: id, mediaType })
  const pieces = await orAborted(Promise.resolve(codec.encode(payload.value)), options.signal)
  const done = await putPieces(calls, name, pieces, { ...options, codec: id, mediaType })
  const { cid, size, seq } = done
  const ref = parseRef(versionOfPut(done).url)
  const parts = { ref, calls, facts: { cid, size, seq, codec: id } }
  // What was read to its end is no value any more.
  return isStream(payload.value) ? new Payload<T>(undefined, parts) : payload.with(parts)
}

/** Publishes what is encoded already. */
export async function putPieces(
  calls: Calls,
  name: string,
  pieces: Pieces,
  {
    codec,
    mediaType,
    meta,
    keep,
    ...wait
  }: Omit<PutOptions, 'codec'> & { codec: string; mediaType?: string | undefined }
): Promise<Put> {
  const query = {
    as: name,
    codec,
    ...(mediaType === undefined ? {} : { mediaType }),
    ...(meta === undefined ? {} : { meta: JSON.stringify(meta) }),
    ...(keep === undefined ? {} : { keep: String(keep) })
  }
  return await calls.put(query, await gathered(pieces, codec, wait.signal), wait)
}

function checkMeta(meta: Meta | undefined): void {
  const bytes = meta === undefined ? 0 : Buffer.byteLength(JSON.stringify(meta))
  if (bytes > META_BYTES_MAX)
    throw new PathmeshError(
      'INVALID_ARGUMENT',
      `meta has ${bytes} bytes as JSON, more than ${META_BYTES_MAX}: it goes to every node. Put what is large as a Payload of its own`
    )
}

/** The codec that was asked for, that of its class, or that of its value. */
function codecToPut(payload: Payload, asked: string | Codec | undefined): Codec {
  if (typeof asked === 'string') return codecNamed(asked)
  const own = asked ?? payload.ownCodec
  if (own === undefined) return codecFor(payload.value)
  // A class has the id under which it was registered.
  if (asked !== undefined || isBuiltIn(own.id)) checkId(own)
  return own
}

/** All of it in one piece, if it is small; else the pieces as they come. */
async function gathered(pieces: Pieces, codec: string, signal: AbortSignal | undefined): Promise<Pieces> {
  if (pieces instanceof Uint8Array) return pieces
  const source = checked(pieces, codec)
  const first: Uint8Array[] = []
  let bytes = 0
  while (bytes <= SMALL_PAYLOAD_BYTES) {
    const next = await orAborted(source.next(), signal).catch((error: unknown) => {
      // It ends when it comes to it: whoever aborts does not wait for that.
      source.return().catch(() => undefined)
      throw error
    })
    if (next.done === true) return Buffer.concat(first)
    bytes += next.value.length
    // Its memory may be written to when the next one is asked for.
    first.push(bytes <= SMALL_PAYLOAD_BYTES ? Buffer.from(next.value) : next.value)
  }
  return behind(first, source)
}

async function* checked(
  pieces: Exclude<Pieces, Uint8Array>,
  codec: string
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of pieces) {
    if (!(piece instanceof Uint8Array))
      throw new PathmeshError('INVALID_ARGUMENT', `the codec ${codec} gave a ${typeof piece}, and not bytes`)
    yield piece
  }
}
